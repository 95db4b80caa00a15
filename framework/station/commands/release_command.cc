// kiln release: takes the latch of an interlock off a DUT, when its cause has stayed away. It energises
// nothing.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <boost/json.hpp>
#include <iostream>

#include "files/credentials.h"
#include "files/interlock_rules_file.h"
#include "files/inventory_file.h"
#include "io/loop.h"
#include "io/mosquitto_mqtt.h"
#include "io/scope.h"
#include "model/bmc_protocol.h"
#include "safety/building_door.h"
#include "safety/cooltera_hazards.h"
#include "safety/stay_clear.h"
#include "station/commands/commands.h"
#include "station/interlock_latches.h"
#include "station/leftovers.h"
#include "station/real_devices.h"
#include "station/run_setup.h"

namespace kiln {
namespace {

constexpr Nanoseconds kLogoutAfterRelease = std::chrono::seconds(3);
constexpr Nanoseconds kAskSerial = std::chrono::seconds(10);
constexpr Nanoseconds kRelease = std::chrono::minutes(5);

int refuse(const std::string& code, const std::string& why, int exit_code) {
  std::cerr << "kiln: " << why << " [" << code << "]\n";
  return exit_code;
}

bool is_leak(const InterlockLatch& latch) {
  return latch.cause == "leak" || latch.code.starts_with("leak.") || latch.code == "latch.damaged";
}

/// Of the hazards whose cause cannot be read again once it is gone: what flowed before, or where it went.
bool needs_inspection(const InterlockLatch& latch) {
  return is_leak(latch) || latch.cause == "lost-flow" || latch.code == "coolant.pressure";
}

/// Without blanks around, in small letters: two spellings of a name are one person.
std::string same_name(const std::string& name) {
  return boost::algorithm::to_lower_copy(boost::algorithm::trim_copy(name));
}

bool blank(const std::string& text) { return boost::algorithm::trim_copy(text).empty(); }

bool has_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char letter) { return static_cast<unsigned char>(letter) < 0x20U; });
}

/// A problem with the words of the command line; empty: none.
std::string misuse(const CommandLine& line, const InterlockLatch& latch) {
  for (const std::string* text : {&line.by, &line.reason, &line.inspected_by, &line.inspection}) {
    if (has_control_character(*text))
      return "line breaks and control characters are not kept; write it in one line";
  }
  if (blank(line.by) || blank(line.reason))
    return "--by NAME and --reason TEXT are needed: somebody answers for it";
  if (!needs_inspection(latch)) return "";
  if (blank(line.inspected_by) || blank(line.inspection))
    return "after a leak, or coolant that was lost, a second person's inspection is needed: --inspected-by "
           "NAME "
           "--inspection TEXT";
  if (same_name(line.inspected_by) == same_name(line.by))
    return "the inspection is by the same person; it must be a second one";
  return "";
}

boost::asio::awaitable<Result<std::string>> ask_serial(const Ctx& ctx, RealDevices& devices, const Dut& dut) {
  const Result<std::unique_ptr<Bmc>> bmc = devices.open_bmc(dut);
  if (!bmc) co_return bmc.error();
  const Result<BmcIdentity> identity = co_await (*bmc)->identity(ctx);
  Bmc* door = bmc->get();
  const Status out = co_await shielded(ctx, "logout", kLogoutAfterRelease,
                                       [door](Ctx& leave) { return door->logout(leave); });
  (void)out;
  if (!identity) co_return identity.error();
  co_return identity->serial;
}

/// Whether the BMC at that address is of what is latched: the rack file may name another.
boost::asio::awaitable<Status> is_the_latched(const Ctx& ctx, RealDevices& devices, const Dut& dut,
                                              InterlockLatch latch) {
  const std::string& key = latch.key;
  if (!key.starts_with("serial ") && !latch.dut.empty() && latch.dut != dut.id) {
    co_return Error(
        "release.other_dut",
        fmt::format("{}: what is latched is {}, of a BMC with the same address", dut.id, latch.dut),
        "give the rack file of that DUT, and its name", Blame::operator_);
  }
  if (!key.starts_with("serial ")) co_return success();
  const Result<std::string> serial = co_await ask_serial(ctx, devices, dut);
  if (!serial) co_return serial.error();
  if ("serial " + *serial == key) co_return success();
  co_return Error("release.other_dut",
                  fmt::format("{}: the BMC there says serial '{}', latched is {}", dut.id, *serial, key),
                  "give the rack file in which its address is right", Blame::operator_);
}

/// A latch that hangs on a serial number which the rack file does not know.
boost::asio::awaitable<void> find_by_serial(Ctx& ctx, RealDevices& devices, const Dut& dut,
                                            const InterlockLatches& latches,
                                            Result<std::optional<InterlockLatch>>& found) {
  Ctx limited = ctx.child_within("serial number", kAskSerial);
  const Result<std::string> serial = co_await ask_serial(limited, devices, dut);
  if (!serial) {
    found = serial.error();
    co_return;
  }
  found = latches.find(dut, *serial);
}

boost::asio::awaitable<void> watch_hazards(Ctx& ctx, std::shared_ptr<HazardReadings> readings, const Dut& dut,
                                           const HazardRules& rules, Status& clear) {
  std::vector<HazardRule> rows = rules_for(rules, dut.role);
  std::string id = dut.id;
  clear = co_await hazards_stay_clear(ctx, *readings, std::move(rows), std::move(id), kClearBeforeRelease);
}

/// Leak detectors and, by the floor rules, heat and coolant, for a minute each, side by side.
boost::asio::awaitable<Status> watch_one(const Ctx& ctx, RealDevices& devices, const Dut& dut, bool leak,
                                         const HazardRules& rules) {
  std::vector<std::string> expected;
  for (const Component* detector : dut.expect.of_kind(ComponentKind::leak_detector))
    expected.push_back(detector->name);
  if (expected.empty() && leak) {
    co_return Error(
        "release.no_leak_detectors",
        fmt::format("the rack file expects no leak detectors of {}: nobody could see that it is dry", dut.id),
        "give them under 'expect'", Blame::operator_);
  }
  if (!dut.bmc) co_return success();  // nobody could say otherwise
  if (bmc_protocol_of(dut.bmc->url) == BmcProtocol::cooltera) {
    Result<std::unique_ptr<HttpClient>> client = devices.open_status_document(dut);
    if (!client) co_return client.error();
    std::shared_ptr<HazardReadings> readings =
        make_cooltera_hazard_readings(std::move(*client), dut.bmc->url);
    Status fit = success();
    Scope alone(ctx);
    alone.start("coolant", [readings, &dut, &rules, &fit](Ctx& task) {
      return watch_hazards(task, readings, dut, rules, fit);
    });
    const Status done = co_await alone.join();
    co_return done ? fit : done;
  }
  const Result<std::shared_ptr<RedfishLine>> line = devices.open_line(dut);
  if (!line) co_return line.error();
  const std::unique_ptr<LeakDetectors> detectors = make_redfish_leak_detectors(*line);
  Status dry = success();
  Status cool = success();
  Scope both(ctx);
  const std::shared_ptr<HazardReadings> readings = make_redfish_hazard_readings(*line);
  both.start("heat and coolant", [readings, &dut, &rules, &cool](Ctx& task) {
    return watch_hazards(task, readings, dut, rules, cool);
  });
  if (!expected.empty()) {
    std::string id = dut.id;
    dry = co_await stay_clear(ctx, *detectors, std::move(id), std::move(expected), kClearBeforeRelease);
  }
  if (!dry) both.request_stop(StopReason::sibling, "it is not dry");
  const Status joined = co_await both.join();
  (void)joined;
  Ctx last = ctx.child_within("logout", kLogoutAfterRelease);
  co_await (*line)->leave(last);
  co_return dry ? cool : dry;
}

/// The building's points, when the hazard was read there: its message begins with the rack.
boost::asio::awaitable<Status> watch_building(const Ctx& ctx, const RealDevices& devices,
                                              const Inventory& inventory) {
  const Result<std::optional<WardenBuilding>> building = devices.warden_building(inventory);
  if (!building) co_return building.error();
  if (!*building) {
    co_return Error("release.no_building",
                    fmt::format("the leak was read by the building of {}, and {} names none", inventory.rack,
                                inventory.file),
                    "give the rack file with its section 'building'", Blame::operator_);
  }
  std::cerr << "kiln: listening to the building, which may take two minutes to say its first values\n";
  const Result<std::unique_ptr<MqttClient>> client =
      make_mosquitto_mqtt(ctx.loop(), mqtt_options(**building, fmt::format("kiln-release-{}", ::getpid())));
  if (!client) co_return client.error();
  WardenBuilding told = **building;
  const Status clear = co_await building_stays_clear(ctx, **client, std::move(told), kClearBeforeRelease);
  co_return clear;
}

/// The DUT, and the one where the hazard was read, when that was another: the message begins with it.
boost::asio::awaitable<void> watch(Ctx& ctx, RealDevices& devices, const Inventory& inventory, const Dut& dut,
                                   InterlockLatch latch, const HazardRules& rules, Status& clear) {
  Ctx limited = ctx.child_within("release", kRelease);
  InterlockLatch whose = latch;
  clear = co_await is_the_latched(limited, devices, dut, std::move(whose));
  if (!clear) co_return;
  const bool leak = is_leak(latch);
  if (latch.message.starts_with(inventory.rack + ":")) {
    clear = co_await watch_building(limited, devices, inventory);
    if (!clear) co_return;
  }
  for (const Dut& other : inventory.duts) {
    const bool origin = latch.message.starts_with(other.id + ":");
    if (other.id == dut.id || !origin) continue;
    clear = co_await watch_one(limited, devices, other, leak, rules);
    if (!clear) co_return;
  }
  clear = co_await watch_one(limited, devices, dut, leak, rules);
}

int list(const CommandLine& line, const InterlockLatches& latches) {
  boost::json::array items;
  for (const InterlockLatch& latch : latches.all()) {
    boost::json::object item;
    item["dut"] = latch.dut;
    item["rack"] = latch.rack;
    item["run"] = latch.run;
    item["code"] = latch.code;
    item["message"] = latch.message;
    items.push_back(std::move(item));
    if (!line.json)
      std::cout << fmt::format("{:<8} {:<28} {}  {}\n", latch.dut, latch.code, latch.run, latch.message);
  }
  if (!line.json && items.empty()) std::cout << "no interlock is latched\n";
  if (line.json) {
    boost::json::object root;
    root["latched"] = std::move(items);
    std::cout << boost::json::serialize(root) << std::endl;
  }
  return 0;
}

}  // namespace

int release_command(const CommandLine& line, const Paths& paths) {
  const InterlockLatches latches(paths.state);
  const std::vector<Leftover> left =
      find_leftovers(paths.state);  // latches what a dead station's warden left
  if (const Status known = latches.readable(); !known)
    return refuse(known.error().code, known.error().sentence(), 4);
  for (const Leftover& one : left)
    std::cerr << "kiln: not recovered yet, and may hold cuts that are not latched: " << describe(one) << "\n";
  if (line.list || line.dut.empty()) return list(line, latches);
  if (line.rack_file.empty())
    return refuse("usage.rack", "--rack FILE is needed: the cause is read again there", 2);
  Parsed<Inventory> inventory = read_inventory(line.rack_file);
  if (!inventory) return refuse("release.inventory", as_error(inventory.problems).sentence(), 2);
  const Dut* dut = inventory.value->find(line.dut);
  if (dut == nullptr)
    return refuse("usage.dut", fmt::format("{} has no DUT '{}'", line.rack_file, line.dut), 2);
  Result<std::optional<InterlockLatch>> latched = latches.find(*dut, "");
  Credentials credentials;
  if (!inventory.value->credentials_file.empty()) {
    Parsed<Credentials> read = read_credentials(inventory.value->credentials_file);
    if (!read) return refuse("release.credentials", as_error(read.problems).sentence(), 2);
    credentials = std::move(*read.value);
  }
  const std::unique_ptr<Loop> loop = Loop::real();
  RealDevices devices(*loop, std::move(credentials), paths.state);
  if (!*latched && dut->bmc && !latches.all().empty())
    loop->run([&](Ctx& ctx) { return find_by_serial(ctx, devices, *dut, latches, latched); });
  if (!latched) return refuse(latched.error().code, latched.error().sentence(), 4);
  std::optional<InterlockLatch> latch = *latched;
  if (!latch) return refuse("latch.none", line.dut + " is not latched", 2);
  if (const std::string wrong = misuse(line, *latch); !wrong.empty())
    return refuse("usage.release", wrong, 2);
  const Parsed<InterlockRules> rules =
      read_interlock_rules(line.interlock_rules.empty() ? find_interlock_rules(paths) : line.interlock_rules);
  if (!rules) return refuse("release.interlock_rules", as_error(rules.problems).sentence(), 2);
  std::cerr << fmt::format("kiln: reading leak detectors, heat and coolant of {} for {}\n", line.dut,
                           format_duration(kClearBeforeRelease));
  Status clear = success();
  loop->run([&](Ctx& ctx) {
    return watch(ctx, devices, *inventory.value, *dut, *latch, rules.value->hazards, clear);
  });
  if (!clear) return refuse(clear.error().code, clear.error().sentence(), 4);
  latch->released_by = line.by;
  latch->reason = line.reason;
  latch->inspected_by = line.inspected_by;
  latch->inspection = line.inspection;
  latch->released_utc_ns = SystemClock().now().utc_ns;
  const Status released = latches.release(*latch);
  if (!released) return refuse(released.error().code, released.error().sentence(), 4);
  std::cout << line.dut << ": released by " << line.by << "; it is as it was, switched off\n";
  return 0;
}

}  // namespace kiln
