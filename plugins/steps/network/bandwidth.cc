// How fast the adapters of a host are to each other through the network: perftest's ib_write_bw, each adapter
// to the next one in a ring, one pair at a time. A link that is up at its rate may still carry half of it:
// packets that are sent again, a switch's port, PCIe credits.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "network_steps.h"
#include "sdk/host_tool.h"
#include "sdk/scope.h"
#include "sdk/tool_output.h"

namespace kiln::network {

using boost::asio::awaitable;
using tool_output::Perftest;

namespace {

constexpr const char* kTool = "ib_write_bw";
constexpr Nanoseconds kServerStarts = std::chrono::milliseconds(500);
constexpr int kAttempts = 4;                               ///< to reach a side that is slow to begin
constexpr Nanoseconds kLonger = std::chrono::seconds(20);  ///< than it sends: set-up, and what it prints

/// An adapter of the rack file that can send, the device it sends through, and its rate in Gbit/s.
struct Sender {
  std::string part, device;
  std::optional<double> rate;
};

/// What a pair came to: Gbit/s and the share of what the slower link of the two could carry, or why not.
struct Pair {
  std::optional<double> gbit_s, share;
  std::string why;
};

std::vector<Sender> senders_of(const HostNetwork& host, const Parameters& with, const Dut& dut) {
  std::vector<Sender> senders;
  for (const std::string& name : cabled_parts(with, dut)) {
    const std::vector<const Component*> all = dut.expect.of_kind(ComponentKind::nic);
    const auto part =
        std::find_if(all.begin(), all.end(), [&name](const Component* one) { return one->name == name; });
    const PortsOfPart found = ports_of(host, **part);
    if (!found.adapters.empty() && !found.adapters.front()->rdma_device.empty())
      senders.push_back({name, found.adapters.front()->rdma_device,
                         found.ports.empty() ? std::nullopt : found.ports.front()->rate_gbps});
  }
  return senders;
}

std::string arguments_of(const Parameters& with, const std::string& device, std::int64_t port, bool client) {
  const std::int64_t seconds = std::max<std::int64_t>(with.duration("for").count() / 1'000'000'000, 1);
  return fmt::format("-d {} -p {} -D {} -F --report_gbits {}{}", shell_quoted(device), port, seconds,
                     with.text("options"), client ? " localhost" : "");
}

/// The other side does not listen yet.
bool still_starting(const CommandResult& sent) {
  return (sent.out + sent.err).find("Couldn't connect") != std::string::npos;
}

/// The side that is written to. It ends by its client, by itself when none comes, or by the guard.
awaitable<void> serve(const Ctx& ctx, Shell& shell, std::string line) {
  Command command(std::move(line));
  const Result<CommandResult> served = co_await shell.run(ctx, std::move(command));
  (void)served;  // the client tells what went wrong
}

Pair pair_from(const Result<CommandResult>& sent) {
  Pair pair;
  if (!sent) {
    pair.why = sent.error().message;
    return pair;
  }
  const Result<Perftest> run = tool_output::parse_perftest(sent->out + sent->err);
  if (!run) {
    pair.why = fmt::format("{}: {}", run.error().message, first_line_of(*sent));
    return pair;
  }
  pair.gbit_s = run->best_gbit_s();
  if (!pair.gbit_s)
    pair.why = run->errors.empty() ? fmt::format("{} has sent nothing", kTool) : run->errors.front();
  return pair;
}

awaitable<Result<Pair>> write_to(StepContext& context, const Permit& permit, Shell& shell, const Sender& from,
                                 const Sender& to, std::int64_t port) {
  const Nanoseconds limit = context.with().duration("for") + kLonger;
  Scope servers(context.ctx());
  std::string line =
      fmt::format("timeout --signal=TERM --kill-after=5 {} {} {}", limit.count() / 1'000'000'000, kTool,
                  arguments_of(context.with(), to.device, port, false));
  servers.start("the side that is written to",
                [&shell, line](Ctx& task) { return serve(task, shell, line); });
  const Status begun = co_await context.ctx().sleep_for(kServerStarts);
  Result<CommandResult> sent = Error("network.stopped", "the step was stopped before it sent");
  for (int attempt = 1; begun && attempt <= kAttempts; ++attempt) {
    HostTool tool{kTool, arguments_of(context.with(), from.device, port, true), limit};
    sent = co_await run_host_tool(context, permit, shell, std::move(tool));
    if (!sent || !still_starting(*sent)) break;
    const Status waited = co_await context.ctx().sleep_for(kServerStarts);
    if (!waited) break;
  }
  const Status joined = co_await servers.stop_and_join(StopReason::sibling, "the client has ended");
  (void)joined;
  if (!begun) co_return begun.error();
  const bool installed = sent || sent.error().code != std::string(kTool) + ".not_installed";
  if (!installed || context.ctx().stopped())
    co_return sent ? Error("network.stopped", "stopped") : sent.error();
  Pair pair = pair_from(sent);
  const double least = std::min(from.rate.value_or(0), to.rate.value_or(0));
  if (pair.gbit_s && least > 0) pair.share = *pair.gbit_s / least;
  if (pair.gbit_s && least <= 0) pair.why = "the host does not tell the rate of the link";
  co_return pair;
}

/// Each adapter sends to the next one: pairs[i] is senders[i] to senders[i + 1], the last one to the first.
struct Ring {
  std::vector<Sender> senders;
  std::vector<Pair> pairs;

  [[nodiscard]] std::size_t before(std::size_t at) const { return (at + pairs.size() - 1) % pairs.size(); }
  [[nodiscard]] std::size_t behind(std::size_t at) const { return (at + 1) % pairs.size(); }
  /// Of the pairs that adapter `at` was in, the better one; that it sent in when neither has a value.
  [[nodiscard]] std::size_t better(std::size_t at) const {
    return pairs[before(at)].share.value_or(0) > pairs[at].share.value_or(0) ? before(at) : at;
  }
};

/// A pair is as slow as it is because of an adapter that is no faster in its other pair. A pair that is slow
/// between two adapters that are fast elsewhere is slow in one direction of one of them: nobody can say
/// which.
bool explained(const Ring& ring, std::size_t pair) {
  constexpr double kSame = 1.02;
  for (const std::size_t end : {pair, ring.behind(pair)}) {
    const std::optional<double>& best = ring.pairs[ring.better(end)].share;
    const std::optional<double>& here = ring.pairs[pair].share;
    if (!best || (here && *best <= *here * kSame)) return true;
  }
  return false;
}

/// The pair that tells of adapter `at`: the better one, so that one bad adapter is the only one named, unless
/// the worse one has nobody else to explain it.
const Pair& telling_pair(const Ring& ring, std::size_t at) {
  const std::size_t better = ring.better(at);
  const std::size_t worse = better == at ? ring.before(at) : at;
  return ring.pairs[explained(ring, worse) ? better : worse];
}

Reading reading_from(const char* measurement, const std::string& part, const Pair* pair,
                     std::optional<double> Pair::*member) {
  Reading reading(measurement, part, std::monostate{}, Source{"ssh", std::string(kTool) + " in a ring"});
  reading.reason = pair == nullptr ? "the host has no RDMA device for it, or for no other" : pair->why;
  if (pair != nullptr && pair->*member) reading.value = *(pair->*member);
  return reading;
}

}  // namespace

const StepDescription& Bandwidth::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "network.bandwidth";
    made.summary = "How fast each network adapter sends to its neighbours through the network (ib_write_bw)";
    made.measurements = {
        {"nic.bandwidth.share", "1", ComponentKind::nic, true, "nic.slow",
         "swap cable and transceiver, then the switch's port, then the adapter; look for packets that are "
         "sent "
         "again",
         "RDMA write over the rate of the slower link, the better of the two pairs that the adapter was in"},
        {"nic.bandwidth", "Gbit/s", ComponentKind::nic, false, "", "", "the same in Gbit/s"}};
    made.parameters = {uncabled_parameter(),
                       {"for", ParameterType::duration, "5s", "how long each pair sends"},
                       {"port", ParameterType::integer, "18515",
                        "first TCP port of the set-up on the host; each pair has one"},
                       {"options", ParameterType::text, "",
                        "more options of ib_write_bw, such as -x 3 for the GID of RoCE v2"}};
    made.energises = Energy::load;
    made.on_resume = ResumePolicy::keep;
    made.default_timeout = std::chrono::minutes(20);
    return made;
  }();
  return description;
}

std::vector<std::string> Bandwidth::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                          const Dut& dut) const {
  (void)measurement;
  const std::vector<std::string> cabled = cabled_parts(with, dut);
  return cabled.size() < 2 ? std::vector<std::string>{} : cabled;  // one alone has nobody to send to
}

awaitable<Status> Bandwidth::run(StepContext& context) {
  const std::vector<std::string> cabled = cabled_parts(context.with(), context.dut());
  if (cabled.size() < 2) co_return success();
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Result<HostNetwork> host = co_await look_at_ports(context, context.ctx(), true);
  if (!host) co_return host.error();
  const Result<Permit> permit = context.permit(Energy::load, "measure the bandwidth of network adapters");
  if (!permit) co_return permit.error();
  Ring ring;
  ring.senders = senders_of(*host, context.with(), context.dut());
  for (std::size_t i = 0; i < ring.senders.size() && ring.senders.size() > 1; ++i) {
    const Sender& from = ring.senders[i];
    const Sender& to = ring.senders[(i + 1) % ring.senders.size()];
    context.progress(fmt::format("{} to {}", from.part, to.part));
    // A port of its own: the one before may not be free yet.
    const std::int64_t port = context.with().integer("port") + static_cast<std::int64_t>(i);
    const Result<Pair> pair = co_await write_to(context, *permit, **shell, from, to, port);
    if (!pair) co_return pair.error();
    ring.pairs.push_back(*pair);
  }
  for (const std::string& part : cabled) {
    const auto sender = std::find_if(ring.senders.begin(), ring.senders.end(),
                                     [&part](const Sender& one) { return one.part == part; });
    const bool sent = sender != ring.senders.end() && !ring.pairs.empty();
    const Pair* pair =
        sent ? &telling_pair(ring, static_cast<std::size_t>(sender - ring.senders.begin())) : nullptr;
    Reading share = reading_from("nic.bandwidth.share", part, pair, &Pair::share);
    const Result<Outcome> judged = co_await context.record(std::move(share));
    if (!judged) co_return judged.error();
    Reading speed = reading_from("nic.bandwidth", part, pair, &Pair::gbit_s);
    const Result<Outcome> kept = co_await context.record(std::move(speed));
    if (!kept) co_return kept.error();
  }
  co_return success();
}

}  // namespace kiln::network
