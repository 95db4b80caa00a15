#include <fmt/format.h>

#include <array>

#include "host_parts.h"
#include "host_steps.h"

namespace kiln::host_health {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kQueryBudget = std::chrono::seconds(60);
constexpr const char* kCpus = "lscpu --parse=CPU,CORE,SOCKET";
constexpr const char* kDimms = "dmidecode --type memory";
constexpr const char* kDrives = "lsblk --json --nodeps --output NAME,TYPE,SERIAL,MODEL";
constexpr const char* kNics =
    "sh -c 'for n in /sys/class/net/*; do [ -e \"$n/device\" ] && echo \"${n##*/} $(cat $n/address)\"; done; "
    "echo "
    "end'";
constexpr const char* kMemoryTotal = "grep MemTotal: /proc/meminfo";

struct Kind {
  ComponentKind kind;
  const char* prefix;
};
constexpr std::array<Kind, 4> kKinds{{{ComponentKind::cpu, "cpu"},
                                      {ComponentKind::memory, "memory"},
                                      {ComponentKind::drive, "drive"},
                                      {ComponentKind::nic, "nic"}}};

struct HostParts {
  std::map<ComponentKind, PartList> lists;
  PartList edac;  ///< memory, a second time
  CpuFacts cpu;
  std::optional<double> memory_bytes;
};

/// What a command printed, or why it says nothing. Only a lost connection is an Error.
struct Printed {
  std::string text, unreadable;
};

awaitable<Result<Printed>> ask(StepContext& context, std::string line) {
  const std::string tool = line.substr(0, line.find(' '));
  const Result<CommandResult> answer = co_await run_tool(context, line, kQueryBudget);
  Printed printed;
  if (answer && answer->exit_status == 0) {
    printed.text = answer->out;
  } else if (answer) {
    printed.unreadable = fmt::format("{} ended with status {}: {}", tool, answer->exit_status,
                                     tidy_text(answer->err + answer->out));
  } else if (answer.error().code == "tool.not_installed") {
    printed.unreadable = tool + " is not installed on the host";
  } else {
    co_return answer.error();
  }
  co_return printed;
}

PartList from(const Printed& printed, const char* source, PartList read) {
  read.source = source;
  if (!printed.unreadable.empty()) {
    read.parts.clear();
    read.unreadable = printed.unreadable;
  }
  return read;
}

/// Controllers ("mc0") and DIMMs ("mc0/dimm1", or by label) as EDAC has them. It can show a DIMM by its
/// label, but not that one is missing: labels are the driver's, and only populated places are listed.
PartList parts_of_edac(const Printed& printed) {
  PartList list;
  list.source = "/sys/devices/system/edac/mc";
  list.unreadable = printed.unreadable;
  const auto counters = read_edac(printed.text);
  if (counters) {
    for (const auto& [address, counter] : *counters) {
      HostPart part;
      part.name = address;
      part.other_name = counter.label;
      list.parts.push_back(std::move(part));
    }
    if (list.parts.empty()) list.unreadable = "this machine has no memory controller under EDAC";
  } else if (list.unreadable.empty()) {
    list.unreadable = "the EDAC counters were cut short";
  }
  return list;
}

bool is_edac_address(const std::string& name) {
  return name.size() > 2 && name.starts_with("mc") && name[2] >= '0' && name[2] <= '9';
}

/// The source that can tell about an expected part.
const PartList& source_for(const HostParts& host, const Component& expected) {
  const PartList& list = host.lists.at(expected.kind);
  if (expected.kind != ComponentKind::memory) return list;
  if (is_edac_address(expected.name)) return host.edac;
  const bool in_smbios = list.unreadable.empty() && find_part(list, expected).part != nullptr;
  const bool in_edac = host.edac.unreadable.empty() && find_part(host.edac, expected).part != nullptr;
  return in_edac && !in_smbios ? host.edac : list;
}

awaitable<Result<HostParts>> read_host(StepContext& context) {
  HostParts host;
  const Result<Printed> cpus = co_await ask(context, kCpus);
  if (!cpus) co_return cpus.error();
  host.lists[ComponentKind::cpu] = from(*cpus, kCpus, read_cpus(cpus->text, host.cpu));
  const Result<Printed> dimms = co_await ask(context, kDimms);
  if (!dimms) co_return dimms.error();
  host.lists[ComponentKind::memory] = from(*dimms, kDimms, read_dimms(dimms->text));
  const Result<Printed> edac = co_await ask(context, kEdacCommand);
  if (!edac) co_return edac.error();
  host.edac = parts_of_edac(*edac);
  const Result<Printed> drives = co_await ask(context, kDrives);
  if (!drives) co_return drives.error();
  host.lists[ComponentKind::drive] = from(*drives, kDrives, read_drives(drives->text));
  const Result<Printed> nics = co_await ask(context, kNics);
  if (!nics) co_return nics.error();
  host.lists[ComponentKind::nic] = from(*nics, "/sys/class/net", read_nics(nics->text));
  const Result<Printed> memory = co_await ask(context, kMemoryTotal);
  if (!memory) co_return memory.error();
  if (const auto colon = memory->text.find(':'); colon != std::string::npos) {
    // The kernel writes "kB" and means 1024 bytes (proc_meminfo(5)).
    if (const auto kib = tolerant_number_in(memory->text.substr(colon + 1), "kB"))
      host.memory_bytes = *kib * 1024;
  }
  co_return host;
}

awaitable<Status> record_expected(StepContext& context, const Kind& kind, const Component& expected,
                                  const PartList& list) {
  Found found;
  if (list.unreadable.empty())  // half a list says nothing
    found = find_among(list, context.dut().expect.of_kind(kind.kind), expected);
  Source source{"ssh", list.source};
  Reading present(fmt::format("{}.present", kind.prefix), expected.name, std::monostate{}, source);
  std::string why = list.unreadable;
  if (found.ambiguous) {
    why = fmt::format("several parts are called '{}': give its serial, or 'Bank Locator/Locator'",
                      expected.name);
  }
  if (why.empty()) present.value = found.part != nullptr;
  present.reason = why;
  const Result<Outcome> present_outcome = co_await context.record(std::move(present));
  if (!present_outcome) co_return present_outcome.error();
  if (found.part != nullptr) {
    PartSeen seen;
    seen.kind = kind.kind;
    seen.part = expected.name;
    seen.serial = found.part->serial;
    seen.model = found.part->model;
    seen.source = source;
    const Status noted = co_await context.seen(std::move(seen));
    if (!noted) co_return noted;
  }
  if (expected.serial.empty()) co_return success();
  Reading serial(fmt::format("{}.serial", kind.prefix), expected.name, std::monostate{}, source);
  serial.expected = expected.serial;
  if (found.part != nullptr && !found.part->serial.empty()) {
    const bool same = same_serial(found.part->serial, expected.serial);
    serial.value = same ? expected.serial : found.part->serial;
  } else if (!why.empty()) {
    serial.reason = why;
  } else {
    serial.reason = found.part == nullptr ? "the part is not there" : "the host offers no serial for it";
  }
  const Result<Outcome> serial_outcome = co_await context.record(std::move(serial));
  if (!serial_outcome) co_return serial_outcome.error();
  co_return success();
}

/// What the report lists as not covered: parts that are there and in no rack file, and sources that say
/// nothing.
awaitable<Status> record_uncovered(StepContext& context, const HostParts& host) {
  std::string parts, sources;
  for (const Kind& kind : kKinds) {
    const PartList& list = host.lists.at(kind.kind);
    if (!list.unreadable.empty()) {
      sources += fmt::format("{}{}: {}", sources.empty() ? "" : "; ", kind.prefix, list.unreadable);
    }
    for (const HostPart& part : list.parts) {
      bool listed = false;
      const std::vector<const Component*> all = context.dut().expect.of_kind(kind.kind);
      for (const Component* expected : all) {
        listed = listed || find_among(list, all, *expected).part == &part;
      }
      if (!listed) parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", kind.prefix, part.name);
    }
  }
  Reading uncovered("host.parts.uncovered", "", parts.empty() ? std::string("none") : parts,
                    Source{"ssh", "the parts of the host"});
  const Result<Outcome> outcome = co_await context.record(std::move(uncovered));
  if (!outcome) co_return outcome.error();
  Reading unread("host.parts.unread", "", sources.empty() ? std::string("none") : sources,
                 Source{"ssh", "the sources of the host"});
  const Result<Outcome> unread_outcome = co_await context.record(std::move(unread));
  if (!unread_outcome) co_return unread_outcome.error();
  co_return success();
}

awaitable<Status> record_fact(StepContext& context, std::string name, std::optional<double> value,
                              std::string source) {
  Reading reading(std::move(name), "", std::monostate{}, Source{"ssh", std::move(source)});
  if (value) reading.value = *value;
  reading.reason = "the host does not tell";
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

std::optional<double> counted(int count) {
  if (count == 0) return std::nullopt;
  return count;
}

}  // namespace

const StepDescription& Parts::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "host_health.parts";
    made.summary = "CPUs, DIMMs, drives and network interfaces as the host sees them, against the rack file";
    for (const Kind& kind : kKinds) {
      made.measurements.push_back({fmt::format("{}.present", kind.prefix), "", kind.kind, true,
                                   fmt::format("{}.missing", kind.prefix), "reseat or replace the part",
                                   "the host sees the part"});
      made.measurements.push_back({fmt::format("{}.serial", kind.prefix), "", kind.kind, true,
                                   "inventory.serial_mismatch",
                                   "find out which part was swapped and correct the record or the part",
                                   "serial the host reads from the part"});
    }
    const auto fact = [&made](const char* name, const char* unit, const char* summary) {
      made.measurements.push_back({name, unit, ComponentKind::whole_dut, false, "", "", summary});
    };
    fact("host.cpu.sockets", "1", "sockets with a CPU that is online");
    fact("host.cpu.cores", "1", "cores that are online");
    fact("host.cpu.threads", "1", "hardware threads that are online");
    fact("host.memory.size", "By", "memory the kernel works with");
    fact("host.parts.uncovered", "", "parts the host has and the rack file does not list");
    fact("host.parts.unread", "", "kinds of parts the host does not tell about, and why");
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

std::vector<std::string> Parts::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                      const Dut& dut) const {
  if (measurement.per == ComponentKind::whole_dut) return Step::parts(measurement, with, dut);
  const bool serials = measurement.name.ends_with(".serial");
  std::vector<std::string> names;
  for (const Component* component : dut.expect.of_kind(measurement.per)) {
    if (host_tells(*component) && (!serials || !component->serial.empty())) names.push_back(component->name);
  }
  return names;
}

awaitable<Status> Parts::run(StepContext& context) {
  const Result<HostParts> host = co_await read_host(context);
  if (!host) co_return host.error();
  for (const Kind& kind : kKinds) {
    for (const Component* expected : context.dut().expect.of_kind(kind.kind)) {
      if (!host_tells(*expected)) continue;
      const Status recorded =
          co_await record_expected(context, kind, *expected, source_for(*host, *expected));
      if (!recorded) co_return recorded;
    }
  }
  const Status uncovered = co_await record_uncovered(context, *host);
  if (!uncovered) co_return uncovered;
  const Status sockets = co_await record_fact(context, "host.cpu.sockets", counted(host->cpu.sockets), kCpus);
  if (!sockets) co_return sockets;
  const Status cores = co_await record_fact(context, "host.cpu.cores", counted(host->cpu.cores), kCpus);
  if (!cores) co_return cores;
  const Status threads = co_await record_fact(context, "host.cpu.threads", counted(host->cpu.threads), kCpus);
  if (!threads) co_return threads;
  const Status memory =
      co_await record_fact(context, "host.memory.size", host->memory_bytes, "/proc/meminfo");
  co_return memory;
}

}  // namespace kiln::host_health
