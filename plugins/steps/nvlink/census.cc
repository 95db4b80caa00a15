#include <fmt/format.h>

#include <boost/algorithm/string/predicate.hpp>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "nvlink_steps.h"
#include "sdk/gpu_match.h"
#include "sdk/tool_output.h"

namespace kiln::nvlink {

using boost::asio::awaitable;
using tool_output::LinkState;
using tool_output::NvlinkGpu;

namespace {

constexpr Nanoseconds kCommandBudget = std::chrono::seconds(60);
constexpr const char* kStatusCommand = "nvidia-smi nvlink --status";
constexpr const char* kQueryCommand = "nvidia-smi -q -x";

std::string owner_of(const std::string& link) { return link.substr(0, link.find('/')); }

/// "GPU_0/NVLink_3" → 3, the number nvidia-smi uses.
std::optional<int> number_of(const std::string& link) {
  const std::size_t digits = link.find_last_not_of("0123456789") + 1;
  int number = 0;
  const auto [end, problem] = std::from_chars(link.data() + digits, link.data() + link.size(), number);
  if (problem != std::errc() || end != link.data() + link.size()) return std::nullopt;
  return number;
}

/// What the driver says about one link, or why it says nothing.
struct InBandLink {
  std::string word;  ///< "up", "inactive"; empty: no value
  std::string why;
};

InBandLink in_band_link(const std::string& link, const GpuMatch& match,
                        const tool_output::NvlinkStatus& status) {
  InBandLink answer;
  const auto gpu = match.by_name.find(owner_of(link));
  const std::optional<int> number = number_of(link);
  if (gpu == match.by_name.end() || gpu->second->lost) {
    answer.why = "the driver does not list this GPU";
    return answer;
  }
  const NvlinkGpu* found = nullptr;
  for (const NvlinkGpu& one : status.gpus) {
    if (!one.uuid.empty() && one.uuid == gpu->second->uuid) found = &one;
  }
  if (found == nullptr || !number) {
    answer.why = "nvidia-smi nvlink does not list this GPU";
    return answer;
  }
  if (found->all_inactive) {
    answer.word = "inactive";
    return answer;
  }
  for (const auto& one : found->links) {
    if (one.index != *number) continue;
    if (one.state == LinkState::unknown) {
      answer.why = fmt::format("nvidia-smi says '{}'", one.text);
    } else {
      answer.word = one.state == LinkState::up ? "up" : "inactive";
    }
    return answer;
  }
  answer.why = found->message.empty() ? "nvidia-smi does not list this link" : found->message;
  return answer;
}

struct InBand {
  Result<tool_output::NvidiaSmiQuery> query = Error();
  Result<tool_output::NvlinkStatus> status = Error();
};

awaitable<Result<std::string>> output_of(const Ctx& ctx, Shell& shell, std::string line) {
  Ctx limited = ctx.child_within(line, kCommandBudget);
  Command command(line);
  const Result<CommandResult> result = co_await shell.run(limited, std::move(command));
  if (!result) co_return result.error();
  if (result->exit_status == kCommandNotFound) {
    co_return Error("nvidia_smi.not_installed", "nvidia-smi is not installed on the host",
                    "install the NVIDIA driver in the host image", Blame::peer);
  }
  co_return result->out;
}

awaitable<void> read_in_band(const Ctx& ctx, Shell& shell, InBand& in_band) {
  const Result<std::string> query = co_await output_of(ctx, shell, kQueryCommand);
  if (query) {
    in_band.query = tool_output::parse_nvidia_smi_query(*query);
  } else {
    in_band.query = query.error();
  }
  const Result<std::string> status = co_await output_of(ctx, shell, kStatusCommand);
  if (status) {
    in_band.status = tool_output::parse_nvlink_status(*status);
  } else {
    in_band.status = status.error();
  }
}

bool has_gpus(const Dut& dut) { return dut.host && !dut.expect.of_kind(ComponentKind::gpu).empty(); }

/// A link that is down has no lanes up: that is told of its state, not once more of its width.
Reading width_of(const std::string& part, const NvlinkReading* link, const std::string& why) {
  Reading reading("nvlink.width", part, std::monostate{},
                  Source{"redfish", link == nullptr ? "NVLink ports" : link->uri});
  reading.reason = why;
  if (link == nullptr) return reading;
  const std::string word = link_word(*link);
  const bool up = boost::algorithm::iequals(word, "LinkUp") || boost::algorithm::iequals(word, "Enabled");
  if (up && link->width) reading.value = *link->width;
  reading.reason = up ? "the BMC gives no width of this link" : "the link is not up";
  return reading;
}

awaitable<Status> record_out_of_band(StepContext& context, const std::vector<NvlinkReading>& readings) {
  std::map<std::string, const NvlinkReading*> by_name;
  std::set<std::string> owners;
  for (const NvlinkReading& reading : readings) {
    by_name[reading.name] = &reading;
    owners.insert(owner_of(reading.name));
  }
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::nvlink)) {
    const auto found = by_name.find(expected->name);
    const NvlinkReading* link = found == by_name.end() ? nullptr : found->second;
    const std::string uri = link == nullptr ? "NVLink ports" : link->uri;
    Value state;
    Value speed;
    std::string why = "the BMC gives no state of this link";
    if (link != nullptr) {
      const std::string word = link_word(*link);
      if (!word.empty()) state = word;
      if (link->speed_gbps) speed = *link->speed_gbps;
    } else if (owners.contains(owner_of(expected->name))) {
      // The list was read, and this link is not in it.
      state = std::string("Absent");
    } else {
      why = fmt::format("the BMC lists no NVLink ports of {}", owner_of(expected->name));
    }
    Reading state_reading("nvlink.state", expected->name, state, Source{"redfish", uri});
    state_reading.reason = why;
    const Result<Outcome> state_outcome = co_await context.record(std::move(state_reading));
    if (!state_outcome) co_return state_outcome.error();
    Reading speed_reading("nvlink.speed", expected->name, speed, Source{"redfish", uri});
    speed_reading.reason = link == nullptr ? why : "the BMC gives no speed of this link";
    const Result<Outcome> speed_outcome = co_await context.record(std::move(speed_reading));
    if (!speed_outcome) co_return speed_outcome.error();
    if (context.dut().expect.of_kind(ComponentKind::gpu).empty()) continue;
    Reading width_reading = width_of(expected->name, link, why);
    const Result<Outcome> width_outcome = co_await context.record(std::move(width_reading));
    if (!width_outcome) co_return width_outcome.error();
  }
  co_return success();
}

awaitable<Status> record_in_band(StepContext& context, const InBand& in_band) {
  GpuMatch match;
  if (in_band.query) match = match_gpus(context.dut(), *in_band.query);
  for (const Component* expected : context.dut().expect.of_kind(ComponentKind::nvlink)) {
    InBandLink link;
    if (!in_band.query) {
      link.why = in_band.query.error().message;
    } else if (!in_band.status) {
      link.why = in_band.status.error().message;
    } else {
      link = in_band_link(expected->name, match, *in_band.status);
    }
    Value value;
    if (!link.word.empty()) value = link.word;
    Reading reading("nvlink.in_band.state", expected->name, value, Source{"ssh", kStatusCommand});
    reading.reason = link.why;
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

}  // namespace

std::string link_word(const NvlinkReading& reading) {
  const bool off = !reading.link_state.empty() && !boost::algorithm::iequals(reading.link_state, "Enabled");
  if (off || reading.link_status.empty()) return reading.link_state;
  return reading.link_status;
}

const StepDescription& Census::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "nvlink.census";
    made.bmc = {{BmcAbility::nvlinks, true, "to know that each link is up at full speed"}};
    made.uses_fabric = true;
    made.summary = "Every expected NVLink is up at full speed, seen by the BMC and by the driver";
    const std::string action = "reseat the tray in the cable cartridge; look at both ends of this link";
    made.measurements = {
        {"nvlink.state", "", ComponentKind::nvlink, true, "nvlink.down", action,
         "state the BMC prints for the port; Absent: the BMC lists its neighbours but not it"},
        {"nvlink.speed", "Gbit/s", ComponentKind::nvlink, true, "nvlink.slow", action,
         "current speed the BMC prints, per direction"},
        {"nvlink.in_band.state", "", ComponentKind::nvlink, true, "nvlink.down", action,
         "up or inactive as nvidia-smi nvlink --status has it"},
        {"nvlink.width", "1", ComponentKind::nvlink, true, "nvlink.narrow", action,
         "lanes that are up, of the narrower direction, on the GPU's side"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Census::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                       const Dut& dut) const {
  // A switch tray has no GPU driver that could tell.
  if (measurement.name == "nvlink.in_band.state" && !has_gpus(dut)) return {};
  // Where the fabric is not told by Redfish, what a switch's port has is not known: the GPU's end is judged.
  if (measurement.name == "nvlink.width" && dut.expect.of_kind(ComponentKind::gpu).empty()) return {};
  return Step::parts(measurement, with, dut);
}

awaitable<Status> Census::run(StepContext& context) {
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<std::vector<NvlinkReading>> readings = co_await (*bmc)->nvlinks(context.ctx());
  if (!readings) co_return readings.error();
  const Status recorded = co_await record_out_of_band(context, *readings);
  if (!recorded) co_return recorded;
  if (!has_gpus(context.dut())) co_return success();
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  InBand in_band;
  co_await read_in_band(context.ctx(), **shell, in_band);
  const Status going_on = context.ctx().check();
  if (!going_on) co_return going_on;
  const Status in_band_recorded = co_await record_in_band(context, in_band);
  if (!in_band_recorded) co_return in_band_recorded;
  if (!in_band.query) co_return in_band.query.error();
  if (!in_band.status) co_return in_band.status.error();
  co_return success();
}

}  // namespace kiln::nvlink
