// The station that is killed: the product's own parts, wired as execute_run.cc wires them, behind doors.

#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "engine/runner.h"
#include "io/scope.h"
#include "kill_world_for_test.h"
#include "safety/warden_messages.h"
#include "station/interlock_latches.h"
#include "station/warden_ears.h"
#include "station/warden_link.h"

namespace kiln::kills {
namespace {

using boost::asio::awaitable;
using namespace std::chrono_literals;

Error not_modelled() { return Error("test.not_modelled", "this burn-in does not ask for it"); }

/// And not of the work that goes on.
bool about_a_trip(const Event& event) {
  const auto* measured = std::get_if<Measured>(&event.body);
  const auto* note = std::get_if<Note>(&event.body);
  return std::holds_alternative<Interlocked>(event.body) || std::holds_alternative<GuardClosed>(event.body) ||
         (note != nullptr && note->text.starts_with("the warden")) ||
         (measured != nullptr && measured->name == "leak_watch.state" && measured->outcome == Outcome::fail);
}

class DoorBmc final : public Bmc {
 public:
  DoorBmc(World& world, std::string id)
      : world_(world), id_(std::move(id)), machine_(world.rack.machine(id_)) {}

  awaitable<Result<PowerState>> power_state(const Ctx& ctx) override {
    const Status read = co_await exchange("power_state", ctx);
    if (!read) co_return read.error();
    co_return machine_.on && !world_.fuse.dead() ? PowerState::on : PowerState::off;
  }
  awaitable<Status> power_on(const Ctx& ctx, const Permit& permit) override {
    if (!permit.valid()) co_return Error("permit.revoked", "the permit is not valid");
    co_await point("power_on", "before");
    const Status going_on = ctx.check();  // as CurlHttp: what nobody waits for any more is not sent
    if (!going_on) co_return going_on;
    if (world_.fuse.dead()) co_return success();
    const Completion<bool> done;
    world_.rack.ask_on(id_, [done] { done.complete(true); });
    const Status answered = co_await answer(ctx, done, "power_on");
    co_return answered;
  }
  awaitable<Status> force_off(const Ctx& ctx) override {
    co_await point("force_off", "before");
    if (world_.fuse.dead()) co_return success();
    world_.mark("off sent by the station", id_);
    const Completion<bool> done;
    world_.rack.ask_off(id_, [done] { done.complete(true); });
    const Status answered = co_await answer(ctx, done, "force_off");
    co_return answered;
  }
  awaitable<Result<LeakCensus>> leak_detectors(const Ctx& ctx) override {
    const Status read = co_await exchange("leak_detectors", ctx);
    if (!read) co_return read.error();
    LeakCensus census = machine_.hardware.leaks;
    census.read_ns = ctx.now().monotonic_ns;
    co_return census;
  }
  awaitable<Result<std::vector<LeakPolicy>>> leak_policies(const Ctx& ctx) override {
    const Status read = co_await exchange("leak_policies", ctx);
    if (!read) co_return read.error();
    co_return std::vector<LeakPolicy>();
  }
  awaitable<Result<std::vector<CoolantReading>>> coolant(const Ctx& ctx) override {
    const Status read = co_await exchange("coolant", ctx);
    if (!read) co_return read.error();
    co_return machine_.hardware.coolant;
  }
  awaitable<Result<std::vector<PumpReading>>> pumps(const Ctx& ctx) override {
    const Status read = co_await exchange("pumps", ctx);
    if (!read) co_return read.error();
    co_return machine_.hardware.pumps;
  }
  awaitable<Result<std::vector<CoolingUnitReading>>> cooling_units(const Ctx& ctx) override {
    const Status read = co_await exchange("cooling_units", ctx);
    if (!read) co_return read.error();
    co_return machine_.hardware.cooling_units;
  }
  awaitable<Result<std::vector<GpuReading>>> gpus(const Ctx& ctx) override {
    const Status read = co_await exchange("gpus", ctx);
    if (!read) co_return read.error();
    co_return machine_.hardware.gpus;
  }
  awaitable<Result<std::vector<FirmwareItem>>> firmware(const Ctx& ctx) override {
    const Status read = co_await exchange("firmware", ctx);
    if (!read) co_return read.error();
    co_return machine_.hardware.firmware;
  }
  awaitable<Result<UpdateOutcome>> update_firmware(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> /*on_progress*/) override {
    if (!permit.valid()) co_return Error("permit.revoked", "the permit is not valid");
    co_await point("update_firmware", "before");
    const Status going_on = ctx.check();  // as CurlHttp: what nobody waits for any more is not sent
    if (!going_on) co_return going_on.error();
    UpdateOutcome outcome;
    outcome.task_ok = true;
    outcome.task_state = "Completed";
    if (world_.fuse.dead()) co_return outcome;
    const Completion<bool> done;
    world_.rack.ask_write(id_, request.image, [done] { done.complete(true); });
    const Status answered = co_await answer(ctx, done, "update_firmware");
    if (!answered) co_return answered.error();
    co_return outcome;
  }
  awaitable<Status> restart(const Ctx& ctx, const Permit& permit) override {
    if (!permit.valid()) co_return Error("permit.revoked", "the permit is not valid");
    co_await point("restart", "before");
    const Status going_on = ctx.check();  // as CurlHttp: what nobody waits for any more is not sent
    if (!going_on) co_return going_on;
    if (world_.fuse.dead()) co_return success();
    const Completion<bool> done;
    world_.rack.ask_restart(id_, [done] { done.complete(true); });
    const Status answered = co_await answer(ctx, done, "restart");
    co_return answered;
  }
  awaitable<Status> offers(const Ctx& ctx, BmcAbility /*ability*/) override {
    const Status read = co_await exchange("offers", ctx);
    co_return read;
  }
  awaitable<Result<HostStart>> host_start(const Ctx& ctx) override {
    const Status read = co_await exchange("host_start", ctx);
    if (!read) co_return read.error();
    HostStart start;
    start.power = machine_.on && !world_.fuse.dead() ? PowerState::on : PowerState::off;
    start.last_reset = std::to_string(machine_.boots);
    co_return start;
  }
  awaitable<Status> logout(const Ctx& ctx) override {
    const Status left = co_await exchange("logout", ctx);
    co_return left;
  }

  awaitable<Result<BmcIdentity>> identity(const Ctx&) override { co_return not_modelled(); }
  awaitable<Status> graceful_shutdown(const Ctx&) override { co_return not_modelled(); }
  awaitable<Status> reset_manager(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<std::size_t>> updates_under_way(const Ctx&) override { co_return std::size_t{0}; }
  awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx&, std::function<void(const UpdateProgress&)>) override {
    co_return not_modelled();
  }
  awaitable<Status> full_power_cycle(const Ctx&, const Permit&) override { co_return not_modelled(); }
  awaitable<Result<double>> raise_power_limit(const Ctx&, const Permit&, std::string, double) override {
    co_return not_modelled();
  }
  awaitable<Result<double>> lower_power_limit(const Ctx&, std::string, double) override {
    co_return not_modelled();
  }
  awaitable<Status> open_valve(const Ctx&, const Permit&, std::string) override { co_return not_modelled(); }
  awaitable<Status> close_valve(const Ctx&, std::string) override { co_return not_modelled(); }
  awaitable<Result<std::vector<Part>>> parts(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<PowerChain>> power_chain(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<PlatformSetup>> platform_setup(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<std::vector<SensorReading>>> sensors(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<std::vector<NvlinkReading>>> nvlinks(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<std::vector<LogEntry>>> event_log(const Ctx&, std::string) override {
    co_return not_modelled();
  }
  awaitable<Result<std::optional<double>>> clock_offset(const Ctx&) override { co_return not_modelled(); }
  awaitable<Status> listen(const Ctx&, std::function<void(const BmcEvent&)>) override {
    co_return not_modelled();
  }
  awaitable<Result<std::vector<EventLog>>> event_logs(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<std::vector<EventLog>>> event_logs_again(const Ctx&) override { co_return not_modelled(); }
  awaitable<Result<SurveyReport>> survey(const Ctx&) override { co_return not_modelled(); }
  std::vector<Oddity> take_oddities() override { return {}; }
  std::vector<std::string> take_disturbances() override { return {}; }
  std::vector<AppliedQuirk> take_quirks() override { return {}; }

 private:
  awaitable<void> point(const char* verb, const char* when) {
    return world_.fuse.at(world_.station_loop, fmt::format("bmc.{} {}: {}", verb, id_, when));
  }
  /// Something that changes nothing there.
  awaitable<Status> exchange(const char* verb, const Ctx& ctx) {
    co_await point(verb, "before");
    if (world_.fuse.dead()) co_return success();
    const Status travelled = co_await world_.rack.reach(ctx, id_);
    co_await point(verb, "after");
    co_return travelled;
  }
  awaitable<Status> answer(const Ctx& ctx, Completion<bool> done, const char* verb) {
    const Result<bool> waited = co_await done.wait(ctx);
    co_await point(verb, "after");
    if (!waited) co_return waited.error();
    co_return success();
  }
  World& world_;
  std::string id_;
  Machine& machine_;
};

class DoorShell final : public Shell {
 public:
  DoorShell(World& world, std::string id)
      : world_(world), id_(std::move(id)), machine_(world.rack.machine(id_)) {}

  awaitable<Result<CommandResult>> run(const Ctx& ctx, Command command) override {
    const std::string what = fmt::format("shell '{}' {}", command.line, id_);
    co_await world_.fuse.at(world_.station_loop, what + ": before");
    CommandResult nothing;
    nothing.exit_status = 0;
    if (world_.fuse.dead()) co_return nothing;
    const bool burns = command.line.starts_with("timeout --signal=TERM");
    Result<CommandResult> result = not_modelled();
    if (burns) {
      result = co_await burn(ctx, std::move(command));
    } else {
      result = co_await quick(ctx, command.line);
    }
    co_await world_.fuse.at(world_.station_loop, what + ": after");
    co_return result;
  }
  awaitable<void> disconnect() override { co_return; }

 private:
  awaitable<Result<CommandResult>> quick(const Ctx& ctx, std::string line) {
    const Status travelled = co_await world_.rack.travel(ctx);
    if (!travelled) co_return travelled.error();
    if (line == "pkill -TERM -x gpu_burn") world_.rack.hear("load end received", id_);
    const bool booted = machine_.on && world_.rack.now_ns() - machine_.on_ns >= Nanoseconds(500ms).count();
    if (!booted) co_return Error("ssh.connect", "no connection to the host");
    CommandResult result;
    result.exit_status = 0;
    if (line == "nvidia-smi -q -x") result.out = nvidia_smi_xml();
    if (line == "dmesg") result.out = kernel_log();
    if (line == "cat /proc/sys/kernel/random/boot_id")
      result.out = fmt::format("00000000-0000-4000-8000-{:012}\n", machine_.boots);
    if (line == "pkill -TERM -x gpu_burn") result.exit_status = world_.rack.end_load(id_, 143);
    co_return result;
  }
  awaitable<Result<CommandResult>> burn(const Ctx& ctx, Command command) {
    const auto load = std::make_shared<Load>();
    load->lease_ns = command.lease ? command.lease->count() : 0;
    const Nanoseconds length =
        std::chrono::seconds(std::atoi(command.line.c_str() + command.line.rfind(' ')));
    world_.rack.start_load(id_, length, load);
    const Result<int> ended = co_await load->ended.wait(ctx);
    if (!ended) co_return ended.error();
    if (*ended == 255) co_return Error("ssh.connection_lost", "the host is gone");
    CommandResult result;
    result.exit_status = *ended;
    if (*ended == 0) result.out = burn_output();
    if (command.on_output) command.on_output(result.out);
    co_return result;
  }
  World& world_;
  std::string id_;
  Machine& machine_;
};

class NoProcesses final : public ProcessLauncher {
 public:
  awaitable<Result<CommandResult>> run(const Ctx&, ProcessSpec) override { co_return not_modelled(); }
  awaitable<Result<std::unique_ptr<RunningProcess>>> start(const Ctx&, ProcessSpec) override {
    co_return not_modelled();
  }
};

class DoorDevices final : public Devices {
 public:
  explicit DoorDevices(World& world) : world_(world) {}
  Result<std::unique_ptr<Bmc>> open_bmc(const Dut& dut) override { return kills::open_bmc(world_, dut); }
  Result<std::unique_ptr<Shell>> open_shell(const Dut& dut) override {
    if (!dut.host) return Error("shell.none", "it has no host");
    return kills::open_shell(world_, dut);
  }
  ProcessLauncher& processes() override { return processes_; }
  Result<std::unique_ptr<HttpClient>> open_model_server(const ServingAccess&, std::size_t) override {
    return not_modelled();
  }

 private:
  World& world_;
  NoProcesses processes_;
};

/// Whoever is told what is in the record; `latching`: the latch, which is a door of its own.
class Person final : public RunObserver {
 public:
  Person(World& world, RunObserver* latching) : world_(world), latching_(latching) {}
  void on_event(const Event& event) override {
    const bool cut = std::holds_alternative<Interlocked>(event.body);
    if (cut && latching_ != nullptr) world_.fuse.reach("latch " + event.dut + ": before");
    if (latching_ != nullptr && !world_.fuse.dead()) latching_->on_event(event);
    if (cut && latching_ != nullptr) world_.fuse.reach("latch " + event.dut + ": on disk");
    if (cut && latching_ != nullptr) world_.point_of_latch = world_.fuse.points();
    if (latching_ != nullptr) return;
    if (!world_.fuse.dead() && about_a_trip(event))
      world_.mark("told " + std::string(kind_name(event.body)), event.dut);
  }
  void on_progress(const std::string&, const std::string&, const std::string&) override {}

 private:
  World& world_;
  RunObserver* latching_;
};

class NobodyThere final : public Operator {
 public:
  awaitable<Result<PromptAnswer>> ask(const Ctx&, std::string, PromptRequest) override {
    co_return Error("prompt.no_input", "nobody is there");
  }
};

/// As DiskUndoJournal, without its worker threads: their answers come in an order of their own, and every
/// point must be the same in each run. Opening and ending are asynchronous to whoever asked, as there.
class DoorJournal final : public UndoJournal {
 public:
  explicit DoorJournal(World& world)
      : world_(world), owner_(world.station_loop, "guard journal"), writes_(owner_) {}
  awaitable<Result<int>> open(const Ctx& ctx, JournaledUndo undo) override {
    const std::string what = fmt::format("journal open '{}'", undo.description);
    co_await world_.fuse.at(world_.station_loop, what + ": before");
    if (world_.fuse.dead()) co_return Error("guard.not_writable", "dead");
    Result<int> number = world_.journal->open(undo);
    world_.mark(undo.kind == UndoKind::interlock ? "journal cut" : "journal open", undo.dut);
    duts_[number ? *number : 0] = undo.dut;
    co_await world_.fuse.at(world_.station_loop, what + ": on disk");
    const Status going_on = ctx.check();
    if (going_on || !number) co_return number;
    end(*number, GuardEnd::not_needed, "nothing was done");  // whoever asked has gone
    co_return going_on.error();
  }
  void end(int number, GuardEnd how, std::string message) override {
    writes_.start("end", [this, number, how, message = std::move(message)](Ctx& /*task*/) {
      return write_end(number, how, message);
    });
  }
  awaitable<Status> close() {
    Status joined = co_await writes_.join();
    co_return joined;
  }

 private:
  awaitable<void> write_end(int number, GuardEnd how, std::string message) {
    const std::string what = fmt::format("journal end {} {}", number, to_string(how));
    co_await world_.fuse.at(world_.station_loop, what + ": before");
    if (world_.fuse.dead()) co_return;
    const Status written = world_.journal->end(number, how, message);
    if (!written) world_.wrong.push_back(written.error().sentence());
    world_.mark("journal end", duts_[number]);
    co_await world_.fuse.at(world_.station_loop, what + ": on disk");
  }
  World& world_;
  std::map<int, std::string> duts_;
  Ctx owner_;
  Scope writes_;
};

/// As the Ledger: an event is on disk with its group's commit, at once for durable ones, else within 100 ms.
class DoorLedger final : public EventSink {
 public:
  explicit DoorLedger(World& world) : world_(world) { accepted_.reserve(1024); }
  ~DoorLedger() override { world_.station_loop.cancel(timer_); }
  awaitable<Result<std::int64_t>> append(const Ctx& /*ctx*/, Event event) override {
    co_await stalled();
    const std::int64_t sequence = take(std::move(event));
    if (timer_ == 0) {
      timer_ = world_.station_loop.call_at(world_.rack.now_ns() + Nanoseconds(100ms).count(), [this] {
        timer_ = 0;
        commit();
        world_.fuse.reach("commit of a group: on disk");
      });
    }
    co_return sequence;
  }
  awaitable<Result<std::int64_t>> append_durable(const Ctx& /*ctx*/, Event event) override {
    const std::string what = fmt::format("commit {} {}", kind_name(event.body), event.dut);
    const std::int64_t sequence = take(std::move(event));
    co_await world_.fuse.at(world_.station_loop, what + ": before");
    co_await stalled();
    commit();
    co_await world_.fuse.at(world_.station_loop, what + ": on disk");
    co_return sequence;
  }
  void keep_beside(const Event& /*event*/) override {}

 private:
  [[nodiscard]] std::int64_t stalled_until_ns() const {
    return world_.accident_ns == 0 ? 0 : world_.accident_ns + world_.accident.stalls.count();
  }
  [[nodiscard]] bool stalled_now() const {
    const std::int64_t now_ns = world_.rack.now_ns();
    return world_.accident_ns != 0 && now_ns >= world_.accident_ns && now_ns < stalled_until_ns();
  }
  awaitable<void> stalled() {
    if (!stalled_now()) co_return;
    const Ctx disk(world_.station_loop, "disk");
    const Status waited = co_await disk.sleep_for(Nanoseconds(stalled_until_ns() - world_.rack.now_ns()));
    (void)waited;
  }
  std::int64_t take(Event event) {
    event.sequence = ++last_;
    accepted_.push_back(std::move(event));
    return last_;
  }
  void commit() {
    if (stalled_now()) return;
    if (!world_.fuse.dead()) {
      for (const Event& event : accepted_) {
        if (about_a_trip(event)) world_.mark("record " + std::string(kind_name(event.body)), event.dut);
      }
      for (Event& event : accepted_) world_.committed.push_back(std::move(event));
    }
    accepted_.clear();
  }
  World& world_;
  std::int64_t last_ = 0;
  Loop::TimerId timer_ = 0;
  std::vector<Event> accepted_;
};

std::string type_of(const std::string& message) {
  const auto at = message.find("\"type\":\"");
  if (at == std::string::npos) return "?";
  return message.substr(at + 8, message.find('"', at + 8) - at - 8);
}

class StationSocket final : public MessageSocket {
 public:
  explicit StationSocket(World& world) : world_(world) {}
  awaitable<Status> send(const Ctx& /*ctx*/, std::string message) override {
    const std::string what = fmt::format("say {}", type_of(message));
    co_await world_.fuse.at(world_.station_loop, what + ": before");
    if (world_.fuse.dead() || world_.pipe.warden_closed)
      co_return Error("socket.closed", "the warden is gone");
    world_.pipe.put_to_warden(std::move(message));
    co_await world_.fuse.at(world_.station_loop, what + ": said");
    co_return success();
  }
  awaitable<Result<std::string>> receive(const Ctx& ctx) override {
    Pipe& pipe = world_.pipe;
    while (pipe.to_station.empty() && !pipe.warden_closed && !world_.fuse.dead()) {
      const Completion<bool> news;
      pipe.station_news = news;
      const Result<bool> waited = co_await news.wait(ctx);
      pipe.station_news.reset();
      if (!waited) co_return waited.error();
    }
    if (pipe.to_station.empty() || world_.fuse.dead()) co_return Error("socket.closed", "the warden is gone");
    std::string text = std::move(pipe.to_station.front());
    pipe.to_station.pop_front();
    co_await world_.fuse.at(world_.station_loop, fmt::format("heard {}", type_of(text)));
    co_return text;
  }

 private:
  World& world_;
};

class TaskOfTheSameLoop final : public Companion {
 public:
  explicit TaskOfTheSameLoop(World& world) : world_(world) {}
  [[nodiscard]] int pid() const override { return 1; }
  awaitable<Result<int>> ended(const Ctx& ctx) override {
    Result<int> status = co_await world_.warden_ended.wait(ctx);
    co_return status;
  }

 private:
  World& world_;
};

std::vector<WardenDut> warden_duts(const Plan& plan) {
  std::vector<WardenDut> duts;
  for (const std::string& id : plan.duts) {
    const Dut& dut = *plan.inventory.find(id);
    WardenDut told;
    told.id = id;
    told.role = dut.role;
    for (const Component* detector : dut.expect.of_kind(ComponentKind::leak_detector))
      told.leak_detectors.push_back(detector->name);
    told.bmc_url = dut.bmc->url;
    if (dut.host) told.host_address = dut.host->address;
    duts.push_back(std::move(told));
  }
  return duts;
}

}  // namespace

std::unique_ptr<Bmc> open_bmc(World& world, const Dut& dut) {
  return std::make_unique<DoorBmc>(world, dut.id);
}
std::unique_ptr<Shell> open_shell(World& world, const Dut& dut) {
  return std::make_unique<DoorShell>(world, dut.id);
}

awaitable<void> live_as_station(World& world) {
  const Ctx root(world.station_loop, "");
  WardenBriefing briefing;
  WardenHello& hello = briefing.hello;
  hello.version = hello.build_stamp = "kills";
  hello.run = "R-1";
  hello.journal = world.journal_path;
  briefing.duts = warden_duts(world.plan);
  std::unique_ptr<Companion> companion = std::make_unique<TaskOfTheSameLoop>(world);
  std::unique_ptr<MessageSocket> socket = std::make_unique<StationSocket>(world);
  Result<std::unique_ptr<WardenLink>> joined =
      co_await WardenLink::join(root, std::move(companion), std::move(socket), std::move(briefing));
  if (!joined) co_return;
  const std::unique_ptr<WardenLink> warden = std::move(*joined);
  DoorJournal journal(world);
  WardedUndoJournal warded(journal, *warden);
  DoorDevices devices(world);
  NobodyThere person;
  DoorLedger ledger(world);
  RunnerParts parts;
  parts.devices = &devices;
  parts.person = &person;
  parts.sink = &ledger;
  parts.journal = &warded;
  Person told(world, nullptr);
  const InterlockLatches latches(world.state);
  LatchingObserver latching(told, latches, world.plan, {}, "R-1", [&world](const auto& latch, const auto&) {
    world.wrong.push_back("it could not be latched: " + latch.dut);
  });
  Person all(world, &latching);
  parts.observer = &all;
  parts.warden_watches = true;
  parts.unguarded = warden->unreachable();
  Runner runner(world.plan, parts);
  {
    const Ctx beside(world.station_loop, "beside");
    Scope screen(beside);
    screen.start("warden", [&warden, &runner](Ctx& task) { return warden->keep(task, ears_of(runner)); });
    RunBegun begun;
    begun.recipe = "kills";
    begun.purpose = to_string(world.plan.recipe.purpose);
    begun.rack = world.plan.inventory.rack;
    const Result<RunVerdict> verdict = co_await runner.run(root, std::move(begun));
    (void)verdict;  // only what is on disk counts
    const Status ended = co_await screen.stop_and_join(StopReason::sibling, "the run is over");
    (void)ended;
  }
  co_await warden->leave(root);
  const Status closed = co_await journal.close();
  if (!closed) world.wrong.push_back(closed.error().sentence());
  co_await world.fuse.at(world.station_loop, "journal remove: before");
  if (world.fuse.dead()) co_return;
  // A BMC that never answers has confirmed nothing: that is left to kiln recover.
  if (!world.journal->remove_if_done() && world.accident.silent.empty())
    world.wrong.emplace_back("the run ended and left guards open");
  co_await world.fuse.at(world.station_loop, "journal remove: removed");
  world.station_left = !world.fuse.dead();
}

}  // namespace kiln::kills
