#include "oddities.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <string_view>
#include <utility>

namespace kiln::matrix {
namespace {

namespace json = boost::json;

/// One in so many places is written so; a place is a property of a resource of a DUT.
constexpr std::uint64_t kLooseNumber = 12, kBlank = 4, kNullHealth = 6, kNullThreshold = 3, kNullReading = 3,
                        kSlashAtEnd = 6, kLineEnd = 4;

/// Draws the same for the same place.
class Draw {
 public:
  Draw(std::uint64_t seed, const std::string& place) : place_(fmt::format("{}\n{}\n", seed, place)) {}
  [[nodiscard]] bool one_in(std::uint64_t many, const std::string& what) const {
    return drawn(what) % many == 0;
  }
  [[nodiscard]] std::uint64_t drawn(const std::string& what) const {
    return std::hash<std::string>{}(place_ + what);
  }

 private:
  std::string place_;  ///< with the seed
};

bool says_nothing_anyway(std::string_view key) {
  return key == "AssetTag" || key == "SKU" || key == "SparePartNumber" || key == "PartNumber";
}

/// Empty, "N/A", "Unknown": PartNumber and SKU of lenovo-sr670-xcc, nvidia-gh200-bmc, hpe-dl380a-ilo6,
/// AssetTag of cray-cmm; padded with blanks: PartNumber of intel and hpe-dl380a-ilo6.
void blank(json::value& value, std::uint64_t drawn) {
  static const std::array<std::string, 4> kForms = {"", "N/A", "Unknown", ""};
  const std::string padded = std::string(value.as_string()) + "  ";
  value = drawn % 4 == 3 ? padded : kForms.at(drawn % 4);
}

/// Whole numbers as floating point: "Reading": 0.0 in nvidia-gh200-bmc and hpe-dl380a-ilo6; numbers as text:
/// their metric values.
void loosen(json::value& value) {
  if (value.is_int64()) {
    value = static_cast<double>(value.as_int64());
  } else if (value.is_uint64()) {
    value = static_cast<double>(value.as_uint64());
  } else if (value.is_double()) {
    value = fmt::format("{}", value.as_double());
  }
}

void write_oddly(json::object& object, const Draw& draw, const std::string& path, bool may_lack_health) {
  for (auto& [name, value] : object) {
    const std::string key = path + "/" + std::string(name);
    if (value.is_object()) {
      json::object& inner = value.as_object();
      // Null thresholds: sensors of lenovo-sr670-xcc and hpe-dl380a-ilo6.
      json::value* reading = inner.if_contains("Reading");
      if (path.ends_with("/Thresholds") && reading != nullptr && draw.one_in(kNullThreshold, key))
        *reading = nullptr;
      write_oddly(inner, draw, key, may_lack_health);
    } else if (value.is_string() && says_nothing_anyway(name) && draw.one_in(kBlank, key)) {
      blank(value, draw.drawn(key + " form"));
    } else if (name == "SerialNumber" && value.is_string() && draw.one_in(kBlank, key)) {
      value = std::string(value.as_string()) + "     ";  // supermicro-x10, hpe-dl380a-ilo6
    } else if (name == "Health" && may_lack_health && draw.one_in(kNullHealth, key)) {
      value = nullptr;  // lenovo-sr670-xcc, hpe-dl380a-ilo6
    } else if (value.is_number() && draw.one_in(kLooseNumber, key)) {
      loosen(value);
    }
  }
}

/// Null readings of sensors that no recipe asks for: lenovo-sr670-xcc, hpe-dl380a-ilo6, nvidia-gh200-bmc.
bool nobody_asks_for(const std::string& path) {
  if (path.find("/Sensors/") == std::string::npos) return false;
  for (const char* part : {"NIC", "NVMe", "LPDDR", "DIMM", "Fan", "FAN"}) {
    if (path.find(part, path.find("/Sensors/")) != std::string::npos) return true;
  }
  return false;
}

/// Health decides nothing there.
bool may_lack_health(const std::string& path) {
  for (const char* part : {"/Sensors/", "/Memory/", "/Drives/", "/Fans/", "/NetworkAdapters/"}) {
    if (path.find(part) != std::string::npos) return true;
  }
  return false;
}

void distort(std::uint64_t seed, const virtual_rack::Dut& dut, const virtual_rack::HttpRequest& request,
             virtual_rack::HttpResponse& response) {
  if (request.method != "GET" || response.status != 200 || response.content_type != "application/json")
    return;
  boost::system::error_code broken;
  json::value value = json::parse(response.body, broken);
  if (broken || !value.is_object()) return;
  const Draw draw(seed, dut.id + request.path);
  json::object& object = value.as_object();
  json::value* reading = object.if_contains("Reading");
  if (reading != nullptr && nobody_asks_for(request.path) && draw.one_in(kNullReading, "null"))
    *reading = nullptr;
  write_oddly(object, draw, "", may_lack_health(request.path));
  // A trailing slash in a resource's own address: hpe-dl380a-ilo6, cray-cmm, hpe-cray-ex235n.
  json::value* id = object.if_contains("@odata.id");
  if (id != nullptr && id->is_string() && draw.one_in(kSlashAtEnd, "slash"))
    *id = std::string(id->as_string()) + "/";
  response.body = json::serialize(value);
  if (draw.one_in(kLineEnd, "end")) response.body += "\r\n";  // sushy-samples
}

double between(std::mt19937_64& chance, double least, double most) {
  return std::uniform_real_distribution<double>(least, most)(chance);
}

/// Another instrument and another hall.
void adjust(std::uint64_t seed, virtual_rack::RackModel& model) {
  std::mt19937_64 chance(seed + 1);
  virtual_rack::Physics& physics = model.physics;
  // Whole degrees are as common in the trees (hpe-cray-ex235n, telegraf-dell, lenovo-sr670-xcc) as fractions
  // of one.
  static const std::array<double, 3> kSteps = {0.0625, 0.5, 1.0};
  physics.temperature_step_c = kSteps.at(chance() % kSteps.size());
  physics.power_step_w = kSteps.at(chance() % kSteps.size());
  physics.temperature_noise_c *= between(chance, 0.5, 3);
  physics.power_noise *= between(chance, 0.5, 2);
  physics.flow_noise *= between(chance, 0.5, 2);
  physics.pressure_noise_kpa *= between(chance, 0.5, 3);
  // ASHRAE TC 9.9 recommends 18 to 27 Cel of air; liquid class W32 allows facility water up to 32.
  physics.ambient_c = between(chance, 18, 27);
  physics.facility_supply_c = between(chance, 14, 20);
  for (virtual_rack::Dut& dut : model.duts) {
    dut.bmc_clock_offset_s += between(chance, -0.8, 0.8);
    dut.host_clock_offset_s += between(chance, -0.02, 0.02);  // NTP over a busy network
  }
}

/// The plant's water wanders by a degree in some minutes.
void drift(double phase, double setpoint_c, virtual_rack::RackModel& model, double seconds) {
  for (virtual_rack::Dut& dut : model.duts) {
    if (!dut.cooling_unit) continue;
    dut.cooling_unit->supply_setpoint_c = setpoint_c + std::sin(phase + seconds * 2 * std::numbers::pi / 240);
  }
}

}  // namespace

RackWishes odd_but_healthy(std::uint64_t seed) {
  RackWishes wishes;
  wishes.seed = seed;
  wishes.distort = [seed](const virtual_rack::Dut& dut, const virtual_rack::HttpRequest& request,
                          virtual_rack::HttpResponse& response) { distort(seed, dut, request, response); };
  wishes.adjust = [seed](virtual_rack::RackModel& model) { adjust(seed, model); };
  std::mt19937_64 chance(seed + 2);
  const double phase = between(chance, 0, 2 * std::numbers::pi);
  const double setpoint_c = between(chance, 23, 28);
  wishes.drift = [phase, setpoint_c](virtual_rack::RackModel& model, double seconds) {
    drift(phase, setpoint_c, model, seconds);
  };
  return wishes;
}

}  // namespace kiln::matrix
