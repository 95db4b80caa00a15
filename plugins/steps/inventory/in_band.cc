#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "inventory_steps.h"
#include "sdk/gpu_match.h"
#include "sdk/tool_output.h"

namespace kiln::inventory {

using boost::asio::awaitable;

namespace {

constexpr const char* kProductSerial = "cat /sys/class/dmi/id/product_serial";
constexpr const char* kGpuQuery = "nvidia-smi -q -x";

/// What boards are delivered with until somebody writes a serial number (SMBIOS defaults of several makers).
bool says_nothing(const std::string& text) {
  std::string small = text;
  std::transform(small.begin(), small.end(), small.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (const char* word : {"not specified", "to be filled by o.e.m.", "system serial number",
                           "default string", "0123456789", "unknown"}) {
    if (small == word) return true;
  }
  return means_unset(text);
}

/// One serial number as each source tells it; a source that has none is left out.
class Sources {
 public:
  void add(std::string source, const std::string& serial, std::string where = {}) {
    if (!serial.empty()) told_.push_back({std::move(source), serial, std::move(where)});
  }
  /// Something a source says instead of a serial number: it agrees with nobody.
  void contradict(std::string what) { against_.push_back(std::move(what)); }
  [[nodiscard]] bool empty() const { return told_.empty(); }
  /// What they all say; nullopt when they do not.
  [[nodiscard]] std::optional<std::string> agreed() const {
    if (told_.empty() || !against_.empty()) return std::nullopt;
    for (const Told& one : told_) {
      if (one.serial != told_.front().serial) return std::nullopt;
    }
    return told_.front().serial;
  }
  [[nodiscard]] const std::string& first() const { return told_.front().serial; }
  /// "rack file J901; label J999; Redfish J901 (/redfish/…)".
  [[nodiscard]] std::string sentence() const {
    std::string text;
    for (const Told& one : told_) {
      text += fmt::format("{}{} {}{}", text.empty() ? "" : "; ", one.source, one.serial,
                          one.where.empty() ? "" : " (" + one.where + ")");
    }
    for (const std::string& one : against_) text += (text.empty() ? "" : "; ") + one;
    return text;
  }

 private:
  struct Told {
    std::string source, serial, where;
  };
  std::vector<Told> told_;
  std::vector<std::string> against_;
};

/// The agreed serial, or every source with what it says: so that the fail shows them all.
awaitable<Status> record_sources(StepContext& context, std::string measurement, std::string part,
                                 const Sources& sources) {
  Value value;
  const std::optional<std::string> agreed = sources.agreed();
  if (agreed) value = *agreed;
  if (!agreed && !sources.empty()) value = sources.sentence();
  Reading reading(std::move(measurement), std::move(part), value, Source{"redfish and ssh", "all sources"});
  if (!sources.empty()) reading.expected = sources.first();
  reading.reason = "no source tells a serial number";
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

/// What the BMC says beside the host; empty where the rack file names none.
struct OutOfBand {
  BmcIdentity identity;
  std::vector<Part> parts;
};

awaitable<Result<OutOfBand>> ask_bmc(StepContext& context) {
  OutOfBand said;
  if (!context.dut().bmc) co_return said;
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  Result<BmcIdentity> identity = co_await (*bmc)->identity(context.ctx());
  if (!identity) co_return identity.error();
  said.identity = std::move(*identity);
  if (context.dut().expect.of_kind(ComponentKind::gpu).empty()) co_return said;
  Result<std::vector<Part>> parts = co_await (*bmc)->parts(context.ctx());
  if (!parts) co_return parts.error();
  said.parts = std::move(*parts);
  co_return said;
}

awaitable<Status> compare_host(StepContext& context, Shell& shell, const OutOfBand& said) {
  Command command(kProductSerial);
  const Result<CommandResult> answer = co_await shell.run(context.ctx(), std::move(command));
  if (!answer) co_return answer.error();
  Value serial;
  const std::string text = tidy_text(answer->out);
  if (answer->ok() && !says_nothing(text)) serial = text;
  const Dut& dut = context.dut();
  Sources sources;
  sources.add("rack file", dut.expect.serial);
  const auto label = dut.labels.find("scanned_serial");
  if (label != dut.labels.end()) sources.add("label", label->second);
  sources.add("Redfish", said.identity.serial, said.identity.serial_source);
  if (answer->ok() && !says_nothing(text)) sources.add("SMBIOS", text, kProductSerial);
  const Status agree = co_await record_sources(context, "inventory.serial_sources", "", sources);
  if (!agree) co_return agree;
  if (dut.expect.serial.empty()) co_return success();
  Reading reading("inventory.smbios_serial", "", serial, Source{"ssh", kProductSerial});
  reading.expected = context.dut().expect.serial;
  reading.reason = "SMBIOS holds no product serial";
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

/// Whose serial number is what the rack file, the BMC and the driver say of one GPU.
awaitable<Status> compare_gpu_sources(StepContext& context, const tool_output::NvidiaSmiQuery& query,
                                      const OutOfBand& said) {
  const GpuMatch match = match_gpus(context.dut(), query);
  for (const Component* gpu : context.dut().expect.of_kind(ComponentKind::gpu)) {
    Sources sources;
    sources.add("rack file", gpu->serial);
    for (const Part& part : said.parts) {
      if (part.kind == ComponentKind::gpu && part.name == gpu->name)
        sources.add("Redfish", part.serial, part.uri);
    }
    const auto found = match.by_name.find(gpu->name);
    if (found != match.by_name.end()) {
      sources.add("driver", found->second->serial, found->second->bus_id);
    } else if (!match.strangers.empty()) {
      std::string others;
      for (const std::string& other : match.strangers) others += (others.empty() ? "" : ", ") + other;
      sources.contradict("driver has no such GPU, but " + others);
    }
    const Status agree = co_await record_sources(context, "gpu.serial_sources", gpu->name, sources);
    if (!agree) co_return agree;
  }
  co_return success();
}

/// "10de:31c2", as lspci -n has it, of "31C210DE" in the query as XML or "0x31C210DE" in its text (device
/// before vendor); nullopt for anything else.
std::optional<std::string> pci_device_of(std::string text) {
  constexpr std::size_t kDigits = 8;
  if (text.starts_with("0x") || text.starts_with("0X")) text.erase(0, 2);
  const bool hex =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (text.size() != kDigits || !hex) return std::nullopt;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.substr(kDigits / 2) + ":" + text.substr(0, kDigits / 2);
}

/// Whether the limits are those of what is there: names on a board prove nothing, PCI ids do.
awaitable<Status> record_pci_devices(StepContext& context, const tool_output::NvidiaSmiQuery& query) {
  std::optional<std::string> first;
  for (const auto& gpu : query.gpus) {
    if (!first) first = pci_device_of(gpu.pci_device_id);
  }
  const GpuMatch match = match_gpus(context.dut(), query);
  for (const Component* gpu : context.dut().expect.of_kind(ComponentKind::gpu)) {
    Reading reading("gpu.pci_device", gpu->name, std::monostate{}, Source{"ssh", kGpuQuery});
    reading.reason = "the driver does not list this GPU";
    const auto found = match.by_name.find(gpu->name);
    if (found != match.by_name.end()) {
      const std::string& printed = found->second->pci_device_id;
      reading.reason = fmt::format("nvidia-smi prints no PCI device of it, but '{}'", printed);
      if (const auto device = pci_device_of(printed)) reading.value = *device;
    }
    if (first) reading.expected = *first;
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

awaitable<Status> compare_gpus(StepContext& context, Shell& shell, const OutOfBand& said) {
  const auto expected = context.dut().expect.of_kind(ComponentKind::gpu);
  if (expected.empty()) co_return success();
  Command command(kGpuQuery);
  const Result<CommandResult> answer = co_await shell.run(context.ctx(), std::move(command));
  if (!answer) co_return answer.error();
  if (answer->exit_status == 127) {
    co_return Error("tool.not_installed",
                    fmt::format("{}: nvidia-smi is not installed on the host", context.dut().id),
                    "install the GPU driver", Blame::peer);
  }
  const auto parsed = tool_output::parse_nvidia_smi_query(answer->out);
  if (!parsed) co_return parsed.error();
  std::map<std::string, bool> serials;
  for (const auto& gpu : parsed->gpus) {
    if (!gpu.serial.empty()) serials[gpu.serial] = !gpu.lost;
  }
  Reading count("gpu.in_band.count", "", static_cast<std::int64_t>(parsed->gpus.size()),
                Source{"ssh", kGpuQuery});
  count.expected = static_cast<std::int64_t>(expected.size());
  const Result<Outcome> count_outcome = co_await context.record(std::move(count));
  if (!count_outcome) co_return count_outcome.error();
  for (const Component* gpu : expected) {
    if (gpu->serial.empty()) continue;
    const auto found = serials.find(gpu->serial);
    const bool seen = found != serials.end() && found->second;
    Reading reading("gpu.in_band.seen", gpu->name, seen, Source{"ssh", kGpuQuery});
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  const Status devices = co_await record_pci_devices(context, *parsed);
  if (!devices) co_return devices;
  const Status agree = co_await compare_gpu_sources(context, *parsed, said);
  co_return agree;
}

}  // namespace

const StepDescription& InBand::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "inventory.in_band";
    made.bmc = {{BmcAbility::identity, true, "to compare its serial number with what label and SMBIOS say"},
                {BmcAbility::parts, true, "to compare the GPUs' serial numbers with what the driver says"}};
    made.summary = "What the host and its driver see, against the rack file; sources must agree";
    made.measurements = {
        {"inventory.smbios_serial", "", ComponentKind::whole_dut, true, "inventory.serial_mismatch",
         "BMC, SMBIOS and rack file disagree: check board swap records", "serial in SMBIOS"},
        {"inventory.serial_sources", "", ComponentKind::whole_dut, true, "inventory.serial_mismatch",
         "the value shows what each source says: find out which of them means another machine (label, BMC's "
         "FRU, "
         "SMBIOS after a board swap), and correct that one",
         "the serial number on which rack file, label, Redfish and SMBIOS agree"},
        {"gpu.serial_sources", "", ComponentKind::gpu, true, "inventory.serial_mismatch",
         "the value shows what each source says: find out which GPU sits there, and correct the record or "
         "the part",
         "the serial number on which rack file, Redfish and driver agree"},
        {"gpu.in_band.count", "1", ComponentKind::whole_dut, true, "gpu.missing",
         "reseat or replace the GPU that the driver does not see", "GPUs the driver sees"},
        {"gpu.pci_device", "", ComponentKind::gpu, true, "gpu.other_product",
         "see which product it is: either the rack file names the wrong one, and its limits are wrong for "
         "this rack, "
         "or the GPU was swapped for another kind",
         "PCI vendor and device of the GPU, as lspci -n has it"},
        {"gpu.in_band.seen", "", ComponentKind::gpu, true, "gpu.missing",
         "reseat or replace the GPU that the driver does not see", "the driver sees a GPU of this serial"}};
    made.default_timeout = std::chrono::minutes(2);
    return made;
  }();
  return description;
}

std::vector<std::string> InBand::parts(const MeasurementDeclaration& measurement, const Parameters& /*with*/,
                                       const Dut& dut) const {
  const auto gpus = dut.expect.of_kind(ComponentKind::gpu);
  if (measurement.name == "inventory.smbios_serial") {
    if (dut.expect.serial.empty()) return {};
    return {std::string{}};
  }
  if (measurement.name == "inventory.serial_sources") {
    // Two of them at least: SMBIOS is there with every host.
    if (dut.expect.serial.empty() && !dut.labels.contains("scanned_serial") && !dut.bmc) return {};
    return {std::string{}};
  }
  if (measurement.name == "gpu.in_band.count") {
    if (gpus.empty()) return {};
    return {std::string{}};
  }
  std::vector<std::string> names;
  for (const Component* gpu : gpus) {
    if (!gpu->serial.empty() || measurement.name == "gpu.pci_device") names.push_back(gpu->name);
  }
  return names;
}

awaitable<Status> InBand::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Result<OutOfBand> said = co_await ask_bmc(context);
  if (!said) co_return said.error();
  const Status host = co_await compare_host(context, **shell, *said);
  if (!host) co_return host;
  const Status gpus = co_await compare_gpus(context, **shell, *said);
  co_return gpus;
}

}  // namespace kiln::inventory
