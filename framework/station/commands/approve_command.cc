// kiln approve: who says that a recipe or a limits table may decide about racks.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <iostream>

#include "base/rfc3339.h"
#include "base/time.h"
#include "files/limits_file.h"
#include "files/recipe_file.h"
#include "station/approvals.h"
#include "station/commands/commands.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::int64_t kYear = 365LL * 86'400 * 1'000'000'000;
constexpr std::int64_t kLongestApproval = 2 * kYear;

int refuse_approval(const CommandLine& line, const std::string& code, const std::string& message) {
  const std::vector<SetupProblem> problems{{"", code, message}};
  std::cerr << "kiln: " << printable(message, true) << " [" << code << "]\n";
  if (line.json) std::cout << problems_json(problems) << std::endl;
  return 2;
}

/// A recipe, or a table of limits: both are YAML, and say themselves what they are.
Result<Approvable> read_approvable(const Paths& paths, const std::string& named) {
  const Result<std::string> file = find_recipe(paths, named);
  if (!file) return file.error();
  const bool may_be_limits = file->find("/limits/") != std::string::npos || file->starts_with("limits/");
  if (may_be_limits) {
    const Parsed<ProductLimits> limits = read_limits(*file);
    if (!limits) return as_error(limits.problems);
    return approvable(*limits.value);
  }
  RecipeOptions options;
  options.recipes_root = paths.share + "/recipes";
  const Parsed<Recipe> recipe = read_recipe(*file, options);
  if (!recipe) return as_error(recipe.problems);
  return approvable(*recipe.value);
}

/// The end of that day in UTC, or that moment; a year from now when nothing is said.
Result<std::int64_t> end_of_approval(const std::string& text, std::int64_t now) {
  if (text.empty()) return now + kYear;
  Result<std::int64_t> moment = parse_rfc3339(text.size() == 10 ? text + "T23:59:59Z" : text);
  const bool fits = moment && *moment > now && *moment - now <= kLongestApproval;
  if (fits) return moment;
  return Error("approval.expiry", fmt::format("--expires '{}' is no day of the next two years", text),
               "write 2027-01-31 (UTC)", Blame::operator_);
}

json::object seen_json(const ApprovalSeen& one) {
  json::object item{{"signer", one.statement.signer}, {"scope", one.statement.scope},
                    {"at", one.statement.at},         {"expires", one.statement.expires},
                    {"reason", one.statement.reason}, {"key", one.key}};
  item["counts"] = one.invalid_because.empty();
  item["invalid_because"] = one.invalid_because;
  return item;
}

/// What stands beside one file. Whether it is approved.
bool tell_approvals(const CommandLine& line, const Approvable& of, const ApprovalTrust& trust,
                    std::int64_t now, json::array& files) {
  const Result<std::vector<ApprovalSeen>> seen = look_at_approvals(of, line.simulated, trust, now);
  const ApprovalState state = approval_state(of, line.simulated, trust, now);
  json::array list;
  if (!line.json)
    std::cout << printable(
                     fmt::format("{} {}@{} {}…: {}", of.what, of.name, of.version, of.sha256.substr(0, 12),
                                 state.because.empty() ? "approved" : "NOT APPROVED"),
                     true)
              << "\n";
  if (seen) {
    for (const ApprovalSeen& one : *seen) {
      list.push_back(seen_json(one));
      if (line.json) continue;
      std::cout << printable(
                       fmt::format(
                           "  {} {} until {}{}{}", one.statement.scope, one.statement.signer,
                           one.statement.expires,
                           one.statement.reason.empty() ? "" : ": " + one.statement.reason,
                           one.invalid_because.empty() ? "" : "  DOES NOT COUNT: " + one.invalid_because),
                       true)
                << "\n";
    }
  }
  json::array because;
  for (const std::string& why : state.because) {
    because.emplace_back(why);
    if (!line.json) std::cout << "  " << printable(why, true) << "\n";
  }
  files.push_back(json::object{{"file", of.file},
                               {"what", of.what},
                               {"name", of.name},
                               {"version", of.version},
                               {"sha256", of.sha256},
                               {"approved", state.because.empty()},
                               {"because", std::move(because)},
                               {"approvals", std::move(list)}});
  return state.because.empty();
}

/// Signs it and adds it to the file's approvals; those that do not count any more go.
Status approve(const CommandLine& line, const Approvable& of, const ApprovalTrust& trust, std::int64_t now) {
  const Result<std::int64_t> until = end_of_approval(line.expires, now);
  if (!until) return until.error();
  Result<std::vector<ApprovalSeen>> before = look_at_approvals(of, line.simulated, trust, now);
  Result<std::vector<SignedApproval>> kept = read_approvals(of.file);
  if (!before) return before.error();
  if (!kept) return kept.error();
  ApprovalStatement statement{
      of.what, of.name,     of.version,      of.sha256,         line.simulated ? "simulated" : "hardware",
      line.by, line.reason, format_utc(now), format_utc(*until)};
  const std::string text = to_json(statement), purpose(kApprovePurpose);
  if (!line.json) std::cout << "You sign:\n  " << printable(text.substr(0, text.size() - 1), true) << "\n";
  const Result<std::string> signature = trust.signatures->sign(line.key_file, purpose, text);
  if (!signature) return signature.error();
  std::vector<SignedApproval> all;
  for (std::size_t i = 0; i < kept->size(); ++i) {
    // Another scope counts elsewhere; what this person has said of this scope before is replaced.
    const ApprovalSeen& seen = (*before)[i];
    const bool replaced = seen.statement.signer == line.by && seen.statement.scope == statement.scope;
    const bool outdated = seen.statement.sha256 != of.sha256;
    if (!replaced && !outdated) all.push_back((*kept)[i]);
  }
  all.push_back({text, *signature});
  const Status written = write_approvals(of.file, all);
  if (!written) return written;
  const Result<std::vector<ApprovalSeen>> after = look_at_approvals(of, line.simulated, trust, now);
  if (!after) return after.error();
  if (after->back().invalid_because.empty()) return success();
  const Status taken_back = write_approvals(of.file, *kept);
  if (!taken_back) return taken_back;
  return Error("approval.refused",
               fmt::format("{} was not approved: {}", of.name, after->back().invalid_because),
               "see who may approve in the file of allowed signers (docs/review.md)", Blame::operator_);
}

}  // namespace

int approve_command(const CommandLine& line, const Paths& paths) {
  const std::unique_ptr<PersonalSignatures> signatures = make_ssh_signatures();
  ApprovalTrust trust;
  trust.allowed_signers = find_allowed_signers(line.allowed_signers);
  trust.demo_signers = paths.share + "/config/demo_signers";
  trust.signatures = signatures.get();
  const std::int64_t now = SystemClock().now().utc_ns;
  const bool only_looks = line.by.empty() && line.key_file.empty();
  if (!only_looks && (line.by.empty() || line.key_file.empty()))
    return refuse_approval(line, "usage", "who approves, and with which key? --as NAME --key FILE");
  json::array files;
  bool all_approved = true;
  for (const std::string& named : line.recipes) {
    const Result<Approvable> of = read_approvable(paths, named);
    if (!of) return refuse_approval(line, of.error().code, of.error().sentence());
    if (!only_looks) {
      const Status done = approve(line, *of, trust, now);
      if (!done) return refuse_approval(line, done.error().code, done.error().sentence());
    }
    all_approved = tell_approvals(line, *of, trust, now, files) && all_approved;
  }
  if (line.json) std::cout << json::serialize(json::object{{"files", std::move(files)}}) << std::endl;
  return only_looks && !all_approved ? 4 : 0;
}

}  // namespace kiln
