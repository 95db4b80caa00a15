#pragma once
// Which version of a component runs now, as the DUT tells it: the firmware inventory of its BMC, or NVOS.
// Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sdk/step.h"

namespace kiln::firmware {

/// What shows that a host started anew on what was written (restart_evidence.h).
class RestartEvidence {
 public:
  bool asked = false;    ///< its activation is a restart of the host: without evidence no version counts
  std::string seen;      ///< "boot id … before, … after"; empty: there is none
  Source source;         ///< of `seen`
  std::string why_none;  ///< when there is none
  [[nodiscard]] bool is_missing() const { return asked && seen.empty(); }
};

class Running {
 public:
  std::string version;          ///< empty: none is known
  std::string standby_version;  ///< of its other bank; empty: not said
  Source source;
  std::string why_none;     ///< when there is no version
  RestartEvidence restart;  ///< after an installation
};

/// How one DUT is asked; its shell only where something is behind NVOS.
class Doors {
 public:
  Doors(Bmc& dut_bmc, std::function<Result<Shell*>()> dut_shell)
      : bmc(dut_bmc), shell(std::move(dut_shell)) {}
  Bmc& bmc;
  std::function<Result<Shell*>()> shell;
};
/// Of the DUT under work, over the given connection.
Doors doors_of(StepContext& context, Bmc& bmc);

/// By component, one entry each. One read of the inventory for all. An Error is one of the exchange; a
/// component that is not listed is an entry without a version.
boost::asio::awaitable<Result<std::map<std::string, Running>>> read_running(
    const Ctx& ctx, Doors& doors, std::vector<FirmwareTarget> targets);

/// The same of one.
boost::asio::awaitable<Result<Running>> read_running_one(const Ctx& ctx, Doors& doors, FirmwareTarget target);

/// `installed` is what the baseline wants, its fields meant as it says. Every "is it there?" of this folder.
bool is_wanted(const std::string& installed, const FirmwareTarget& target);

/// A reading that is judged by that.
Reading version_reading(std::string measurement, const FirmwareTarget& target, Value version, Source source);

}  // namespace kiln::firmware
