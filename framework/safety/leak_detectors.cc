#include "safety/leak_detectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <utility>

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

constexpr std::int64_t kMostDeclared = 1'000;  // a count beyond it is nonsense, not detectors
constexpr const char* kUnitKinds[] = {"CDUs", "RPUs", "HeatExchangers",
                                      "ImmersionUnits"};  // ThermalEquipment v1.2.0

/// Anything present that is not text is printed, so that it cannot pass for absent.
std::optional<std::string> field(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* found = json_at(from, path);
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (found->is_string()) return std::string(found->as_string());
  return json::serialize(*found);
}

bool nobody_answered(const Error& error) { return !bmc_answered(error); }

/// Not there is an answer; anything else may hide detectors.
bool may_hide(const Error& error) { return error.code != "warden.not_found"; }

LeakVerdict unreadable(const std::string& why) {
  LeakVerdict verdict;
  verdict.reading = LeakReading::fault;
  verdict.reason = why;
  return verdict;
}

class RedfishLeakDetectors final : public LeakDetectors {
 public:
  explicit RedfishLeakDetectors(std::shared_ptr<RedfishLine> line) : line_(std::move(line)) {}

  awaitable<Result<std::vector<DetectorLook>>> read(const Ctx& ctx) override {
    if (!walked_) {
      const Status walked = co_await walk(ctx);
      // Those that are known answer at their own addresses, whatever stands in the way to them now.
      if (!walked && known_.empty()) co_return walked.error();
      const bool whole = std::none_of(known_.begin(), known_.end(),
                                      [](const DetectorLook& look) { return look.uri.empty(); });
      walked_ = walked.has_value() && whole;
    }
    std::vector<DetectorLook> looks = known_;
    std::vector<std::string> uris;
    for (const DetectorLook& look : looks) {
      if (!look.uri.empty()) uris.push_back(look.uri);
    }
    const std::vector<Result<json::value>> bodies = co_await line_->get_all(ctx, std::move(uris));
    std::optional<Error> silent;
    std::size_t next = 0;
    for (DetectorLook& look : looks) {
      if (look.uri.empty()) continue;
      const Result<json::value>& body = bodies[next++];
      if (!body) {
        look.verdict = unreadable(body.error().message);
        look.answered = false;
        walked_ = false;
        if (nobody_answered(body.error())) silent = body.error();
        continue;
      }
      look.answer.detector_state = field(*body, {"DetectorState"});
      const json::value* status = json_at(*body, {"Status"});
      if (status != nullptr && status->is_object()) {
        look.answer.state = field(*body, {"Status", "State"});
        look.answer.health = field(*body, {"Status", "Health"});
      } else {
        look.answer.state = field(*body, {"Status"});
      }
      look.verdict = read_leak_detector(look.answer);
    }
    const bool wet = std::any_of(looks.begin(), looks.end(), [](const DetectorLook& look) {
      return look.verdict.reading == LeakReading::leak || look.verdict.reading == LeakReading::suspect;
    });
    if (silent && !wet) co_return *silent;
    co_return looks;
  }

 private:
  void add(const std::string& place, const std::string& uri) {
    const std::string id = last_segment_of(uri);
    for (const DetectorLook& known : known_) {
      if (known.uri == uri) return;
    }
    DetectorLook look;
    look.id = id;
    look.place = place;
    look.uri = uri;
    known_.push_back(std::move(look));
  }

  /// Something is there that cannot be asked: it is never dry.
  void add_unreadable(const std::string& place, const std::string& id, const std::string& why) {
    DetectorLook look;
    look.id = id;
    look.place = place;
    look.verdict = unreadable(why);
    look.answered = false;
    known_.push_back(std::move(look));
  }

  awaitable<Status> walk(const Ctx& ctx) {
    std::erase_if(known_, [](const DetectorLook& look) { return look.uri.empty(); });
    const Result<json::value> chassis = co_await line_->get(ctx, "/redfish/v1/Chassis");
    if (!chassis) co_return chassis.error();
    const std::vector<std::string> links = member_links(*chassis);
    const std::vector<Result<json::value>> bodies = co_await line_->get_all(ctx, links);
    for (std::size_t i = 0; i < links.size(); ++i) {
      const Result<json::value>& body = bodies[i];
      if (!body && nobody_answered(body.error())) co_return body.error();
      if (!body && may_hide(body.error()))
        add_unreadable(last_segment_of(links[i]), "LeakDetectors", body.error().message);
      if (!body) continue;  // what is known of it stays
      const Status walked = co_await walk_chassis(ctx, links[i], *body);
      if (!walked) co_return walked;
    }
    const Status units = co_await walk_units(ctx);
    co_return units;
  }

  awaitable<Status> walk_chassis(const Ctx& ctx, std::string uri, const json::value& chassis) {
    const std::string place = last_segment_of(uri);
    const std::string direct = link_in(chassis, {"LeakDetectors"});
    if (!direct.empty()) {
      const Status walked = co_await walk_collection(ctx, place, direct);
      if (!walked) co_return walked;
    }
    const std::string subsystem_uri = link_in(chassis, {"ThermalSubsystem"});
    if (subsystem_uri.empty()) co_return success();
    const Result<json::value> subsystem = co_await line_->get(ctx, subsystem_uri);
    if (!subsystem && nobody_answered(subsystem.error())) co_return subsystem.error();
    if (!subsystem && may_hide(subsystem.error()))
      add_unreadable(place, "LeakDetectors", subsystem.error().message);
    if (!subsystem) co_return success();
    const std::string detection = link_in(*subsystem, {"LeakDetection"});
    if (detection.empty()) co_return success();
    const Status walked = co_await walk_detection(ctx, place, detection);
    co_return walked;
  }

  awaitable<Status> walk_units(const Ctx& ctx) {
    const Result<json::value> equipment = co_await line_->get(ctx, "/redfish/v1/ThermalEquipment");
    if (!equipment && nobody_answered(equipment.error())) co_return equipment.error();
    if (!equipment && may_hide(equipment.error()))
      add_unreadable("ThermalEquipment", "LeakDetectors", equipment.error().message);
    if (!equipment) co_return success();
    for (const char* const kind : kUnitKinds) {
      const std::string collection = link_in(*equipment, {kind});
      if (collection.empty()) continue;
      const Result<json::value> list = co_await line_->get(ctx, collection);
      if (!list && nobody_answered(list.error())) co_return list.error();
      if (!list && may_hide(list.error())) add_unreadable(kind, "LeakDetectors", list.error().message);
      if (!list) continue;
      const std::vector<std::string> links = member_links(*list);
      for (const std::string& link : links) {
        const Result<json::value> unit = co_await line_->get(ctx, link);
        if (!unit && nobody_answered(unit.error())) co_return unit.error();
        if (!unit && may_hide(unit.error()))
          add_unreadable(last_segment_of(link), "LeakDetectors", unit.error().message);
        if (!unit) continue;
        const std::string detection = link_in(*unit, {"LeakDetection"});
        if (detection.empty()) continue;
        const Status walked = co_await walk_detection(ctx, last_segment_of(link), detection);
        if (!walked) co_return walked;
      }
    }
    co_return success();
  }

  awaitable<Status> walk_detection(const Ctx& ctx, std::string place, std::string uri) {
    const Result<json::value> detection = co_await line_->get(ctx, uri);
    if (!detection && nobody_answered(detection.error())) co_return detection.error();
    if (!detection) {
      add_unreadable(place, "LeakDetectors", detection.error().message);
      co_return success();
    }
    add_groups(place, *detection);
    const json::value* listed = json_at(*detection, {"LeakDetectors"});
    if (listed == nullptr) co_return success();
    if (listed->is_array()) {
      for (const json::value& member : listed->as_array()) {
        const std::string link = local_path_of(json_text_at(member, {"@odata.id"}));
        if (!link.empty()) add(place, link);
        if (link.empty())
          add_unreadable(place, "LeakDetectors", uri + " lists a detector without an address");
      }
      co_return success();
    }
    const std::string collection = link_in(*detection, {"LeakDetectors"});
    if (collection.empty()) co_return success();
    const Status walked = co_await walk_collection(ctx, place, collection);
    co_return walked;
  }

  void add_groups(const std::string& place, const json::value& detection) {
    const json::value* groups = json_at(detection, {"LeakDetectorGroups"});
    if (groups == nullptr || !groups->is_array()) return;
    for (const json::value& group : groups->as_array()) {
      const json::value* detectors = json_at(group, {"Detectors"});
      if (detectors == nullptr || !detectors->is_array()) continue;
      for (const json::value& detector : detectors->as_array()) {
        const std::string source = local_path_of(json_text_at(detector, {"DataSourceUri"}));
        if (!source.empty()) add(place, source);
        if (source.empty())
          add_unreadable(place, "LeakDetectors in a group", "a group lists a detector without an address");
      }
    }
  }

  awaitable<Status> walk_collection(const Ctx& ctx, std::string place, std::string uri) {
    const Result<json::value> list = co_await line_->get(ctx, uri);
    if (!list && nobody_answered(list.error())) co_return list.error();
    if (!list) {
      add_unreadable(place, "LeakDetectors", list.error().message);
      co_return success();
    }
    const std::vector<std::string> links = member_links(*list);
    for (const std::string& link : links) add(place, link);
    const json::value* count = json_at(*list, {"Members@odata.count"});
    const std::int64_t declared =
        count != nullptr && count->is_int64() ? std::min(count->as_int64(), kMostDeclared) : 0;
    for (auto missing = static_cast<std::int64_t>(links.size()); missing < declared; ++missing) {
      add_unreadable(place, fmt::format("LeakDetectors#{}", missing + 1),
                     fmt::format("{} declares {} detectors and lists {}", uri, declared, links.size()));
    }
    co_return success();
  }

  std::shared_ptr<RedfishLine> line_;
  std::vector<DetectorLook> known_;
  bool walked_ = false;
};

}  // namespace

std::unique_ptr<LeakDetectors> make_redfish_leak_detectors(std::shared_ptr<RedfishLine> line) {
  return std::make_unique<RedfishLeakDetectors>(std::move(line));
}

}  // namespace kiln
