#pragma once
// HazardWatch: the warden's watch over heat and coolant, beside that over leaks. Before energy it refuses the
// permit; under energy it trips:
//   a reading outside its bounds, twice in a row    trips as soon as this run has energised the DUT, or
//                                                   anything that a CDU serves
//   a reading that is away for longer than the      trips under load (telemetry lost): a tray without load is
//   grace                                           not cooked by what nobody sees
// It cuts nothing by itself: InterlockWatch does. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/scope.h"
#include "model/hazard.h"
#include "safety/hazard_readings.h"
#include "safety/trip.h"

namespace kiln {

struct HazardSource {
  Role role = Role::server;
  HazardReadings* readings = nullptr;  ///< outlives the watch; null: it cannot be asked
  std::string no_readings;             ///< why it cannot
};

/// What this run has switched on there.
struct Energised {
  bool at_all = false;
  bool load = false;
  /// Its BMC is away by plan, with the DUT off: what it reads when it is just back is no reading.
  bool restarts = false;
};

/// Who is told, and never waited for: each returns at once.
struct HazardEars {
  std::function<void(const HazardReport& report)> watch;
  std::function<void(Trip trip)> trip;
};

class HazardWatch {
 public:
  /// `energised`: the DUT itself, or, of a CDU, anything.
  HazardWatch(const Ctx& owner, HazardRules rules, std::map<std::string, HazardSource> duts,
              std::function<Energised(const std::string& dut)> energised, HazardEars ears);
  HazardWatch(const HazardWatch&) = delete;
  HazardWatch& operator=(const HazardWatch&) = delete;

  void start();
  boost::asio::awaitable<void> stop();

 private:
  /// One part under one rule.
  struct Watched {
    std::optional<double> value;  ///< last that could be used
    std::deque<double> at_rest;   ///< the last that were clear, without load
    int outside = 0;              ///< readings in a row beyond the bounds
    std::int64_t clear_ns = 0;    ///< last time it was within, or when it was first heard of
    bool known = false;           ///< the last look had a value
    std::string read_at;          ///< when its BMC has last looked, by the BMC's clock
    std::int64_t looked_ns = 0;   ///< when that last changed
    int moves = 0;                ///< how often; a time that hardly ever moves is none
    std::string why;              ///< it has none, or is outside: one clause
  };
  using Parts = std::map<std::string, Watched>;
  /// One DUT; parts by the number of the rule.
  struct Place {
    std::vector<HazardRule> rules;
    std::vector<Parts> parts;
    std::string silent;    ///< why the last look failed as a whole
    std::string not_seen;  ///< HazardLook::not_seen of the last look
    bool asked = false;
  };

  boost::asio::awaitable<void> watch(std::string id, Nanoseconds first_pause, Ctx& task);
  void see(Place& place, const std::vector<HazardReading>& readings, bool load, std::int64_t asked_ns);
  void judge(const HazardRule& rule, Watched& part, const HazardReading& reading, bool load,
             std::int64_t asked_ns) const;
  void miss(Place& place, const std::string& why) const;
  void say(const std::string& id, const Place& place, std::int64_t now_ns);
  [[nodiscard]] std::string why_no_load(const Place& place, std::int64_t now_ns) const;
  [[nodiscard]] std::optional<Trip> trip_of(const std::string& id, const Place& place, Energised energised,
                                            std::int64_t now_ns) const;

  const Ctx& owner_;
  HazardRules rules_;
  std::map<std::string, HazardSource> duts_;
  std::function<Energised(const std::string&)> energised_;
  HazardEars ears_;
  std::map<std::string, HazardReport> said_;
  std::set<std::string> tripped_;  ///< each trips once
  Scope polls_;
};

}  // namespace kiln
