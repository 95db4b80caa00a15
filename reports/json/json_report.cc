// The report for programs: everything the record says, versioned. Its schema is report.schema.json in this
// folder.

#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <utility>

#include "common/characters.h"
#include "common/compared_parts_json.h"
#include "common/run_document.h"
#include "json/bring_up_json.h"

namespace kiln {
namespace {

namespace json = boost::json;

json::value number_or_null(double value) {
  return std::isfinite(value) ? json::value(value) : json::value(nullptr);
}

json::value value_json(const Value& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    return std::isfinite(*number) ? json::value(*number) : json::value(to_text(value));
  }
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* truth = std::get_if<bool>(&value)) return *truth;
  if (const auto* text = std::get_if<std::string>(&value)) return json::value(*text);
  return nullptr;
}

json::object counts_json(const Counts& counts) {
  return {{"required", counts.required}, {"measured", counts.measured}, {"failed", counts.failed},
          {"marginal", counts.marginal}, {"waived", counts.waived},     {"not_run", counts.not_run}};
}

std::string_view cell_state(CellState state) {
  switch (state) {
    case CellState::passed:
      return "passed";
    case CellState::marginal:
      return "marginal";
    case CellState::failed:
      return "failed";
    case CellState::waived:
      return "waived";
    case CellState::not_run:
      return "not_run";
  }
  return "not_run";
}

json::object dut_json(const DutVerdict& dut, bool decides) {
  json::object item;
  item["id"] = dut.id;
  item["role"] = std::string(to_string(dut.role));
  item["slot"] = dut.slot ? json::value(*dut.slot) : json::value(nullptr);
  item["verdict"] = decides ? json::value(std::string(to_string(dut.decision))) : json::value(nullptr);
  item["counts"] = counts_json(dut.counts);
  json::array reasons;
  for (const auto& reason : dut.reasons) {
    reasons.push_back(json::object{{"code", reason.code},
                                   {"message", reason.message},
                                   {"fru", reason.fru},
                                   {"action", reason.action},
                                   {"waiver", reason.waiver},
                                   {"cells", reason.cells}});
  }
  item["reasons"] = std::move(reasons);
  json::array diagnoses;
  for (const Diagnosed& found : dut.diagnoses) {
    diagnoses.push_back(json::object{
        {"code", found.code}, {"fru", found.part}, {"message", found.message}, {"action", found.action}});
  }
  item["diagnoses"] = std::move(diagnoses);
  json::array cells;
  for (const auto& cell : dut.cells) {
    cells.push_back(json::object{{"step", cell.cell.step},
                                 {"measurement", cell.cell.measurement},
                                 {"kind", std::string(to_string(cell.cell.kind))},
                                 {"part", cell.cell.part},
                                 {"state", std::string(cell_state(cell.state))},
                                 {"limit", cell.limit_text},
                                 {"unit", cell.unit},
                                 {"code", cell.code},
                                 {"message", cell.message}});
  }
  item["cells"] = std::move(cells);
  json::array cuts;
  for (const auto& cut : dut.interlocks) {
    cuts.push_back(json::object{{"cause", cut.cause},
                                {"code", cut.code},
                                {"part", cut.part},
                                {"message", cut.message},
                                {"hazard_read", cut.hazard_read},
                                {"detected_ns", cut.detected_ns},
                                {"load_stopped_ns", cut.load_stopped_ns},
                                {"off_confirmed_ns", cut.off_confirmed_ns}});
  }
  item["interlocks"] = std::move(cuts);
  return item;
}

json::object measurement_json(const DocumentMeasurement& entry) {
  const Measured& measured = entry.measured;
  json::object item;
  item["dut"] = entry.dut;
  item["step"] = entry.step;
  item["iteration"] = entry.iteration;
  item["attempt"] = entry.attempt;
  item["utc"] = format_utc(entry.at.utc_ns);
  item["name"] = measured.name;
  item["kind"] = std::string(to_string(measured.kind));
  item["part"] = measured.part;
  item["value"] = value_json(measured.value);
  item["unit"] = measured.unit;
  item["outcome"] = std::string(to_string(measured.outcome));
  item["limit"] = measured.limit_text;
  item["limit_source"] = measured.limit_source;
  item["margin_percent"] =
      measured.margin_percent ? number_or_null(*measured.margin_percent) : json::value(nullptr);
  item["reason"] = measured.reason;
  item["source"] = json::object{{"kind", measured.source.kind}, {"detail", measured.source.detail}};
  return item;
}

json::object step_json(const DocumentStep& step) {
  return {{"dut", step.dut},           {"step", step.step},
          {"use", step.use},           {"iteration", step.iteration},
          {"attempt", step.attempt},   {"monitor", step.monitor},
          {"teardown", step.teardown}, {"begun_ns", step.begun_ns},
          {"ended_ns", step.ended_ns}, {"status", std::string(to_string(step.ended.status))},
          {"code", step.ended.code},   {"message", step.ended.message}};
}

json::object series_json(const DocumentSeries& series) {
  return {{"dut", series.dut}, {"name", series.name}, {"part", series.part}, {"unit", series.unit}};
}

json::object interruption_json(const DocumentInterruption& item) {
  json::array steps;
  for (const DocumentResumedSteps& step : item.steps) {
    json::array duts;
    for (const std::string& dut : step.duts) duts.emplace_back(dut);
    steps.push_back(json::object{
        {"step", step.step}, {"what", step.what}, {"reason", step.reason}, {"duts", std::move(duts)}});
  }
  const RunResumed& resumed = item.resumed;
  return {{"interrupted", format_utc(resumed.interrupted_utc_ns)},
          {"after_event", resumed.after_sequence},
          {"gap_ns", resumed.gap_ns},
          {"operator", resumed.operator_name},
          {"station", resumed.station},
          {"kiln_version", resumed.kiln_version},
          {"build_stamp", resumed.build_stamp},
          {"steps", std::move(steps)}};
}

json::object review_entry_json(const ReviewEntry& entry) {
  json::object item{{"entry", entry.number},
                    {"station", entry.station},
                    {"act", std::string(to_string(entry.act))},
                    {"signer", entry.signer},
                    {"key", entry.key},
                    {"at", format_utc(entry.recorded_utc_ns)},
                    {"decision", entry.decision},
                    {"reason", entry.reason},
                    {"says", review_sentence(entry)},
                    {"invalid_because", entry.invalid_because},
                    {"statement", entry.statement},
                    {"signature", entry.signature}};
  return item;
}

json::object about_json(const RunBegun& about) {
  json::object item;
  item["recipe"] = about.recipe;
  item["recipe_version"] = about.recipe_version;
  item["recipe_sha256"] = about.recipe_sha256;
  item["purpose"] = about.purpose;
  item["rack"] = about.rack;
  item["product"] = about.product;
  item["inventory_sha256"] = about.inventory_sha256;
  item["limits_revision"] = about.limits_revision;
  item["limits_sha256"] = about.limits_sha256;
  item["firmware_baseline"] = about.firmware_baseline;
  item["firmware_baseline_sha256"] = about.firmware_baseline_sha256;
  item["interlock_rules"] = about.interlock_rules;
  item["interlock_rules_sha256"] = about.interlock_rules_sha256;
  item["time_scale"] = about.time_scale;
  item["operator"] = about.operator_name;
  json::array approvals;
  for (const std::string& who : about.approvals) approvals.emplace_back(who);
  item["approvals"] = std::move(approvals);
  json::array instruments;
  for (const Instrument& one : about.instruments) {
    json::array measures;
    for (const std::string& name : one.measures) measures.emplace_back(name);
    instruments.push_back(json::object{{"name", one.name},
                                       {"what", one.what},
                                       {"certificate", one.certificate},
                                       {"due", format_utc(one.due_utc_ns)},
                                       {"measures", std::move(measures)}});
  }
  item["instruments"] = std::move(instruments);
  item["scanned_serial"] = about.scanned_serial;
  item["station"] = about.station;
  item["kiln_version"] = about.kiln_version;
  item["build_stamp"] = about.build_stamp;
  json::object plugins;
  for (const auto& [name, version] : about.plugins) plugins[name] = version;
  item["plugins"] = std::move(plugins);
  json::object parameters;
  for (const auto& [name, value] : about.parameters) parameters[name] = value;
  item["parameters"] = std::move(parameters);
  json::object overridden;
  for (const auto& [name, value] : about.overridden) overridden[name] = value;
  item["overridden"] = std::move(overridden);
  return item;
}

/// The one object of the report. A long run's lists are too big to stand in memory, as values or as text: one
/// item at a time is made, written and let go.
class ReportText {
 public:
  explicit ReportText(const ReportSink& put) : put_(put) { text_.reserve(2 * kPiece); }

  void member(std::string_view name, const json::value& value) {
    begin(name);
    add(value);
  }
  template <class Items, class Make>
  void list(std::string_view name, const Items& items, Make make) {
    begin(name);
    char before = '[';
    for (const auto& item : items) {
      text_ += std::exchange(before, ',');
      add(make(item));
      hand_over(kPiece);
    }
    text_ += items.empty() ? "[]" : "]";
  }
  /// Each as series_json() makes it, and with all its samples as "points".
  void series(std::string_view name, const std::vector<DocumentSeries>& all) {
    begin(name);
    char before = '[';
    for (const DocumentSeries& one : all) {
      text_ += std::exchange(before, ',');
      add(series_json(one));
      text_.back() = ',';  // the object goes on
      text_ += R"("points":)";
      points(one);
      text_ += '}';
    }
    text_ += all.empty() ? "[]" : "]";
  }
  Status end() {
    text_ += "}\n";
    hand_over(0);
    return status_;
  }

 private:
  static constexpr std::size_t kPiece = 256UL * 1024;

  /// What a record holds need not be UTF-8, and JSON must be. Outside of its texts it is ASCII.
  void add(const json::value& value) { text_ += valid_utf8(json::serialize(value)); }
  void begin(std::string_view name) {
    text_ += is_first_ ? '{' : ',';
    is_first_ = false;
    text_ += json::serialize(json::string_view(name));
    text_ += ':';
  }
  void points(const DocumentSeries& series) {
    char before = '[';
    for (const DocumentChunk& chunk : series.chunks) {
      const SeriesSamples& samples = series.source->of(chunk);
      if (samples.empty()) continue;
      json::monotonic_resource memory(room_.data(), room_.size());
      json::array points(&memory);
      points.reserve(samples.size());
      for (const auto& [t, value] : samples)
        points.emplace_back(json::array({number_or_null(t), number_or_null(value)}, &memory));
      text_ += std::exchange(before, ',');
      serializer_.reset(&points);
      const std::size_t begun = text_.size();
      serialize_rest();
      text_.erase(begun, 1);  // its bracket: the list is one over all chunks
      text_.pop_back();
      hand_over(kPiece);
    }
    text_ += before == '[' ? "[]" : "]";
  }
  void serialize_rest() {
    while (!serializer_.done()) {
      const json::string_view piece = serializer_.read(piece_.data(), piece_.size());
      text_.append(piece.data(), piece.size());
    }
  }
  void hand_over(std::size_t at_least) {
    if (text_.size() < at_least) return;
    if (status_) status_ = put_(text_);
    text_.clear();
  }

  const ReportSink& put_;
  Status status_ = success();
  std::string text_;
  bool is_first_ = true;
  json::serializer serializer_;
  std::array<unsigned char, 16UL * 1024>
      room_{};  ///< of the values of one chunk; more is taken from the heap
  std::array<char, 16UL * 1024> piece_{};
};

class JsonReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "json"; }
  std::string_view extension() const override { return "json"; }

  Result<std::string> render(const ReportInput& input) const override { return written_text(*this, input); }

  Status write(const ReportInput& input, const ReportSink& put) const override {
    const RunDocument document = make_document(input);
    const RunVerdict& verdict = input.verdict;
    const bool decides = verdict.decision.has_value();
    ReportText report(put);
    report.member("schema", "kiln.report/1");
    report.member("run", json::value(input.run.id));
    report.member("station_key", json::value(input.station_key));
    report.member("warning", json::value(first_warning(input)));
    report.member("state", json::value(std::string(to_string(input.run.state))));
    report.member("decision", decides && !input.events.events.empty()
                                  ? json::value(std::string(to_string(*verdict.decision)))
                                  : json::value(nullptr));
    report.member("sign_off", json::value(verdict.sign_off));
    report.list("not_eligible_because", verdict.not_eligible_because,
                [](const std::string& reason) { return json::value(reason); });
    report.list("sign_off_because", verdict.sign_off_because,
                [](const std::string& why) { return json::value(why); });
    report.list("reviews", input.reviews.entries, review_entry_json);
    report.member("simulated", verdict.simulated);
    report.member("begun", json::value(format_utc(document.begun_utc_ns)));
    report.member("ended", json::value(format_utc(document.ended_utc_ns)));
    report.member("about", about_json(document.about));
    report.member("counts", counts_json(verdict.counts));
    report.list("duts", verdict.duts, [decides](const DutVerdict& dut) { return dut_json(dut, decides); });
    report.list("measurements", document.measurements, measurement_json);
    report.list("steps", document.steps, step_json);
    plan_samples(document);
    report.series("series", document.series);
    report.list("disturbances", document.disturbances, [](const DocumentDisturbance& item) {
      return json::object{
          {"dut", item.dut}, {"code", item.code}, {"message", item.message}, {"count", item.count}};
    });
    report.list("interruptions", document.interruptions, interruption_json);
    report.list("populations", document.populations,
                [](const std::string& sentence) { return json::value(sentence); });
    report.list("comparisons", verdict.comparisons, comparison_json);
    report.list("links", make_links(document, verdict).trays, link_tray_json);
    report.member("bring_up", bring_up_json(input.bring_up));
    report.list("failed_undos", document.failed_undos, [](const auto& failed) {
      const auto& [place, undo] = failed;
      return json::object{{"where", place}, {"undo", undo.undo}, {"message", undo.message}};
    });
    const Status written = report.end();
    return written ? document.source->failure() : written;
  }
};

}  // namespace

std::unique_ptr<ReportFormat> make_report_json() { return std::make_unique<JsonReport>(); }

}  // namespace kiln
