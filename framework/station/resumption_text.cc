#include "station/resumption_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <sstream>

#include "station/console.h"
#include "station/screen/printable.h"

namespace kiln {

std::string resumption_text(const Plan& plan, const Resumption& resumption, const std::string& run) {
  const RunResumed& about = resumption.about;
  std::istringstream lines(fmt::format(
      "{} was interrupted: nothing is known of it since {} (event {}), {} ago\n{}\n{}", run,
      format_utc(about.interrupted_utc_ns), about.after_sequence, clock_text(about.gap_ns / 1'000'000'000),
      resumption.work_was_over ? "its work was over: it is torn down again, and reported" : "it goes on so:",
      explain(plan, resumption)));
  std::string text;
  const bool unicode = locale_is_utf8();
  for (std::string line; std::getline(lines, line);) text += printable(line, unicode) + "\n";
  return text;
}

std::string resumption_json(const Resumption& resumption, const std::string& run) {
  boost::json::array steps;
  for (const auto& [key, step] : resumption.steps) {
    boost::json::object item;
    item["dut"] = key.first;
    item["step"] = key.second;
    item["kept"] = step.kept;
    item["policy"] = std::string(to_string(step.policy));
    item["reason"] = step.reason;
    steps.push_back(std::move(item));
  }
  boost::json::object other;
  for (const auto& [dut, why] : resumption.other_duts) other[dut] = why;
  boost::json::object root;
  root["run"] = run;
  root["interrupted"] = format_utc(resumption.about.interrupted_utc_ns);
  root["work_was_over"] = resumption.work_was_over;
  root["steps"] = std::move(steps);
  root["not_run"] = std::move(other);
  return boost::json::serialize(root);
}

}  // namespace kiln
