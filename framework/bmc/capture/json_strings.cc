#include "bmc/capture/json_strings.h"

#include <simdjson.h>

#include <algorithm>
#include <boost/json.hpp>

namespace kiln {
namespace {

constexpr std::size_t kDeepest = 256;
constexpr std::string_view kJsonBlanks = " \t\r\n";

struct StringWalk {
  const char* base;
  const StringSink& sink;

  void tell(const std::string& name, std::string_view token) const {
    // The token reaches to the next one.
    token = token.substr(0, token.find_last_not_of(kJsonBlanks) + 1);
    if (token.size() < 2) return;
    const auto begin = static_cast<std::size_t>(token.data() - base);
    sink(name, begin + 1, begin + token.size() - 1);
  }

  void visit(simdjson::ondemand::value value, const std::string& name) const {
    simdjson::ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return;
    if (type == simdjson::ondemand::json_type::string) {
      tell(name, value.raw_json_token());
    } else if (type == simdjson::ondemand::json_type::array) {
      simdjson::ondemand::array list;
      if (value.get_array().get(list) == simdjson::SUCCESS) visit_list(list, name);
    } else if (type == simdjson::ondemand::json_type::object) {
      simdjson::ondemand::object members;
      if (value.get_object().get(members) == simdjson::SUCCESS) visit_members(members);
    }
  }

  void visit_list(simdjson::ondemand::array list, const std::string& name) const {
    for (auto element : list) {
      simdjson::ondemand::value value;
      if (element.get(value) != simdjson::SUCCESS) return;
      visit(value, name);
    }
  }

  void visit_members(simdjson::ondemand::object members) const {
    for (auto field : members) {
      std::string_view key;
      simdjson::ondemand::value value;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS) return;
      const std::string name(key);
      if (field.value().get(value) != simdjson::SUCCESS) return;
      visit(value, name);
    }
  }
};

bool is_json_to_the_end(const std::string& text, const simdjson::padded_string& padded) {
  simdjson::dom::parser judge;
  if (judge.allocate(std::max<std::size_t>(text.size(), 1), kDeepest) != simdjson::SUCCESS) return false;
  if (judge.parse(padded).error() == simdjson::SUCCESS) return true;
  // An integer too big for it is JSON all the same.
  boost::json::parse_options options;
  options.max_depth = kDeepest;
  boost::system::error_code failure;
  const boost::json::value value = boost::json::parse(text, failure, {}, options);
  return !failure;
}

}  // namespace

bool for_each_json_string(const std::string& text, const StringSink& sink) {
  const simdjson::padded_string padded(text);
  // Judged as a whole first: the walk reads only as far as it needs.
  if (!is_json_to_the_end(text, padded)) return false;
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return false;
  const StringWalk walk{padded.data(), sink};
  simdjson::ondemand::json_type type{};
  if (document.type().get(type) != simdjson::SUCCESS) return false;
  if (type == simdjson::ondemand::json_type::array) {
    simdjson::ondemand::array list;
    if (document.get_array().get(list) == simdjson::SUCCESS) walk.visit_list(list, {});
  } else if (type == simdjson::ondemand::json_type::object) {
    simdjson::ondemand::object members;
    if (document.get_object().get(members) == simdjson::SUCCESS) walk.visit_members(members);
  } else if (type == simdjson::ondemand::json_type::string) {
    std::string_view token;
    if (document.raw_json_token().get(token) == simdjson::SUCCESS) walk.tell({}, token);
  }
  return true;
}

}  // namespace kiln
