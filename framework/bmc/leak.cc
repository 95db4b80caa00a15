#include "bmc/leak.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "bmc/redfish_error.h"
#include "model/leak_order.h"

namespace kiln {
namespace {

constexpr int kPollsPerWalk = 30;
/// Between two polls that count: what an event brings forward is no reason to walk sooner. Below the second
/// at which a watch polls.
constexpr std::int64_t kCountedNs = 900'000'000;
constexpr std::array kLeakingUnitKinds{"CDUs", "RPUs", "HeatExchangers",
                                       "ImmersionUnits"};  // ThermalEquipment v1.2.0
constexpr std::int64_t kMostDeclared = 1'000;              // a count beyond it is nonsense, not detectors

std::optional<std::string> field(const JsonView& object, std::string_view name) {
  const JsonView value = object[name];
  if (!value.exists() || value.is_null()) return std::nullopt;
  if (object.occurrences(name) > 1) return std::string("given more than once");
  if (value.is_string()) return value.word();
  return value.printed();
}

LeakVerdict unreadable(const std::string& why) {
  LeakVerdict verdict;
  verdict.reading = LeakReading::fault;
  verdict.reason = why;
  return verdict;
}

/// Garbage in the place of a resource on the way to detectors says nothing about them, least of all that they
/// are absent.
bool is_garbage(const Error& error) {
  return error.code == "bmc.not_json" || error.code == "bmc.body_too_large";
}

}  // namespace

LeakDetectorAnswer leak_answer_of(const JsonView& detector) {
  LeakDetectorAnswer answer;
  answer.detector_state = field(detector, "DetectorState");
  const JsonView status = detector["Status"];
  if (status.is_object() && detector.occurrences("Status") == 1) {
    answer.state = field(status, "State");
    answer.health = field(status, "Health");
  } else if (status.exists() && !status.is_null()) {
    answer.state = status.printed();
  }
  return answer;
}

void LeakReader::add(const std::string& place, const std::vector<std::string>& near, const std::string& uri) {
  const std::string id = last_segment(uri);
  for (const Detector& known : detectors_) {
    for (const std::string& address : known.uris) {
      if (without_trailing_slash(address) == without_trailing_slash(uri)) return;
    }
  }
  for (Detector& known : detectors_) {
    const bool same_place =
        known.place == place || std::find(near.begin(), near.end(), known.place) != near.end();
    if (known.id == id && same_place) {
      known.uris.push_back(uri);
      known.problem.clear();
      return;
    }
  }
  Detector found;
  found.id = id;
  found.place = place;
  found.uris.push_back(uri);
  detectors_.push_back(std::move(found));
}

void LeakReader::add_unreadable(const std::string& place, const std::string& name,
                                const std::string& problem) {
  for (Detector& known : detectors_) {
    if (known.id == name && known.place == place) {
      if (known.uris.empty()) known.problem = problem;
      return;
    }
  }
  Detector found;
  found.id = name;
  found.place = place;
  found.problem = problem;
  detectors_.push_back(std::move(found));
}

boost::asio::awaitable<Status> LeakReader::walk_collection(const Ctx& ctx, std::string place,
                                                           std::vector<std::string> near, std::string uri) {
  Result<MemberList> listed = co_await tree_.list(ctx, uri);
  if (!listed) {
    if (is_exchange_error(listed.error()) || is_garbage(listed.error())) co_return listed.error();
    tree_.client().note_oddity(uri, "", listed.error().message);
    // A link to nothing is normal; anything else may hide detectors.
    if (listed.error().code != "bmc.not_found")
      add_unreadable(place, "LeakDetectors", listed.error().message);
    co_return success();
  }
  std::erase_if(detectors_, [&place](const Detector& known) {
    return known.place == place && known.uris.empty() && known.id.starts_with("LeakDetectors");
  });
  for (const RedfishResource& member : listed->members) add(place, near, member.uri);
  for (const MemberList::Unread& member : listed->unread) add(place, near, member.uri);
  const auto listed_count = static_cast<std::int64_t>(listed->listed);
  const std::int64_t declared = std::min(listed->declared.value_or(listed_count), kMostDeclared);
  for (std::int64_t missing = listed_count; missing < declared; ++missing) {
    add_unreadable(place, fmt::format("LeakDetectors#{}", missing + 1),
                   fmt::format("{} declares {} detectors and lists {}", uri, declared, listed_count));
  }
  co_return success();
}

boost::asio::awaitable<Status> LeakReader::walk_detection(const Ctx& ctx, std::string place,
                                                          std::vector<std::string> near,
                                                          const RedfishResource& detection) {
  for (const JsonView& group : detection.body["LeakDetectorGroups"].elements()) {
    for (const JsonView& detector : group["Detectors"].elements()) {
      const std::optional<std::string> source = detector["DataSourceUri"].verbatim();
      const std::optional<std::string> path = source ? tree_.client().local_path(*source) : std::nullopt;
      const std::string name = detector["DeviceName"].text().value_or("LeakDetectors in a group");
      if (path) {
        add(place, near, *path);
      } else {
        add_unreadable(place, name, fmt::format("a group of {} lists it without an address", detection.uri));
      }
    }
  }
  const JsonView collection = detection.body["LeakDetectors"];
  if (collection.is_array()) {
    for (const JsonView& member : collection.elements()) {
      const std::optional<std::string> path = tree_.path_of(detection, member);
      if (path) add(place, near, *path);
    }
    co_return success();
  }
  const std::optional<std::string> path = tree_.path_of(detection, collection);
  if (!path) co_return success();
  Status walked = co_await walk_collection(ctx, std::move(place), std::move(near), *path);
  co_return walked;
}

boost::asio::awaitable<Status> LeakReader::walk_chassis(const Ctx& ctx, const RedfishResource& chassis) {
  const std::string place = chassis.id();
  const std::vector<std::string> near;
  const JsonView collection = chassis.body["LeakDetectors"];
  const std::optional<std::string> direct = tree_.path_of(chassis, collection);
  if (direct) {
    Status walked = co_await walk_collection(ctx, place, near, *direct);
    if (!walked) co_return walked;
  }
  const JsonView subsystem_link = chassis.body["ThermalSubsystem"];
  const std::optional<std::string> subsystem_uri = tree_.path_of(chassis, subsystem_link);
  if (!subsystem_uri) co_return success();
  Result<RedfishResource> subsystem = co_await tree_.client().get(ctx, *subsystem_uri);
  if (!subsystem) {
    if (is_exchange_error(subsystem.error()) || is_garbage(subsystem.error())) co_return subsystem.error();
    tree_.client().note_oddity(*subsystem_uri, "", subsystem.error().message);
    co_return success();
  }
  const std::optional<std::string> detection_uri =
      tree_.path_of(*subsystem, subsystem->body["LeakDetection"]);
  if (!detection_uri) co_return success();
  Result<RedfishResource> detection = co_await tree_.client().get(ctx, *detection_uri);
  if (!detection) {
    if (is_exchange_error(detection.error()) || is_garbage(detection.error())) co_return detection.error();
    tree_.client().note_oddity(*detection_uri, "", detection.error().message);
    if (detection.error().code != "bmc.not_found")
      add_unreadable(place, "LeakDetectors", detection.error().message);
    co_return success();
  }
  Status walked = co_await walk_detection(ctx, place, near, *detection);
  co_return walked;
}

boost::asio::awaitable<Status> LeakReader::walk_cooling_units(const Ctx& ctx) {
  Result<std::optional<RedfishResource>> equipment = co_await tree_.service(ctx, "ThermalEquipment");
  if (!equipment) co_return equipment.error();
  if (!*equipment) co_return success();
  for (const char* kind : kLeakingUnitKinds) {
    const JsonView link = (*equipment)->body[kind];
    Result<MemberList> units = co_await tree_.follow(ctx, **equipment, link);
    if (!units) co_return units.error();
    for (const RedfishResource& unit : units->members) {
      std::vector<std::string> near;
      const JsonView chassis_links = unit.body["Links"]["Chassis"];
      for (const JsonView& chassis : chassis_links.elements()) {
        const std::optional<std::string> path = tree_.path_of(unit, chassis);
        if (path) near.push_back(last_segment(*path));
      }
      const std::string place = unit.id();
      const std::optional<std::string> detection_uri = tree_.path_of(unit, unit.body["LeakDetection"]);
      if (!detection_uri) continue;
      Result<RedfishResource> detection = co_await tree_.client().get(ctx, *detection_uri);
      if (!detection) {
        if (is_exchange_error(detection.error()) || is_garbage(detection.error()))
          co_return detection.error();
        tree_.client().note_oddity(*detection_uri, "", detection.error().message);
        if (detection.error().code != "bmc.not_found")
          add_unreadable(place, "LeakDetectors", detection.error().message);
        continue;
      }
      Status walked = co_await walk_detection(ctx, place, near, *detection);
      if (!walked) co_return walked;
    }
  }
  co_return success();
}

boost::asio::awaitable<Status> LeakReader::walk(const Ctx& ctx) {
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  // An error that the BMC itself reports for one chassis hides only what is in that one.
  for (const MemberList::Unread& one : chassis->unread) {
    if (is_garbage(one.error)) co_return one.error;
  }
  for (const RedfishResource& one : chassis->members) {
    Status walked = co_await walk_chassis(ctx, one);
    if (!walked) co_return walked;
  }
  // A chassis that can't be read may have had detectors: those it was known to have stay, and are read below.
  Status walked = co_await walk_cooling_units(ctx);
  if (!walked) co_return walked;
  walked_ = true;
  polls_since_walk_ = 0;
  co_return success();
}

void LeakReader::give_names(const std::vector<Detector>& asked, LeakCensus& census) {
  std::map<std::string, int> uses;
  for (const Detector& detector : asked) ++uses[detector.id];
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Detector& detector = asked[i];
    const bool plain = uses[detector.id] == 1 && !detector.uris.empty();
    census.detectors[i].name = plain ? detector.id : fmt::format("{}/{}", detector.place, detector.id);
  }
}

boost::asio::awaitable<Result<LeakCensus>> LeakReader::read(const Ctx& ctx) {
  if (!walked_ || polls_since_walk_ >= kPollsPerWalk) {
    // To look for new ones leaves time to read those that are known, which answer at their own addresses,
    // whatever stands in the way to them now.
    const Ctx looking = ctx.child_within("walk", walked_ ? ctx.remaining() / 2 : ctx.remaining());
    Status walked = co_await walk(looking);
    const bool too_slow = !walked && walked.error().code == "ctx.deadline" && ctx.check();
    const bool can_go_on = walked_ && !walked && (too_slow || !is_exchange_error(walked.error()));
    if (can_go_on && too_slow) polls_since_walk_ = 0;
    if (can_go_on) tree_.client().note_oddity("/redfish/v1/Chassis", "", walked.error().message);
    if (!walked && !can_go_on) co_return std::move(walked.error()).while_doing("looking for leak detectors");
  }
  const std::int64_t now_ns = ctx.now().monotonic_ns;
  if (!counted_ns_ || now_ns - *counted_ns_ >= kCountedNs) {
    ++polls_since_walk_;
    counted_ns_ = now_ns;
  }
  const std::vector<Detector> asked = detectors_;  // another task may walk while this one waits
  std::vector<std::string> uris;
  for (const Detector& detector : asked) uris.insert(uris.end(), detector.uris.begin(), detector.uris.end());
  LeakCensus census;
  census.read_ns = ctx.now().monotonic_ns;  // no answer is older than this
  Result<std::vector<Result<RedfishResource>>> read = co_await tree_.client().get_all(ctx, std::move(uris));
  if (!read) co_return std::move(read.error()).while_doing("reading leak detectors");
  std::size_t next = 0;
  bool look_again = false;
  for (const Detector& detector : asked) {
    LeakDetectorReading worst;
    worst.verdict = unreadable(detector.problem);
    bool first = true;
    for (const std::string& uri : detector.uris) {
      const Result<RedfishResource>& one = (*read)[next++];
      LeakDetectorReading reading;
      reading.uri = uri;
      if (one) {
        reading.answer = leak_answer_of(one->body);
        reading.verdict = read_leak_detector(reading.answer);
      } else {
        reading.verdict = unreadable(one.error().message);
        reading.verdict.told = !is_garbage(one.error());
        look_again = true;
      }
      const int worse = badness(reading.verdict.reading) - badness(worst.verdict.reading);
      if (first || worse > 0 || (worse == 0 && reading.verdict.told && !worst.verdict.told))
        worst = std::move(reading);
      first = false;
    }
    census.detectors.push_back(std::move(worst));
  }
  if (look_again) polls_since_walk_ = kPollsPerWalk;
  give_names(asked, census);
  co_return census;
}

}  // namespace kiln
