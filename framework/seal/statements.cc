#include "seal/statements.h"

#include <utility>

#include "seal/json_fields.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::int64_t kStatementForm = 1;

}  // namespace

std::string to_json(const ReviewStatement& statement) {
  json::object root;
  root["kiln_review"] = kStatementForm;
  root["act"] = statement.act;
  root["run"] = statement.run;
  root["rack"] = statement.rack;
  root["decision"] = statement.decision;
  root["operator"] = statement.operator_name;
  root["events"] = statement.events;
  root["chain_head"] = statement.chain_head;
  root["recipe_sha256"] = statement.recipe_sha256;
  root["limits_sha256"] = statement.limits_sha256;
  root["signer"] = statement.signer;
  root["reason"] = statement.reason;
  root["at"] = statement.at;
  root["previous"] = statement.previous;
  if (statement.waiver) {
    json::object waiver;
    waiver["dut"] = statement.waiver->dut;
    waiver["code"] = statement.waiver->code;
    waiver["part"] = statement.waiver->part;
    waiver["message"] = statement.waiver->message;
    waiver["evidence"] = statement.waiver->evidence;
    waiver["requested_by"] = statement.waiver->requested_by;
    waiver["expires"] = statement.waiver->expires;
    root["waiver"] = std::move(waiver);
  }
  if (statement.withdraws != 0) root["withdraws"] = statement.withdraws;
  return json::serialize(root) + "\n";
}

Result<ReviewStatement> read_review_statement(std::string_view text) {
  constexpr std::string_view kCode = "review.no_statement", kWhat = "statement of a review";
  const Result<json::object> root = json_object_of(text, kCode, kWhat, "kiln_review", kStatementForm);
  if (!root) return root.error();
  JsonFields fields(*root);
  ReviewStatement statement;
  statement.act = fields.text("act");
  statement.run = fields.text("run");
  statement.rack = fields.text("rack");
  statement.decision = fields.text("decision");
  statement.operator_name = fields.text("operator");
  statement.events = fields.whole("events");
  statement.chain_head = fields.text("chain_head");
  statement.recipe_sha256 = fields.text("recipe_sha256");
  statement.limits_sha256 = fields.text("limits_sha256");
  statement.signer = fields.text("signer");
  statement.reason = fields.text("reason");
  statement.at = fields.text("at");
  statement.previous = fields.text("previous");
  if (fields.has("withdraws")) statement.withdraws = fields.whole("withdraws");
  if (!fields.wrong().empty()) return unreadable_json(kCode, kWhat, fields.wrong());
  if (const json::value* waiver = root->if_contains("waiver")) {
    if (!waiver->is_object()) return unreadable_json(kCode, kWhat, "waiver is no object");
    JsonFields words(waiver->as_object());
    statement.waiver.emplace();
    statement.waiver->dut = words.text("dut");
    statement.waiver->code = words.text("code");
    statement.waiver->part = words.text("part");
    statement.waiver->message = words.text("message");
    statement.waiver->evidence = words.text("evidence");
    statement.waiver->requested_by = words.text("requested_by");
    statement.waiver->expires = words.text("expires");
    if (!words.wrong().empty()) return unreadable_json(kCode, kWhat, "of the waiver, " + words.wrong());
  }
  return statement;
}

std::string_view purpose_of(const ReviewStatement& statement) {
  return statement.act == "waive" ? kWaivePurpose : kReviewPurpose;
}

std::string to_json(const ApprovalStatement& statement) {
  json::object root;
  root["kiln_approval"] = kStatementForm;
  root["what"] = statement.what;
  root["name"] = statement.name;
  root["version"] = statement.version;
  root["sha256"] = statement.sha256;
  root["scope"] = statement.scope;
  root["signer"] = statement.signer;
  root["reason"] = statement.reason;
  root["at"] = statement.at;
  root["expires"] = statement.expires;
  return json::serialize(root) + "\n";
}

Result<ApprovalStatement> read_approval_statement(std::string_view text) {
  constexpr std::string_view kCode = "approval.no_statement", kWhat = "statement of an approval";
  const Result<json::object> root = json_object_of(text, kCode, kWhat, "kiln_approval", kStatementForm);
  if (!root) return root.error();
  JsonFields fields(*root);
  ApprovalStatement statement;
  statement.what = fields.text("what");
  statement.name = fields.text("name");
  statement.version = fields.text("version");
  statement.sha256 = fields.text("sha256");
  statement.scope = fields.text("scope");
  statement.signer = fields.text("signer");
  statement.reason = fields.text("reason");
  statement.at = fields.text("at");
  statement.expires = fields.text("expires");
  if (!fields.wrong().empty()) return unreadable_json(kCode, kWhat, fields.wrong());
  if (statement.what != "recipe" && statement.what != "limits")
    return unreadable_json(kCode, kWhat, "what is '" + statement.what + "'");
  if (statement.scope != "hardware" && statement.scope != "simulated")
    return unreadable_json(kCode, kWhat, "scope is '" + statement.scope + "'");
  return statement;
}

std::string to_json(const AuditAttestation& attestation) {
  json::object root;
  root["kiln_audit"] = kStatementForm;
  root["number"] = attestation.number;
  root["run"] = attestation.run;
  root["chain"] = attestation.chain;
  root["recorded_utc_ns"] = attestation.recorded_utc_ns;
  return json::serialize(root) + "\n";
}

Result<AuditAttestation> read_audit_attestation(std::string_view text) {
  constexpr std::string_view kCode = "audit.no_attestation", kWhat = "attestation of an audit entry";
  const Result<json::object> root = json_object_of(text, kCode, kWhat, "kiln_audit", kStatementForm);
  if (!root) return root.error();
  JsonFields fields(*root);
  AuditAttestation attestation;
  attestation.number = fields.whole("number");
  attestation.run = fields.text("run");
  attestation.chain = fields.text("chain");
  attestation.recorded_utc_ns = fields.whole("recorded_utc_ns");
  if (!fields.wrong().empty()) return unreadable_json(kCode, kWhat, fields.wrong());
  return attestation;
}

}  // namespace kiln
