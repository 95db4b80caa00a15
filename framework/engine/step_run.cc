#include "engine/step_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/detector_masks.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kSamplesPerChunk = 60;  // a minute at 1 Hz

}  // namespace

StepRun::StepRun(RunState& state, DutRun& dut, StepBinding binding, Ctx ctx, int iteration, int attempt)
    : state_(state),
      dut_(dut),
      binding_(std::move(binding)),
      ctx_(std::move(ctx)),
      where_(dut.dut.id, binding_.path, iteration, attempt),
      begun_ns_(ctx_.now().monotonic_ns) {}

std::optional<std::string> StepRun::far_end_down() const {
  if (!binding_.step->describe().uses_fabric) return std::nullopt;
  for (const Dut* other : far_ends(state_.plan.inventory, dut_.dut)) {
    const Switched there = switched(other->id);
    if (there.is_off() || there.off_ns >= begun_ns_) return other->id;
  }
  return std::nullopt;
}

std::vector<const Dut*> StepRun::duts() const {
  if (dut_.dut.role != Role::rack) return {&dut_.dut};
  std::vector<const Dut*> present;
  for (const auto& id : binding_.rack_duts) {
    if (const Dut* dut = state_.plan.inventory.find(id); dut != nullptr) present.push_back(dut);
  }
  return present;
}

Result<Bmc*> StepRun::bmc() {
  const Result<Bmc*> bmc = kiln::bmc_of(state_, dut_, binding_.monitor ? binding_.path : std::string{});
  if (!bmc) return bmc.error();
  return for_step(**bmc, dut_);
}

Switched StepRun::switched(const std::string& dut) const {
  const DutRun* other = state_.find(dut);
  return other == nullptr ? Switched() : other->switched;
}

Result<Shell*> StepRun::shell() { return kiln::shell_of(state_, dut_); }

Result<Bmc*> StepRun::bmc_of(const std::string& dut) {
  DutRun* other = state_.find(dut);
  if (other == nullptr)
    return Error("step.unknown_dut", fmt::format("{}: no DUT '{}' in this run", where_.step, dut));
  // A monitor's own: the DUT's steps use theirs meanwhile.
  const Result<Bmc*> bmc = kiln::bmc_of(state_, *other, binding_.monitor ? binding_.path : std::string{});
  if (!bmc) return bmc.error();
  return for_step(**bmc, *other);
}

Bmc* StepRun::for_step(Bmc& bmc, DutRun& dut) {
  std::unique_ptr<StepBmc>& place = step_bmcs_[&bmc];
  if (!place) {
    place = std::make_unique<StepBmc>(
        bmc, dut.switched, [this, &dut] { return state_.permits.flash_in_scope(dut.dut); },
        [this, &dut] { return load_in_scope(state_, dut); },
        [&dut] {
          return std::any_of(dut.guards.begin(), dut.guards.end(), [](const Guard& guard) {
            return guard.state == GuardState::open && guard.undo.kind == Undo::Kind::force_off;
          });
        },
        [this](BmcAbility ability) { note_use(ability); });
  }
  return place.get();
}

void StepRun::note_use(BmcAbility ability) const {
  if (state_.on_bmc_use) state_.on_bmc_use(binding_.use, ability);
}

Result<Shell*> StepRun::shell_of(const std::string& dut) {
  DutRun* other = state_.find(dut);
  if (other == nullptr)
    return Error("step.unknown_dut", fmt::format("{}: no DUT '{}' in this run", where_.step, dut));
  return kiln::shell_of(state_, *other);
}

Result<std::unique_ptr<HttpClient>> StepRun::model_server(const ServingAccess* written, std::size_t at_once) {
  if (written == nullptr) {
    if (!inventory().serving) {
      return Error("serving.none", fmt::format("{} names no model server", inventory().file),
                   "write 'serving: {url: …}' into the rack file, or give the step an address",
                   Blame::operator_);
    }
    return state_.devices.open_model_server(*inventory().serving, at_once);
  }
  ServingAccess keyless = *written;
  keyless.credential.clear();  // a key goes where the rack file sends it
  return state_.devices.open_model_server(keyless, at_once);
}

awaitable<Result<BuildingReport>> Devices::listen_to_building(const Ctx& /*ctx*/, const Inventory& inventory,
                                                              Nanoseconds /*settle*/,
                                                              Nanoseconds /*patience*/) {
  co_return Error("building.none", fmt::format("nobody here speaks to the building of {}", inventory.rack));
}

awaitable<Result<BuildingReport>> StepRun::building(Nanoseconds settle, Nanoseconds patience) {
  if (!inventory().building) {
    co_return Error("building.none", fmt::format("{} names no building", inventory().file),
                    "write its section 'building', or leave the step out", Blame::operator_);
  }
  Result<BuildingReport> report =
      co_await state_.devices.listen_to_building(ctx(), inventory(), settle, patience);
  co_return report;
}

const MeasurementDeclaration* StepRun::declaration(const std::string& name) const {
  const auto found = std::find_if(binding_.measurements->begin(), binding_.measurements->end(),
                                  [&](const MeasurementDeclaration& item) { return item.name == name; });
  return found == binding_.measurements->end() ? nullptr : &*found;
}

awaitable<Result<Outcome>> StepRun::record(Reading reading) {
  const MeasurementDeclaration* declared = declaration(reading.name);
  const bool open_set = binding_.step->describe().recipe_declares_measurements;
  if (declared == nullptr && !open_set) {
    co_return Error(
        "step.undeclared_measurement",
        fmt::format("step '{}' recorded '{}', which it does not declare", binding_.use, reading.name),
        "report this to the plugin's author", Blame::station);
  }
  Measured event;
  event.name = reading.name;
  event.part = reading.part;
  event.value = reading.value;
  event.source = reading.source;
  event.unit = reading.unit;
  if (event.unit.empty() && declared != nullptr) event.unit = declared->unit;
  if (declared != nullptr) event.kind = declared->per;
  const LimitsTable& limits = state_.plan.limits;
  std::optional<Limit> row;
  if (declared != nullptr && declared->judged) {
    if (const Limit* found = limits.find(reading.name, reading.part, dut().role)) row = *found;
  }
  if (row) {
    if (!row->version_fields) row->version_fields = reading.version_fields;
    const Judgement judgement = judge(*row, reading.value, event.unit, reading.expected);
    event.outcome = judgement.outcome;
    event.margin_percent = judgement.margin_percent;
    event.reason = judgement.reason;
    event.limit_text = row->text();
    event.limit_source = row->source;
    event.limits_revision = limits.revision;
  } else {
    event.outcome =
        std::holds_alternative<std::monostate>(reading.value) ? Outcome::unset : Outcome::informational;
  }
  const bool judged = event.outcome != Outcome::unset && event.outcome != Outcome::informational;
  if (const std::optional<std::string> down = far_end_down(); judged && down) {
    event.outcome = Outcome::unset;
    event.margin_percent.reset();
    event.reason =
        fmt::format("this run itself switched {}, at the far end of the links, while {} was measured", *down,
                    to_text(reading.value));
    event.value = std::monostate{};
  } else if (reading.at_least && (event.outcome == Outcome::pass || event.outcome == Outcome::marginal)) {
    event.outcome = Outcome::unset;
    event.margin_percent.reset();
    event.reason = fmt::format("{} was seen, but not all: {}", to_text(reading.value), reading.reason);
    event.value = std::monostate{};
  } else if (event.outcome == Outcome::unset && !reading.reason.empty()) {
    event.reason = reading.reason;
  }
  if (event.outcome == Outcome::fail) {
    any_fail_ = true;
    event.fault_code = !reading.fault_code.empty()    ? reading.fault_code
                       : declared->fault_code.empty() ? declared->name
                                                      : declared->fault_code;
    event.action = reading.action.empty() ? declared->action : reading.action;
  } else if (event.outcome == Outcome::pass || event.outcome == Outcome::marginal) {
    good_.emplace(event.name, event.part);
  }
  const Outcome outcome = event.outcome;
  EventBody body = std::move(event);
  const Status recorded = co_await state_.recorder.record(where_, std::move(body));
  if (!recorded) co_return recorded.error();
  co_return outcome;
}

awaitable<Status> StepRun::sample(std::string name, std::string part, std::string unit,
                                  std::optional<double> value) {
  const double t = static_cast<double>(ctx_.now().monotonic_ns - state_.recorder.begun_ns()) / 1e9;
  SeriesKey key{std::move(name), std::move(part), std::move(unit)};
  auto& points = samples_[key];
  points.emplace_back(t, value.value_or(std::numeric_limits<double>::quiet_NaN()));
  if (points.size() < kSamplesPerChunk) co_return success();
  const Status flushed = co_await flush_samples(std::move(key));
  co_return flushed;
}

awaitable<Status> StepRun::flush_samples(SeriesKey key) {
  auto& points = samples_[key];
  if (points.empty()) co_return success();
  SeriesChunk chunk;
  chunk.name = std::get<0>(key);
  chunk.part = std::get<1>(key);
  chunk.unit = std::get<2>(key);
  chunk.samples = std::move(points);
  points.clear();
  EventBody body = std::move(chunk);
  const Status recorded = co_await state_.recorder.record(where_, std::move(body));
  co_return recorded;
}

awaitable<Status> StepRun::seen(PartSeen part) {
  EventBody body = std::move(part);
  const Status recorded = co_await state_.recorder.record(where_, std::move(body));
  co_return recorded;
}

awaitable<Status> StepRun::diagnose(Diagnosed diagnosis) {
  EventBody body = std::move(diagnosis);
  const Status recorded = co_await state_.recorder.record(where_, std::move(body));
  co_return recorded;
}

awaitable<Status> StepRun::disturbance(Disturbance disturbance) {
  EventBody body = std::move(disturbance);
  const Status recorded = co_await state_.recorder.record(where_, std::move(body));
  co_return recorded;
}

awaitable<Status> StepRun::note(std::string text) {
  Note item;
  item.text = std::move(text);
  EventBody body = std::move(item);
  const Status recorded = co_await state_.recorder.record(where_, std::move(body));
  co_return recorded;
}

awaitable<Status> StepRun::attach(std::string name, std::string media_type, std::string bytes) {
  if (state_.artifacts == nullptr) co_return success();
  Result<Attached> kept = state_.artifacts->keep(name, media_type, bytes);
  if (!kept) co_return kept.error();
  EventBody body = std::move(*kept);
  const Status recorded = co_await state_.recorder.record(where_, std::move(body));
  co_return recorded;
}

void StepRun::progress(std::string text) {
  if (state_.observer != nullptr) state_.observer->on_progress(where_.dut, where_.step, text);
}

Result<Permit> StepRun::permit(Energy energy, const std::string& reason) {
  return permit_for(dut_.dut, energy, reason);
}

Result<Permit> StepRun::permit_of(const std::string& dut, Energy energy, const std::string& reason) {
  const DutRun* other = state_.find(dut);
  if (other == nullptr)
    return Error("step.unknown_dut", fmt::format("{}: no DUT '{}' in this run", where_.step, dut));
  return permit_for(other->dut, energy, fmt::format("{}: {}", dut, reason));
}

Result<Permit> StepRun::permit_for(const Dut& dut, Energy energy, const std::string& reason) {
  const auto declared = binding_.step->describe().energises;
  if (!declared) {
    return Error("permit.undeclared",
                 fmt::format("step '{}' asks for {} but does not declare that it energises", binding_.use,
                             to_string(energy)),
                 "report this to the plugin's author", Blame::station);
  }
  Result<Permit> permit = state_.permits.grant(dut, energy);
  if (permit) {
    PermitGranted granted;
    granted.energy = to_string(energy);
    granted.reason = reason;
    permits_to_record_.push_back(std::move(granted));
  }
  return permit;
}

awaitable<Status> StepRun::record_permits() {
  const std::vector<PermitGranted> granted = std::exchange(permits_to_record_, {});
  for (const PermitGranted& permit : granted) {
    EventBody body = permit;
    const Status recorded = co_await state_.recorder.record_durable(where_, std::move(body));
    if (!recorded) co_return recorded;
  }
  co_return success();
}

awaitable<Status> StepRun::flash(FirmwareWrite component, Nanoseconds budget,
                                 std::function<awaitable<Status>(Ctx&, Bmc&)> write) {
  // On disk before the first byte: whoever finds a dead station must know that a write was begun.
  const Status permits_recorded = co_await record_permits();
  if (!permits_recorded) co_return permits_recorded;
  FlashWork noted = [this, write = std::move(write)](Ctx& ctx, Bmc& bmc) {
    flash_bmc_ = std::make_unique<NotedBmc>(bmc, [this](BmcAbility ability) {
      // From now on an On may be under way, which no force-off takes back.
      const bool comes_on = ability == BmcAbility::power_on || ability == BmcAbility::restart ||
                            ability == BmcAbility::full_power_cycle;
      if (comes_on) dut_.switched.on_ns = ctx_.now().monotonic_ns;
      note_use(ability);
    });
    return write(ctx, *flash_bmc_);
  };
  const Ctx within = ctx_.child_within("flash " + component.component, budget);
  const Status done =
      co_await run_flash(state_, dut_, where_, std::move(component), within, std::move(noted));
  co_return done;
}

awaitable<Result<int>> StepRun::open_guard(Undo undo) {
  // A permit may be older than the mask, or the plan.
  const Status judged = state_.permits.all_judged(dut_.dut);
  if (!judged) co_return judged.error();
  if (undo.kind == Undo::Kind::force_off) note_use(BmcAbility::force_off);
  const int id = state_.next_guard++;
  // Where another program finds it, then in the record; only then may the "do" follow.
  JournaledUndo journaled(undo.kind, where_.dut, undo.description);
  journaled.step = where_.step;
  journaled.command = undo.command;
  journaled.budget = undo.budget;
  const Result<int> journal_number = co_await state_.journal.open(ctx_, std::move(journaled));
  if (!journal_number) co_return journal_number.error();
  const Status recorded = co_await record_opening(undo);
  if (!recorded) {
    state_.journal.end(*journal_number, GuardEnd::not_needed, "nothing was done");
    co_return recorded.error();
  }
  Guard guard;
  guard.id = id;
  guard.undo = std::move(undo);
  guard.where = where_;
  guard.journal_number = *journal_number;
  guard.opened_ns = ctx_.now().monotonic_ns;
  dut_.guards.push_back(std::move(guard));
  // A stop that came while the journal was written must win over the "do" that would follow, and so must a
  // BMC that was let go meanwhile.
  Status going_on = ctx_.check();
  if (going_on) going_on = state_.permits.all_judged(dut_.dut);
  if (!going_on) co_return going_on.error();
  co_return id;
}

awaitable<Status> StepRun::record_opening(const Undo& undo) {
  GuardOpened event;
  event.undo = undo.description;
  EventBody body = std::move(event);
  const Status recorded = co_await state_.recorder.record_durable(where_, std::move(body));
  if (!recorded) co_return recorded;
  const Status permits_recorded = co_await record_permits();
  if (permits_recorded) co_return permits_recorded;
  // The "do" will not follow, and the record has the opening already.
  GuardClosed never;
  never.undo = undo.description;
  never.message = "not needed: nothing was done";
  EventBody closing = std::move(never);
  const Status closed = co_await state_.recorder.record_durable(where_, std::move(closing));
  (void)closed;  // beside the record, when it has just failed
  co_return permits_recorded;
}

awaitable<Status> StepRun::close_guard(int guard) {
  const Status done = co_await perform_undo(state_, dut_, guard);
  co_return done;
}

awaitable<Status> StepRun::release_guard(int guard, std::string why) {
  const auto found = std::find_if(dut_.guards.begin(), dut_.guards.end(),
                                  [guard](const Guard& item) { return item.id == guard; });
  if (found == dut_.guards.end() || found->state != GuardState::open) co_return success();
  found->state = GuardState::closed;
  state_.journal.end(found->journal_number, GuardEnd::not_needed, why);
  GuardClosed event;
  event.undo = found->undo.description;
  event.message = "not needed: " + why;
  EventBody body = std::move(event);
  // Durable: a guard that a broken record shows as open would call somebody to a tray for nothing.
  const Status recorded = co_await state_.recorder.record_durable(where_, std::move(body));
  co_return recorded;
}

awaitable<Status> StepRun::mask_detector(std::string part) {
  if (!binding_.step->describe().masks_detectors) {
    co_return Error("mask.undeclared",
                    fmt::format("step '{}' masks a detector and does not declare that it does", binding_.use),
                    "report this to the plugin's author", Blame::station);
  }
  note_use(BmcAbility::leak_detectors);
  const Status masked = co_await begin_mask(state_, dut_, where_, std::move(part), ctx_);
  co_return masked;
}

std::optional<MaskReport> StepRun::masked_detector() const { return mask_of(state_, dut_); }

awaitable<Status> StepRun::unmask_detector() {
  const Status ended = co_await end_mask(state_, dut_, where_);
  co_return ended;
}

awaitable<Status> StepRun::begin_silence(const Ctx& ctx, Nanoseconds longest) {
  const Status begun = co_await kiln::begin_silence(state_, dut_, where_, longest, ctx);
  co_return begun;
}

awaitable<Status> StepRun::end_silence(const Ctx& ctx) {
  const Status ended = co_await kiln::end_silence(state_, dut_, where_, ctx);
  co_return ended;
}

std::optional<Nanoseconds> StepRun::planned_silence() const { return silence_of(state_, dut_); }

Status StepRun::still_permitted(Energy energy) const {
  return state_.permits.permitted_within_flash(dut_.dut, energy);
}

void StepRun::watch_armed(bool armed) {
  if (!binding_.step->describe().leak_watch) return;
  state_.permits.set_leak_watch_armed(dut_.dut.id, armed);
  const auto look = state_.first_looks.find(dut_.dut.id);
  if (look != state_.first_looks.end()) look->second->open();
}

awaitable<Status> StepRun::trip(Hazard hazard) {
  const Status done = co_await cut(state_, dut_, where_, std::move(hazard));
  co_return done;
}

awaitable<Result<PromptAnswer>> ask_person(RunState& state, DutRun& dut, const Ctx& ctx, Where where,
                                           PromptRequest request) {
  PromptShown shown;
  shown.prompt = request.id;
  shown.text = request.text;
  const std::string id = request.id;
  EventBody shown_body = std::move(shown);
  const Status recorded = co_await state.recorder.record(where, std::move(shown_body));
  if (!recorded) co_return recorded.error();
  Result<PromptAnswer> answer = co_await state.person.ask(ctx, dut.dut.id, std::move(request));
  PromptAnswered answered;
  answered.prompt = id;
  answered.surface = "terminal";
  if (answer) {
    answered.answer = answer->text;
    answered.by = answer->by;
  } else {
    answered.timed_out = answer.error().code == "prompt.timeout";
    answered.answer = answer.error().message;
  }
  EventBody answered_body = std::move(answered);
  const Status answer_recorded = co_await state.recorder.record_durable(where, std::move(answered_body));
  if (!answer_recorded) co_return answer_recorded.error();
  co_return answer;
}

awaitable<Result<PromptAnswer>> StepRun::prompt(PromptRequest request) {
  const bool parks = request.on_timeout == PromptRequest::OnTimeout::abort_safe;
  Result<PromptAnswer> answer = co_await ask_person(state_, dut_, ctx_, where_, std::move(request));
  const bool unanswered =
      !answer && (answer.error().code == "prompt.timeout" || answer.error().code == "prompt.no_input");
  if (parks && unanswered) dut_.ctx.request_stop(StopReason::parked, "parked: " + answer.error().message);
  co_return answer;
}

awaitable<Status> StepRun::report_connection(Bmc& bmc) {
  for (auto& line : bmc.take_disturbances()) {
    Disturbance event;
    event.code = "bmc.disturbed";
    event.message = std::move(line);
    const Status recorded = co_await disturbance(std::move(event));
    if (!recorded) co_return recorded;
  }
  std::map<std::string, int> counted;
  for (const auto& oddity : bmc.take_oddities())
    ++counted[fmt::format("{} {}: {}", oddity.uri, oddity.property, oddity.what)];
  for (const auto& [text, times] : counted) {
    Disturbance event;
    event.code = "bmc.oddity";
    event.message = text;
    event.count = times;
    const Status recorded = co_await disturbance(std::move(event));
    if (!recorded) co_return recorded;
  }
  for (const auto& quirk : bmc.take_quirks()) {
    Disturbance event;
    event.code = "bmc.quirk";
    event.message = fmt::format("{} ({}): {}; {}", quirk.quirk,
                                quirk.dialect.empty() ? "noticed, known of no dialect of it" : quirk.dialect,
                                quirk.sentence, quirk.uri);
    const Status recorded = co_await disturbance(std::move(event));
    if (!recorded) co_return recorded;
  }
  co_return success();
}

awaitable<Status> StepRun::finish() {
  if (binding_.step->describe().masks_detectors) {
    const Status unmasked = co_await end_mask(state_, dut_, where_);
    (void)unmasked;  // it ends by itself; what the record could not take ends the run
  }
  const Status undone = co_await perform_open_undos(state_, dut_, UndoScope::step, where_.step);
  std::vector<SeriesKey> keys;
  for (const auto& [key, points] : samples_) keys.push_back(key);
  for (auto& key : keys) {
    const Status flushed = co_await flush_samples(std::move(key));
    (void)flushed;  // a failed ledger ends the run by itself
  }
  const Status permits_recorded = co_await record_permits();
  (void)permits_recorded;
  const auto monitor_bmc = dut_.monitor_bmcs.find(binding_.path);
  if (binding_.monitor && monitor_bmc != dut_.monitor_bmcs.end() && monitor_bmc->second) {
    const Status reported = co_await report_connection(*monitor_bmc->second);
    (void)reported;
  } else if (!binding_.monitor && dut_.bmc) {
    const Status reported = co_await report_connection(*dut_.bmc);
    (void)reported;
  }
  co_return undone;
}

bool StepRun::all_required_passed() const {
  if (any_fail_) return false;
  const auto cells = state_.cells.find({binding_.path, dut_.dut.id});
  if (cells == state_.cells.end()) return true;
  return std::all_of(cells->second.begin(), cells->second.end(),
                     [this](const auto& cell) { return good_.contains(cell); });
}

}  // namespace kiln
