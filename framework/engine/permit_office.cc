#include "engine/permit_office.h"

#include <fmt/format.h>

#include <vector>

#include "engine/energy_rules.h"
#include "model/interlock_reach.h"

namespace kiln {

PermitOffice::PermitOffice(const Inventory& inventory) : inventory_(inventory) {}

void PermitOffice::set_leak_watch_armed(const std::string& dut, bool armed) {
  if (armed) {
    armed_.insert(dut);
  } else {
    armed_.erase(dut);
  }
}

void PermitOffice::set_warden_watch(const std::string& dut, bool ready, const std::string& why) {
  if (ready) {
    warden_ready_.insert(dut);
  } else {
    warden_ready_.erase(dut);
    warden_not_ready_[dut] = why;
  }
}

void PermitOffice::set_hazard_watch(const HazardReport& report) {
  const auto found = hazards_.find(report.dut);
  if (found != hazards_.end()) found->second = report;
}

void PermitOffice::require_cooling_proof(const std::string& dut) { cooling_required_.insert(dut); }
void PermitOffice::set_cooling_proven(const std::string& dut) { cooling_proven_.insert(dut); }

bool PermitOffice::serves_all(const Dut& dut) { return kiln::serves_all(dut.role); }

std::optional<std::string> PermitOffice::flash_in_scope(const Dut& dut) const {
  for (const auto& [id, component] : flashing_) {
    if (id == dut.id || serves_all(dut)) return fmt::format("{} of {}", component, id);
  }
  return std::nullopt;
}

void PermitOffice::set_silent(const std::string& dut, bool silent) {
  if (silent) {
    silent_.insert(dut);
  } else {
    silent_.erase(dut);
  }
}

Status PermitOffice::all_judged(const Dut& dut) const {
  for (const std::string& id : silent_) {
    const Dut* silent = inventory_.find(id);
    if (silent == nullptr || (silent->id != dut.id && !serves_all(*silent))) continue;
    return Error(
        "permit.silent",
        fmt::format("the BMC of {} is away to run new firmware, and nobody reads its leak detectors, "
                    "so {} may not be energised",
                    id, dut.id),
        "let its update end first", Blame::recipe);
  }
  const Dut* masked = inventory_.find(masked_.first);
  if (masked == nullptr || (masked->id != dut.id && !serves_all(*masked))) return success();
  return Error(
      "permit.masked",
      fmt::format("leak detector {} of {} is masked for its functional test, so {} may not be energised",
                  masked_.second, masked_.first, dut.id),
      "let the test end first: order the phases so that nothing is switched beside it", Blame::recipe);
}

Result<Permit> PermitOffice::grant(const Dut& dut, Energy energy) {
  if (cut_.contains(dut.id)) {
    return Error("permit.interlocked",
                 fmt::format("{} was cut by an interlock in this run; nothing energises it again", dut.id),
                 "inspect the tray, then start a new run", Blame::peer);
  }
  const std::optional<std::string> flash = flash_in_scope(dut);
  if (flash && energy != Energy::host_stress) {
    return Error(
        "permit.flash_open",
        fmt::format("no {} on {} while firmware is being written ({})", to_string(energy), dut.id, *flash),
        "let the update end first", Blame::recipe);
  }
  if (energy != Energy::host_stress) {
    const Status judged = all_judged(dut);
    if (!judged) return judged.error();
    if (!inventory_.simulated && !warden_watches_) {
      return Error(
          "permit.no_warden",
          fmt::format("{} is real hardware: energising it ({}) needs the warden", dut.id, to_string(energy)),
          "start the run with 'kiln run'", Blame::station);
    }
    if (const auto blind = why_blind(inventory_, dut)) {
      return Error("permit.no_leak_detectors", *blind, kHowToSee, Blame::operator_);
    }
    if (const auto unguarded = unguarded_.find(dut.id); unguarded != unguarded_.end()) {
      return Error(
          "permit.no_warden",
          fmt::format("the warden could not reach the power of {} ({}), so nothing there is energised",
                      dut.id, unguarded->second),
          "see that its BMC answers, then run again", Blame::peer);
    }
    if (warden_watches_ && inventory_.building && !warden_ready_.contains(inventory_.rack)) {
      const auto why = warden_not_ready_.find(inventory_.rack);
      return Error(
          "permit.no_warden_watch",
          fmt::format("the warden has not read every leak point of the building clear, so {} may not "
                      "be energised ({})",
                      dut.id, why == warden_not_ready_.end() ? "not read yet" : why->second),
          "see that point in the building's management system, and its broker", Blame::peer);
    }
    std::vector<const Dut*> watched = cdus_of(inventory_, dut);
    watched.push_back(&dut);
    for (const Dut* other : watched) {
      if (!has_leak_detectors(*other)) continue;
      if (warden_watches_ && !warden_ready_.contains(other->id)) {
        const auto why = warden_not_ready_.find(other->id);
        return Error(
            "permit.no_warden_watch",
            fmt::format("the warden cannot say that {} is dry, so {} may not be energised ({})", other->id,
                        dut.id, why == warden_not_ready_.end() ? "not read yet" : why->second),
            "see that detector; nothing is energised before each of them was read dry", Blame::peer);
      }
      if (armed_.contains(other->id)) continue;
      return Error(
          "permit.no_leak_watch",
          fmt::format("the leak watch of {} has not read every detector dry, so {} may not be energised",
                      other->id, dut.id),
          "see the leak watch's own result for the detector that is missing or not dry", Blame::peer);
    }
  }
  if (energy != Energy::host_stress) {
    const Status allowed = hazards_allow(dut, energy);
    if (!allowed) return allowed.error();
  }
  if (energy == Energy::load) {
    // A CDU serves every tray of the rack; a tray's own proof concerns that tray only. What is liquid-cooled
    // needs proof whether or not the recipe has steps that could give it.
    std::set<std::string> concerned;
    for (const auto& required : cooling_required_) {
      const Dut* other = inventory_.find(required);
      if (required == dut.id || (other != nullptr && other->role == Role::cdu)) concerned.insert(required);
    }
    if (is_liquid_cooled(dut)) concerned.insert(dut.id);
    for (const Dut* cdu : cdus_of(inventory_, dut)) {
      if (is_liquid_cooled(*cdu)) concerned.insert(cdu->id);
    }
    for (const auto& required : concerned) {
      if (!cooling_proven_.contains(required)) {
        return Error("permit.cooling_not_proven",
                     fmt::format("load on {} needs proven cooling, and {} has not passed its cooling checks",
                                 dut.id, required),
                     "see the cooling phase of that DUT", Blame::peer);
      }
    }
  }
  auto& valid = valid_[dut.id];
  if (!valid) valid = std::make_shared<bool>(true);
  return Permit(dut.id, energy, valid);
}

Status PermitOffice::permitted_within_flash(const Dut& dut, Energy energy) {
  auto own = flashing_.extract(dut.id);
  const Result<Permit> granted = grant(dut, energy);
  if (!own.empty()) flashing_.insert(std::move(own));
  return granted ? success() : Status(granted.error());
}

std::optional<std::string> PermitOffice::why_wait_with_load(const Dut& dut) const {
  const Status allowed = hazards_allow(dut, Energy::load);
  if (allowed || allowed.error().code != "permit.no_hazard_watch") return std::nullopt;
  return allowed.error().message;
}

Status PermitOffice::hazards_allow(const Dut& dut, Energy energy) const {
  std::vector<const Dut*> watched = cdus_of(inventory_, dut);
  watched.push_back(&dut);
  for (const Dut* other : watched) {
    const auto found = hazards_.find(other->id);
    if (found == hazards_.end()) continue;
    const std::optional<HazardReport>& report = found->second;
    if (report && !report->power_ready) {
      return Error("permit.hazard",
                   fmt::format("{} may not be energised ({}): {}", dut.id, to_string(energy), report->why),
                   "find the cause of that reading first", Blame::peer);
    }
    if (energy != Energy::load || (report && report->load_ready)) continue;
    return Error(
        "permit.no_hazard_watch",
        fmt::format("the warden cannot say that heat and coolant of {} are as they must be, so {} may not be "
                    "put under load ({})",
                    other->id, dut.id, report ? report->why : "not read yet"),
        "see that its BMC reads them; the station's interlock rules say which are required", Blame::peer);
  }
  return success();
}

void PermitOffice::cut(const std::string& dut) {
  cut_.insert(dut);
  const auto found = valid_.find(dut);
  if (found != valid_.end()) *found->second = false;
}

}  // namespace kiln
