#include "engine/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/energy_rules.h"
#include "engine/runner_impl.h"
#include "model/rework.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kLogoutBudget = std::chrono::seconds(3);

}  // namespace

void Runner::Impl::start_leak_watches(Scope& leak_watches) {
  for (const auto& monitor : plan.monitors) {
    for (const auto& id : monitor.duts) {
      DutRun* dut = state->find(id);
      if (dut == nullptr) continue;
      if (!monitor.step->describe().leak_watch) continue;  // started with the DUT, ends with it
      leak_watches.start(monitor.path + " " + id,
                         [this, dut, &monitor](Ctx& ctx) { return run_monitor(*dut, monitor, ctx); });
    }
  }
}

void Runner::Impl::build_meeting_points() {
  const std::set<std::string> everybody(plan.duts.begin(), plan.duts.end());
  state->work_done = std::make_unique<Rendezvous>(everybody);
  for (const auto& phase : plan.phases) {
    for (const auto* steps : {&phase.setup, &phase.steps}) {
      for (const auto& step : *steps) {
        if (step.rack_scope) {
          state->barriers[meeting("rack", step.path)] = std::make_unique<Rendezvous>(everybody);
          state->rack_done[step.path] = std::make_unique<Latch>();
          continue;
        }
        const std::set<std::string> members(step.duts.begin(), step.duts.end());
        if (step.spec.barrier_before)
          state->barriers[meeting("before", step.path)] = std::make_unique<Rendezvous>(members);
        if (step.spec.barrier_after)
          state->barriers[meeting("after", step.path)] = std::make_unique<Rendezvous>(members);
      }
    }
  }
  for (const auto& monitor : plan.monitors) {
    if (!monitor.step->describe().leak_watch) continue;
    for (const auto& id : monitor.duts) state->first_looks.emplace(id, std::make_unique<Latch>());
  }
  if (parts.warden_watches) {
    state->permits.require_warden_watch();
    for (const auto& [id, dut] : state->duts) {
      if (has_leak_detectors(dut->dut)) state->warden_looks.emplace(id, std::make_unique<Latch>());
    }
    for (const std::string& id : parts.hazard_watches) state->permits.require_hazard_watch(id);
    if (plan.inventory.building) state->warden_looks.emplace(plan.inventory.rack, std::make_unique<Latch>());
  }
  for (const auto& planned : plan.cells) {
    state->cells[{planned.cell.step, planned.cell.dut}].emplace(planned.cell.measurement, planned.cell.part);
  }
  for (const auto& phase : plan.phases) {
    for (const auto& step : phase.steps) {
      if (!step.step->describe().proves_cooling) continue;
      for (const auto& id : step.duts) state->permits.require_cooling_proof(id);
    }
  }
}

awaitable<void> Runner::Impl::prepare(RunBegun begun) {
  const auto tls_text = [](const TlsTrust& trust) {
    switch (trust.kind) {
      case TlsTrust::Kind::pin:
        return std::string("pin");
      case TlsTrust::Kind::certificate_authority:
        return "ca " + trust.value;
      case TlsTrust::Kind::insecure:
        return "insecure: " + trust.value;
    }
    return std::string{};
  };
  if (parts.resumption != nullptr) {
    co_await prepare_again();
    co_return;
  }
  EventBody begun_body = std::move(begun);
  const Status first = co_await recorder->record_durable(Where(), std::move(begun_body));
  if (!first) co_return;
  if (plan.inventory.building && parts.warden_watches) {
    const BuildingAccess& building = *plan.inventory.building;
    std::string text = fmt::format("the building is heard through {} ({}), where this rack is {}",
                                   building.broker, tls_text(building.tls), building.rack_location_id);
    co_await note(plan.inventory.rack, std::move(text));
  }
  std::vector<const Dut*> all;
  for (const auto& id : plan.duts) all.push_back(plan.inventory.find(id));
  if (plan.has_rack_cells) all.push_back(&plan.rack);
  for (const Dut* dut : all) {
    DutPlanned planned;
    planned.role = dut->role;
    planned.slot = dut->slot;
    planned.expected_serial = dut->expect.serial;
    if (const auto said = parts.serials.find(dut->id); said != parts.serials.end())
      planned.serial = said->second;
    if (dut->bmc) {
      planned.bmc_url = dut->bmc->url;
      planned.tls = tls_text(dut->bmc->tls);
    }
    if (dut->host) planned.host_address = fmt::format("{}:{}", dut->host->address, dut->host->port);
    EventBody body = std::move(planned);
    const Status recorded = co_await recorder->record(Where(dut->id), std::move(body));
    if (!recorded) co_return;
  }
  for (const auto& cell : plan.cells) {
    EventBody body = cell;
    const Status recorded =
        co_await recorder->record(Where(cell.cell.dut, cell.cell.step, 1, 1), std::move(body));
    if (!recorded) co_return;
  }
}

awaitable<void> Runner::Impl::log_out(DutRun& dut) {
  std::vector<Bmc*> connections;
  if (dut.bmc) connections.push_back(dut.bmc.get());
  for (const auto& [path, bmc] : dut.monitor_bmcs) {
    if (bmc) connections.push_back(bmc.get());
  }
  for (Bmc* bmc : connections) {
    const Status done =
        co_await shielded(dut.ctx, "logout", kLogoutBudget, [bmc](Ctx& ctx) { return bmc->logout(ctx); });
    (void)done;  // a BMC that is gone has no session of ours either
  }
  if (dut.shell) co_await dut.shell->disconnect();
}

awaitable<void> Runner::Impl::run_dut(DutRun& dut, Ctx& ctx) {
  (void)ctx;  // the DUT's own Ctx is what its work runs under
  Scope monitors(dut.ctx);
  for (const auto& monitor : plan.monitors) {
    const bool mine = std::find(monitor.duts.begin(), monitor.duts.end(), dut.dut.id) != monitor.duts.end();
    if (!mine || monitor.step->describe().leak_watch) continue;
    monitors.start(monitor.path,
                   [this, &dut, &monitor](Ctx& task) { return run_monitor(dut, monitor, task); });
  }
  for (const auto& phase : plan.phases) co_await run_phase(dut, phase);
  // Switch trays, CDUs and shelves serve the others: they stay up until nobody needs them any more, also not
  // for the last look of a watch.
  if (serves_the_rack(dut.dut.role)) {
    state->work_done->arrive(dut.dut.id);
    const Status others = co_await state->work_done->wait(dut.ctx);
    (void)others;  // stopped while waiting: go down now
  }
  const Status monitors_ended =
      co_await monitors.stop_and_join(StopReason::sibling, "the DUT's work is over");
  (void)monitors_ended;
  if (!serves_the_rack(dut.dut.role)) state->work_done->arrive(dut.dut.id);
  dut.left = true;
  co_await wait_for_flashes(*state, dut);  // of others: a shelf stays on until nobody writes firmware
  const Status guards = co_await perform_open_undos(*state, dut, UndoScope::everything);
  (void)guards;  // recorded as guard_closed
  if (!plan.teardown.empty() && dut.not_the_same.empty()) {
    const Status torn_down = co_await shielded(dut.ctx, "teardown", kTeardownBudget, [this, &dut](Ctx& task) {
      return teardown_steps(dut, plan.teardown, task);
    });
    (void)torn_down;  // recorded as step_ended
  }
}

awaitable<void> Runner::Impl::run_rack(Ctx& ctx) {
  (void)ctx;
  DutRun& rack = *state->rack;
  Scope monitors(rack.ctx);
  for (const auto& monitor : plan.monitors) {
    if (!monitor.rack_scope) continue;
    monitors.start(monitor.path,
                   [this, &rack, &monitor](Ctx& task) { return run_monitor(rack, monitor, task); });
  }
  co_await run_rack_steps(rack);
  const Status over = co_await state->work_done->wait(rack.ctx);
  (void)over;  // stopped while waiting: that ends them, too
  const Status ended = co_await monitors.stop_and_join(StopReason::sibling, "the rack's work is over");
  (void)ended;
}

awaitable<void> Runner::Impl::run_rack_steps(DutRun& rack) {
  for (const auto& phase : plan.phases) {
    for (const auto* steps : {&phase.setup, &phase.steps}) {
      for (const auto& step : *steps) {
        if (!step.rack_scope) continue;
        Rendezvous& door = *state->barriers.at(meeting("rack", step.path));
        const Status met = co_await door.wait(rack.ctx);
        const std::size_t quorum =
            step.spec.quorum > 0 ? static_cast<std::size_t>(step.spec.quorum) : door.expected();
        if (keeps(rack.dut.id, step.path)) {
          if (!clean_before(rack.dut.id, step.path)) state->rack_failed_phases.insert(phase.spec.name);
          state->rack_done.at(step.path)->open();
          continue;
        }
        std::optional<SkipReason> reason = why_stopped(rack);
        if (!reason && (!met || door.present().size() < quorum)) {
          reason = SkipReason{
              WorkStatus::skipped, "rack.quorum_lost",
              fmt::format("{} of the {} DUTs it needs are still in the run", door.present().size(), quorum)};
        }
        if (!reason) reason = co_await why_not_confirmed(rack, step);
        bool passed = false;
        if (reason) {
          std::vector<PlannedStep> only{step};
          co_await skip(rack, only, *reason);
        } else {
          std::vector<std::string> present(door.present().begin(), door.present().end());
          passed = co_await run_step(rack, step, rack.ctx, false, std::move(present));
        }
        if (!passed) state->rack_failed_phases.insert(phase.spec.name);
        state->rack_done.at(step.path)->open();
      }
    }
  }
}

Runner::Runner(const Plan& plan, RunnerParts parts) : impl_(std::make_unique<Impl>(plan, parts)) {}
Runner::~Runner() = default;

std::vector<Event> Runner::not_recorded() const {
  return impl_->recorder ? impl_->recorder->not_recorded() : std::vector<Event>{};
}

void Runner::request_end(const Error& why) {
  if (impl_->trouble) return;
  impl_->trouble = why;
  if (why.code.starts_with("warden.")) impl_->isolation_told.open();  // nobody says it any more
  if (impl_->main) impl_->main->request_stop(StopReason::shutdown, why.sentence());
}

void Runner::request_stop(int signal, std::string by) {
  if (impl_->stop) return;
  StopRequested event;
  event.signal = signal;
  event.by = std::move(by);
  impl_->stop = std::move(event);
  if (impl_->main) impl_->main->request_stop(StopReason::operator_stop, "stopped by " + impl_->stop->by);
  if (!impl_->state || impl_->parts.observer == nullptr) return;
  for (const auto& [id, dut] : impl_->state->duts) {
    if (!dut->flash || dut->flash->ctx == nullptr) continue;
    impl_->parts.observer->on_progress(
        id, dut->flash->where.step,
        fmt::format("the stop waits for the update of {}, at most {}", dut->flash->component,
                    format_duration(dut->flash->ctx->remaining())));
  }
}

awaitable<Result<RunVerdict>> Runner::run(const Ctx& ctx, RunBegun begun) {
  Impl& impl = *impl_;
  impl.main = std::make_unique<Ctx>(ctx.child(impl.plan.inventory.rack));
  impl.recorder = std::make_unique<Recorder>(
      ctx, *impl.parts.sink, impl.parts.observer,
      [&impl](const Error& error) { impl.main->request_stop(StopReason::shutdown, error.sentence()); });
  if (impl.parts.resumption != nullptr) impl.recorder->recall(impl.parts.resumption->record);
  impl.state = std::make_unique<RunState>(impl.plan, *impl.parts.devices, *impl.parts.person, *impl.recorder,
                                          *impl.parts.journal);
  impl.state->artifacts = impl.parts.artifacts;
  impl.state->observer = impl.parts.observer;
  impl.state->on_mask = impl.parts.on_mask;
  impl.state->on_silence = impl.parts.on_silence;
  impl.state->on_bmc_use = impl.parts.on_bmc_use;
  impl.state->serials = impl.parts.serials;
  impl.state->tray_leak_cuts_rack = impl.parts.tray_leak_cuts_rack;
  impl.state->causes_that_cut_rack = impl.parts.causes_that_cut_rack;
  for (const auto& [id, why] : impl.parts.unguarded) impl.state->permits.set_unguarded(id, why);
  co_await impl.prepare(std::move(begun));
  const bool set_against = impl.parts.population && impl.parts.resumption == nullptr;
  if (set_against) {
    EventBody body = *impl.parts.population;
    const Status recorded = co_await impl.recorder->record(Where(), std::move(body));
    (void)recorded;  // a record that takes no more ends the run below
  }
  if (!impl.parts.rework.empty()) {
    EventBody body = Diagnosed{kReworkCode, "", impl.parts.rework, ""};
    const Status recorded = co_await impl.recorder->record(Where(), std::move(body));
    (void)recorded;  // as above
  }
  if (impl.recorder->failure() && impl.recorder->verdict().duts.empty()) co_return *impl.recorder->failure();
  for (const auto& id : impl.plan.duts) {
    impl.state->duts[id] = std::make_unique<DutRun>(*impl.plan.inventory.find(id), impl.main->child(id));
  }
  if (impl.parts.resumption != nullptr) {
    for (const auto& [id, why] : impl.parts.resumption->other_duts) {
      DutRun& other = *impl.state->duts.at(id);
      other.not_the_same = why;
      other.ctx.request_stop(StopReason::parked, why);
    }
  }
  impl.state->rack = std::make_unique<DutRun>(impl.plan.rack, impl.main->child(impl.plan.rack.id));
  impl.build_meeting_points();
  if (impl.stop) impl.main->request_stop(StopReason::operator_stop, "stopped by " + impl.stop->by);
  if (impl.trouble) impl.main->request_stop(StopReason::shutdown, impl.trouble->sentence());

  // Leak watches do not stop with the work: they outlive its teardown, so they hang on no Ctx that stops
  // before.
  Ctx beside(ctx.loop(), "beside");
  Scope leak_watches(beside);
  impl.start_leak_watches(leak_watches);
  Scope interlocks(beside);
  impl.interlocks = &interlocks;
  impl.start_what_the_warden_said();
  {
    Scope work(*impl.main);
    for (const auto& [id, dut] : impl.state->duts) {
      DutRun* one = dut.get();
      work.start(id, [&impl, one](Ctx& task) { return impl.run_dut(*one, task); });
    }
    work.start("rack", [&impl](Ctx& task) { return impl.run_rack(task); });
    const Status joined = co_await work.join();
    if (!joined) {
      Note note;
      note.text = "internal: " + joined.error().full();
      EventBody body = std::move(note);
      const Status recorded = co_await impl.recorder->record(Where(), std::move(body));
      (void)recorded;
    }
  }
  const Status watches = co_await leak_watches.stop_and_join(StopReason::sibling, "the run is over");
  for (const auto& [id, dut] : impl.state->duts) co_await impl.log_out(*dut);
  co_await impl.log_out(*impl.state->rack);
  // Seen by the station alone: the warden polls too, and asks.
  if (impl.leaks_whole_rack()) impl.expect_isolation();
  // Until the last of them is over: another may be told while one is still being confirmed.
  const Status told = co_await interlocks.join();
  (void)told;  // cuts record what they could confirm
  impl.interlocks = nullptr;

  if (impl.stop) {
    EventBody body = *impl.stop;
    const Status recorded = co_await impl.recorder->record(Where(), std::move(body));
    (void)recorded;
  }
  RunEnded ended;
  const bool good = watches && !impl.trouble;
  ended.status = impl.stop ? "stopped" : (good ? "complete" : "error");
  if (!watches) ended.message = watches.error().full();
  if (impl.trouble) ended.message = impl.trouble->sentence();
  EventBody body = std::move(ended);
  const Status recorded = co_await impl.recorder->record_durable(Where(), std::move(body));
  (void)recorded;  // without it the verdict is at best INCOMPLETE
  co_return impl.recorder->verdict();
}

}  // namespace kiln
