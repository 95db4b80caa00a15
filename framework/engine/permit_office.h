#pragma once
// The only maker of Permits. Refuses energy on real hardware without a warden (the one exception is host
// stress), on a DUT whose leak watch, or the warden's own, has not yet read every detector dry, on one that
// was cut, and load where cooling is not proven, and power, load or a second write beside a firmware write.
// Loop thread only; owned by the run.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "model/inventory.h"
#include "model/permit.h"
#include "safety/trip.h"

namespace kiln {

class PermitOffice {
 public:
  explicit PermitOffice(const Inventory& inventory);

  /// The warden could not reach the DUT's power: what it could not undo is not done.
  void set_unguarded(const std::string& dut, const std::string& why) { unguarded_[dut] = why; }
  void set_leak_watch_armed(const std::string& dut, bool armed);
  /// From now on the warden's own watch must be ready too, on what has leak detectors.
  void require_warden_watch() { warden_watches_ = true; }
  /// `why` it is not ready, as a sentence.
  void set_warden_watch(const std::string& dut, bool ready, const std::string& why);
  /// From now on load there, and on what it serves, needs the warden's word about heat and coolant.
  void require_hazard_watch(const std::string& dut) { hazards_.try_emplace(dut); }
  void set_hazard_watch(const HazardReport& report);
  /// Why load there has to wait for the warden, which reads nothing amiss; nullopt: it need not, or waiting
  /// is of no use.
  [[nodiscard]] std::optional<std::string> why_wait_with_load(const Dut& dut) const;
  void require_cooling_proof(const std::string& dut);
  void set_cooling_proven(const std::string& dut);
  /// A firmware write of the DUT began; it ended.
  void set_flash_open(const std::string& dut, const std::string& component) { flashing_[dut] = component; }
  void set_flash_closed(const std::string& dut) { flashing_.erase(dut); }
  /// A leak detector of `dut` is masked: nothing that it watches is energised. Both empty: none is.
  void set_masked(const std::string& dut, const std::string& part) { masked_ = {dut, part}; }
  /// The BMC that reads the leak detectors of `dut` is away by plan, or no longer: nothing that they watch is
  /// energised meanwhile.
  void set_silent(const std::string& dut, bool silent);
  /// Every leak detector that watches `dut` is judged. Errors: permit.masked, permit.silent.
  [[nodiscard]] Status all_judged(const Dut& dut) const;
  /// The write that a power action on `dut` would disturb, as "UEFI of C01".
  [[nodiscard]] std::optional<std::string> flash_in_scope(const Dut& dut) const;
  /// Power shelves, CDUs and the rack itself: every DUT depends on them.
  static bool serves_all(const Dut& dut);

  /// Every leak detector of the DUT is read, and dry, by its leak watch and by the warden.
  [[nodiscard]] bool is_watched(const std::string& dut) const {
    return armed_.contains(dut) && (!warden_watches_ || warden_ready_.contains(dut));
  }
  /// Errors: permit.flash_open, permit.interlocked, permit.masked, permit.silent, permit.no_warden,
  /// permit.no_leak_detectors, permit.no_leak_watch, permit.no_warden_watch, permit.hazard,
  /// permit.no_hazard_watch, permit.cooling_not_proven.
  Result<Permit> grant(const Dut& dut, Energy energy);
  /// The same, asked by the firmware write of that DUT itself.
  Status permitted_within_flash(const Dut& dut, Energy energy);
  /// Revokes every permit of the DUT and refuses new ones for the rest of the run.
  void cut(const std::string& dut);
  [[nodiscard]] bool is_cut(const std::string& dut) const { return cut_.contains(dut); }

 private:
  const Inventory& inventory_;
  std::set<std::string> armed_, cut_, cooling_required_, cooling_proven_;
  bool warden_watches_ = false;
  std::set<std::string> warden_ready_;
  std::map<std::string, std::string> warden_not_ready_;  ///< DUT → why
  [[nodiscard]] Status hazards_allow(const Dut& dut, Energy energy) const;
  std::map<std::string, std::optional<HazardReport>> hazards_;  ///< nullopt: the warden has not said
  std::map<std::string, std::string> unguarded_;                ///< DUT → why
  std::set<std::string> silent_;
  std::pair<std::string, std::string> masked_;   ///< DUT and leak detector; empty: none
  std::map<std::string, std::string> flashing_;  ///< DUT → component
  std::map<std::string, std::shared_ptr<bool>> valid_;
};

}  // namespace kiln
