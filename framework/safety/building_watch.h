#pragma once
// BuildingWatch: the warden's watch over what the building knows of the rack, beside the BMCs of its trays:
// leak points that read clear, or energy goes (Cause, as for a tray's detectors), and the last rung of the
// ladder, which asks the building to isolate the rack. Owned by the warden, on a line of its own; loop thread
// only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "io/completion.h"
#include "io/mqtt.h"
#include "io/scope.h"
#include "model/interlock_rules.h"
#include "safety/building_line.h"
#include "safety/cause.h"
#include "safety/trip.h"
#include "safety/warden_messages.h"

namespace kiln {

/// Who is told, and never waited for: each returns at once.
struct BuildingEars {
  std::function<void(const WatchReport& report)> watch;  ///< its DUT is the rack
  std::function<void(Trip trip)> trip;                   ///< likewise
  std::function<void(const IsolationReport& report)> isolation;
};

class BuildingWatch {
 public:
  /// `client`: null when it could not be made, for the reason `no_client`.
  BuildingWatch(const Ctx& owner, WardenBuilding building, const InterlockRules& rules,
                std::unique_ptr<MqttClient> client, std::string no_client, BuildingEars ears);
  BuildingWatch(const BuildingWatch&) = delete;
  BuildingWatch& operator=(const BuildingWatch&) = delete;

  void start();
  /// Asks the building to isolate the rack, and tells what became of it: when it is asked, when it is
  /// confirmed or the rules' patience is over, and when it is confirmed later still. What was asked for
  /// already is not asked for again.
  void isolate(bool liquid, bool electrical, const std::string& why);
  void tell_tray_leak() {
    if (line_) line_->tell_tray_leak(true);
  }
  /// What became of each isolation has been told: waits as long as the rules give them.
  boost::asio::awaitable<void> settle();
  /// Leaves the broker; isolations that are not confirmed are not waited for.
  boost::asio::awaitable<void> stop();

  /// The last report about isolation; nullopt: none was asked for.
  [[nodiscard]] const std::optional<IsolationReport>& isolation() const { return last_; }

 private:
  struct Point {
    bool expected = true;
    Cause cause;
    BuildingAnswer (Building::*read)(std::int64_t now_ns) const;
  };
  boost::asio::awaitable<void> watch(Ctx& task);
  boost::asio::awaitable<void> request(IsolationReport report, Ctx& task);
  boost::asio::awaitable<void> confirm_later(IsolationReport report, Ctx& task);
  boost::asio::awaitable<void> confirm(IsolationReport& report, const Ctx& ctx);
  void look(std::int64_t now_ns);
  void look_at(Point& point, std::int64_t now_ns);
  void say(const Point* not_ready);
  void tell(const IsolationReport& report);
  [[nodiscard]] Look look_of(const BuildingAnswer& answer) const;

  const Ctx& owner_;
  WardenBuilding building_;
  Nanoseconds confirm_;
  std::unique_ptr<MqttClient> client_;
  std::string no_client_;
  BuildingEars ears_;
  std::optional<BuildingLine> line_;
  Point rack_, equipment_;
  std::set<std::string> tripped_;  ///< by cause and code: each trips once
  std::optional<WatchReport> said_;
  std::optional<Completion<bool>> look_now_;
  bool liquid_ = false, electrical_ = false;  ///< asked for
  bool over_ = false;
  std::optional<IsolationReport> last_;
  Scope work_;
  Scope requests_;  ///< first answers
};

}  // namespace kiln
