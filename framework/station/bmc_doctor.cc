#include "station/bmc_doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace kiln {
namespace {

/// What an ability is asked for: where the rack file expects none of it, nothing is missed.
std::optional<ComponentKind> asked_for(BmcAbility ability) {
  switch (ability) {
    case BmcAbility::leak_detectors:
    case BmcAbility::leak_policies:
      return ComponentKind::leak_detector;
    case BmcAbility::coolant:
    case BmcAbility::coolant_valves:
      return ComponentKind::coolant_connector;
    case BmcAbility::pumps:
      return ComponentKind::pump;
    case BmcAbility::gpus:
    case BmcAbility::gpu_power_limit:
      return ComponentKind::gpu;
    case BmcAbility::nvlinks:
      return ComponentKind::nvlink;
    default:
      return std::nullopt;
  }
}

/// Kinds that `parts` lists; the others have an ability of their own.
bool is_listed_as_part(ComponentKind kind) {
  static const std::set<ComponentKind> kinds{
      ComponentKind::gpu,  ComponentKind::nvswitch, ComponentKind::coolant_connector,
      ComponentKind::pump, ComponentKind::fan,      ComponentKind::power_supply,
      ComponentKind::cpu,  ComponentKind::memory,   ComponentKind::drive,
      ComponentKind::nic};
  return kinds.count(kind) > 0;
}

std::map<ComponentKind, std::size_t> expected_of(const Dut& dut) {
  std::map<ComponentKind, std::size_t> expected;
  for (const Component& component : dut.expect.components) ++expected[component.kind];
  return expected;
}

MissingNeed missing_as_found(const BmcNeed& need, const AbilityFinding& finding) {
  MissingNeed missing;
  missing.need = need;
  missing.proof = finding.proof;
  missing.what = finding.evidence;
  missing.looked_at = finding.looked_at;
  missing.cure = finding.proof == Proof::unread
                     ? "ask again; if it stays so, look at the BMC's own log, and restart or update the BMC"
                     : std::string(cure(need.ability));
  return missing;
}

/// Kinds of parts that the rack file expects, and of which the BMC lists not one.
void add_missing_kinds(const BmcNeed& need, const AbilityFinding& finding, const Dut& dut,
                       std::vector<MissingNeed>& into) {
  for (const auto& [kind, count] : expected_of(dut)) {
    if (!is_listed_as_part(kind) || finding.kinds.count(kind) > 0) continue;
    const bool hidden = std::find(finding.hidden.begin(), finding.hidden.end(), kind) != finding.hidden.end();
    MissingNeed missing;
    missing.need = need;
    missing.proof = hidden ? Proof::unread : Proof::lacks;
    missing.what = fmt::format("the rack file expects {} {}, the BMC lists none{}", count, to_string(kind),
                               hidden ? " that could be read" : "");
    missing.looked_at = finding.looked_at;
    missing.cure =
        "switch the machine on and look again (some BMCs list parts only then); else list them on the host "
        "(inventory.in_band), or take them out of the rack file where they are not";
    into.push_back(std::move(missing));
  }
}

StepDiagnosis diagnose_step(const std::string& path, const Step& step, const std::vector<BmcNeed>& needs,
                            const Dut& dut, const BmcProof& proof) {
  StepDiagnosis diagnosis;
  diagnosis.path = path;
  diagnosis.use = step.describe().use;
  const std::map<ComponentKind, std::size_t> expected = expected_of(dut);
  for (const BmcNeed& need : needs) {
    const AbilityFinding* finding = proof.find(need.ability);
    if (finding == nullptr) continue;
    const bool no_serial_wanted = !dut.id.empty() && dut.expect.serial.empty();
    if (need.ability == BmcAbility::identity && no_serial_wanted) continue;
    const std::optional<ComponentKind> kind = asked_for(need.ability);
    const bool expects_none = !expected.empty() && kind && expected.count(*kind) == 0;
    if (finding->proof != Proof::has && !expects_none)
      diagnosis.missing.push_back(missing_as_found(need, *finding));
    if (finding->proof == Proof::has && need.ability == BmcAbility::parts)
      add_missing_kinds(need, *finding, dut, diagnosis.missing);
  }
  for (const MissingNeed& missing : diagnosis.missing) {
    if (!missing.need.required) continue;
    diagnosis.able = false;
    if (missing.proof == Proof::unread) diagnosis.known = false;
  }
  return diagnosis;
}

struct PlacedUse {
  std::string path, use;
  const Selector* duts = nullptr;
};

std::vector<PlacedUse> uses_in(const Recipe& recipe) {
  std::vector<PlacedUse> uses;
  const auto take = [&uses](const std::string& phase, const std::vector<StepSpec>& steps) {
    for (const StepSpec& step : steps)
      uses.push_back({fmt::format("{}/{}", phase, step.name), step.use, &step.duts});
  };
  for (const MonitorSpec& monitor : recipe.monitors)
    uses.push_back({"monitor/" + monitor.name, monitor.use, &monitor.duts});
  for (const PhaseSpec& phase : recipe.phases) {
    take(phase.name, phase.setup);
    take(phase.name, phase.steps);
    take(phase.name, phase.teardown);
  }
  take("teardown", recipe.teardown);
  return uses;
}

}  // namespace

std::string_view to_string(CanDo word) {
  switch (word) {
    case CanDo::can:
      return "can";
    case CanDo::in_part:
      return "can in part";
    case CanDo::cannot:
      return "cannot";
    case CanDo::not_known:
      return "not known";
    case CanDo::not_for_it:
      return "not for it";
  }
  return "not known";
}

std::vector<BmcNeed> needs_of(const StepDescription& step) {
  std::vector<BmcNeed> needs = step.bmc;
  const bool has_cut = std::any_of(needs.begin(), needs.end(), [](const BmcNeed& need) {
    return need.ability == BmcAbility::force_off && need.required;
  });
  // Stress of this machine's own processors ends by its own time limit; everything else must be cut.
  if (step.energises && *step.energises != Energy::host_stress && !has_cut)
    needs.push_back({BmcAbility::force_off, true, "to be cut by an interlock"});
  return needs;
}

RecipeDiagnosis diagnose(const std::string& name, const Recipe& recipe, const StepCatalog& catalog,
                         const Dut& dut, const BmcProof& proof) {
  RecipeDiagnosis diagnosis;
  diagnosis.recipe = name;
  bool known = true, can_be_cut = true;
  for (const PlacedUse& placed : uses_in(recipe)) {
    const Step* step = catalog.find(placed.use);
    if (step == nullptr || !(placed.duts->matches(dut) || placed.duts->is_rack_scope())) continue;
    const std::vector<BmcNeed> needs = needs_of(step->describe());
    if (needs.empty()) continue;
    ++diagnosis.asking;
    StepDiagnosis one = diagnose_step(placed.path, *step, needs, dut, proof);
    if (one.able) ++diagnosis.able;
    known = known && one.known;
    for (const MissingNeed& missing : one.missing) {
      const bool no_cut = missing.need.ability == BmcAbility::force_off && missing.need.required &&
                          missing.proof == Proof::lacks && step->describe().energises;
      can_be_cut = can_be_cut && !no_cut;
    }
    if (!one.missing.empty()) diagnosis.steps.push_back(std::move(one));
  }
  if (diagnosis.asking == 0) {
    diagnosis.word = CanDo::not_for_it;
  } else if (!can_be_cut) {
    diagnosis.word = CanDo::cannot;
  } else if (!known) {
    diagnosis.word = CanDo::not_known;
  } else if (diagnosis.steps.empty()) {
    diagnosis.word = CanDo::can;
  } else {
    diagnosis.word = diagnosis.able > 0 ? CanDo::in_part : CanDo::cannot;
  }
  return diagnosis;
}

}  // namespace kiln
