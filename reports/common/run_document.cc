#include "common/run_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "model/interruption.h"

namespace kiln {
namespace {

using StepKey = std::tuple<std::string, std::string, int, int>;

StepKey key_of(const Event& event) { return {event.dut, event.step, event.iteration, event.attempt}; }

std::string place_of(const Event& event) {
  return event.step.empty() ? event.dut : event.dut + " " + event.step;
}

/// Collects one event after the other.
class Collector {
 public:
  explicit Collector(RunDocument& document) : document_(document) {}

  void add(const Event& event) {
    if (document_.begun_ns == 0) {
      document_.begun_ns = event.at.monotonic_ns;
      document_.begun_utc_ns = event.at.utc_ns;
    }
    document_.ended_ns = event.at.monotonic_ns;
    document_.ended_utc_ns = event.at.utc_ns;
    std::visit([&](const auto& body) { take(event, body); }, event.body);
  }

  void finish() {
    for (auto& load : document_.loads) {
      if (load.ended_ns == 0) load.ended_ns = document_.ended_ns;
      // A cut stops the load long before the step has wound up and closed its guard.
      for (const auto& [dut, cut] : document_.interlocks) {
        if (dut == load.dut && cut.load_stopped_ns > load.begun_ns)
          load.ended_ns = std::min(load.ended_ns, cut.load_stopped_ns);
      }
    }
    find_sticky_fails();
    for (auto& [key, series] : series_) {
      // Steps that sample the same take turns.
      std::stable_sort(
          series.chunks.begin(), series.chunks.end(),
          [](const DocumentChunk& a, const DocumentChunk& b) { return a.sequence < b.sequence; });
      document_.series.push_back(std::move(series));
    }
    for (auto& [key, disturbance] : disturbances_) document_.disturbances.push_back(std::move(disturbance));
  }

 private:
  template <class Body>
  void take(const Event& /*event*/, const Body& /*body*/) {}

  void take(const Event& /*event*/, const RunBegun& body) {
    document_.about = body;
    document_.begun = true;
  }
  void take(const Event& event, const RunResumed& body) {
    DocumentInterruption interruption;
    interruption.resumed = body;
    interruption.at_ns = event.at.monotonic_ns;
    // What the dead program had under load carried none while it was gone.
    for (auto& load : document_.loads) {
      if (load.ended_ns == 0) load.ended_ns = event.at.monotonic_ns - body.gap_ns;
    }
    for (const auto& [key, index] : open_) {
      DocumentStep& step = document_.steps[index];
      if (step.ended_ns != 0) continue;
      step.ended_ns = event.at.monotonic_ns - body.gap_ns;
      step.ended.code = "step.interrupted";
      step.ended.message = "the station died while it was under way";
    }
    open_.clear();
    guards_.clear();
    document_.interruptions.push_back(std::move(interruption));
  }
  void take(const Event& event, const StepResumed& body) {
    if (document_.interruptions.empty()) return;
    auto& steps = document_.interruptions.back().steps;
    const std::string what(resumed_word(body));
    const auto known = std::find_if(steps.begin(), steps.end(), [&](const DocumentResumedSteps& item) {
      return item.step == event.step && item.what == what && item.reason == body.reason;
    });
    if (known != steps.end()) {
      known->duts.push_back(event.dut);
    } else {
      steps.push_back({event.step, what, body.reason, {event.dut}});
    }
  }
  void take(const Event& event, const DutPlanned& body) { document_.duts[event.dut] = body; }
  void take(const Event& /*event*/, const CellPlanned& body) { document_.cells.push_back(body); }
  void take(const Event& event, const Measured& body) {
    document_.measurements.push_back({event.dut, event.step, event.iteration, event.attempt, event.at, body});
  }
  void take(const Event& event, const StepBegun& body) {
    DocumentStep step;
    step.dut = event.dut;
    step.step = event.step;
    step.use = body.use;
    step.iteration = event.iteration;
    step.attempt = event.attempt;
    step.monitor = body.monitor;
    step.teardown = body.teardown;
    step.begun_ns = event.at.monotonic_ns;
    step.ended.status = WorkStatus::error;
    step.ended.code = "step.not_ended";
    step.ended.message = "the record holds no end of this step";
    open_[key_of(event)] = document_.steps.size();
    document_.steps.push_back(std::move(step));
  }
  void take(const Event& event, const StepEnded& body) {
    end_load(key_of(event), event.at.monotonic_ns);
    const auto found = open_.find(key_of(event));
    if (found != open_.end()) {
      document_.steps[found->second].ended = body;
      document_.steps[found->second].ended_ns = event.at.monotonic_ns;
      return;
    }
    DocumentStep step;
    step.dut = event.dut;
    step.step = event.step;
    step.iteration = event.iteration;
    step.attempt = event.attempt;
    step.teardown = body.teardown;
    step.ended_ns = event.at.monotonic_ns;
    step.ended = body;
    document_.steps.push_back(std::move(step));
  }
  void take(const Event& event, const SeriesChunk& body) {
    auto& series = series_[{body.name, event.dut, body.part}];
    series.dut = event.dut;
    series.name = body.name;
    series.part = body.part;
    series.unit = body.unit;
    if (std::find(series.steps.begin(), series.steps.end(), event.step) == series.steps.end())
      series.steps.push_back(event.step);
    series.source = document_.source;
    const std::vector<DocumentChunk> chunks = document_.source->chunks_of(event, body);
    series.chunks.insert(series.chunks.end(), chunks.begin(), chunks.end());
    series.extent.add(document_.source->extent_of(event, body));
  }
  void take(const Event& event, const Disturbance& body) {
    auto& entry = disturbances_[{event.dut, body.code, body.message}];
    entry.dut = event.dut;
    entry.code = body.code;
    entry.message = body.message;
    entry.count += body.count;
  }
  void take(const Event& event, const Retried& body) {
    document_.retries.emplace_back(place_of(event), body);
  }
  void take(const Event& event, const GuardOpened& body) { guards_[key_of(event)].opened = body.undo; }
  void take(const Event& event, const PermitGranted& body) {
    if (body.energy != "load" && body.energy != "host_stress") return;
    const StepKey key = key_of(event);
    end_load(key, event.at.monotonic_ns);
    DocumentLoad load;
    load.dut = event.dut;
    load.step = event.step;
    load.begun_ns = event.at.monotonic_ns;
    StepGuards& guards = guards_[key];
    guards.stops_load = guards.opened;  // the permit is recorded right after the guard that undoes it
    guards.load = document_.loads.size();
    document_.loads.push_back(std::move(load));
  }
  void take(const Event& event, const Interlocked& body) {
    document_.interlocks.emplace_back(event.dut, body);
  }
  void take(const Event& event, const GuardClosed& body) {
    const auto guards = guards_.find(key_of(event));
    if (guards != guards_.end() && guards->second.load && guards->second.stops_load == body.undo)
      end_load(guards->first, event.at.monotonic_ns);
    if (!body.done) document_.failed_undos.emplace_back(place_of(event), body);
    // Undone by somebody else, after the run's own program had died.
    if (body.done && body.message.starts_with("by "))
      document_.notes.emplace_back(place_of(event), body.undo + ": undone " + body.message);
  }
  void take(const Event& event, const PromptAnswered& body) {
    document_.prompts.emplace_back(place_of(event), body);
  }
  void take(const Event& event, const PartSeen& body) { document_.parts.emplace_back(event.dut, body); }
  void take(const Event& event, const DetectorMasked& body) {
    document_.notes.emplace_back(place_of(event), body.message);
  }
  void take(const Event& /*event*/, const PopulationGiven& body) {
    document_.populations.push_back(
        fmt::format("Set against population {} of {} racks ({} places; {}, SHA-256 {}).", body.id, body.racks,
                    body.rows.size(), body.file, body.sha256));
  }
  void take(const Event& event, const Note& body) {
    document_.notes.emplace_back(place_of(event), body.text);
  }

  void end_load(const StepKey& key, std::int64_t at_ns) {
    const auto found = guards_.find(key);
    if (found == guards_.end() || !found->second.load) return;
    document_.loads[*found->second.load].ended_ns = at_ns;
    found->second.load.reset();
  }

  void find_sticky_fails() {
    std::map<std::tuple<std::string, std::string, std::string, std::string>, std::vector<std::size_t>> judged;
    for (std::size_t index = 0; index < document_.measurements.size(); ++index) {
      const DocumentMeasurement& entry = document_.measurements[index];
      if (entry.measured.outcome == Outcome::informational) continue;
      judged[{entry.dut, entry.step, entry.measured.name, entry.measured.part}].push_back(index);
    }
    for (auto& [key, indices] : judged) {
      DocumentStickyFail sticky;
      bool failed = false;
      for (const std::size_t index : indices) {
        const Outcome outcome = document_.measurements[index].measured.outcome;
        if (failed && (outcome == Outcome::pass || outcome == Outcome::marginal)) sticky.passed_later = true;
        if (outcome == Outcome::fail) failed = true;
      }
      if (!failed || indices.size() < 2) continue;
      sticky.measurements = std::move(indices);
      document_.sticky_fails.push_back(std::move(sticky));
    }
    std::sort(document_.sticky_fails.begin(), document_.sticky_fails.end(),
              [](const DocumentStickyFail& a, const DocumentStickyFail& b) {
                return a.measurements.front() < b.measurements.front();
              });
  }

  /// The guards of one attempt, as far as its load is concerned.
  struct StepGuards {
    std::string opened;               ///< the undo that was journaled last
    std::string stops_load;           ///< the undo that ends the open load
    std::optional<std::size_t> load;  ///< the open one, in RunDocument::loads
  };

  RunDocument& document_;
  std::map<StepKey, std::size_t> open_;
  std::map<StepKey, StepGuards> guards_;
  std::map<std::tuple<std::string, std::string, std::string>, DocumentSeries> series_;
  std::map<std::tuple<std::string, std::string, std::string>, DocumentDisturbance> disturbances_;
};

}  // namespace

RunDocument make_document(const ReportInput& input) {
  RunDocument document;
  document.source = std::make_shared<SeriesSource>(input);
  Collector collector(document);
  for (const Event& event : input.events.events) collector.add(event);
  if (input.events.broken) {
    for (const Event& event : input.events.broken->after) collector.add(event);
  }
  collector.finish();
  return document;
}

void plan_samples(const RunDocument& document) {
  std::vector<const std::vector<DocumentChunk>*> order;
  std::int64_t samples = 0;
  for (const DocumentSeries& series : document.series) {
    order.push_back(&series.chunks);
    samples += series.extent.samples;
  }
  document.source->plan(order, samples);
}

std::string first_warning(const ReportInput& input) {
  if (input.events.broken) return input.events.broken->sentence();
  if (input.run.broken) return input.run.broken->sentence();
  if (input.run.state == RunState::interrupted)
    return "This run was INTERRUPTED: the record ends before the run did.";
  return {};
}

std::string decision_word(const ReportInput& input) {
  if (input.events.events.empty()) return "NOTHING RECORDED";
  if (!input.verdict.decision) return "SURVEY";
  return std::string(to_string(*input.verdict.decision));
}

std::string value_text(const Measured& measured) {
  if (std::holds_alternative<std::monostate>(measured.value)) return "no value";
  const std::string text = to_text(measured.value);
  return measured.unit.empty() || measured.unit == "1" ? text : text + " " + measured.unit;
}

}  // namespace kiln
