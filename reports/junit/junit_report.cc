// The report for continuous integration: JUnit XML as Jenkins and GitLab read it. One suite per DUT and one
// for the run; in it a case per required cell (class = step, name = measurement@part), a case "step" per
// step, and a case "verdict". There is no <skipped>: what was not done is an <error>, because readers count a
// skip as green. A run that is not GO has at least one failure or error. Text goes through pugixml; what
// XML 1.0 cannot hold is shown by name (‹U+0001›).

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <pugixml.hpp>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/characters.h"
#include "common/run_document.h"

namespace kiln {
namespace {

constexpr std::size_t kLongestXmlText =
    4'096;  ///< of one attribute or message: a name of a megabyte helps nobody

using XmlCellKey = std::tuple<std::string, std::string, std::string>;  // step, measurement, part

std::string xml_text(std::string_view text) { return visible_text(text, kLongestXmlText); }

void set(pugi::xml_node node, const char* name, std::string_view value) {
  node.append_attribute(name).set_value(xml_text(value).c_str());
}

/// A <testsuite>, whose sums are written when it is complete.
class Suite {
 public:
  Suite(pugi::xml_node parent, std::string_view name, const RunDocument& document)
      : node_(parent.append_child("testsuite")) {
    set(node_, "name", name);
    for (const char* sum : {"tests", "failures", "errors", "skipped"})
      node_.append_attribute(sum).set_value(0);
    const double took = static_cast<double>(document.ended_ns - document.begun_ns) / 1e9;
    set(node_, "time", fmt::format("{:.3f}", std::max(took, 0.0)));
    set(node_, "timestamp", format_utc(document.begun_utc_ns));
    properties_ = node_.append_child("properties");
  }
  void property(const char* name, std::string_view value) {
    pugi::xml_node property = properties_.append_child("property");
    set(property, "name", name);
    set(property, "value", value);
  }
  pugi::xml_node add_case(std::string_view class_name, std::string_view name, double seconds = 0) {
    ++tests_;
    pugi::xml_node node = node_.append_child("testcase");
    set(node, "classname", class_name);
    set(node, "name", name);
    set(node, "time", fmt::format("{:.3f}", std::max(seconds, 0.0)));
    return node;
  }
  void fail(pugi::xml_node of, std::string_view type, std::string_view message, std::string_view text = {}) {
    ++failures_;
    tell(of.append_child("failure"), type, message, text);
  }
  void error(pugi::xml_node of, std::string_view type, std::string_view message, std::string_view text = {}) {
    ++errors_;
    tell(of.append_child("error"), type, message, text);
  }
  void end() {
    node_.attribute("tests").set_value(tests_);
    node_.attribute("failures").set_value(failures_);
    node_.attribute("errors").set_value(errors_);
  }
  [[nodiscard]] int tests() const { return tests_; }
  [[nodiscard]] int failures() const { return failures_; }
  [[nodiscard]] int errors() const { return errors_; }

 private:
  static void tell(pugi::xml_node node, std::string_view type, std::string_view message,
                   std::string_view text) {
    set(node, "type", type.empty() ? "kiln.unspecified" : type);
    set(node, "message", message);
    node.append_child(pugi::node_pcdata).set_value(xml_text(text.empty() ? message : text).c_str());
  }

  pugi::xml_node node_, properties_;
  int tests_ = 0, failures_ = 0, errors_ = 0;
};

std::string with_action(const std::string& message, const std::string& action) {
  return action.empty() ? message : fmt::format("{}\ndo: {}", message, action);
}

/// All that one step did on one DUT, attempt by attempt.
struct StepHistory {
  std::vector<const DocumentStep*> attempts;
  [[nodiscard]] double seconds() const {
    double sum = 0;
    for (const DocumentStep* attempt : attempts) {
      if (attempt->begun_ns != 0 && attempt->ended_ns > attempt->begun_ns)
        sum += static_cast<double>(attempt->ended_ns - attempt->begun_ns) / 1e9;
    }
    return sum;
  }
  [[nodiscard]] bool was_repeated() const {
    return std::any_of(attempts.begin(), attempts.end(),
                       [](const DocumentStep* one) { return one->attempt > 1; });
  }
  [[nodiscard]] std::string text() const {
    std::string lines;
    for (const DocumentStep* one : attempts) {
      lines += fmt::format("iteration {} attempt {}: {}{}{}{}{}\n", one->iteration, one->attempt,
                           to_string(one->ended.status), one->ended.code.empty() ? "" : " ", one->ended.code,
                           one->ended.message.empty() ? "" : ": ", one->ended.message);
    }
    return lines;
  }
};

class JunitDocument {
 public:
  explicit JunitDocument(const ReportInput& input) : input_(input), document_(make_document(input)) {
    for (const DocumentStep& step : document_.steps)
      steps_[id_of(step.dut)][step.step].attempts.push_back(&step);
    for (const DocumentMeasurement& entry : document_.measurements) {
      const Measured& measured = entry.measured;
      if (measured.outcome != Outcome::informational)
        judged_[id_of(entry.dut)][{entry.step, measured.name, measured.part}].push_back(&entry);
    }
  }

  std::string text() {
    pugi::xml_document xml;
    root_ = xml.append_child("testsuites");
    set(root_, "name", "kiln " + input_.run.id);
    for (const char* sum : {"tests", "failures", "errors"}) root_.append_attribute(sum).set_value(0);
    add_run();
    for (const DutVerdict& dut : input_.verdict.duts) add_dut(dut);
    root_.attribute("tests").set_value(tests_);
    root_.attribute("failures").set_value(failures_);
    root_.attribute("errors").set_value(errors_);
    std::ostringstream stream;
    xml.save(stream, " ", pugi::format_default, pugi::encoding_utf8);
    return stream.str();
  }

 private:
  [[nodiscard]] const std::string& id_of(const std::string& dut) const {
    return dut.empty() ? document_.about.rack : dut;
  }
  void close(Suite& suite) {
    suite.end();
    tests_ += suite.tests();
    failures_ += suite.failures();
    errors_ += suite.errors();
  }
  /// Red unless it is GO: a fail for what was measured, an error for what nobody knows.
  void judge(Suite& suite, pugi::xml_node of, Decision decision, const std::string& why) const {
    if (!input_.verdict.decision) {
      suite.error(of, "SURVEY", "a survey decides nothing", why);
    } else if (decision == Decision::no_go || decision == Decision::conditional) {
      suite.fail(of, to_string(decision), why.empty() ? to_string(decision) : why);
    } else if (decision != Decision::go) {
      suite.error(of, to_string(decision), why.empty() ? to_string(decision) : why);
    }
  }

  void add_run() {
    Suite suite(root_, "run " + input_.run.id, document_);
    const RunBegun& about = document_.about;
    const RunVerdict& verdict = input_.verdict;
    suite.property("decision", decision_word(input_));
    suite.property("sign_off", verdict.sign_off);
    for (const std::string& reason : verdict.not_eligible_because)
      suite.property("not_eligible_because", reason);
    suite.property("simulated", verdict.simulated ? "true" : "false");
    if (verdict.simulated) suite.property("notice", "SIMULATED RACK - NOT HARDWARE");
    suite.property("rack", about.rack);
    suite.property("product", about.product);
    suite.property("recipe", about.recipe + "@" + about.recipe_version);
    suite.property("station", about.station);
    suite.property("operator", about.operator_name);
    suite.property("limits_revision", fmt::format("{}", about.limits_revision));
    suite.property("counts",
                   fmt::format("required {} measured {} failed {} marginal {} waived {} not_run {}",
                               verdict.counts.required, verdict.counts.measured, verdict.counts.failed,
                               verdict.counts.marginal, verdict.counts.waived, verdict.counts.not_run));
    for (const auto& [place, retried] : document_.retries)
      suite.property("retried", fmt::format("{}: attempt {} after {} ({})", place, retried.next_attempt,
                                            retried.code, retried.message));
    pugi::xml_node record = suite.add_case("run", "record");
    const std::string warning = first_warning(input_);
    if (!warning.empty()) suite.error(record, "record.broken", warning);
    pugi::xml_node decision = suite.add_case("run", "verdict");
    if (input_.events.events.empty()) {
      suite.error(decision, "NOTHING RECORDED", "the record holds no event of this run");
    } else {
      judge(suite, decision, verdict.decision.value_or(Decision::incomplete),
            fmt::format("{}: {} of {} required measured, {} failed, {} not run", decision_word(input_),
                        verdict.counts.measured, verdict.counts.required, verdict.counts.failed,
                        verdict.counts.not_run));
    }
    close(suite);
  }

  void add_dut(const DutVerdict& dut) {
    Suite suite(root_, dut.id, document_);
    const bool decides = input_.verdict.decision.has_value();
    suite.property("decision", decides ? to_string(dut.decision) : "SURVEY");
    suite.property("role", to_string(dut.role));
    if (dut.slot) suite.property("slot", fmt::format("{}", *dut.slot));
    const auto planned = document_.duts.find(dut.id);
    if (planned != document_.duts.end()) suite.property("serial", planned->second.serial);
    add_verdict(suite, dut);
    // By step, in order of planning; what no cell stands for after it.
    std::vector<std::string> order;
    std::map<std::string, std::vector<const CellVerdict*>> by_step;
    for (const CellVerdict& cell : dut.cells) {
      if (by_step.count(cell.cell.step) == 0) order.push_back(cell.cell.step);
      by_step[cell.cell.step].push_back(&cell);
    }
    const auto& steps = steps_[dut.id];
    for (const auto& [name, history] : steps) {
      if (by_step.count(name) == 0) order.push_back(name);
    }
    for (const std::string& step : order) {
      const auto history = steps.find(step);
      if (history != steps.end()) add_step(suite, dut, step, history->second);
      for (const CellVerdict* cell : by_step[step]) add_cell(suite, dut, *cell);
    }
    add_fails_without_cell(suite, dut);
    close(suite);
  }

  void add_verdict(Suite& suite, const DutVerdict& dut) {
    std::string why;
    for (const Reason& reason : dut.reasons)
      why += fmt::format("{} {}: {}\n", reason.code, reason.fru, with_action(reason.message, reason.action));
    pugi::xml_node node = suite.add_case("verdict", dut.id);
    judge(suite, node, dut.decision, why);
  }

  void add_step(Suite& suite, const DutVerdict& dut, const std::string& step, const StepHistory& history) {
    pugi::xml_node node = suite.add_case(step, "step", history.seconds());
    const StepEnded& last = history.attempts.back()->ended;
    // A repeated attempt that was done in the end is a trace; the verdict knows whether it was.
    const bool may_be_open =
        !input_.verdict.decision || dut.decision == Decision::incomplete || dut.decision == Decision::no_go;
    if (last.status != WorkStatus::complete && may_be_open) {
      const std::string code = last.code.empty() ? fmt::format("step.{}", to_string(last.status)) : last.code;
      suite.error(node, code, last.message.empty() ? to_string(last.status) : last.message,
                  with_action(last.message, last.action));
    }
    if (history.was_repeated()) add_attempts(node, history.text());
  }

  void add_cell(Suite& suite, const DutVerdict& dut, const CellVerdict& cell) {
    pugi::xml_node node = suite.add_case(cell.cell.step, name_of(cell.cell.measurement, cell.cell.part));
    const std::string code = cell.code.empty() ? "cell.not_run" : cell.code;
    switch (cell.state) {
      case CellState::passed:
        break;
      case CellState::marginal:
        if (document_.about.marginal_is_conditional)
          suite.fail(node, "measurement.marginal", "in its marginal band, limit " + cell.limit_text);
        break;
      case CellState::failed:
        suite.fail(node, code, cell.message, with_action(cell.message, cell.action));
        break;
      case CellState::waived:  // a permission is no pass: who reads colours only must not take it for one
        suite.fail(node, code, "waived by a person: " + cell.message, with_action(cell.message, cell.action));
        break;
      case CellState::not_run:
        suite.error(node, code, cell.message.empty() ? "not run" : cell.message,
                    with_action(cell.message, cell.action));
        break;
    }
    const auto& judged = judged_[dut.id];
    const auto values = judged.find({cell.cell.step, cell.cell.measurement, cell.cell.part});
    if (values != judged.end()) add_values(node, values->second);
  }

  /// The verdict makes NO-GO of them, whether they were required or not.
  void add_fails_without_cell(Suite& suite, const DutVerdict& dut) {
    std::set<XmlCellKey> cells;
    for (const CellVerdict& cell : dut.cells)
      cells.emplace(cell.cell.step, cell.cell.measurement, cell.cell.part);
    for (const auto& [key, values] : judged_[dut.id]) {
      if (cells.count(key) != 0) continue;
      const auto& [step, measurement, part] = key;
      const auto failed = std::find_if(values.begin(), values.end(), [](const DocumentMeasurement* entry) {
        return entry->measured.outcome == Outcome::fail;
      });
      if (failed == values.end()) continue;
      pugi::xml_node node = suite.add_case(step, name_of(measurement, part) + " (not required)");
      const Measured& measured = (*failed)->measured;
      suite.fail(node, measured.fault_code,
                 fmt::format("{}, limit {}", value_text(measured), measured.limit_text),
                 with_action(measured.reason, measured.action));
      add_values(node, values);
    }
  }

  static std::string name_of(const std::string& measurement, const std::string& part) {
    return part.empty() ? measurement : measurement + "@" + part;
  }
  static void add_values(pugi::xml_node node, const std::vector<const DocumentMeasurement*>& values) {
    std::string lines;
    for (const DocumentMeasurement* entry : values) {
      const Measured& measured = entry->measured;
      lines += fmt::format("iteration {} attempt {}: {} {}, limit {}{}{}\n", entry->iteration, entry->attempt,
                           to_string(measured.outcome), value_text(measured), measured.limit_text,
                           measured.reason.empty() ? "" : ": ", measured.reason);
    }
    node.append_child("system-out").append_child(pugi::node_pcdata).set_value(xml_text(lines).c_str());
  }
  static void add_attempts(pugi::xml_node node, const std::string& lines) {
    node.append_child("system-out").append_child(pugi::node_pcdata).set_value(xml_text(lines).c_str());
  }

  const ReportInput& input_;
  RunDocument document_;
  std::map<std::string, std::map<std::string, StepHistory>> steps_;  // DUT, step
  std::map<std::string, std::map<XmlCellKey, std::vector<const DocumentMeasurement*>>> judged_;
  pugi::xml_node root_;
  int tests_ = 0, failures_ = 0, errors_ = 0;
};

class JunitReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "junit"; }
  std::string_view extension() const override { return "junit.xml"; }
  Result<std::string> render(const ReportInput& input) const override { return JunitDocument(input).text(); }
};

}  // namespace

std::unique_ptr<ReportFormat> make_report_junit() { return std::make_unique<JunitReport>(); }

}  // namespace kiln
