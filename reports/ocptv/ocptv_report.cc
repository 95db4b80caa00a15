// The report for other test systems: OCPTV, JSON Lines of the OCP Test & Validation output specification 2.0
// (ocp-diag-core 8fae3f5, json_spec). One run is the whole rack; docs/reports.md says how Kiln's words map to
// its. Where the specification's text and its schema disagree, the schema is followed.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/run_document.h"
#include "ocptv/hardware_infos.h"
#include "ocptv/step_artifacts.h"
#include "ocptv/stream_lines.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr const char* kSimulatedNotice = "SIMULATED RACK - NOT HARDWARE";

/// One of the four pairs that the specification knows.
struct RunEnd {
  const char* status;
  const char* result;
};

class OcptvStream {
 public:
  explicit OcptvStream(const ReportInput& input)
      : input_(input),
        document_(make_document(input)),
        hardware_(input, document_),
        steps_(input, document_, hardware_) {}

  Result<std::string> text() {
    const std::int64_t begun = document_.begun_utc_ns;
    if (const std::string warning = first_warning(input_); !warning.empty()) {
      ++errors_;
      lines_.head(begun, ocptv_error("run.record_broken", warning));
    }
    lines_.head(begun, {{"testRunStart", start()}});
    if (input_.verdict.simulated) lines_.head(begun, ocptv_log("WARNING", kSimulatedNotice));
    steps_.write(lines_);
    write_verdict();
    const RunEnd end = run_end();
    const bool is_error = std::string_view(end.status) == "ERROR";
    if (is_error && errors_ + steps_.errors() == 0)
      lines_.tail(ended(), ocptv_error("run.incomplete",
                                       "what the run must show was not shown: " + decision_word(input_)));
    lines_.tail(ended(), {{"testRunEnd", json::object{{"status", end.status}, {"result", end.result}}}});
    const Status sampled = document_.source->failure();
    if (!sampled) return sampled.error();
    return lines_.take(begun);
  }

 private:
  [[nodiscard]] std::int64_t ended() const { return steps_.utc_of(document_.ended_ns); }

  json::object start() const {
    const RunBegun& about = document_.about;
    json::object start;
    start["name"] = ocptv_string(about.recipe);
    start["version"] = ocptv_string(about.recipe_version);
    std::string command = "kiln run " + about.recipe;
    for (const std::string& dut : about.selection) command += " --dut " + dut;
    for (const auto& [name, value] : about.overridden) command += fmt::format(" --set {}={}", name, value);
    start["commandLine"] = ocptv_string(command);
    json::object parameters;
    for (const auto& [name, value] : about.parameters) parameters[ocptv_text(name)] = ocptv_string(value);
    start["parameters"] = std::move(parameters);
    start["dutInfo"] = hardware_.dut_info();
    json::object metadata;
    metadata["run"] = ocptv_string(input_.run.id);
    metadata["commandLineIs"] = "put together from the record";
    metadata["purpose"] = ocptv_string(about.purpose);
    metadata["simulated"] = input_.verdict.simulated;
    if (input_.verdict.simulated) metadata["notice"] = kSimulatedNotice;
    metadata["decision"] = decision_word(input_);
    metadata["signOff"] = ocptv_string(input_.verdict.sign_off);
    metadata["station"] = ocptv_string(about.station);
    metadata["operator"] = ocptv_string(about.operator_name);
    metadata["recipeSha256"] = ocptv_string(about.recipe_sha256);
    metadata["limitsRevision"] = about.limits_revision;
    metadata["limitsSha256"] = ocptv_string(about.limits_sha256);
    metadata["inventorySha256"] = ocptv_string(about.inventory_sha256);
    metadata["firmwareBaseline"] = ocptv_string(about.firmware_baseline);
    metadata["interlockRules"] = ocptv_string(about.interlock_rules);
    metadata["chainHead"] = ocptv_string(input_.run.chain_head);
    start["metadata"] = std::move(metadata);
    return start;
  }

  /// PASS says that no non-conformance was found, so that a CONDITIONAL run with a measured fail in it has
  /// none.
  [[nodiscard]] RunEnd run_end() const {
    const std::optional<Decision>& decision = input_.verdict.decision;
    if (decision == Decision::no_go) return {"COMPLETE", "FAIL"};
    const bool is_stopped = input_.verdict.stop_signal != 0;
    if (!first_warning(input_).empty() || input_.events.events.empty()) return {"ERROR", "NOT_APPLICABLE"};
    if (!decision) {  // a survey decides nothing; whether it was done is all there is to say
      const int code = exit_code(input_.verdict);
      return {code == 0 || is_stopped ? "SKIP" : "ERROR", "NOT_APPLICABLE"};
    }
    if (*decision == Decision::incomplete) return {is_stopped ? "SKIP" : "ERROR", "NOT_APPLICABLE"};
    const bool has_fail = fails_ + steps_.fail_diagnoses() > 0;
    return {"COMPLETE", has_fail ? "FAIL" : "PASS"};
  }

  void write_verdict() {
    const std::string id = fmt::format("{}", steps_.steps());
    const auto put = [this, &id](const json::object& artifact) {
      lines_.tail_of_step(ended(), id, artifact);
    };
    put(json::object{{"testStepStart", json::object{{"name", "verdict"}}}});
    for (const DutVerdict& dut : input_.verdict.duts) {
      for (const Reason& reason : dut.reasons) put(reason_diagnosis(dut, reason));
      put(dut_diagnosis(dut));
    }
    if (input_.verdict.duts.empty())
      put(ocptv_diagnosis(DiagnosisType::unknown, "kiln.nothing_recorded", "the record holds no DUT", ""));
    put(json::object{{"extension", json::object{{"name", "kiln.verdict"}, {"content", verdict_content()}}}});
    put(json::object{{"testStepEnd", json::object{{"status", "COMPLETE"}}}});
  }

  json::object reason_diagnosis(const DutVerdict& dut, const Reason& reason) {
    const auto [hardware, subcomponent] = hardware_.place_of(dut.id, reason.fru);
    DiagnosisType type = DiagnosisType::unknown;
    if (reason.outcome == Outcome::fail) type = DiagnosisType::fail;
    if (type == DiagnosisType::fail) ++fails_;
    const std::string message =
        reason.action.empty() ? reason.message : fmt::format("{}; do: {}", reason.message, reason.action);
    return ocptv_diagnosis(type, reason.code, message, hardware, subcomponent);
  }

  json::object dut_diagnosis(const DutVerdict& dut) {
    const std::string hardware = hardware_.id_of(dut.id, "");
    if (!input_.verdict.decision)
      return ocptv_diagnosis(DiagnosisType::unknown, "kiln.survey", dut.id + ": a survey decides nothing",
                             hardware);
    const std::string message =
        fmt::format("{} {}: measured {} of {} required, failed {}, marginal {}, not run {}", dut.id,
                    to_string(dut.decision), dut.counts.measured, dut.counts.required, dut.counts.failed,
                    dut.counts.marginal, dut.counts.not_run);
    switch (dut.decision) {
      case Decision::go:
        return ocptv_diagnosis(DiagnosisType::pass, "kiln.go", message, hardware);
      case Decision::conditional:
        return ocptv_diagnosis(DiagnosisType::unknown, "kiln.conditional", message, hardware);
      case Decision::incomplete:
        return ocptv_diagnosis(DiagnosisType::unknown, "kiln.incomplete", message, hardware);
      case Decision::no_go:
        break;
    }
    ++fails_;
    return ocptv_diagnosis(DiagnosisType::fail, "kiln.no-go", message, hardware);
  }

  static json::object counts_content(const Counts& counts) {
    return {{"required", counts.required}, {"measured", counts.measured}, {"failed", counts.failed},
            {"marginal", counts.marginal}, {"waived", counts.waived},     {"notRun", counts.not_run}};
  }

  json::object verdict_content() const {
    const RunVerdict& verdict = input_.verdict;
    json::object content;
    content["run"] = ocptv_string(input_.run.id);
    content["decision"] = decision_word(input_);
    content["signOff"] = ocptv_string(verdict.sign_off);
    json::array because;
    for (const std::string& reason : verdict.not_eligible_because) because.push_back(ocptv_string(reason));
    content["notEligibleBecause"] = std::move(because);
    content["simulated"] = verdict.simulated;
    content["counts"] = counts_content(verdict.counts);
    json::array duts;
    for (const DutVerdict& dut : verdict.duts) {
      json::object item;
      item["id"] = ocptv_string(dut.id);
      item["decision"] = verdict.decision ? json::value(to_string(dut.decision)) : json::value("SURVEY");
      item["counts"] = counts_content(dut.counts);
      duts.push_back(std::move(item));
    }
    content["duts"] = std::move(duts);
    return content;
  }

  const ReportInput& input_;
  RunDocument document_;
  HardwareInfos hardware_;
  StepArtifacts steps_;
  StreamLines lines_;
  int fails_ = 0, errors_ = 0;
};

class OcptvReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "ocptv"; }
  std::string_view extension() const override { return "ocptv.jsonl"; }
  Result<std::string> render(const ReportInput& input) const override { return OcptvStream(input).text(); }
};

}  // namespace

std::unique_ptr<ReportFormat> make_report_ocptv() { return std::make_unique<OcptvReport>(); }

}  // namespace kiln
