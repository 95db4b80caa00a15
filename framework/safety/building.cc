#include "safety/building.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/tolerant.h"

namespace kiln {
namespace {

using Kind = BuildingPointKind;

// A hall has some ten thousand points. Beyond this somebody publishes garbage, and we keep our memory.
constexpr std::size_t kMostPoints = 100'000;
constexpr std::size_t kMostNamed = 100;

using Levels = std::vector<std::string>;

Levels levels_of(const std::string& topic) {
  Levels levels(1);
  for (const char c : topic) {
    if (c == '/') {
      levels.emplace_back();
    } else {
      levels.back() += c;
    }
  }
  return levels;
}

std::string joined_levels(const Levels& levels) { return fmt::format("{}", fmt::join(levels, "/")); }

/// The topic with one level `from` replaced by `to`, for each such level: a tagPath may hold the word too.
std::vector<std::string> replaced(const std::string& topic, const std::string& from, const std::string& to) {
  std::vector<std::string> all;
  Levels levels = levels_of(topic);
  for (std::string& level : levels) {
    if (level != from) continue;
    level = to;
    all.push_back(joined_levels(levels));
    level = from;
  }
  return all;
}

/// AsyncAPI, "Topic derivation rule": PUB/Metadata becomes {integration}/Value. Empty: not such a topic.
std::string topic_to_write(const std::string& metadata_topic, const std::string& integration) {
  Levels levels = levels_of(metadata_topic);
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    if (levels[i] != "PUB" || levels[i + 1] != "Metadata") continue;
    levels[i] = integration;
    levels[i + 1] = "Value";
    return joined_levels(levels);
  }
  return {};
}

/// An MQTT filter, or the beginning of topics.
bool speaks_for(const std::string& scope, const std::string& topic) {
  const Levels wanted = levels_of(scope);
  const Levels levels = levels_of(topic);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#" || (wanted[i].empty() && i + 1 == wanted.size())) return true;
    if (i >= levels.size() || (wanted[i] != "+" && wanted[i] != levels[i])) return false;
  }
  return true;
}

/// How a heartbeat's scope is written is not in the contract: what does not look like topics is taken for
/// all.
bool speaks_for_any(const std::string& scope, const std::vector<std::string>& topics) {
  if (scope.find('/') == std::string::npos) return true;
  std::string one;
  for (const char c : scope + ",") {
    if (c != ',' && c != ';' && c != ' ') {
      one += c;
      continue;
    }
    for (const std::string& topic : topics) {
      if (!one.empty() && speaks_for(one, topic)) return true;
    }
    one.clear();
  }
  return false;
}

bool overlap(const std::vector<std::string>& some, const std::set<std::string>& all) {
  return std::any_of(some.begin(), some.end(), [&all](const std::string& one) { return all.count(one) > 0; });
}

bool has(const std::vector<std::string>& some, const std::string& one) {
  return std::find(some.begin(), some.end(), one) != some.end();
}

std::string in_seconds(std::int64_t ns) { return fmt::format("{} s", ns / 1'000'000'000); }

}  // namespace

std::string_view to_string(BuildingState state) {
  switch (state) {
    case BuildingState::unknown:
      return "unknown";
    case BuildingState::clear:
      return "clear";
    case BuildingState::tripped:
      return "tripped";
  }
  return "unknown";
}

Building::Building(std::string rack_location_id, std::string integration)
    : rack_(std::move(rack_location_id)), integration_(std::move(integration)) {}

bool Building::take(const std::string& topic, const std::string& payload, bool retained,
                    std::int64_t now_ns) {
  Result<BuildingMessage> message = decode_building_message(payload);
  if (message && std::holds_alternative<BuildingPoint>(*message))
    return take_metadata(topic, std::move(std::get<BuildingPoint>(*message)));
  Heard heard;
  heard.came_ns = now_ns;
  if (message) {
    heard.value = std::get<BuildingValue>(*message);
    return take_value(topic, std::move(heard), retained);
  }
  const std::string why = message.error().message;
  const bool metadata = message.error().code == "building.metadata";
  ++(metadata ? counts_.refused : counts_.garbage);
  note(topic, why);
  // What was known of the point stays; what it reads is not known any more.
  Known* const known = metadata || retained ? nullptr : point_of_value(topic);
  if (known == nullptr) return false;
  heard.broken = why;
  return hear(*known, topic, heard);
}

bool Building::take_metadata(const std::string& topic, BuildingPoint point) {
  const std::vector<std::string> value_topics = replaced(topic, "Metadata", "Value");
  const bool ours_to_write = !integration_.empty() && point.integration == integration_;
  if (value_topics.empty() || (ours_to_write && topic_to_write(topic, integration_).empty())) {
    ++counts_.refused;
    note(topic, value_topics.empty() ? "metadata on a topic without the level Metadata"
                                     : "names us as the writer, on a topic without PUB/Metadata");
    return false;
  }
  ++counts_.metadata;
  refused_.erase(topic);
  const bool of_another_rack = is_of_a_rack(point.kind) && point.rack_location_id != rack_;
  if (of_another_rack) point.kind = Kind::other;
  const Known* const before = point_of(topic);
  if (before != nullptr && before->point == point) return false;
  if (before == nullptr && points_.size() + others_.size() >= kMostPoints) {
    ++counts_.overflow;
    return false;
  }
  points_.erase(topic);
  others_.erase(topic);
  const bool asked_about = point.kind != Kind::other;
  Known known;  // what a point said when it was another one means nothing
  known.point = std::move(point);
  known.value_topic = value_topics.front();
  Known& kept = (asked_about ? points_ : others_).insert_or_assign(topic, std::move(known)).first->second;
  ours_known_ = false;
  for (const std::string& value_topic : value_topics) {
    const auto held = held_.find(value_topic);
    if (held == held_.end() || point_of_value(value_topic) != &kept) continue;
    hear(kept, value_topic, held->second);
    held_.erase(held);
  }
  return true;
}

bool Building::take_value(const std::string& topic, Heard heard, bool retained) {
  if (retained) {
    ++counts_.retained_values;
    return false;
  }
  Known* const known = point_of_value(topic);
  if (known != nullptr) return hear(*known, topic, heard);
  if (replaced(topic, "Value", "Metadata").empty()) {
    ++counts_.ignored;
    return false;
  }
  if (held_.size() >= kMostPoints && held_.count(topic) == 0) {
    ++counts_.overflow;
    return false;
  }
  ++counts_.values;
  held_.insert_or_assign(topic, std::move(heard));
  return false;
}

bool Building::hear(Known& known, const std::string& topic, const Heard& heard) {
  if (known.point.kind == Kind::other || is_written_by_an_integration(known.point.kind)) {
    ++counts_.ignored;
    return false;
  }
  if (heard.broken.empty()) ++counts_.values;
  known.value_topic = topic;
  known.heard = heard;
  if (known.point.kind == Kind::bms_heartbeat && heard.broken.empty() && heard.value.quality == 1 &&
      heard.value.value && heard.value.value != known.beat) {  // one that repeats itself is not alive
    known.beat = heard.value.value;
    known.beat_ns = heard.came_ns;
  }
  return !is_figure(known.point.kind) && concerns_us(known.point);
}

void Building::note(const std::string& topic, const std::string& why) {
  if (refused_.size() < kMostNamed || refused_.count(topic) > 0) refused_.insert_or_assign(topic, why);
}

Building::Known* Building::point_of(const std::string& metadata_topic) {
  for (Points* const points : {&points_, &others_}) {
    const auto found = points->find(metadata_topic);
    if (found != points->end()) return &found->second;
  }
  return nullptr;
}

Building::Known* Building::point_of_value(const std::string& topic) {
  for (const std::string& metadata_topic : replaced(topic, "Value", "Metadata")) {
    Known* const found = point_of(metadata_topic);
    if (found != nullptr) return found;
  }
  return nullptr;
}

void Building::lose(std::string why) {
  lost_ = std::move(why);
  held_.clear();
  for (auto& [topic, known] : points_) {
    known.heard.reset();
    known.beat_ns.reset();  // its value stays: the same one again is still no sign of life
  }
}

bool Building::concerns_us(const BuildingPoint& point) const {
  if (point.kind == Kind::bms_heartbeat || point.kind == Kind::integration_heartbeat) return true;
  if (rack_.empty() || point.kind == Kind::other) return false;
  if (point.rack_location_id == rack_) return true;
  if (point.kind != Kind::equipment_leak) return false;
  return ours().count(point.object_id) > 0 || overlap(point.associates, ours()) || has(point.serves, rack_);
}

const std::set<std::string>& Building::ours() const {
  if (std::exchange(ours_known_, true)) return ours_;
  ours_ = {rack_};
  for (const Points* const points : {&points_, &others_}) {
    for (const auto& [topic, known] : *points) {
      if (!known.point.object_id.empty() && has(known.point.serves, rack_))
        ours_.insert(known.point.object_id);
    }
  }
  for (std::size_t before = 0; before != ours_.size();) {  // parts of parts
    before = ours_.size();
    for (const Points* const points : {&points_, &others_}) {
      for (const auto& [topic, known] : *points) {
        if (!known.point.object_id.empty() && overlap(known.point.associates, ours_))
          ours_.insert(known.point.object_id);
      }
    }
  }
  return ours_;
}

std::string Building::heartbeat_trouble(const std::string& metadata_topic, std::int64_t now_ns) const {
  std::vector<std::string> spoken_for = replaced(metadata_topic, "Metadata", "Value");
  spoken_for.push_back(metadata_topic);
  bool any = false;
  for (const auto& [topic, known] : points_) {
    if (known.point.kind != Kind::bms_heartbeat || !speaks_for_any(known.point.scope, spoken_for)) continue;
    any = true;
    const std::string name = tidy_text(known.value_topic);
    if (!known.beat_ns) return "the BMS has not been heard (heartbeat " + name + ")";
    const std::int64_t age = now_ns - *known.beat_ns;
    if (age < 0 || age > kHeartbeatGrace.count())
      return fmt::format("the BMS is silent (its heartbeat {} last moved {} ago)", name, in_seconds(age));
  }
  return any ? "" : "no heartbeat of the BMS is known";
}

namespace {

std::string name_of_point(const BuildingPoint& point, const std::string& value_topic) {
  std::string name = point.point_type + " at " + tidy_text(value_topic);
  if (!point.process_area.empty())
    name += fmt::format(" ({})", tidy_text(fmt::format("{}", fmt::join(point.process_area, ", "))));
  return name;
}

}  // namespace

/// Empty: its value is a number that is known well.
std::string Building::why_unknown(const Points::value_type& entry, std::int64_t now_ns) const {
  const Known& known = entry.second;
  if (!known.heard) return lost_.empty() ? "no value has come yet" : "none came since " + lost_;
  const std::string silent = heartbeat_trouble(entry.first, now_ns);
  if (!silent.empty()) return silent;
  const Heard& heard = *known.heard;
  if (!heard.broken.empty()) return heard.broken;
  const std::int64_t age = now_ns - heard.came_ns;
  if (age < 0) return "its value came after the moment that was asked for";
  if (age > kStale.count()) return fmt::format("its value is {} old", in_seconds(age));
  if (heard.value.quality != 1) return fmt::format("its quality is {}", heard.value.quality);
  if (!heard.value.value) return "its value is null";
  return {};
}

BuildingAnswer Building::read(const Points::value_type& entry, std::int64_t now_ns) const {
  const Known& known = entry.second;
  const std::string name = name_of_point(known.point, known.value_topic);
  BuildingAnswer answer;
  answer.point = name;
  std::string unknown = why_unknown(entry, now_ns);
  const double value = unknown.empty() ? *known.heard->value.value : 0;
  const bool state = value == 0.0 || value == 1.0;  // both are in stateText, or the metadata was refused
  if (!state) unknown = fmt::format("its value is {}, which is no state of it", value);
  if (!unknown.empty()) {
    answer.why = fmt::format("{} is unknown: {}", name, unknown);
    return answer;
  }
  answer.state = value == 1.0 ? BuildingState::tripped : BuildingState::clear;
  answer.why =
      fmt::format("{} reads {} ({})", name, tidy_text(known.point.states.at(value == 1.0 ? 1 : 0)), value);
  return answer;
}

std::vector<BuildingLeakPoint> Building::leak_points(std::int64_t now_ns) const {
  std::vector<BuildingLeakPoint> points;
  for (const auto& [kind, word] : {std::pair<Kind, const char*>{Kind::rack_leak, "rack"},
                                   {Kind::rack_leak_sensor_fault, "rack_sensor_fault"},
                                   {Kind::equipment_leak, "equipment"}}) {
    for (BuildingAnswer& answer : read_all(kind, now_ns))
      points.push_back(
          {word, std::string(to_string(answer.state)), std::move(answer.point), std::move(answer.why)});
  }
  return points;
}

std::vector<BuildingFigure> Building::figures(std::int64_t now_ns) const {
  std::vector<BuildingFigure> figures;
  for (const auto& entry : points_) {
    const BuildingPoint& point = entry.second.point;
    if (!is_figure(point.kind) || !concerns_us(point)) continue;
    BuildingFigure figure;
    figure.point_type = point.point_type;
    figure.unit = canonical_unit(point.unit);
    figure.point = name_of_point(point, entry.second.value_topic);
    figure.why = why_unknown(entry, now_ns);
    if (figure.why.empty()) figure.value = *entry.second.heard->value.value;
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<BuildingAnswer> Building::read_all(Kind kind, std::int64_t now_ns) const {
  std::vector<BuildingAnswer> answers;
  for (const auto& entry : points_) {
    if (entry.second.point.kind == kind && concerns_us(entry.second.point))
      answers.push_back(read(entry, now_ns));
  }
  return answers;
}

namespace {

BuildingAnswer first_of(const std::vector<BuildingAnswer>& answers,
                        std::initializer_list<BuildingState> order) {
  for (const BuildingState state : order) {
    for (const BuildingAnswer& answer : answers) {
      if (answer.state == state) return answer;
    }
  }
  return {};
}

}  // namespace

BuildingAnswer Building::worst(Kind kind, std::int64_t now_ns) const {
  const std::vector<BuildingAnswer> answers = read_all(kind, now_ns);
  return first_of(answers, {BuildingState::tripped, BuildingState::unknown, BuildingState::clear});
}

BuildingAnswer Building::isolated(Kind kind, std::int64_t now_ns) const {
  const std::vector<BuildingAnswer> answers = read_all(kind, now_ns);
  return first_of(answers, {BuildingState::clear, BuildingState::unknown, BuildingState::tripped});
}

BuildingAnswer Building::named_nowhere(const std::string& what) const {
  BuildingAnswer answer;
  answer.point = what + " " + rack_;
  answer.why = "the BMS names no " + answer.point;
  return answer;
}

BuildingAnswer Building::rack_leak(std::int64_t now_ns) const {
  BuildingAnswer leak = worst(Kind::rack_leak, now_ns);
  if (leak.why.empty()) leak = named_nowhere("RackLeakDetect of rack");
  if (leak.state != BuildingState::clear) return leak;
  const BuildingAnswer fault = worst(Kind::rack_leak_sensor_fault, now_ns);
  if (fault.state != BuildingState::tripped) return leak;
  leak.state = BuildingState::unknown;
  leak.why += ", but its sensor has a fault: " + fault.why;
  return leak;
}

BuildingAnswer Building::rack_leak_sensor_fault(std::int64_t now_ns) const {
  BuildingAnswer fault = worst(Kind::rack_leak_sensor_fault, now_ns);
  if (fault.why.empty()) fault = named_nowhere("RackLeakSensorFault of rack");
  return fault;
}

BuildingAnswer Building::equipment_leak(std::int64_t now_ns) const {
  BuildingAnswer leak = worst(Kind::equipment_leak, now_ns);
  if (leak.why.empty()) leak = named_nowhere("LeakDetect of what serves rack");
  return leak;
}

BuildingAnswer Building::liquid_isolation(std::int64_t now_ns) const {
  BuildingAnswer status = isolated(Kind::liquid_isolation, now_ns);
  if (status.why.empty()) status = named_nowhere("RackLiquidIsolationStatus of rack");
  return status;
}

BuildingAnswer Building::electrical_isolation(std::int64_t now_ns) const {
  BuildingAnswer status = isolated(Kind::electrical_isolation, now_ns);
  if (status.why.empty()) status = named_nowhere("RackElectricalIsolationStatus of rack");
  return status;
}

std::optional<Nanoseconds> Building::heartbeat_age(std::int64_t now_ns) const {
  std::optional<Nanoseconds> oldest;
  for (const auto& [topic, known] : points_) {
    if (known.point.kind != Kind::bms_heartbeat) continue;
    if (!known.beat_ns) return std::nullopt;
    const Nanoseconds age(now_ns - *known.beat_ns);
    if (!oldest || age > *oldest) oldest = age;
  }
  return oldest;
}

BuildingTopics Building::topics() const {
  BuildingTopics topics;
  if (integration_.empty()) return topics;
  for (const auto& [topic, known] : points_) {
    if (known.point.integration != integration_ || !concerns_us(known.point)) continue;
    const std::string ours = topic_to_write(topic, integration_);
    if (known.point.kind == Kind::liquid_request) topics.liquid_isolation.push_back(ours);
    if (known.point.kind == Kind::electrical_request) topics.electrical_isolation.push_back(ours);
    if (known.point.kind == Kind::tray_leak) topics.tray_leak.push_back(ours);
    if (known.point.kind == Kind::integration_heartbeat) topics.heartbeat.push_back(ours);
  }
  return topics;
}

BuildingCounts Building::counts() const {
  BuildingCounts counts = counts_;
  counts.points = points_.size() + others_.size();
  counts.held = held_.size();
  return counts;
}

}  // namespace kiln
