#include "tool_output/cooltera_status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <pugixml.hpp>
#include <set>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::string_view kCoolteraTool = "status.xml of a Cooltera CDU";
constexpr std::size_t kMostCoolteraTags = 256;  // a unit has some 35
constexpr double kKilopascalPerBar = 100;

/// What one tag may say: its unit as it is printed, and what can be believed (wide; it only has to keep out
/// blanks, sentinels and other units).
struct CoolteraQuantity {
  std::string_view unit;
  double least, most;
};
constexpr CoolteraQuantity kCoolteraTemperature{"degC", -20, 120};
constexpr CoolteraQuantity kCoolteraPercent{"%", 0, 100};
constexpr CoolteraQuantity kCoolteraFlow{"l/m", 0, 10'000};
constexpr CoolteraQuantity kCoolteraPressure{"bar", -1, 50};
constexpr CoolteraQuantity kCoolteraCount{"", 0, 1'000};

using CoolteraTags = std::set<std::string, std::less<>>;

/// Tags that every model has.
const CoolteraTags& common_cooltera_tags() {
  static const CoolteraTags tags{
      "alarms", "dt",  "duty", "dw",  "mode",    "p3state", "primflow", "ps1",        "ps1a",
      "ps2",    "ps3", "rh",   "sdp", "secflow", "t1",      "setpoint", "pumpspeed1", "pumpspeed2",
      "t2",     "t2a", "t2b",  "t2c", "t3",      "t4",      "t5",       "valve"};
  return tags;
}

struct CoolteraModel {
  std::string_view name;
  CoolteraTags own;  ///< beside the common ones
  std::string_view secondary_supply_pressure, primary_supply_pressure, primary_return_pressure;
  int pumps;
};

/// In the order in which they are tried.
const std::array<CoolteraModel, 3>& cooltera_models() {
  static const std::array<CoolteraModel, 3> models{
      {{"FS1350", {"ps1b", "ps4", "ps5a", "ps5b", "ps5c", "pumpspeed3", "valve2"}, "ps2", "ps3", "ps4", 3},
       {"FS600", {"pdp", "ps1b", "ps4", "ps5a", "ps5b"}, "ps2", "ps3", "", 2},
       {"RM100", {}, "ps3", "", "", 2}}};
  return models;
}

struct CoolteraFit {
  std::vector<std::string> missing, too_many;
  [[nodiscard]] bool is_whole() const { return missing.empty() && too_many.empty(); }
  [[nodiscard]] std::size_t distance() const { return missing.size() + too_many.size(); }
};

CoolteraFit fit_of(const CoolteraModel& model, const CoolteraTags& seen) {
  CoolteraFit fit;
  for (const std::string& tag : common_cooltera_tags()) {
    if (!seen.contains(tag)) fit.missing.push_back(tag);
  }
  for (const std::string& tag : model.own) {
    if (!seen.contains(tag)) fit.missing.push_back(tag);
  }
  // A tag of a greater model: one that we do not know, whose pressures and pumps may be others.
  for (const CoolteraModel& greater : cooltera_models()) {
    if (greater.name == model.name) break;
    for (const std::string& tag : greater.own) {
      const bool noted = std::find(fit.too_many.begin(), fit.too_many.end(), tag) != fit.too_many.end();
      if (seen.contains(tag) && !model.own.contains(tag) && !noted) fit.too_many.push_back(tag);
    }
  }
  return fit;
}

Result<const CoolteraModel*> model_of(const CoolteraTags& seen) {
  const CoolteraModel* nearest = nullptr;
  CoolteraFit difference;
  for (const CoolteraModel& model : cooltera_models()) {
    CoolteraFit fit = fit_of(model, seen);
    if (fit.is_whole()) return &model;
    if (nearest != nullptr && fit.distance() >= difference.distance()) continue;
    nearest = &model;
    difference = std::move(fit);
  }
  const bool any = std::any_of(common_cooltera_tags().begin(), common_cooltera_tags().end(),
                               [&seen](const std::string& tag) { return seen.contains(tag); });
  constexpr std::size_t kMostNamed = 24;
  std::vector<std::string> some(seen.begin(), seen.end());
  if (some.size() > kMostNamed) some.resize(kMostNamed);
  std::string why = fmt::format("its tags are those of no model that is known ({}{})", fmt::join(some, " "),
                                seen.size() > some.size() ? " …" : "");
  if (any) {
    why += fmt::format("; nearest is {}", nearest->name);
    if (!difference.missing.empty())
      why += fmt::format(", of which it lacks {}", fmt::join(difference.missing, " "));
    if (!difference.too_many.empty())
      why += fmt::format(", which does not have {}", fmt::join(difference.too_many, " "));
  }
  return not_recognised(kCoolteraTool, std::move(why));
}

/// What stands under each tag; nullopt: it cannot be used, which is noted.
class CoolteraCells {
 public:
  CoolteraCells(const pugi::xml_node& root, CoolteraStatus& status) : status_(status) {
    for (const pugi::xml_node& node : root.children()) {
      if (node.type() == pugi::node_element) nodes_.emplace(node.name(), node);
    }
  }

  std::optional<double> read(std::string_view tag, const CoolteraQuantity& quantity) {
    const auto [begin, end] = nodes_.equal_range(std::string(tag));
    std::optional<std::string> said;
    for (auto it = begin; it != end; ++it) {
      const pugi::xml_node& node = it->second;
      const bool plain = std::all_of(node.begin(), node.end(), [](const pugi::xml_node& inner) {
        return inner.type() == pugi::node_pcdata;
      });
      std::string text(trim(node.child_value()));
      // The ambient temperature stands twice in the document of a real unit.
      const bool other = said && *said != text;
      if (!plain || other) {
        status_.doubt(std::string(tag), other ? fmt::format("{} and {}", *said, text) : "more than a value");
        return std::nullopt;
      }
      said = std::move(text);
    }
    if (!said) return std::nullopt;
    const Number number =
        quantity.unit.empty() ? read_number(*said, {""}) : read_number(*said, {quantity.unit, ""});
    const bool believable = number.value && *number.value >= quantity.least && *number.value <= quantity.most;
    if (believable) return number.value;
    const bool told_nothing = !number.value && number.absence != Absence::present;
    if (!told_nothing) status_.doubt(std::string(tag), *said);
    return std::nullopt;
  }

  std::optional<double> kilopascal(std::string_view tag) {
    if (tag.empty()) return std::nullopt;
    const std::optional<double> bar = read(tag, kCoolteraPressure);
    return bar ? std::optional(*bar * kKilopascalPerBar) : std::nullopt;
  }

 private:
  std::multimap<std::string, pugi::xml_node> nodes_;
  CoolteraStatus& status_;
};

/// Before a parser sees it: what no such document has.
Status refuse_the_rest(std::string_view text) {
  if (text.size() > kMaximumCoolteraStatus) {
    return malformed(kCoolteraTool, fmt::format("it has {} bytes, and such a document has at most {}",
                                                text.size(), kMaximumCoolteraStatus));
  }
  if (text.find('\0') != std::string_view::npos) return malformed(kCoolteraTool, "it holds NUL bytes");
  for (const std::string_view declaration : {"<!doctype", "<!entity"}) {
    if (contains_ignoring_case(text, declaration))
      return malformed(kCoolteraTool, "it declares a document type or entities, which no such unit does");
  }
  const std::string_view whole = trim(text);
  if (whole.empty() || whole.front() != '<') return not_recognised(kCoolteraTool, "it does not begin as XML");
  if (whole.back() != '>') return truncated(kCoolteraTool, "it ends in the middle");
  return success();
}

}  // namespace

Result<CoolteraStatus> parse_cooltera_status(std::string_view text) {
  const Status sized = check_size(kCoolteraTool, text);
  if (!sized) return sized.error();
  const Status usual = refuse_the_rest(text);
  if (!usual) return usual.error();
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) {
    return truncated(kCoolteraTool,
                     fmt::format("it is no whole XML ({}, at byte {})", parsed.description(), parsed.offset));
  }
  const auto elements = document.children();
  const auto roots = std::count_if(elements.begin(), elements.end(), [](const pugi::xml_node& node) {
    return node.type() == pugi::node_element;
  });
  if (roots != 1) return malformed(kCoolteraTool, fmt::format("it has {} root elements", roots));
  const pugi::xml_node root = document.document_element();
  CoolteraTags seen;
  std::size_t count = 0;
  for (const pugi::xml_node& node : root.children()) {
    if (node.type() != pugi::node_element) continue;
    if (++count > kMostCoolteraTags)
      return malformed(kCoolteraTool, fmt::format("it has more than {} tags", kMostCoolteraTags));
    seen.insert(node.name());
  }
  const Result<const CoolteraModel*> found = model_of(seen);
  if (!found) return found.error();
  const CoolteraModel& model = **found;

  CoolteraStatus status;
  status.model = std::string(model.name);
  status.tells_primary_pressure = !model.primary_supply_pressure.empty();
  CoolteraCells cells(root, status);
  status.primary_supply = cells.read("t1", kCoolteraTemperature);
  status.secondary_supply = cells.read("t2", kCoolteraTemperature);
  status.ambient = cells.read("t3", kCoolteraTemperature);
  status.secondary_return = cells.read("t4", kCoolteraTemperature);
  status.primary_return = cells.read("t5", kCoolteraTemperature);
  status.humidity = cells.read("rh", kCoolteraPercent);
  status.dew_point = cells.read("dw", kCoolteraTemperature);
  status.primary_flow = cells.read("primflow", kCoolteraFlow);
  status.secondary_flow = cells.read("secflow", kCoolteraFlow);
  status.secondary_return_pressure = cells.kilopascal("ps1");
  status.secondary_supply_pressure = cells.kilopascal(model.secondary_supply_pressure);
  status.primary_supply_pressure = cells.kilopascal(model.primary_supply_pressure);
  status.primary_return_pressure = cells.kilopascal(model.primary_return_pressure);
  for (int number = 1; number <= model.pumps; ++number) {
    CoolteraPump pump;
    pump.name = fmt::format("Pump_{}", number);
    pump.speed_percent = cells.read(fmt::format("pumpspeed{}", number), kCoolteraPercent);
    status.pumps.push_back(std::move(pump));
  }
  status.alarms = cells.read("alarms", kCoolteraCount);
  if (status.alarms && *status.alarms != std::floor(*status.alarms)) {
    status.doubt("alarms", fmt::format("{}", *status.alarms));
    status.alarms.reset();
  }
  return status;
}

}  // namespace kiln::tool_output
