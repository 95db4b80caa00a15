#include "common/compared_parts_json.h"

#include <cmath>
#include <string>
#include <utility>

namespace kiln {
namespace {

namespace json = boost::json;

json::value finite_or_null(double value) {
  return std::isfinite(value) ? json::value(value) : json::value(nullptr);
}

json::value known_or_null(const std::optional<double>& value) {
  return value ? finite_or_null(*value) : json::value(nullptr);
}

}  // namespace

json::object comparison_json(const Comparison& comparison) {
  const bool compared = comparison.why_not.empty();
  json::array odd;
  for (const OddOne& one : comparison.odd) {
    odd.push_back(json::object{{"dut", one.dut},
                               {"part", one.part},
                               {"value", finite_or_null(one.value)},
                               {"usual", finite_or_null(one.usual)},
                               {"distance", finite_or_null(one.distance)},
                               {"message", one.message},
                               {"action", one.action}});
  }
  json::object item;
  item["measurement"] = comparison.measurement;
  item["unit"] = comparison.unit;
  item["step"] = comparison.step;
  item["population"] = comparison.population;
  item["role"] = std::string(to_string(comparison.role));
  item["n"] = comparison.n;
  item["left_out"] = comparison.left_out;
  item["by_place"] = comparison.by_place;
  const bool one_median = compared && comparison.population.empty();
  item["median"] = one_median ? finite_or_null(comparison.median) : json::value(nullptr);
  item["sigma"] = one_median ? finite_or_null(comparison.sigma) : json::value(nullptr);
  item["cut"] = compared ? finite_or_null(comparison.cut) : json::value(nullptr);
  item["not_compared"] = comparison.why_not;
  item["odd"] = std::move(odd);
  return item;
}

json::object link_tray_json(const RackLinkTray& tray) {
  json::array links;
  for (const RackLink& link : tray.links) {
    links.push_back(json::object{{"part", link.part},
                                 {"mark", std::string(to_string(link.mark))},
                                 {"effective_ber", known_or_null(link.effective_ber)},
                                 {"bad_share", known_or_null(link.bad_share)},
                                 {"errors", known_or_null(link.errors)}});
  }
  return {{"dut", tray.dut},
          {"slot", tray.slot ? json::value(*tray.slot) : json::value(nullptr)},
          {"links", std::move(links)}};
}

}  // namespace kiln
