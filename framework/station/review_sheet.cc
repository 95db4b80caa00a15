#include "station/review_sheet.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/interruption.h"
#include "station/screen/printable.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// One thing to look at before signing.
struct ReviewException {
  std::string kind;  ///< "fail", "waived", "not run", "marginal", "repeated", "deviation"
  std::string dut, what, message, action;
  std::string failure;  ///< as --waive takes it; empty: there is nothing to waive
  std::string never;    ///< why it cannot be waived
};

std::string failure_name(const DutVerdict& dut, const Reason& reason) {
  return fmt::format("{}:{}{}", dut.id, reason.code, reason.fru.empty() ? "" : ":" + reason.fru);
}

void add_reasons(const RunVerdict& verdict, std::vector<ReviewException>& list) {
  for (const DutVerdict& dut : verdict.duts) {
    for (const Reason& reason : dut.reasons) {
      ReviewException one;
      one.dut = dut.id;
      one.what = reason.code + (reason.fru.empty() ? "" : " " + reason.fru);
      one.message = reason.message;
      one.action = reason.action;
      one.kind = "not run";
      if (reason.outcome == Outcome::marginal) one.kind = "marginal";
      if (reason.outcome == Outcome::pass) one.kind = "retest";
      if (reason.outcome == Outcome::fail) {
        one.kind = reason.waiver.empty() ? "fail" : "waived";
        one.never = reason.never_waivable_because;
        if (reason.waiver.empty() && one.never.empty()) one.failure = failure_name(dut, reason);
      }
      list.push_back(std::move(one));
    }
  }
}

/// Work that was done again after an error, and what was changed by hand.
void add_deviations(const ReportInput& input, std::vector<ReviewException>& list) {
  std::set<std::pair<std::string, std::string>> repeated;
  for (const Event& event : input.events.events) {
    if (const auto* retried = std::get_if<Retried>(&event.body)) {
      if (repeated.insert({event.dut, event.step}).second)
        list.push_back({"repeated", event.dut, event.step, retried->message, "", "", ""});
    }
  }
  for (const auto& [name, value] : input.run.about.overridden)
    list.push_back({"deviation", "", name, fmt::format("set to {} on the command line", value), "", "", ""});
  for (const std::string& why : input.verdict.not_eligible_because)
    list.push_back({"deviation", "", "not eligible", why, "", "", ""});
  for (const RunResumed& resumed : input.verdict.interruptions)
    list.push_back({"deviation", "", "interrupted", interruption_text(resumed), "", "", ""});
  if (input.events.broken)
    list.push_back({"deviation", "", "record", input.events.broken->sentence(), "", "", ""});
}

std::vector<ReviewException> exceptions_of(const ReportInput& input) {
  std::vector<ReviewException> list;
  add_reasons(input.verdict, list);
  add_deviations(input, list);
  return list;
}

std::string decision_of(const RunVerdict& verdict) {
  return verdict.decision ? std::string(to_string(*verdict.decision)) : "SURVEY";
}

/// The act that comes next, as it is typed; empty: none.
std::string next_step(const ReportInput& input) {
  const RunVerdict& verdict = input.verdict;
  const std::string as = "--as NAME --key FILE";
  if (verdict.sign_off == "signed" || verdict.sign_off == "rejected") return {};
  if (verdict.decision == Decision::no_go)
    return fmt::format("kiln review {} --reject {} --reason TEXT, or --waive FAILURE of those above",
                       input.run.id, as);
  if (verdict.decision == Decision::incomplete)
    return "what was not measured must be measured: nothing can be approved";
  if (!verdict.decision) return {};
  if (!why_not(ReviewAct::countersign, "somebody-else", "", verdict, input.run.about.operator_name,
               input.reviews.entries))
    return fmt::format("kiln review {} --countersign {}, by a second person", input.run.id, as);
  if (!why_not(ReviewAct::approve, "somebody-else", "", verdict, input.run.about.operator_name,
               input.reviews.entries))
    return fmt::format("kiln review {} --approve {}", input.run.id, as);
  return {};
}

}  // namespace

std::vector<std::string> sign_off_lines(const ReportInput& input) {
  std::vector<std::string> lines;
  for (const ReviewEntry& entry : input.reviews.entries) {
    lines.push_back(fmt::format(
        "  {:>4}  {}  {}{}", review_number(entry), format_utc(entry.recorded_utc_ns), review_sentence(entry),
        entry.invalid_because.empty() ? "" : "  DOES NOT HOLD: " + entry.invalid_because));
  }
  lines.push_back(fmt::format("sign-off: {}", input.verdict.sign_off));
  for (const std::string& why : input.verdict.not_eligible_because) lines.push_back(fmt::format("  {}", why));
  for (const std::string& why : input.verdict.sign_off_because) lines.push_back(fmt::format("  {}", why));
  const std::string next = next_step(input);
  if (!next.empty()) lines.push_back(fmt::format("next: {}", next));
  return lines;
}

std::vector<std::string> review_sheet(const ReportInput& input) {
  const RunBegun& about = input.run.about;
  const Counts& counts = input.verdict.counts;
  std::vector<std::string> lines{fmt::format("{}  {}  rack {} ({})", decision_of(input.verdict), input.run.id,
                                             about.rack, about.product)};
  if (input.verdict.simulated) lines.emplace_back("SIMULATED RACK – NOT HARDWARE");
  lines.push_back(fmt::format("recipe {}@{} {}…, limits revision {}, kiln {} on {}", about.recipe,
                              about.recipe_version, about.recipe_sha256.substr(0, 12), about.limits_revision,
                              about.kiln_version, about.station));
  lines.push_back(
      fmt::format("run by {}; measured {} of {} required, {} failed, {} marginal, {} waived, {} not run",
                  about.operator_name.empty() ? "nobody named" : about.operator_name, counts.measured,
                  counts.required, counts.failed, counts.marginal, counts.waived, counts.not_run));
  for (const std::string& who : about.approvals) lines.push_back("  " + who);
  const std::vector<ReviewException> exceptions = exceptions_of(input);
  lines.emplace_back();
  lines.push_back(exceptions.empty() ? "Exceptions: none" : fmt::format("Exceptions: {}", exceptions.size()));
  for (const ReviewException& one : exceptions) {
    lines.push_back(fmt::format("  {:<10} {:<6} {}: {}{}", one.kind, one.dut, one.what, one.message,
                                one.action.empty() ? "" : " → " + one.action));
    if (!one.failure.empty()) lines.push_back(fmt::format("             --waive '{}'", one.failure));
    if (!one.never.empty())
      lines.push_back(fmt::format("             never waived: it stands for {}", one.never));
  }
  lines.emplace_back();
  for (std::string& line : sign_off_lines(input)) lines.push_back(std::move(line));
  return lines;
}

std::string review_json(const ReportInput& input, std::int64_t written,
                        const std::map<std::string, std::string>& reports) {
  json::object root;
  root["run"] = input.run.id;
  root["decision"] = input.verdict.decision ? json::value(decision_of(input.verdict)) : json::value(nullptr);
  root["sign_off"] = input.verdict.sign_off;
  root["simulated"] = input.verdict.simulated;
  json::array because;
  for (const std::string& why : input.verdict.not_eligible_because) because.emplace_back(why);
  for (const std::string& why : input.verdict.sign_off_because) because.emplace_back(why);
  root["because"] = std::move(because);
  json::array exceptions;
  for (const ReviewException& one : exceptions_of(input)) {
    json::object item{{"kind", one.kind},
                      {"dut", one.dut},
                      {"what", one.what},
                      {"message", one.message},
                      {"action", one.action}};
    item["failure"] = one.failure.empty() ? json::value(nullptr) : json::value(one.failure);
    item["never_waivable_because"] = one.never.empty() ? json::value(nullptr) : json::value(one.never);
    exceptions.push_back(std::move(item));
  }
  root["exceptions"] = std::move(exceptions);
  json::array reviews;
  for (const ReviewEntry& entry : input.reviews.entries) {
    json::object item{{"entry", entry.number},
                      {"station", entry.station},
                      {"act", std::string(to_string(entry.act))},
                      {"signer", entry.signer},
                      {"key", entry.key},
                      {"reason", entry.reason},
                      {"at", format_utc(entry.recorded_utc_ns)}};
    item["holds"] = entry.invalid_because.empty();
    item["invalid_because"] = entry.invalid_because;
    reviews.push_back(std::move(item));
  }
  root["reviews"] = std::move(reviews);
  root["written"] = written == 0 ? json::value(nullptr) : json::value(written);
  json::object files;
  for (const auto& [format, path] : reports) files[format] = path;
  root["reports"] = std::move(files);
  return json::serialize(root);
}

std::string printable_lines(const std::vector<std::string>& lines, bool unicode) {
  std::string made;
  for (const std::string& one : lines) made += printable(one, unicode) + "\n";
  return made;
}

}  // namespace kiln
