#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "network_steps.h"

namespace kiln::network {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kReadBudget = std::chrono::seconds(60);
constexpr Nanoseconds kBetweenLooks = std::chrono::seconds(2);
constexpr const char* kWhereFrom = "/sys/class/infiniband, /sys/class/net";

/// The ports of one part that are to be up.
std::vector<const Port*> cabled_ports(const PortsOfPart& found, const std::string& part,
                                      const Uncabled& uncabled) {
  std::vector<const Port*> ports;
  for (std::size_t i = 0; i < found.ports.size(); ++i) {
    if (!uncabled.port(part, i + 1, *found.ports[i])) ports.push_back(found.ports[i]);
  }
  return ports;
}

/// One word for all ports: the first that is not `good`; empty where one of them tells nothing.
Value word_of_all(const std::vector<const Port*>& ports, std::string Port::*member, const std::string& good) {
  bool silent = ports.empty();
  for (const Port* port : ports) {
    const std::string& word = port->*member;
    if (!word.empty() && word != good) return word;
    silent = silent || word.empty();
  }
  if (silent) return std::monostate{};
  return good;
}

Value slowest(const std::vector<const Port*>& ports) {
  std::optional<double> least;
  for (const Port* port : ports) {
    if (!port->rate_gbps) return std::monostate{};
    least = std::min(least.value_or(*port->rate_gbps), *port->rate_gbps);
  }
  if (!least) return std::monostate{};
  return *least;
}

Value layer_of(const std::vector<const Port*>& ports) {
  std::set<std::string> layers;
  for (const Port* port : ports) layers.insert(port->link_layer);
  if (layers.empty() || layers.contains("")) return std::monostate{};
  return layers.size() == 1 ? *layers.begin() : std::string("mixed");
}

/// The function with the fewest lanes, or the slowest, against what it could have.
Reading pcie_reading(const char* name, const std::string& part, const PortsOfPart& found,
                     std::int64_t PciLink::*now, std::int64_t PciLink::*possible) {
  Reading reading(name, part, std::monostate{}, Source{"ssh", kWhereFrom});
  reading.reason = "the host does not tell";
  double worst = 2;
  for (const Adapter* adapter : found.adapters) {
    const std::int64_t is = adapter->link.*now, can = adapter->link.*possible;
    if (is == 0 || can == 0) {
      reading.value = std::monostate{};
      reading.expected.reset();
      return reading;
    }
    const double share = static_cast<double>(is) / static_cast<double>(can);
    if (share >= worst) continue;
    worst = share;
    reading.value = is;
    reading.expected = can;
  }
  return reading;
}

/// Which port it is that is not as it should be.
std::string bad_ports(const std::vector<const Port*>& ports) {
  std::vector<std::string> bad;
  for (const Port* port : ports) {
    if (port->state != "ACTIVE" || port->physical_state != "LinkUp")
      bad.push_back(fmt::format("{} is {}, {}", port->name, port->state.empty() ? "silent" : port->state,
                                port->physical_state.empty() ? "nothing told" : port->physical_state));
  }
  return fmt::format("{}", fmt::join(bad, "; "));
}

std::vector<Reading> readings_of(const HostNetwork& host, const Component& part, const Uncabled& uncabled) {
  const PortsOfPart found = ports_of(host, part);
  const std::vector<const Port*> ports = cabled_ports(found, part.name, uncabled);
  const Source source{"ssh", kWhereFrom};
  std::vector<Reading> readings;
  readings.emplace_back("nic.port.state", part.name, word_of_all(ports, &Port::state, "ACTIVE"), source);
  readings.emplace_back("nic.port.physical_state", part.name,
                        word_of_all(ports, &Port::physical_state, "LinkUp"), source);
  readings.emplace_back("nic.port.rate", part.name, slowest(ports), source);
  readings.emplace_back("nic.port.link_layer", part.name, layer_of(ports), source);
  readings.push_back(
      pcie_reading("nic.pcie.width", part.name, found, &PciLink::lanes, &PciLink::possible_lanes));
  readings.push_back(pcie_reading("nic.pcie.generation", part.name, found, &PciLink::generation,
                                  &PciLink::possible_generation));
  std::string why = found.adapters.empty() ? not_found(host, part)
                    : ports.empty()        ? "its driver offers no port"
                                           : "the host does not tell";
  const std::string bad = bad_ports(ports);
  for (Reading& reading : readings) reading.reason = why;
  if (uncabled.whole_part(part.name))
    std::erase_if(readings, [](const Reading& reading) { return reading.name.starts_with("nic.port."); });
  if (!bad.empty() && !readings.empty())
    readings.front().action = fmt::format(
        "{}: reseat or swap its cable and transceiver, look at the switch's port; INIT waits for a "
        "subnet manager",
        bad);
  return readings;
}

/// Links that still train; an adapter that is not there does not come by waiting.
bool some_train(const HostNetwork& host, const Dut& dut, const Uncabled& uncabled) {
  for (const Component* part : dut.expect.of_kind(ComponentKind::nic)) {
    const PortsOfPart found = ports_of(host, *part);
    if (!uncabled.whole_part(part->name) && !bad_ports(cabled_ports(found, part->name, uncabled)).empty())
      return true;
  }
  return false;
}

std::string uncovered(const HostNetwork& host, const Dut& dut, const std::string& uncabled) {
  std::set<const Adapter*> covered;
  for (const Component* part : dut.expect.of_kind(ComponentKind::nic)) {
    const PortsOfPart found = ports_of(host, *part);
    covered.insert(found.adapters.begin(), found.adapters.end());
  }
  std::vector<std::string> words;
  if (!uncabled.empty()) words.push_back(fmt::format("without a cable on purpose: {}", uncabled));
  std::size_t virtual_functions = 0;
  for (const Adapter& adapter : host.adapters) {
    if (adapter.is_virtual_function) ++virtual_functions;
    if (adapter.is_virtual_function || covered.contains(&adapter)) continue;
    for (const Port& port : adapter.ports)
      words.push_back(fmt::format("{} ({} {}{})", port.name, adapter.address, adapter.driver,
                                  port.state.empty() ? "" : ", " + port.state));
  }
  for (const std::string& name : host.not_on_pci) words.push_back(fmt::format("{} (not on PCI)", name));
  if (virtual_functions > 0) words.push_back(fmt::format("{} virtual functions", virtual_functions));
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

std::string not_found(const HostNetwork& host, const Component& part) {
  std::vector<std::string> have;
  for (const Adapter& adapter : host.adapters) {
    if (adapter.is_virtual_function) continue;
    have.push_back(fmt::format("{} {}", adapter.ports.empty() ? adapter.address : adapter.ports.front().name,
                               adapter.serial.empty() ? "without a readable serial" : adapter.serial));
  }
  return fmt::format(
      "the host has no adapter with the serial or MAC address '{}', and none called '{}'; it has: {}",
      part.serial, part.name, have.empty() ? "none" : fmt::format("{}", fmt::join(have, ", ")));
}

std::vector<std::string> cabled_parts(const Parameters& with, const Dut& dut) {
  const Uncabled uncabled(with.text("uncabled"));
  std::vector<std::string> names;
  for (const Component* part : dut.expect.of_kind(ComponentKind::nic)) {
    if (!uncabled.whole_part(part->name)) names.push_back(part->name);
  }
  return names;
}

ParameterDeclaration uncabled_parameter() {
  return {"uncabled", ParameterType::text, "",
          "ports without a cable on purpose, with blanks between: NIC_4 (all of it), NIC_4/2 (its second "
          "port), mlx5_3, eno1"};
}

awaitable<Result<HostNetwork>> look_at_ports(StepContext& context, const Ctx& ctx, bool with_identity) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Ctx limited = ctx.child_within("network ports", kReadBudget);
  Command command(network_command(with_identity));
  const Result<CommandResult> answer = co_await (*shell)->run(limited, std::move(command));
  if (!answer) co_return answer.error();
  if (answer->dropped_bytes > 0)
    co_return Error("network.unreadable", "the host printed more of its ports than there can be",
                    "see what else writes to the standard output of a login", Blame::peer);
  co_return read_network(answer->out);
}

const StepDescription& Ports::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "network.ports";
    made.summary = "Every network adapter of the rack file is up, at its rate, on all its PCIe lanes";
    const ComponentKind nic = ComponentKind::nic;
    made.measurements = {
        {"nic.port.state", "", nic, true, "nic.port_down",
         "reseat or swap its cable and transceiver, look at the switch's port; INIT waits for a subnet "
         "manager",
         "state of its ports that are to have a cable; the first that is not ACTIVE"},
        {"nic.port.physical_state", "", nic, true, "nic.port_down",
         "reseat or swap its cable and transceiver, look at the switch's port",
         "physical state of its ports that are to have a cable; the first that is not LinkUp"},
        {"nic.port.rate", "Gbit/s", nic, true, "nic.port_slow",
         "look for a cable of a lower class, lanes that did not train, and the switch's speed setting",
         "rate of its slowest port"},
        {"nic.port.link_layer", "", nic, true, "nic.link_layer",
         "set the adapter's link type (mlxconfig LINK_TYPE) to what the switch speaks",
         "InfiniBand or Ethernet"},
        {"nic.pcie.width", "1", nic, true, "nic.pcie_width", "reseat the adapter or its riser",
         "PCIe lanes in use, against what adapter and slot both have"},
        {"nic.pcie.generation", "1", nic, true, "nic.pcie_generation", "reseat the adapter or its riser",
         "PCIe generation in use, against what adapter and slot both have"},
        {"network.uncovered", "", ComponentKind::whole_dut, false, "", "",
         "ports the host has and the rack file does not list, such as management ports"}};
    made.parameters = {uncabled_parameter(),
                       {"within", ParameterType::duration, "2m",
                        "links may take this long to train after the host has booted"}};
    made.default_timeout = std::chrono::minutes(10);
    return made;
  }();
  return description;
}

std::vector<std::string> Ports::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                      const Dut& dut) const {
  // An adapter is in its slot whether or not it has a cable.
  if (!measurement.name.starts_with("nic.port.")) return Step::parts(measurement, with, dut);
  return cabled_parts(with, dut);
}

awaitable<Status> Ports::run(StepContext& context) {
  const Uncabled uncabled(context.with().text("uncabled"));
  const std::int64_t until = context.ctx().now().monotonic_ns + context.with().duration("within").count();
  Result<HostNetwork> host = co_await look_at_ports(context, context.ctx(), true);
  while (host && context.ctx().now().monotonic_ns < until && some_train(*host, context.dut(), uncabled)) {
    const Status waited = co_await context.ctx().sleep_for(kBetweenLooks);
    if (!waited) co_return waited;
    host = co_await look_at_ports(context, context.ctx(), true);
  }
  if (!host) co_return host.error();
  for (const Component* part : context.dut().expect.of_kind(ComponentKind::nic)) {
    std::vector<Reading> readings = readings_of(*host, *part, uncabled);
    for (Reading& reading : readings) {
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
  }
  Reading others("network.uncovered", "", uncovered(*host, context.dut(), context.with().text("uncabled")),
                 Source{"ssh", kWhereFrom});
  const Result<Outcome> outcome = co_await context.record(std::move(others));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace kiln::network
