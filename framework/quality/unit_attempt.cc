#include "quality/unit_attempt.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "model/permit.h"

namespace kiln {
namespace {

constexpr double kNanosecondsPerHour = 3.6e12;

std::string code_or(const std::string& code, const char* otherwise) {
  return code.empty() ? otherwise : code;
}

}  // namespace

std::string_view to_string(AttemptResult result) {
  switch (result) {
    case AttemptResult::passed:
      return "passed";
    case AttemptResult::conditional:
      return "passed with conditions";
    case AttemptResult::failed:
      return "failed";
    case AttemptResult::station_error:
      return "not judged";
    case AttemptResult::cut_short:
      return "cut short by another unit";
    case AttemptResult::stopped:
      return "stopped by a person";
  }
  return "not judged";
}

void RunAttemptReader::begin_run(std::string id, std::int64_t begun_utc_ns) {
  run_ = std::move(id);
  begun_utc_ns_ = begun_utc_ns;
  verdict_ = VerdictAccumulator();
  begun_.reset();
  duts_.clear();
  errors_.clear();
  loads_.clear();
  parts_.clear();
  values_.clear();
  last_ns_ = 0;
}

std::int64_t RunAttemptReader::carried(const Load& load, std::int64_t at_ns) {
  return load.total_ns + (load.open.empty() ? 0 : std::max<std::int64_t>(0, at_ns - load.since_ns));
}

void RunAttemptReader::close(Load& load, const std::string& step, std::int64_t at_ns) {
  if (load.open.erase(step) == 0 || !load.open.empty()) return;
  load.total_ns += std::max<std::int64_t>(0, at_ns - load.since_ns);
}

void RunAttemptReader::close_all(Load& load, std::int64_t at_ns) {
  if (load.open.empty()) return;
  load.total_ns += std::max<std::int64_t>(0, at_ns - load.since_ns);
  load.open.clear();
}

void RunAttemptReader::take_load(const Event& event) {
  const std::int64_t now = event.at.monotonic_ns;
  if (const auto* resumed = std::get_if<RunResumed>(&event.body)) {
    // What the dead program had under load carried none while it was gone.
    for (auto& [dut, load] : loads_) close_all(load, now - resumed->gap_ns);
    return;
  }
  if (event.dut.empty()) return;
  Load& load = loads_[event.dut];
  if (const auto* opened = std::get_if<GuardOpened>(&event.body)) {
    load.last_undo[event.step] = opened->undo;
  } else if (const auto* permit = std::get_if<PermitGranted>(&event.body)) {
    if (permit->energy != "load" && permit->energy != "host_stress") return;
    if (load.open.empty()) load.since_ns = now;
    // The permit is recorded right after the guard that undoes it.
    load.open[event.step] = {load.last_undo[event.step], now};
    load.loaded_by.insert(event.step);
  } else if (const auto* closed = std::get_if<GuardClosed>(&event.body)) {
    const auto open = load.open.find(event.step);
    if (open != load.open.end() && open->second.first == closed->undo) close(load, event.step, now);
  } else if (std::holds_alternative<StepEnded>(event.body)) {
    close(load, event.step, now);
  } else if (const auto* cut = std::get_if<Interlocked>(&event.body)) {
    close_all(load, cut->load_stopped_ns > 0 ? std::min(cut->load_stopped_ns, now) : now);
  }
}

void RunAttemptReader::take_fail(const Event& event) {
  const auto* measured = std::get_if<Measured>(&event.body);
  const auto* cut = std::get_if<Interlocked>(&event.body);
  const bool fail =
      (measured != nullptr && measured->outcome == Outcome::fail) || (cut != nullptr && cut->hazard_read);
  if (!fail || event.dut.empty()) return;
  Load& load = loads_[event.dut];
  if (load.failed_ns || (load.open.empty() && load.loaded_by.count(event.step) == 0)) return;
  const std::int64_t at = cut != nullptr && cut->detected_ns > 0 ? cut->detected_ns : event.at.monotonic_ns;
  load.failed_ns = carried(load, at);
}

void RunAttemptReader::take_value(const Event& event, const Measured& measured) {
  const std::optional<double> number = as_number(measured.value);
  if (number) names_.insert(measured.name);
  if (check_.empty() || measured.name != check_) return;
  auto& [kept, kind] = values_[{event.dut, measured.part}];
  if (event.sequence < kept.sequence) return;
  kept = CheckValue();
  kind = measured.kind;
  kept.sequence = event.sequence;
  if (number && std::isfinite(*number)) kept.number = number;
  kept.whole = std::holds_alternative<std::int64_t>(measured.value);
  kept.attribute =
      std::holds_alternative<std::string>(measured.value) || std::holds_alternative<bool>(measured.value);
  kept.unit = measured.unit;
  kept.limit_text = measured.limit_text;
}

void RunAttemptReader::add(const Event& event) {
  verdict_.add(event);
  if (const auto* begun = std::get_if<RunBegun>(&event.body)) begun_ = *begun;
  if (const auto* planned = std::get_if<DutPlanned>(&event.body)) duts_[event.dut] = *planned;
  if (const auto* seen = std::get_if<PartSeen>(&event.body)) parts_[event.dut].push_back(*seen);
  if (const auto* measured = std::get_if<Measured>(&event.body)) take_value(event, *measured);
  if (const auto* ended = std::get_if<StepEnded>(&event.body);
      ended != nullptr && ended->status == WorkStatus::error)
    errors_.insert(event.dut);
  take_fail(event);  // before an interlock ends the load it came under
  take_load(event);
  last_ns_ = event.at.monotonic_ns;
}

std::string RunAttemptReader::serial_of(const std::string& dut) const {
  const auto planned = duts_.find(dut);
  if (planned == duts_.end()) return {};
  if (!planned->second.serial.empty()) return planned->second.serial;
  if (!planned->second.expected_serial.empty()) return planned->second.expected_serial;
  const auto parts = parts_.find(dut);
  if (parts == parts_.end()) return {};
  for (const PartSeen& seen : parts->second) {
    if (seen.kind == ComponentKind::whole_dut && !seen.serial.empty()) return seen.serial;
  }
  return {};
}

/// The rack's baseline; without one, what parts of that kind said.
std::string RunAttemptReader::firmware_of(const std::string& dut, ComponentKind kind) const {
  if (!begun_->firmware_baseline_sha256.empty()) return begun_->firmware_baseline_sha256;
  std::set<std::string> versions;
  const auto parts = parts_.find(dut);
  if (parts == parts_.end()) return {};
  for (const PartSeen& seen : parts->second) {
    if (seen.kind == kind && !seen.firmware.empty()) versions.insert(seen.firmware);
  }
  return fmt::format("{}", fmt::join(versions, ", "));
}

AttemptResult RunAttemptReader::result_of(const DutVerdict& dut, const RunVerdict& verdict) const {
  switch (dut.decision) {
    case Decision::go:
      return AttemptResult::passed;
    case Decision::conditional:
      return AttemptResult::conditional;
    case Decision::no_go:
      return AttemptResult::failed;
    case Decision::incomplete:
      break;
  }
  if (verdict.stop_signal != 0) return AttemptResult::stopped;
  const bool other_failed = verdict.interlocked || std::any_of(verdict.duts.begin(), verdict.duts.end(),
                                                               [](const DutVerdict& other) {
                                                                 return other.decision == Decision::no_go;
                                                               });
  return other_failed && errors_.count(dut.id) == 0 ? AttemptResult::cut_short : AttemptResult::station_error;
}

UnitAttempt RunAttemptReader::attempt_of(const DutVerdict& dut, const RunVerdict& verdict,
                                         const std::map<std::string, int>& serials) const {
  UnitAttempt attempt;
  attempt.run = run_;
  attempt.recipe = begun_->recipe;
  attempt.recipe_version = begun_->recipe_version;
  attempt.product = begun_->product;
  attempt.station = begun_->station;
  attempt.begun_utc_ns = begun_utc_ns_;
  attempt.simulated = begun_->simulated;
  attempt.set_by_hand = !begun_->overridden.empty();
  attempt.role = duts_.count(dut.id) != 0 ? dut.role : Role::rack;
  const std::string serial = serial_of(dut.id);
  const auto same = serials.find(serial);
  attempt.serial_known = !serial.empty() && same != serials.end() && same->second == 1;
  attempt.unit = attempt.serial_known         ? serial
                 : attempt.role == Role::rack ? "rack " + begun_->rack
                                              : begun_->rack + "/" + dut.id;
  attempt.result = result_of(dut, verdict);
  if (attempt.result == AttemptResult::failed) {
    for (const Reason& reason : dut.reasons) {
      if (reason.outcome == Outcome::fail)
        attempt.fails.push_back({code_or(reason.code, "without a code"), reason.fru, reason.message});
    }
    if (attempt.fails.empty()) attempt.fails.push_back({"without a code", "", ""});
  }
  if (const auto parts = parts_.find(dut.id); parts != parts_.end()) {
    for (const PartSeen& seen : parts->second) {
      if (!seen.serial.empty() && seen.kind != ComponentKind::whole_dut)
        attempt.parts[fmt::format("{} {}", to_string(seen.kind), seen.part)] = seen.serial;
    }
  }
  if (const auto load = loads_.find(dut.id); load != loads_.end()) {
    attempt.load_hours = static_cast<double>(carried(load->second, last_ns_)) / kNanosecondsPerHour;
    if (load->second.failed_ns && attempt.result == AttemptResult::failed)
      attempt.failed_at_hours = static_cast<double>(*load->second.failed_ns) / kNanosecondsPerHour;
  }
  for (const auto& [place, value] : values_) {
    if (place.first != dut.id && !(place.first.empty() && attempt.role == Role::rack)) continue;
    CheckValue kept = value.first;
    kept.firmware = firmware_of(dut.id, value.second);
    attempt.values[place.second] = std::move(kept);
  }
  return attempt;
}

RunAttemptReader::Taken RunAttemptReader::end_run() {
  Taken taken;
  const RunVerdict verdict = verdict_.verdict();
  if (!begun_) {
    taken.why_not = "its record has no beginning";
    return taken;
  }
  if (!verdict.decision) {
    taken.why_not = "a survey decides nothing";
    return taken;
  }
  std::map<std::string, int> serials;  // the same on two DUTs of a run names neither of them
  for (const auto& [dut, planned] : duts_) ++serials[serial_of(dut)];
  for (const DutVerdict& dut : verdict.duts) taken.attempts.push_back(attempt_of(dut, verdict, serials));
  if (taken.attempts.empty()) taken.why_not = "it planned no DUT";
  return taken;
}

}  // namespace kiln
