#include "files/interlock_rules_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/sha256.h"
#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/hazard_rule.h"
#include "files/yaml_node.h"

namespace kiln {
namespace {

// The slowest that any floor may be; docs/safety.md says why.
constexpr Nanoseconds kSlowestPoll = std::chrono::seconds(1);
constexpr Nanoseconds kFastestPoll = std::chrono::milliseconds(100);  // a BMC must live through it
constexpr Nanoseconds kLongestGrace = std::chrono::seconds(30);
constexpr Nanoseconds kLongestConfirm = std::chrono::seconds(10);
// Two looks. A line that comes back must not be cut for having been away.
constexpr Nanoseconds kShortestBuildingGrace = std::chrono::seconds(2);
// A BMS says each value again every 100 s, and after a loss of the broker nothing is known before.
constexpr Nanoseconds kLongestBuildingGrace = std::chrono::seconds(120);
// The drives of large valves take up to 150 s; the rest is for the BMS to say so.
constexpr Nanoseconds kLongestIsolation = std::chrono::seconds(300);

// Heat has mass: seconds are fast enough, and a BMC must live through it.
constexpr Nanoseconds kSlowestHazardPoll = std::chrono::seconds(5);
constexpr Nanoseconds kShortestHazardGrace = std::chrono::seconds(3);

class RulesReader {
 public:
  explicit RulesReader(std::vector<Problem>& problems) : problems_(problems) {}

  void read(const YamlNode& tree, InterlockRules& rules) {
    constexpr int kHighestRevision = 1'000'000;
    FieldReader reader(tree, "the floor rules", problems_);
    rules.name = reader.text("interlock_rules", Need::required).value_or("");
    rules.revision = reader.integer("revision", 1, kHighestRevision, Need::required).value_or(0);
    reader.text("description");
    if (const YamlNode* leak = reader.take_map("leak", Need::required)) read_leak(*leak, rules);
    if (const YamlNode* cut = reader.take_map("cut", Need::required)) read_cut(*cut, rules);
    if (const YamlNode* building = reader.take_map("building")) read_building(*building, rules);
    if (const YamlNode* hazards = reader.take_map("hazards", Need::required)) read_hazards(*hazards, rules);
    reader.finish();
  }

 private:
  void read_building(const YamlNode& node, InterlockRules& rules) {
    FieldReader reader(node, "building", problems_);
    rules.building_grace = between(reader, "grace", kShortestBuildingGrace, kLongestBuildingGrace);
    rules.building_confirm = between(reader, "confirm", kSlowestPoll, kLongestIsolation);
    reader.finish();
  }

  void read_hazards(const YamlNode& node, InterlockRules& rules) {
    FieldReader reader(node, "hazards", problems_);
    rules.hazards.poll = between(reader, "poll", kSlowestPoll, kSlowestHazardPoll);
    rules.hazards.grace = between(reader, "grace", kShortestHazardGrace, kLongestGrace);
    if (const YamlNode* rows = reader.take_list("watch", Need::required)) {
      for (const YamlNode& row : rows->items) rules.hazards.rows.push_back(read_hazard_rule(row, problems_));
      for (const auto& [kind, word] : kHazardWords) {
        const bool watched = std::any_of(rules.hazards.rows.begin(), rules.hazards.rows.end(),
                                         [kind = kind](const HazardRule& row) { return row.kind == kind; });
        if (!watched)
          reader.problem(
              rows->place, "interlock_rules.weak",
              fmt::format("no row for '{}': every kind of hazard is watched where it is offered", word));
      }
    }
    reader.finish();
  }

  void read_leak(const YamlNode& node, InterlockRules& rules) {
    FieldReader reader(node, "leak", problems_);
    rules.leak_poll = between(reader, "poll", kFastestPoll, kSlowestPoll);
    rules.leak_grace = between(reader, "grace", kSlowestPoll, kLongestGrace);
    rules.tray_leak_cuts_rack = reader.word("cuts", {"tray", "rack"}, Need::required) == "rack";
    reader.finish();
  }

  void read_cut(const YamlNode& node, InterlockRules& rules) {
    FieldReader reader(node, "cut", problems_);
    rules.off_confirm = between(reader, "confirm", kSlowestPoll, kLongestConfirm);
    std::vector<std::string> rungs;
    for (const YamlNode* rung : reader.take_some("ladder", Need::required)) rungs.push_back(rung->text);
    std::vector<std::string> whole{"load", "chassis"};
    rules.cut_reaches_shelves = std::find(rungs.begin(), rungs.end(), "power_shelf") != rungs.end();
    rules.cut_reaches_building = std::find(rungs.begin(), rungs.end(), "building") != rungs.end();
    if (rules.cut_reaches_shelves) whole.emplace_back("power_shelf");
    if (rules.cut_reaches_building) whole.emplace_back("building");
    if (reader.has("ladder") && rungs != whole) {
      reader.problem(node.find("ladder")->place, "interlock_rules.weak",
                     "the ladder is load, chassis, power_shelf where there are shelves, and building where "
                     "there is a line to it; load and chassis may not be left out, and none comes earlier",
                     "write ladder: [load, chassis, power_shelf, building]");
    }
    reader.finish();
  }

  static Nanoseconds between(FieldReader& reader, const std::string& key, Nanoseconds least,
                             Nanoseconds most) {
    const std::optional<Nanoseconds> value = reader.duration(key, Need::required);
    if (!value || (*value >= least && *value <= most)) return value.value_or(most);
    reader.problem(reader.take(key)->place, "interlock_rules.weak",
                   fmt::format("'{}' is {}; it must be between {} and {}", key, format_duration(*value),
                               format_duration(least), format_duration(most)));
    return most;
  }

  std::vector<Problem>& problems_;
};

}  // namespace

Parsed<InterlockRules> parse_interlock_rules(const std::string& text, const std::string& file) {
  Parsed<InterlockRules> parsed;
  const auto tree = parse_yaml(text, file, Sensitivity::plain, parsed.problems);
  if (!tree) return parsed;
  InterlockRules rules;
  rules.file = file;
  rules.sha256 = sha256_hex(text);
  RulesReader(parsed.problems).read(*tree, rules);
  sort_by_place(parsed.problems);
  if (parsed.problems.empty()) parsed.value = std::move(rules);
  return parsed;
}

Parsed<InterlockRules> read_interlock_rules(const std::string& path) {
  auto text = read_file_text(path);
  if (text) return parse_interlock_rules(text.value->bytes, path);
  Parsed<InterlockRules> parsed;
  parsed.problems = std::move(text.problems);
  return parsed;
}

}  // namespace kiln
