// Where each tray of the rack really sits, as three sources that know nothing of each other have it: the rack
// file (rack units), the cable cartridges (Redfish), the driver (nvidia-smi, platform information).
//
// A slot of the cartridges is no rack unit: on captured hosts slot and tray index differ by 10 (slot 21, tray
// 11), while the rack units of compute trays have a gap where the switch trays are. So numbers are compared
// only between sources that count alike; against the rack file their order is: what lies higher has the
// higher tray index.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "nvlink_steps.h"
#include "sdk/gpu_match.h"
#include "sdk/tool_output.h"

namespace kiln::nvlink {

using boost::asio::awaitable;

namespace {

constexpr const char* kPlatformQuery = "nvidia-smi -q -x";
constexpr Nanoseconds kPlatformQueryBudget = std::chrono::seconds(60);
constexpr Nanoseconds kPartsBudget = std::chrono::seconds(120);
constexpr std::string_view kCartridge = "CBC_";
constexpr std::string_view kCartridgeUri = "/Chassis/CBC_";

/// A number that sources tell, and who tells which.
class Told {
 public:
  void add(std::int64_t number, const std::string& who) { by_number_[number].insert(who); }
  [[nodiscard]] bool empty() const { return by_number_.empty(); }
  [[nodiscard]] bool differs() const { return by_number_.size() > 1; }
  [[nodiscard]] std::int64_t number() const { return by_number_.begin()->first; }
  /// "11 (CBC_0, CBC_1), 12 (GPU_0)"
  [[nodiscard]] std::string sentence() const {
    std::vector<std::string> words;
    for (const auto& [number, who] : by_number_)
      words.push_back(fmt::format("{} ({})", number, fmt::join(who, ", ")));
    return fmt::format("{}", fmt::join(words, ", "));
  }

 private:
  std::map<std::int64_t, std::set<std::string>> by_number_;
};

struct Tray {
  const Dut* dut = nullptr;
  Told slot, index;
  std::size_t cartridges = 0;
  std::string cartridges_unknown;  ///< why nobody knows how many there are
  std::vector<std::string> cartridges_out, unread;
  std::string twice;  ///< GPUs that say they are the same module
};

struct RackPlaces {
  std::vector<Tray> trays;
  Told topology;
  std::vector<std::string> without_topology;
};

/// A host that is in no rack prints slot 0 and tray 0 (two captured GB200 hosts do): that is no place.
std::optional<std::int64_t> place_number(const std::string& text) {
  if (means_unset(text)) return std::nullopt;
  const std::optional<std::int64_t> number = tolerant_integer(text);
  if (number && *number < 0) return std::nullopt;
  return number;
}

void take_place(Tray& tray, std::optional<std::int64_t> slot, std::optional<std::int64_t> index,
                const std::string& who) {
  if (slot.value_or(0) == 0 && index.value_or(0) == 0) return;
  if (slot) tray.slot.add(*slot, who);
  if (index) tray.index.add(*index, who);
}

/// The chassis itself, not what is beneath it.
bool is_cartridge(const std::string& uri) {
  const std::size_t at = uri.find(kCartridgeUri);
  return at != std::string::npos && uri.find('/', at + kCartridgeUri.size()) == std::string::npos;
}

void take_cartridges(const Result<std::vector<Part>>& parts, Tray& tray, RackPlaces& places) {
  if (!parts) {
    tray.cartridges_unknown = parts.error().message;
    places.without_topology.push_back(fmt::format("{} ({})", tray.dut->id, parts.error().message));
    return;
  }
  std::set<std::string> counted;
  bool told = false;
  for (const Part& part : *parts) {
    if (!part.unread.empty()) {
      // What could not be read is not missing.
      if (is_cartridge(part.uri)) tray.cartridges_unknown = part.unread;
      continue;
    }
    if (part.kind != ComponentKind::whole_dut || !part.name.starts_with(kCartridge)) continue;
    if (part.state == "Absent") {
      tray.cartridges_out.push_back(part.name);
      continue;
    }
    counted.insert(part.name);
    take_place(tray, part.rack_slot, part.tray_index, part.name);
    if (!part.topology_id) continue;
    places.topology.add(*part.topology_id, tray.dut->id + ":" + part.name);
    told = true;
  }
  tray.cartridges = counted.size();
  if (!told) places.without_topology.push_back(tray.dut->id + " (its cartridges tell none)");
}

void take_driver(const Result<CommandResult>& asked, Tray& tray) {
  if (!asked) {
    tray.unread.push_back(asked.error().message);
    return;
  }
  const Result<tool_output::NvidiaSmiQuery> query = tool_output::parse_nvidia_smi_query(asked->out);
  if (!query) {
    tray.unread.push_back(query.error().message);
    return;
  }
  const GpuMatch match = match_gpus(*tray.dut, *query);
  std::map<std::int64_t, std::string> modules;
  for (const auto& [name, gpu] : match.by_name) {
    take_place(tray, place_number(gpu->slot_number), place_number(gpu->tray_index), name);
    const std::optional<std::int64_t> module = place_number(gpu->module_id);
    if (!module) continue;
    const auto [other, fresh] = modules.emplace(*module, name);
    if (!fresh)
      tray.twice =
          fmt::format("{} and {} of {} are both module {}", other->second, name, tray.dut->id, *module);
  }
}

awaitable<Status> ask_tray(StepContext& context, Tray& tray, RackPlaces& places) {
  Ctx limited = context.ctx().child_within("chassis", kPartsBudget);
  Result<std::vector<Part>> parts = Error("nvlink.no_bmc", "the rack file names no BMC", "", Blame::recipe);
  if (tray.dut->bmc) {
    const Result<Bmc*> bmc = context.bmc_of(tray.dut->id);
    if (!bmc) co_return bmc.error();
    parts = co_await (*bmc)->parts(limited);
  }
  const Status going_on = context.ctx().check();
  if (!going_on) co_return going_on;
  take_cartridges(parts, tray, places);
  if (!tray.dut->host) {
    tray.unread.emplace_back("the rack file names no host");
    co_return success();
  }
  const Result<Shell*> shell = context.shell_of(tray.dut->id);
  if (!shell) co_return shell.error();
  Ctx within = context.ctx().child_within("nvidia-smi", kPlatformQueryBudget);
  Command command(kPlatformQuery);
  const Result<CommandResult> asked = co_await (*shell)->run(within, std::move(command));
  const Status still = context.ctx().check();
  if (!still) co_return still;
  take_driver(asked, tray);
  co_return success();
}

/// Who sits elsewhere than the others' places leave room for, with the sentence that says so.
std::map<std::string, std::string> misplaced(const std::vector<Tray>& trays, std::int64_t offset) {
  std::map<std::string, std::string> wrong;
  std::map<std::int64_t, std::vector<std::string>> by_index;
  std::vector<const Tray*> in_order;
  for (const Tray& tray : trays) {
    const std::string& id = tray.dut->id;
    if (!tray.twice.empty()) wrong[id] = tray.twice;
    if (tray.slot.differs()) wrong[id] = fmt::format("{} has slots {}", id, tray.slot.sentence());
    if (tray.index.differs()) wrong[id] = fmt::format("{} has tray indexes {}", id, tray.index.sentence());
    if (wrong.contains(id) || tray.index.empty()) continue;
    const std::int64_t index = tray.index.number();
    if (!tray.slot.empty() && tray.slot.number() != index + offset)
      wrong[id] = fmt::format("{} is tray {} in slot {}, not in slot {}", id, index, tray.slot.number(),
                              index + offset);
    by_index[index].push_back(id);
    if (tray.dut->slot) in_order.push_back(&tray);
  }
  for (const auto& [index, who] : by_index) {
    for (const std::string& id : who) {
      if (who.size() > 1) wrong[id] = fmt::format("{} are tray {}", fmt::join(who, " and "), index);
    }
  }
  std::sort(in_order.begin(), in_order.end(),
            [](const Tray* a, const Tray* b) { return *a->dut->slot < *b->dut->slot; });
  std::vector<std::int64_t> sorted;
  for (const Tray* tray : in_order) sorted.push_back(tray->index.number());
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < in_order.size(); ++i) {
    const Tray& tray = *in_order[i];
    if (tray.index.number() == sorted[i] || wrong.contains(tray.dut->id)) continue;
    wrong[tray.dut->id] = fmt::format("{}, in unit {} by the rack file, is tray {}, where tray {} belongs",
                                      tray.dut->id, *tray.dut->slot, tray.index.number(), sorted[i]);
  }
  return wrong;
}

std::string joined(const std::map<std::string, std::string>& sentences) {
  std::set<std::string> each;
  for (const auto& [id, sentence] : sentences) each.insert(sentence);
  return fmt::format("{}", fmt::join(each, "; "));
}

Reading misplaced_reading(const RackPlaces& places, std::int64_t offset) {
  Reading reading("nvlink.topology.misplaced", "", std::monostate{},
                  Source{"redfish and ssh", "all sources"});
  const std::map<std::string, std::string> wrong = misplaced(places.trays, offset);
  std::vector<std::string> unknown;
  for (const Tray& tray : places.trays) {
    if (!tray.index.empty()) continue;  // a slot alone is compared with nothing
    unknown.push_back(tray.unread.empty()
                          ? tray.dut->id
                          : fmt::format("{} ({})", tray.dut->id, fmt::join(tray.unread, ", ")));
  }
  if (!places.trays.empty() && (unknown.empty() || !wrong.empty()))
    reading.value = static_cast<std::int64_t>(wrong.size());
  reading.reason = places.trays.empty()
                       ? std::string("no tray with GPUs is in the run")
                       : fmt::format("nobody tells the place of {}", fmt::join(unknown, ", "));
  if (!wrong.empty()) reading.action = "move the tray, or correct the rack file: " + joined(wrong);
  return reading;
}

Reading topologies_reading(const RackPlaces& places) {
  Reading reading("nvlink.topology.differing", "", std::monostate{},
                  Source{"redfish", "Chassis CBC_n Oem.Nvidia"});
  if (places.topology.differs()) {
    reading.value = std::int64_t{1};
    reading.action =
        "cartridges or trays of different racks are mixed: topology " + places.topology.sentence();
  } else if (!places.topology.empty() && places.without_topology.empty()) {
    reading.value = std::int64_t{0};
  }
  reading.reason = places.trays.empty()
                       ? std::string("no tray with GPUs is in the run")
                       : fmt::format("no topology is known of {}", fmt::join(places.without_topology, ", "));
  return reading;
}

Reading cartridges_reading(const RackPlaces& places, std::int64_t expected) {
  Reading reading("nvlink.cartridges.missing", "", std::monostate{}, Source{"redfish", "Chassis CBC_n"});
  std::int64_t missing = 0;
  std::vector<std::string> unknown, where;
  for (const Tray& tray : places.trays) {
    const std::int64_t has = static_cast<std::int64_t>(tray.cartridges);
    if (!tray.cartridges_unknown.empty()) {
      unknown.push_back(fmt::format("{} ({})", tray.dut->id, tray.cartridges_unknown));
    } else if (has == 0 && tray.cartridges_out.empty()) {
      // A BMC that lists none at all has no word for them; one that lists some has lost the others.
      unknown.push_back(tray.dut->id + " (its BMC lists no cartridge)");
    } else if (has < expected) {
      missing += expected - has;
      where.push_back(fmt::format("{} has {} of {}", tray.dut->id, has, expected));
    }
  }
  if (!places.trays.empty() && (unknown.empty() || missing > 0)) reading.value = missing;
  reading.reason = places.trays.empty() ? std::string("no tray with GPUs is in the run")
                                        : fmt::format("not known of {}", fmt::join(unknown, ", "));
  if (missing > 0)
    reading.action = fmt::format("reseat the tray in its cartridges: {}", fmt::join(where, ", "));
  return reading;
}

}  // namespace

const StepDescription& Topology::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "nvlink.topology";
    made.rack_scope = true;
    made.bmc = {{BmcAbility::parts, true, "to read what the cable cartridges tell"}};
    made.summary = "Every tray is where the rack file has it, as its cartridges and its driver know it";
    const std::string action = "look at the trays, their slots and their cable cartridges";
    made.measurements = {
        {"nvlink.topology.misplaced", "1", ComponentKind::whole_dut, true, "nvlink.tray_misplaced", action,
         "compute trays whose place the sources tell differently, or whose order is not the rack file's"},
        {"nvlink.topology.differing", "1", ComponentKind::whole_dut, true, "nvlink.topology_mixed", action,
         "0 when the cartridges of all trays tell one topology, else 1"},
        {"nvlink.cartridges.missing", "1", ComponentKind::whole_dut, true, "nvlink.cartridge_missing", action,
         "cable cartridges that no BMC lists, over all compute trays"}};
    made.parameters = {
        {"cartridges", ParameterType::integer, "4", "cable cartridges of a compute tray"},
        {"slot_minus_tray", ParameterType::integer, "10", "what a slot is above the tray index in it"}};
    made.default_timeout = std::chrono::minutes(10);
    return made;
  }();
  return description;
}

awaitable<Status> Topology::run(StepContext& context) {
  RackPlaces places;
  for (const Dut* dut : context.duts()) {
    if (dut->expect.of_kind(ComponentKind::gpu).empty()) continue;
    Tray tray;
    tray.dut = dut;
    const Status asked = co_await ask_tray(context, tray, places);
    if (!asked) co_return asked;
    places.trays.push_back(std::move(tray));
  }
  Reading place = misplaced_reading(places, context.with().integer("slot_minus_tray"));
  const Result<Outcome> placed = co_await context.record(std::move(place));
  if (!placed) co_return placed.error();
  Reading topology = topologies_reading(places);
  const Result<Outcome> one = co_await context.record(std::move(topology));
  if (!one) co_return one.error();
  Reading cartridges = cartridges_reading(places, context.with().integer("cartridges"));
  const Result<Outcome> counted = co_await context.record(std::move(cartridges));
  if (!counted) co_return counted.error();
  co_return success();
}

}  // namespace kiln::nvlink
