#include "bmc/nvlink.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <utility>

#include "bmc/redfish_error.h"

namespace kiln {
namespace {

constexpr int kReadsPerPortFind = 60;

struct Counter {
  std::string_view canonical;
  std::array<std::string_view, 2> printed;
};
/// Spellings of two firmware generations; misspelt ones of the first included.
constexpr std::array<Counter, 12> kCounters{
    {{"crc_data", {"DataCRCCount", "DataCRCErrors"}},
     {"crc_flit", {"FlitCRCCount", "FlitCRCErrors"}},
     {"replay", {"ReplayCount", "ReplayErrors"}},
     {"recovery", {"RecoveryCount", "LinkErrorRecoveryCount"}},
     {"symbol", {"SymbolErrors", "SymbolError"}},
     {"effective", {"EffectiveError", "EffectiveErrors"}},
     {"link_downed", {"LinkDownedCount", "LinkDowned"}},
     {"runtime", {"RuntimeError", "RuntimeErrors"}},
     {"training", {"TrainingError", "TrainingErrors"}},
     {"receive", {"RXErrors", "RXErrors"}},
     {"malformed", {"MalformedPackets", "MalformedPackets"}},
     {"unintentional_down", {"UnintentionalLinkDownCount", "UnintentionalLinkDown"}}}};

std::optional<std::int64_t> count_of(const JsonView& value) {
  const std::optional<std::int64_t> number = value.integer();
  if (number) return number;
  const std::optional<bool> flag = value.boolean();
  if (flag) return *flag ? 1 : 0;
  return std::nullopt;
}

bool is_nvlink(const JsonView& port, const std::string& id) {
  const std::string protocol = port["PortProtocol"].text_or_empty();
  if (!protocol.empty()) return boost::algorithm::iequals(protocol, "NVLink");
  return boost::algorithm::istarts_with(id, "NVLink");
}

/// The two directions may train differently; the narrower one is what the link carries.
std::optional<std::int64_t> width_of(const JsonView& port) {
  const std::optional<std::int64_t> receives = port.at({"Oem", "Nvidia", "RXWidth"}).integer();
  const std::optional<std::int64_t> sends = port.at({"Oem", "Nvidia", "TXWidth"}).integer();
  if (receives && sends) return std::min(*receives, *sends);
  if (receives) return receives;
  return sends ? sends : port["ActiveWidth"].integer();
}

}  // namespace

void take_port_metrics(const JsonView& metrics, NvlinkReading& reading) {
  reading.rx_bytes = metrics["RXBytes"].number();
  reading.tx_bytes = metrics["TXBytes"].number();
  const JsonView oem = metrics.at({"Oem", "Nvidia"});
  const JsonView errors = oem["NVLinkErrors"];
  // A counter may stand in both places: the larger is believed.
  for (const JsonView& place : {errors, oem, metrics}) {
    for (const Counter& counter : kCounters) {
      for (const std::string_view name : counter.printed) {
        const std::optional<std::int64_t> count = count_of(place[name]);
        if (!count) continue;
        const auto [known, fresh] = reading.errors.emplace(std::string(counter.canonical), *count);
        if (!fresh) known->second = std::max(known->second, *count);
      }
    }
  }
  reading.bit_error_rate = oem["BitErrorRate"].number();
  reading.effective_ber = oem["EffectiveBER"].number();
  reading.raw_ber = oem["TotalRawBER"].number();
}

boost::asio::awaitable<Status> NvlinkReader::find_below(const Ctx& ctx, const RedfishResource& owner,
                                                        bool owner_is_nvlink, Ports& found) {
  const JsonView link = owner.body["Ports"];
  Result<MemberList> ports = co_await tree_.follow(ctx, owner, link);
  if (!ports) co_return ports.error();
  if (ports->whole) co_return ports->whole->error;  // links nobody could list are not missing
  for (const RedfishResource& port : ports->members) {
    if (!is_nvlink(port.body, port.id()) && !(owner_is_nvlink && !port.body["PortProtocol"].exists()))
      continue;
    Port one;
    one.name = fmt::format("{}/{}", owner.id(), port.id());
    one.uri = port.uri;
    one.metrics = tree_.path_of(port, port.body["Metrics"]).value_or(std::string{});
    found.push_back(std::move(one));
  }
  for (const MemberList::Unread& unread : ports->unread) {
    const std::string path = without_trailing_slash(unread.uri);
    const std::string id = path.substr(path.rfind('/') + 1);
    if (!boost::algorithm::istarts_with(id, "NVLink")) continue;
    Port one;
    one.name = fmt::format("{}/{}", owner.id(), id);
    one.uri = unread.uri;
    found.push_back(std::move(one));
  }
  co_return success();
}

boost::asio::awaitable<Result<std::shared_ptr<const NvlinkReader::Ports>>> NvlinkReader::ports(
    const Ctx& ctx) {
  if (ports_ && reads_since_find_ < kReadsPerPortFind) {
    ++reads_since_find_;
    co_return ports_;
  }
  auto found = std::make_shared<Ports>();
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  for (const RedfishResource& system : systems->members) {
    const JsonView link = system.body["Processors"];
    Result<MemberList> processors = co_await tree_.follow(ctx, system, link);
    if (!processors) co_return processors.error();
    if (processors->whole) co_return processors->whole->error;
    for (const RedfishResource& processor : processors->members) {
      if (processor.body["ProcessorType"].text_or_empty() != "GPU") continue;
      Status below = co_await find_below(ctx, processor, false, *found);
      if (!below) co_return below.error();
    }
  }
  Result<MemberList> fabrics = co_await tree_.top(ctx, "Fabrics");
  if (!fabrics) co_return fabrics.error();
  for (const RedfishResource& fabric : fabrics->members) {
    const bool nvlink_fabric = boost::algorithm::iequals(fabric.body["FabricType"].text_or_empty(), "NVLink");
    const JsonView link = fabric.body["Switches"];
    Result<MemberList> switches = co_await tree_.follow(ctx, fabric, link);
    if (!switches) co_return switches.error();
    if (switches->whole) co_return switches->whole->error;
    for (const RedfishResource& one : switches->members) {
      const std::string type = one.body["SwitchType"].text_or_empty();
      const bool nvlink_switch = boost::algorithm::iequals(type, "NVLink") || (type.empty() && nvlink_fabric);
      Status below = co_await find_below(ctx, one, nvlink_switch, *found);
      if (!below) co_return below.error();
    }
  }
  if (ports_) {
    for (const Port& old : *ports_) {
      const bool still = std::any_of(found->begin(), found->end(),
                                     [&old](const Port& port) { return port.name == old.name; });
      if (!still) found->push_back(old);
    }
  }
  ports_ = std::move(found);
  reads_since_find_ = 0;
  co_return ports_;
}

boost::asio::awaitable<Result<std::vector<NvlinkReading>>> NvlinkReader::read(const Ctx& ctx) {
  Result<std::shared_ptr<const Ports>> known = co_await ports(ctx);
  if (!known) co_return std::move(known.error()).while_doing("looking for NVLink ports");
  std::vector<std::string> uris;
  for (const Port& port : **known) {
    uris.push_back(port.uri);
    if (!port.metrics.empty()) uris.push_back(port.metrics);
  }
  Result<std::vector<Result<RedfishResource>>> read = co_await tree_.client().get_all(ctx, std::move(uris));
  if (!read) co_return std::move(read.error()).while_doing("reading NVLink ports");
  std::vector<NvlinkReading> readings;
  std::size_t next = 0;
  for (const Port& port : **known) {
    NvlinkReading reading;
    reading.name = port.name;
    reading.uri = port.uri;
    const Result<RedfishResource>& one = (*read)[next++];
    if (one) {
      const JsonView body = one->body;
      reading.link_state = body["LinkState"].text_or_empty();
      reading.link_status = body["LinkStatus"].text_or_empty();
      reading.speed_gbps = body["CurrentSpeedGbps"].number();
      reading.max_speed_gbps = body["MaxSpeedGbps"].number();
      reading.width = width_of(body);
    } else {
      tree_.client().note_oddity(port.uri, "", one.error().message);
      reads_since_find_ = kReadsPerPortFind;
    }
    if (!port.metrics.empty()) {
      const Result<RedfishResource>& metrics = (*read)[next++];
      if (metrics) {
        take_port_metrics(metrics->body, reading);
      } else {
        tree_.client().note_oddity(port.metrics, "", metrics.error().message);
      }
    }
    readings.push_back(std::move(reading));
  }
  co_return readings;
}

}  // namespace kiln
