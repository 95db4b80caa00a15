// chrony 4.3 and systemd 252 on a virtual host: its clock is off by what the model says, and chrony, which
// only slews a clock once it runs, says how much.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/power.h"

namespace kiln::virtual_rack {

std::unique_ptr<Command> run_chronyc(Host host, const Arguments& arguments) {
  if (arguments.size() != 3 || arguments[1] != "-c" || arguments[2] != "tracking")
    return finished("", 1, "Unrecognized command\n");
  constexpr double kNoise = 0.000012, kBetween = 64.2;
  const std::int64_t utc_ns = host_utc_ns(host.rack, host.dut, host.rack.now_ns);
  return finished(fmt::format(
      "0A000001,10.0.0.1,3,{}.{:09},{:.9f},0.000004211,0.000018020,-8.212,0.001,0.021,0.000412,0.000311,{},"
      "Normal\n",
      utc_ns / 1'000'000'000, utc_ns % 1'000'000'000, kNoise - host.dut.host_clock_offset_s, kBetween));
}

std::unique_ptr<Command> run_timedatectl(Host /*host*/, const Arguments& arguments) {
  if (arguments.size() < 2 || arguments[1] != "show") return finished("", 1, "Unknown command verb.\n");
  return finished("NTPSynchronized=yes\n");
}

}  // namespace kiln::virtual_rack
