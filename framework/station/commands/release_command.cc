// kiln release: takes the latch of an interlock off a DUT, when its cause has stayed away. It energises
// nothing.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <iostream>

#include "files/credentials.h"
#include "files/inventory_file.h"
#include "io/loop.h"
#include "safety/stay_clear.h"
#include "station/commands/commands.h"
#include "station/interlock_latches.h"
#include "station/real_devices.h"
#include "station/run_setup.h"

namespace kiln {
namespace {

constexpr Nanoseconds kLogout = std::chrono::seconds(3);

int refuse(const std::string& code, const std::string& why, int exit_code) {
  std::cerr << "kiln: " << why << " [" << code << "]\n";
  return exit_code;
}

/// A problem with the words of the command line; empty: none.
std::string misuse(const CommandLine& line, const InterlockLatch& latch) {
  if (line.by.empty() || line.reason.empty())
    return "--by NAME and --reason TEXT are needed: somebody answers for it";
  const bool leak = latch.cause == "leak" || latch.code.starts_with("leak.") || latch.code == "latch.damaged";
  if (!leak) return "";
  if (line.inspected_by.empty() || line.inspection.empty())
    return "after a leak a second person's inspection is needed: --inspected-by NAME --inspection TEXT";
  if (line.inspected_by == line.by) return "the inspection is by the same person; it must be a second one";
  return "";
}

boost::asio::awaitable<void> watch(Ctx& ctx, RealDevices& devices, const Dut& dut, Status& clear) {
  std::vector<std::string> expected;
  for (const Component* detector : dut.expect.of_kind(ComponentKind::leak_detector))
    expected.push_back(detector->name);
  if (expected.empty()) co_return;  // it has none, so none can say otherwise
  const Result<std::shared_ptr<RedfishLine>> line = devices.open_line(dut);
  if (!line) {
    clear = line.error();
    co_return;
  }
  const std::unique_ptr<LeakDetectors> detectors = make_redfish_leak_detectors(*line);
  clear = co_await stay_clear(ctx, *detectors, dut.id, std::move(expected), kClearBeforeRelease);
  Ctx last = ctx.child_within("logout", kLogout);
  co_await (*line)->leave(last);
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
  if (line.list || line.dut.empty()) return list(line, latches);
  if (line.rack_file.empty())
    return refuse("usage.rack", "--rack FILE is needed: the cause is read again there", 2);
  Parsed<Inventory> inventory = read_inventory(line.rack_file);
  if (!inventory) return refuse("release.inventory", as_error(inventory.problems).sentence(), 2);
  const Dut* dut = inventory.value->find(line.dut);
  if (dut == nullptr)
    return refuse("usage.dut", fmt::format("{} has no DUT '{}'", line.rack_file, line.dut), 2);
  std::optional<InterlockLatch> latch = latches.find(*dut);
  if (!latch) return refuse("latch.none", line.dut + " is not latched", 2);
  if (const std::string wrong = misuse(line, *latch); !wrong.empty())
    return refuse("usage.release", wrong, 2);
  Credentials credentials;
  if (!inventory.value->credentials_file.empty()) {
    Parsed<Credentials> read = read_credentials(inventory.value->credentials_file);
    if (!read) return refuse("release.credentials", as_error(read.problems).sentence(), 2);
    credentials = std::move(*read.value);
  }
  std::cerr << fmt::format("kiln: reading the leak detectors of {} for {}\n", line.dut,
                           format_duration(kClearBeforeRelease));
  const std::unique_ptr<Loop> loop = Loop::real();
  RealDevices devices(*loop, std::move(credentials));
  Status clear = success();
  loop->run([&](Ctx& ctx) { return watch(ctx, devices, *dut, clear); });
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
