#pragma once
// What a management controller may be able to do, as a closed list: the words in which a step says what it
// needs of one (engine/step.h) and in which `kiln doctor --bmc` says what one has. One word per verb of
// intent of bmc.h, and the ways in which it tells of events by itself. Pure, any thread.

#include <array>
#include <string_view>

namespace kiln {

enum class BmcAbility {
  identity,
  power_state,
  power_on,
  force_off,
  graceful_shutdown,
  restart,
  manager_reset,
  full_power_cycle,  ///< standby power, too
  gpu_power_limit,   ///< to set it; reading it is part of `gpus`
  coolant_valves,
  parts,
  sensors,
  leak_detectors,
  leak_policies,
  coolant,
  pumps,
  gpus,
  nvlinks,
  firmware_inventory,
  firmware_update,
  event_log,
  clock,
  whole_tree,  ///< every link followed (Bmc::survey)
  metric_reports,
  event_stream,
  event_subscription,
  power_chain,
  platform_setup
};

inline constexpr std::array<BmcAbility, 28> kBmcAbilities{BmcAbility::identity,
                                                          BmcAbility::power_state,
                                                          BmcAbility::power_on,
                                                          BmcAbility::force_off,
                                                          BmcAbility::graceful_shutdown,
                                                          BmcAbility::restart,
                                                          BmcAbility::manager_reset,
                                                          BmcAbility::full_power_cycle,
                                                          BmcAbility::gpu_power_limit,
                                                          BmcAbility::coolant_valves,
                                                          BmcAbility::parts,
                                                          BmcAbility::sensors,
                                                          BmcAbility::leak_detectors,
                                                          BmcAbility::leak_policies,
                                                          BmcAbility::coolant,
                                                          BmcAbility::pumps,
                                                          BmcAbility::gpus,
                                                          BmcAbility::nvlinks,
                                                          BmcAbility::firmware_inventory,
                                                          BmcAbility::firmware_update,
                                                          BmcAbility::event_log,
                                                          BmcAbility::clock,
                                                          BmcAbility::whole_tree,
                                                          BmcAbility::metric_reports,
                                                          BmcAbility::event_stream,
                                                          BmcAbility::event_subscription,
                                                          BmcAbility::power_chain,
                                                          BmcAbility::platform_setup};

/// "leak_detectors".
std::string_view to_string(BmcAbility ability);
/// What it is to a person: "read its leak detectors".
std::string_view phrase(BmcAbility ability);
/// What a person can do about one that is missing.
std::string_view cure(BmcAbility ability);

}  // namespace kiln
