// nvme-cli 2.3 on a virtual host (Debian 12): smart-log and id-ctrl as JSON, of the drives of the rack's
// model.

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "tests_hw/virtual_rack/host_commands/programs.h"

namespace kiln::virtual_rack {

namespace {

namespace json = boost::json;

constexpr double kZeroCelsius = 273.15;
constexpr int kSpareThreshold = 10, kWarningKelvin = 343, kCriticalKelvin = 353;
constexpr int kWornLife = 10;  // percent of its life at which the blocks kept in reserve have gone, too

std::string padded(std::string text, std::size_t size) {
  text.resize(std::max(size, text.size()), ' ');
  return text;
}

json::object smart_log(const Drive& drive) {
  const int life = static_cast<int>(std::lround(drive.media_life_left_percent));
  const int spare = life < kWornLife ? kSpareThreshold / 2 : 100;
  json::object log;
  log["critical_warning"] = spare < kSpareThreshold ? 1 : 0;
  log["temperature"] = static_cast<int>(std::lround(drive.temperature_c.shown + kZeroCelsius));
  log["avail_spare"] = spare;
  log["spare_thresh"] = kSpareThreshold;
  log["percent_used"] = 100 - life;
  log["endurance_grp_critical_warning_summary"] = 0;
  log["data_units_read"] = 376188;
  log["data_units_written"] = 398403;
  log["power_cycles"] = 24;
  log["power_on_hours"] = 41;
  log["unsafe_shutdowns"] = 15;
  log["media_errors"] = drive.media_errors;
  log["num_err_log_entries"] = 0;
  log["warning_temp_time"] = 0;
  log["critical_comp_time"] = 0;
  return log;
}

json::object id_ctrl(const Drive& drive) {
  json::object identity;
  identity["vid"] = 0x1e0f;
  identity["sn"] = padded(drive.serial, 20);
  identity["mn"] = padded(drive.model, 40);
  identity["fr"] = padded(drive.firmware, 8);
  identity["wctemp"] = kWarningKelvin;
  identity["cctemp"] = kCriticalKelvin;
  return identity;
}

}  // namespace

std::unique_ptr<Command> run_nvme(Host host, const Arguments& arguments) {
  std::string device;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    if (arguments[i].starts_with("/dev/")) device = arguments[i].substr(5);
  }
  const auto drive = std::find_if(host.dut.drives.begin(), host.dut.drives.end(),
                                  [&device](const Drive& each) { return each.device == device; });
  if (drive == host.dut.drives.end())
    return finished("", 1, fmt::format("/dev/{}: No such file or directory\n", device));
  if (arguments[1] == "smart-log") return finished(json::serialize(smart_log(*drive)) + "\n");
  if (arguments[1] == "id-ctrl") return finished(json::serialize(id_ctrl(*drive)) + "\n");
  return finished("", 1, fmt::format("ERROR: Invalid sub-command '{}'\n", arguments[1]));
}

}  // namespace kiln::virtual_rack
