#include "run_reports.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "common/report_format.h"
#include "ocptv/stream_rules.h"

namespace kiln::matrix {
namespace {

std::string rendered(const std::string& name, const ReportInput& input) {
  for (const auto& format : make_report_formats()) {
    if (format->name() != name) continue;
    Result<std::string> text = format->render(input);
    if (!text) throw std::runtime_error(text.error().sentence());
    return std::move(*text);
  }
  throw std::runtime_error("no report format " + name);
}

bool has(const std::string& text, std::string_view piece) { return text.find(piece) != std::string::npos; }

/// The pair that must end the stream of such a run.
const char* expected_end(const RunVerdict& verdict) {
  if (verdict.decision == Decision::go) return R"("status":"COMPLETE","result":"PASS")";
  if (verdict.decision == Decision::no_go) return R"("status":"COMPLETE","result":"FAIL")";
  if (verdict.decision == Decision::incomplete) return R"("status":"ERROR","result":"NOT_APPLICABLE")";
  return R"("result":)";
}

void leave(const std::string& stream) {
  const char* folder = std::getenv("KILN_MATRIX_STREAMS");
  if (folder == nullptr) return;
  static int number = 0;
  const std::string path = fmt::format("{}/{}-{}.jsonl", folder, getpid(), number++);
  std::ofstream(path, std::ios::binary) << stream;
}

}  // namespace

std::string wrong_with_reports(std::vector<Event> record, const RunVerdict& verdict) {
  ReportInput input;
  input.run.id = "R-1";
  input.run.state = RunState::complete;
  input.events.events = std::move(record);
  input.verdict = verdict;
  std::string wrong;
  const std::string stream = rendered("ocptv", input);
  leave(stream);
  for (const std::string& sentence : broken_rules(stream)) wrong += sentence + "\n";
  const std::string last = stream.substr(stream.rfind('\n', stream.size() - 2) + 1);
  if (!has(last, expected_end(verdict))) wrong += "the stream ends with " + last;
  const std::string junit = rendered("junit", input);
  const bool is_red = has(junit, "<failure ") || has(junit, "<error ");
  if (is_red == (verdict.decision == Decision::go)) wrong += is_red ? "junit is red\n" : "junit is green\n";
  return wrong;
}

}  // namespace kiln::matrix
