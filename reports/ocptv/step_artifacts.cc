#include "ocptv/step_artifacts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "common/run_safety.h"
#include "ocptv/measurement_artifact.h"
#include "ocptv/sample_choice.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostElements = 50'000;  ///< of all series together: some 10 MB of lines
constexpr std::size_t kFewestElements = 16;    ///< of one series, however many there are

/// TestStatus of a step. What a person, a gate or an interlock stopped was skipped from there on; only what
/// the work itself could not do is an error.
const char* step_status(WorkStatus status) {
  switch (status) {
    case WorkStatus::complete:
      return "COMPLETE";
    case WorkStatus::error:
      return "ERROR";
    case WorkStatus::aborted:
    case WorkStatus::interlocked:
    case WorkStatus::skipped:
      return "SKIP";
  }
  return "ERROR";
}

std::string joined(const std::string& message, const std::string& action) {
  if (action.empty()) return message;
  return message.empty() ? "do: " + action : fmt::format("{}; do: {}", message, action);
}

}  // namespace

StepArtifacts::StepArtifacts(const ReportInput& input, const RunDocument& document,
                             const HardwareInfos& hardware)
    : input_(input), document_(document), hardware_(hardware) {
  for (const DocumentStep& about : document.steps) {
    Step step;
    step.about = about;
    step.begun_ns = about.begun_ns != 0 ? about.begun_ns : about.ended_ns;
    step.ended_ns = std::max(about.ended_ns != 0 ? about.ended_ns : document.ended_ns, step.begun_ns);
    index_[{about.dut, about.step, about.iteration, about.attempt}].push_back(steps_.size());
    steps_.push_back(std::move(step));
  }
  for (const Event& event : input.events.events) take(event);
  if (input.events.broken) {
    for (const Event& event : input.events.broken->after) take(event);
  }
}

std::int64_t StepArtifacts::utc_of(std::int64_t monotonic_ns) const {
  return document_.begun_utc_ns + (monotonic_ns - document_.begun_ns);
}

StepArtifacts::Step& StepArtifacts::step_of(const Event& event) {
  std::vector<std::size_t>& known = index_[{event.dut, event.step, event.iteration, event.attempt}];
  if (known.empty()) {
    Step step;
    step.is_recorded = false;
    step.about.dut = event.dut;
    step.about.step = event.step;
    step.about.iteration = event.iteration;
    step.about.attempt = event.attempt;
    step.begun_ns = step.ended_ns = event.at.monotonic_ns;
    known.push_back(steps_.size());
    steps_.push_back(std::move(step));
  }
  // Done again after an interruption, an attempt may have the number of an earlier one.
  std::size_t chosen = known.front();
  for (const std::size_t candidate : known) {
    if (steps_[candidate].begun_ns <= event.at.monotonic_ns) chosen = candidate;
  }
  Step& step = steps_[chosen];
  if (!step.is_recorded) step.ended_ns = std::max(step.ended_ns, event.at.monotonic_ns);
  return step;
}

void StepArtifacts::add_item(const Event& event, const json::object& artifact) {
  if (event.step.empty()) {
    of_the_run_.emplace_back(event.at.monotonic_ns, ocptv_member(artifact));
  } else {
    step_of(event).add(event.at.monotonic_ns, artifact);
  }
}

void StepArtifacts::diagnose(Step& step, DiagnosisType type, const std::string& verdict,
                             const std::string& message, const std::string& part) {
  const auto [hardware, subcomponent] = hardware_.place_of(step.about.dut, part);
  if (type == DiagnosisType::fail) ++fails_;
  step.add(step.items.empty() ? step.begun_ns : step.items.back().first,
           ocptv_diagnosis(type, verdict, message, hardware, subcomponent));
}

void StepArtifacts::take_measured(const Event& event, const Measured& measured) {
  Step& step = step_of(event);
  const DocumentMeasurement entry{event.dut, event.step, event.iteration, event.attempt, event.at, measured};
  step.add(event.at.monotonic_ns, ocptv_measurement(entry, hardware_.id_of(event.dut, measured.part)));
  if (measured.outcome == Outcome::informational) return;
  ++step.judged;
  const bool is_fail = measured.outcome == Outcome::fail;
  if (!is_fail && (measured.outcome == Outcome::pass || measured.outcome == Outcome::marginal)) return;
  ++(is_fail ? step.failed : step.unset);
  const std::string what =
      fmt::format("{} {}, limit {}", measured.name, value_text(measured), measured.limit_text);
  const std::string why = measured.reason.empty() ? what : what + ": " + measured.reason;
  std::string code = measured.fault_code;
  if (code.empty()) code = measured.name + (is_fail ? ".failed" : ".unset");
  diagnose(step, is_fail ? DiagnosisType::fail : DiagnosisType::unknown, code, joined(why, measured.action),
           measured.part);
}

void StepArtifacts::take(const Event& event) {
  if (const auto* measured = std::get_if<Measured>(&event.body)) {
    take_measured(event, *measured);
  } else if (const auto* chunk = std::get_if<SeriesChunk>(&event.body)) {
    Step& step = step_of(event);
    const auto [known, is_new] =
        step.series_index.emplace(std::pair(chunk->name, chunk->part), step.series.size());
    if (is_new) {
      step.series.push_back({chunk->name, chunk->part, chunk->unit, {}, {}});
      ++all_series_;
    }
    Series& series = step.series[known->second];
    const std::vector<DocumentChunk> chunks = document_.source->chunks_of(event, *chunk);
    series.chunks.insert(series.chunks.end(), chunks.begin(), chunks.end());
    series.extent.add(document_.source->extent_of(event, *chunk));
  } else if (const auto* found = std::get_if<Diagnosed>(&event.body)) {
    step_of(event).found.push_back(*found);
  } else if (const auto* disturbed = std::get_if<Disturbance>(&event.body)) {
    add_item(event, ocptv_log("WARNING", fmt::format("disturbance {} × {}: {}", disturbed->count,
                                                     disturbed->code, disturbed->message)));
  } else if (const auto* retried = std::get_if<Retried>(&event.body)) {
    add_item(event,
             ocptv_log("WARNING", fmt::format("attempt {} follows, after {}: {}", retried->next_attempt,
                                              retried->code, retried->message)));
  } else if (const auto* cut = std::get_if<Interlocked>(&event.body)) {
    add_item(event, ocptv_log("FATAL", fmt::format("interlock on {}: {} {} {}; {}", event.dut, cut->code,
                                                   cut->part, cut->message, cut_times_sentence(*cut))));
  } else if (const auto* closed = std::get_if<GuardClosed>(&event.body)) {
    // Clean-up that fails is no error of the diagnostic (json_spec/README.md, Error); the verdict weighs it.
    if (!closed->done)
      add_item(event, ocptv_log("ERROR", fmt::format("not undone: {}: {}", closed->undo, closed->message)));
  } else if (const auto* answer = std::get_if<PromptAnswered>(&event.body)) {
    add_item(event,
             ocptv_log("INFO", fmt::format("prompt {}: {}{}", answer->prompt,
                                           answer->timed_out ? "nobody answered " : answer->answer + " by ",
                                           answer->by)));
  } else if (const auto* note = std::get_if<Note>(&event.body)) {
    add_item(event, ocptv_log("INFO", note->text));
  } else if (const auto* stop = std::get_if<StopRequested>(&event.body)) {
    add_item(event, ocptv_log("WARNING", "stop requested: " + stop->by));
  } else if (const auto* resumed = std::get_if<RunResumed>(&event.body)) {
    add_item(event, ocptv_log("WARNING",
                              fmt::format(
                                  "the run went on after its station had died; nothing is known of {} "
                                  "before this moment",
                                  format_duration(Nanoseconds(std::max<std::int64_t>(resumed->gap_ns, 0))))));
  } else if (const auto* attached = std::get_if<Attached>(&event.body);
             attached != nullptr && !event.step.empty()) {
    json::object file;
    file["displayName"] = ocptv_string(attached->name);
    file["uri"] = ocptv_string("urn:sha256:" + attached->sha256);
    file["isSnapshot"] = true;
    file["description"] = "kept with the record of the run, named by its SHA-256";
    if (!attached->media_type.empty()) file["contentType"] = ocptv_string(attached->media_type);
    file["metadata"] = json::object{{"sha256", ocptv_string(attached->sha256)}, {"bytes", attached->bytes}};
    add_item(event, json::object{{"file", std::move(file)}});
  }
}

/// Somebody did the same work afterwards, and got it done.
bool StepArtifacts::was_done_later(const Step& step) const {
  return std::any_of(steps_.begin(), steps_.end(), [&step](const Step& other) {
    return other.is_recorded && other.about.dut == step.about.dut && other.about.step == step.about.step &&
           other.about.iteration == step.about.iteration &&
           other.about.ended.status == WorkStatus::complete && other.begun_ns > step.begun_ns;
  });
}

/// What a step found out beside its values explains a fail, or stands alone and decides nothing.
void StepArtifacts::write_findings(Step& step) {
  const DutVerdict* dut = input_.verdict.find(step.about.dut.empty() ? hardware_.rack() : step.about.dut);
  for (const Diagnosed& found : step.found) {
    const bool is_reason =
        dut != nullptr &&
        std::any_of(dut->reasons.begin(), dut->reasons.end(), [&found](const Reason& reason) {
          return reason.outcome == Outcome::fail && reason.code == found.code && reason.fru == found.part;
        });
    diagnose(step, is_reason ? DiagnosisType::fail : DiagnosisType::unknown, found.code,
             joined(found.message, found.action), found.part);
  }
}

void StepArtifacts::write_end(Step& step) {
  const StepEnded& ended = step.about.ended;
  const std::string code = ended.code.empty() ? fmt::format("step.{}", to_string(ended.status)) : ended.code;
  const std::string message =
      ended.message.empty() ? fmt::format("{} ended with status {}", step.about.step, to_string(ended.status))
                            : ended.message;
  if (step.is_recorded && ended.status != WorkStatus::complete) {
    const bool decided = input_.verdict.decision && *input_.verdict.decision <= Decision::conditional;
    if (ended.status == WorkStatus::error) {
      // An error says that the diagnostic could not decide. Where the work was done after all, or only what
      // clears up failed, it could.
      if (step.about.teardown || decided || was_done_later(step)) {
        step.add(step.ended_ns, ocptv_log("ERROR", code + ": " + joined(message, ended.action)));
      } else {
        ++errors_;
        step.add(step.ended_ns, ocptv_error(code, joined(message, ended.action)));
      }
    }
    diagnose(step, DiagnosisType::unknown, code, joined(message, ended.action), "");
  } else if (step.failed == 0 && step.unset == 0) {
    const bool is_survey = !input_.verdict.decision;
    const std::string text = step.judged == 0
                                 ? "the work was done; nothing was judged in it"
                                 : fmt::format("all {} judged values are within their limits", step.judged);
    const bool says_nothing = is_survey && step.judged == 0;
    diagnose(step, says_nothing ? DiagnosisType::unknown : DiagnosisType::pass,
             step.judged == 0 ? "step.complete" : "step.passed", text, "");
  }
}

void StepArtifacts::write_series(Step& step, std::size_t most) {
  for (Series& series : step.series) {
    const std::string id = fmt::format("{}", next_series_++);
    SampleChoice choice(static_cast<std::size_t>(series.extent.with_value), most);
    for (const DocumentChunk& chunk : series.chunks) {
      for (const auto& [t, value] : document_.source->of(chunk)) choice.add(t, value);
    }
    const std::vector<std::pair<double, double>> chosen = choice.take();
    json::object start;
    start["name"] = ocptv_string(series.name);
    start["measurementSeriesId"] = id;
    if (!series.unit.empty()) start["unit"] = ocptv_string(series.unit);
    if (const std::string hardware = hardware_.id_of(step.about.dut, series.part); !hardware.empty())
      start["hardwareInfoId"] = hardware;
    json::object metadata;
    if (!series.part.empty()) metadata["part"] = ocptv_string(series.part);
    metadata["samplesRecorded"] = series.extent.samples;
    metadata["samplesWithoutValue"] = series.extent.samples - series.extent.with_value;
    metadata["samplesShown"] = chosen.size();
    start["metadata"] = std::move(metadata);
    std::int64_t at_ns = step.begun_ns;
    step.add(at_ns, json::object{{"measurementSeriesStart", std::move(start)}});
    std::int64_t index = 0;
    for (const auto& [seconds, value] : chosen) {
      const std::int64_t sampled_ns = document_.begun_ns + std::llround(std::clamp(seconds, -1e9, 1e9) * 1e9);
      at_ns = std::max(at_ns, std::min(sampled_ns, step.ended_ns));
      json::object element;
      element["index"] = index++;
      element["value"] = value;
      element["timestamp"] = format_utc(utc_of(sampled_ns));
      element["measurementSeriesId"] = id;
      step.add(at_ns, json::object{{"measurementSeriesElement", std::move(element)}});
    }
    step.add(at_ns, json::object{{"measurementSeriesEnd",
                                  json::object{{"measurementSeriesId", id}, {"totalCount", chosen.size()}}}});
  }
}

void StepArtifacts::write_step(StreamLines& lines, Step& step, const std::string& id) {
  const auto put = [&lines, &id, this](std::int64_t at_ns, const std::string& member) {
    lines.body_of_step(utc_of(at_ns), id, member);
  };
  std::string name = step.about.step.empty() ? "outside of steps" : step.about.step;
  if (!step.about.dut.empty()) name += " on " + step.about.dut;
  if (step.about.iteration > 1) name += fmt::format(", iteration {}", step.about.iteration);
  if (step.about.attempt > 1) name += fmt::format(", attempt {}", step.about.attempt);
  put(step.begun_ns, ocptv_member({{"testStepStart", json::object{{"name", ocptv_string(name)}}}}));
  for (const auto& [at_ns, member] : step.items) put(std::clamp(at_ns, step.begun_ns, step.ended_ns), member);
  const WorkStatus status = step.is_recorded ? step.about.ended.status : WorkStatus::complete;
  put(step.ended_ns, ocptv_member({{"testStepEnd", json::object{{"status", step_status(status)}}}}));
  step.items.clear();
}

void StepArtifacts::write(StreamLines& lines) {
  const std::size_t most = std::max(kFewestElements, kMostElements / std::max<std::size_t>(all_series_, 1));
  std::vector<const std::vector<DocumentChunk>*> order;
  std::int64_t samples = 0;
  for (Step& step : steps_) {
    for (Series& series : step.series) {
      std::stable_sort(
          series.chunks.begin(), series.chunks.end(),
          [](const DocumentChunk& a, const DocumentChunk& b) { return a.sequence < b.sequence; });
      order.push_back(&series.chunks);
      samples += series.extent.samples;
    }
  }
  document_.source->plan(order, samples);
  int number = 0;
  for (Step& step : steps_) {
    write_findings(step);
    write_series(step, most);
    write_end(step);
    write_step(lines, step, fmt::format("{}", number++));
  }
  for (const auto& [at_ns, member] : of_the_run_)
    lines.body(
        utc_of(std::clamp(at_ns, document_.begun_ns, std::max(document_.begun_ns, document_.ended_ns))),
        member);
}

}  // namespace kiln
