#pragma once
// Whether a cause has gone: what stands between a latched interlock and its release.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "io/mqtt.h"
#include "model/building_report.h"
#include "model/hazard.h"
#include "safety/hazard_readings.h"
#include "safety/leak_detectors.h"
#include "safety/warden_messages.h"

namespace kiln {

/// How long a cause must have been freshly clear before its interlock may be released.
inline constexpr Nanoseconds kClearBeforeRelease = std::chrono::seconds(60);

/// Reads every detector once a second until all expected ones have been dry without a gap for `so_long`.
/// Errors: release.not_clear at the first reading that is anything else, or when nobody answers for 5 s;
/// those of Ctx.
boost::asio::awaitable<Status> stay_clear(const Ctx& ctx, LeakDetectors& detectors, std::string dut,
                                          std::vector<std::string> expected, Nanoseconds so_long);

/// The same of heat and coolant, by the bounds of the floor rules, every 2 s. What flowed before load is not
/// known any more: of a share of that only says that nothing may stand still. A tray that is off may say
/// nothing of its heat; coolant that was offered must be known. Errors: as above.
boost::asio::awaitable<Status> hazards_stay_clear(const Ctx& ctx, HazardReadings& readings,
                                                  std::vector<HazardRule> rules, std::string dut,
                                                  Nanoseconds so_long);

/// The same of the building's leak points that the site has: from when all of them have first read clear. A
/// BMS repeats its values every 100 s only (building_messages.h), so they are waited for up to 110 s. Listens
/// only. Errors: release.not_clear, those of Ctx.
boost::asio::awaitable<Status> building_stays_clear(const Ctx& ctx, MqttClient& client,
                                                    WardenBuilding building, Nanoseconds so_long);

/// What the building says of the rack, once every leak point that it names for it has a value, the site's own
/// are named, and `settle` has passed since the broker was reached; at the latest after `patience`, as far as
/// it is then known. Writes nothing there. An Error only when `ctx` ends before.
boost::asio::awaitable<Result<BuildingReport>> listen_to_building(const Ctx& ctx, MqttClient& client,
                                                                  WardenBuilding building, Nanoseconds settle,
                                                                  Nanoseconds patience);

}  // namespace kiln
