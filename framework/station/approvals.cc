#include "station/approvals.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/rfc3339.h"
#include "model/sign_off.h"
#include "station/file_hash.h"
#include "station/reports_on_disk.h"

namespace kiln {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::int64_t kApprovalsForm = 1;
constexpr std::uint64_t kMostApprovalBytes = 1U << 20U;

std::string approvals_file(const std::string& of_file) { return of_file + ".approvals.json"; }

Error not_approvals(const std::string& file, const std::string& why) {
  return {"approval.not_readable", fmt::format("{} holds no approvals: {}", file, why),
          "remove it and approve again (kiln approve FILE)", Blame::operator_};
}

/// Whose file lets this signer sign it: the site's, and for simulated racks the demo's.
Result<std::string> key_of_approval(const SignedApproval& one, const ApprovalStatement& said, bool simulated,
                                    const ApprovalTrust& trust, std::int64_t now_utc_ns) {
  const auto by = [&](const std::string& signers) {
    return trust.signatures->verify(signers, said.signer, std::string(kApprovePurpose), one.statement,
                                    one.signature, now_utc_ns);
  };
  const Status trusted = check_allowed_signers(trust.allowed_signers, simulated);
  std::optional<Error> why;
  if (trusted) {
    Result<std::string> key = by(trust.allowed_signers);
    if (key) return key;
    why = key.error();
  } else {
    why = trusted.error();
  }
  const bool may_be_demo = simulated && said.scope == "simulated" && !trust.demo_signers.empty();
  if (may_be_demo) {
    Result<std::string> key = by(trust.demo_signers);
    if (key) return key;
    if (why->code == "signers.none") why = key.error();
  }
  return *why;
}

std::string why_it_does_not_count(const Approvable& of, const ApprovalStatement& said, bool simulated,
                                  std::int64_t now_utc_ns) {
  if (said.what != of.what || said.name != of.name)
    return fmt::format("it approves {} {}", said.what, said.name);
  if (said.sha256 != of.sha256)
    return fmt::format("{} {} was changed since: it approves {}…, this is {}…", of.what, of.name,
                       said.sha256.substr(0, 12), of.sha256.substr(0, 12));
  if (said.scope == "simulated" && !simulated) return "it is for simulated racks only";
  const Result<std::int64_t> expires = parse_rfc3339(said.expires);
  if (!expires || *expires <= now_utc_ns) return "it has expired, " + said.expires;
  return {};
}

}  // namespace

Approvable approvable(const Recipe& recipe) {
  return {recipe.file, "recipe", recipe.name, recipe.version, recipe.sha256};
}

Approvable approvable(const ProductLimits& limits) {
  return {limits.file, "limits", limits.product, std::to_string(limits.revision), limits.sha256};
}

Result<std::vector<SignedApproval>> read_approvals(const std::string& of_file) {
  const std::string file = approvals_file(of_file);
  std::vector<SignedApproval> approvals;
  std::error_code failed;
  if (!fs::exists(file, failed)) return approvals;
  const Result<std::string> text = text_of_file(file, kMostApprovalBytes);
  if (!text) return not_approvals(file, text.error().message);
  boost::system::error_code wrong;
  const json::value root = json::parse(*text, wrong);
  if (wrong || !root.is_object()) return not_approvals(file, "it is no JSON object");
  const json::value* form = root.as_object().if_contains("kiln_approvals");
  if (form == nullptr || !form->is_int64() || form->as_int64() != kApprovalsForm)
    return not_approvals(file, fmt::format("kiln_approvals is not {}", kApprovalsForm));
  const json::value* list = root.as_object().if_contains("approvals");
  if (list == nullptr || !list->is_array()) return not_approvals(file, "approvals is no list");
  for (const json::value& item : list->as_array()) {
    const json::object* one = item.if_object();
    const json::value* statement = one == nullptr ? nullptr : one->if_contains("statement");
    const json::value* signature = one == nullptr ? nullptr : one->if_contains("signature");
    if (statement == nullptr || signature == nullptr || !statement->is_string() || !signature->is_string())
      return not_approvals(file, "one of approvals has no statement or no signature");
    approvals.push_back({std::string(statement->as_string()), std::string(signature->as_string())});
  }
  return approvals;
}

Status write_approvals(const std::string& of_file, const std::vector<SignedApproval>& approvals) {
  json::array list;
  for (const SignedApproval& one : approvals) {
    json::object item;
    item["statement"] = one.statement;
    item["signature"] = one.signature;
    list.push_back(std::move(item));
  }
  json::object root;
  root["kiln_approvals"] = kApprovalsForm;
  root["approvals"] = std::move(list);
  const std::string file = approvals_file(of_file);
  const Status written = write_whole(file, json::serialize(root) + "\n");
  if (!written) return written;
  // Beside a recipe that everybody may read: there is no secret in it.
  std::error_code failed;
  fs::permissions(
      file, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read | fs::perms::others_read,
      failed);
  return success();
}

Result<std::vector<ApprovalSeen>> look_at_approvals(const Approvable& of, bool simulated,
                                                    const ApprovalTrust& trust, std::int64_t now_utc_ns) {
  const Result<std::vector<SignedApproval>> all = read_approvals(of.file);
  if (!all) return all.error();
  std::vector<ApprovalSeen> seen;
  for (const SignedApproval& one : *all) {
    ApprovalSeen approval;
    const Result<ApprovalStatement> said = read_approval_statement(one.statement);
    if (!said) {
      approval.invalid_because = said.error().message;
      seen.push_back(std::move(approval));
      continue;
    }
    approval.statement = *said;
    approval.invalid_because = why_it_does_not_count(of, *said, simulated, now_utc_ns);
    if (approval.invalid_because.empty()) {
      Result<std::string> key = key_of_approval(one, *said, simulated, trust, now_utc_ns);
      if (key) approval.key = std::move(*key);
      if (!key) approval.invalid_because = key.error().message;
    }
    seen.push_back(std::move(approval));
  }
  return seen;
}

ApprovalState approval_state(const Approvable& of, bool simulated, const ApprovalTrust& trust,
                             std::int64_t now_utc_ns) {
  ApprovalState state;
  const std::string named = fmt::format("{} {}@{}", of.what, of.name, of.version);
  const Result<std::vector<ApprovalSeen>> all = look_at_approvals(of, simulated, trust, now_utc_ns);
  if (!all) {
    state.because.push_back(all.error().message);
    return state;
  }
  std::vector<const ApprovalSeen*> people;
  std::string last_misfit;
  for (const ApprovalSeen& one : *all) {
    if (!one.invalid_because.empty()) {
      last_misfit = fmt::format(" ({}: {})", one.statement.signer, one.invalid_because);
      continue;
    }
    const bool known = std::any_of(people.begin(), people.end(), [&one](const ApprovalSeen* other) {
      return same_person(other->statement.signer, one.statement.signer) || other->key == one.key;
    });
    if (known) continue;
    people.push_back(&one);
    state.approvals.push_back(fmt::format("{} approved by {} until {} ({})", named, one.statement.signer,
                                          one.statement.expires, one.key));
  }
  if (people.size() >= of.people()) return state;
  state.because.push_back(people.empty() ? fmt::format("{} is not approved{}", named, last_misfit)
                                         : fmt::format("{} is approved by {} of {} people{}", named,
                                                       people.size(), of.people(), last_misfit));
  return state;
}

}  // namespace kiln
