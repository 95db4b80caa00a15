#pragma once
// LeakDetectors: the warden's own eyes on the leak detectors of one DUT. The real one speaks Redfish; the
// fake is testing/fake_leak_detectors.h. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "model/leak_reading.h"
#include "safety/redfish_line.h"

namespace kiln {

/// One detector at one address, now.
struct DetectorLook {
  std::string id;     ///< last part of its address
  std::string place;  ///< chassis or cooling unit that it hangs on: "Chassis_0"
  std::string uri;
  LeakDetectorAnswer answer;
  LeakVerdict verdict;
  bool answered =
      true;  ///< false: it was not read (a busy BMC, half an answer), which says nothing about the detector

  /// By the inventory: its id, or "place/id" where ids repeat.
  [[nodiscard]] bool is_named(const std::string& name) const {
    return id == name || place + "/" + id == name;
  }
};

class LeakDetectors {
 public:
  virtual ~LeakDetectors() = default;
  /// Every detector, read within this call. One that cannot be read is a fault among the others. An Error
  /// when nobody answered, unless another detector says that it is wet: codes of RedfishLine.
  virtual boost::asio::awaitable<Result<std::vector<DetectorLook>>> read(const Ctx& ctx) = 0;
};

/// Looks in every place that Redfish knows: Chassis/x/LeakDetectors (LeakDetection v1.2.0 and later),
/// Chassis/x/ThermalSubsystem/LeakDetection (before), its LeakDetectorGroups, and
/// ThermalEquipment/{CDUs,RPUs,HeatExchangers,ImmersionUnits}/x/LeakDetection. Keeps the addresses; looks for
/// them anew when one answers no more.
std::unique_ptr<LeakDetectors> make_redfish_leak_detectors(std::shared_ptr<RedfishLine> line);

}  // namespace kiln
