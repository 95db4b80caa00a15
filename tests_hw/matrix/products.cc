#include "products.h"

#include <algorithm>

namespace kiln::matrix {
namespace {

const std::vector<std::string>& servers() {
  static const std::vector<std::string> names{"hgx-h100", "hgx-h200",       "hgx-b200",
                                              "hgx-b300", "lenovo-sr675v3", "generic-server"};
  return names;
}

}  // namespace

const std::vector<std::string>& all_products() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all{"gb300-nvl72", "lenovo-gb300-nvl72", "gb200-nvl72", "vera-rubin-nvl72"};
    all.insert(all.end(), servers().begin(), servers().end());
    return all;
  }();
  return names;
}

bool made_of_servers(const std::string& product) {
  return std::find(servers().begin(), servers().end(), product) != servers().end();
}

Order whole_recipe(const std::string& product) {
  Order order;
  order.product = product;
  order.recipe = product + "/l11-rack";
  order.wishes.product = product;
  const bool server = made_of_servers(product);
  if (server) order.wishes.rack = "servers";
  order.settings = {{"link_training", "6s"}};
  order.settings["host"] = "6s";
  if (product == "generic-server") {
    order.settings["host"] = "70s";  // nothing else runs there, and its watches look every 30 s
    return order;
  }
  for (const auto& [name, value] : {std::pair<const char*, const char*>{"soak", "30s"},
                                    {"settle", "8s"},
                                    {"diagnostic", "1"},
                                    {"slope", "30"},
                                    {"burst", "3s"},
                                    {"cool_down", "3s"},
                                    {"link_every", "5s"},
                                    {"link_window", "5s"}})
    order.settings[name] = value;
  if (server) return order;
  order.settings["flow_samples"] = "3";
  order.settings["power_every"] = "3s";
  return order;
}

}  // namespace kiln::matrix
