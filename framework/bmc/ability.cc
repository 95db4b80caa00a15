#include "bmc/ability.h"

#include <algorithm>

namespace kiln {
namespace {

struct AbilityWords {
  BmcAbility ability;
  std::string_view name, phrase, cure;
};

constexpr std::string_view kUpdate = "update the BMC's firmware, or leave the step out for this kind of DUT";
constexpr std::string_view kPower =
    "see whether a rack manager or power shelf switches this DUT, and update the BMC's firmware; without it "
    "the DUT "
    "is switched by hand";

constexpr std::array<AbilityWords, kBmcAbilities.size()> kWords{
    {{BmcAbility::identity, "identity", "say which machine it belongs to",
      "have the serial number written into the FRU of the machine; until then nothing ties a record to it"},
     {BmcAbility::power_state, "power_state", "say whether the machine is on", kPower},
     {BmcAbility::power_on, "power_on", "switch it on", kPower},
     {BmcAbility::force_off, "force_off", "cut its power",
      "nothing may be energised that cannot be cut: see whether a rack manager or power shelf cuts this DUT, "
      "and update "
      "the BMC's firmware"},
     {BmcAbility::graceful_shutdown, "graceful_shutdown", "shut the system down",
      "shut the system down over SSH before the step; it is forced off otherwise"},
     {BmcAbility::restart, "restart", "restart it", kPower},
     {BmcAbility::manager_reset, "manager_reset", "restart the BMC itself", kUpdate},
     {BmcAbility::full_power_cycle, "full_power_cycle", "take all its power away and give it back",
      "pull and plug its power by hand where an activation needs it"},
     {BmcAbility::gpu_power_limit, "gpu_power_limit", "set what a GPU may draw",
      "set the limit on the host (nvidia-smi -pl), or update the BMC's firmware"},
     {BmcAbility::coolant_valves, "coolant_valves", "move a coolant valve", "move the valve by hand"},
     {BmcAbility::parts, "parts", "list the parts",
      "list them on the host (inventory.in_band), or update the BMC's firmware"},
     {BmcAbility::sensors, "sensors", "read its sensors", kUpdate},
     {BmcAbility::leak_detectors, "leak_detectors", "read its leak detectors",
      "see where the detectors of this machine are wired (the cooling unit, the rack's own sensors) and name "
      "that place "
      "in the rack file; do not load a liquid-cooled machine whose leaks nobody reads"},
     {BmcAbility::leak_policies, "leak_policies", "say what it does by itself about a leak",
      "look it up at the BMC's own console"},
     {BmcAbility::coolant, "coolant", "read its coolant connections",
      "read flow and temperatures at the cooling unit"},
     {BmcAbility::pumps, "pumps", "read its pumps", "read them at the cooling unit"},
     {BmcAbility::gpus, "gpus", "read its GPUs",
      "switch the machine on (some BMCs list GPUs only then), or let the step read them on the host"},
     {BmcAbility::nvlinks, "nvlinks", "read its NVLink ports",
      "switch the machine on (some BMCs list ports only then), or read them on the host with nvidia-smi "
      "nvlink"},
     {BmcAbility::firmware_inventory, "firmware_inventory", "list firmware versions", kUpdate},
     {BmcAbility::firmware_update, "firmware_update", "take a firmware image",
      "update it the way its vendor describes"},
     {BmcAbility::event_log, "event_log", "give out its event log", kUpdate},
     {BmcAbility::clock, "clock", "say what time it has", "set up time at the BMC (NTP)"},
     {BmcAbility::whole_tree, "whole_tree", "be read as a whole", kUpdate},
     {BmcAbility::metric_reports, "metric_reports", "give many readings in one answer",
      "nothing needs doing: each resource is read by itself, which is slower"},
     {BmcAbility::event_stream, "event_stream", "tell of events by itself on a stream",
      "nothing needs doing: it is polled"},
     {BmcAbility::event_subscription, "event_subscription", "send events to a listener",
      "nothing needs doing: it is polled"},
     {BmcAbility::power_chain, "power_chain", "read its power supplies and what it draws",
      "read them at the power shelf's own display or at the rack's power distribution"},
     {BmcAbility::platform_setup, "platform_setup", "say how the machine is set up",
      "look it up in the machine's setup program and at the BMC's own console"}}};

const AbilityWords& words_of_ability(BmcAbility ability) {
  return *std::find_if(kWords.begin(), kWords.end(),
                       [ability](const AbilityWords& one) { return one.ability == ability; });
}

}  // namespace

std::string_view to_string(BmcAbility ability) { return words_of_ability(ability).name; }
std::string_view phrase(BmcAbility ability) { return words_of_ability(ability).phrase; }
std::string_view cure(BmcAbility ability) { return words_of_ability(ability).cure; }

}  // namespace kiln
