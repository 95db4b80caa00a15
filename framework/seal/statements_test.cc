// What people sign comes back as it was signed, and nothing else is taken for it.

#include "seal/statements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace kiln {
namespace {

using testing::HasSubstr;

ReviewStatement a_waiver() {
  ReviewStatement statement;
  statement.act = "waive";
  statement.run = "R-20261130-101500-ab12";
  statement.rack = "R01";
  statement.decision = "NO-GO";
  statement.operator_name = "B. Nagy";
  statement.events = 417;
  statement.chain_head = std::string(64, 'a');
  statement.recipe_sha256 = std::string(64, 'b');
  statement.limits_sha256 = std::string(64, 'c');
  statement.signer = "qa@site";
  statement.reason = "spare \"fan\"\nordered <b>";
  statement.at = "2026-11-30T10:00:00Z";
  statement.previous = std::string(64, '0');
  statement.waiver = {"C01", "fan.slow", "Fan_1", "9 rpm", "T-17", "ops@site", "2027-01-31T23:59:59Z"};
  return statement;
}

TEST(ReviewStatement, ComesBackAsItWasSigned) {
  const std::string text = to_json(a_waiver());
  EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line, whatever a person has written";
  const Result<ReviewStatement> again = read_review_statement(text);
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(to_json(*again), text);
  EXPECT_EQ(purpose_of(*again), "kiln-waive");
  ReviewStatement withdrawal = a_waiver();
  withdrawal.act = "withdraw";
  withdrawal.waiver.reset();
  withdrawal.withdraws = 3;
  const Result<ReviewStatement> second = read_review_statement(to_json(withdrawal));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->withdraws, 3);
  EXPECT_FALSE(second->waiver);
  EXPECT_EQ(purpose_of(*second), "kiln-review");
}

TEST(ReviewStatement, NamesTheFieldThatIsNotThere) {
  const std::string text = to_json(a_waiver());
  const auto refused = [&text](const std::string& what, const std::string& with) {
    std::string changed = text;
    changed.replace(changed.find(what), what.size(), with);
    const Result<ReviewStatement> read = read_review_statement(changed);
    return read ? std::string("it was taken") : read.error().message;
  };
  EXPECT_THAT(refused("\"signer\"", "\"singer\""), HasSubstr("signer"));
  EXPECT_THAT(refused("\"events\":417", "\"events\":-1"), HasSubstr("events"));
  EXPECT_THAT(refused("\"events\":417", "\"events\":\"417\""), HasSubstr("events"));
  EXPECT_THAT(refused("\"kiln_review\":1", "\"kiln_review\":2"), HasSubstr("form is 2"));
  EXPECT_THAT(refused("\"kiln_review\":1", "\"kiln_approval\":1"), HasSubstr("kiln_review"));
  EXPECT_THAT(refused("\"requested_by\"", "\"asked_by\""), HasSubstr("requested_by"));
  EXPECT_THAT(refused("\"waiver\":{", "\"waiver\":[],\"x\":{"), HasSubstr("waiver"));
  EXPECT_FALSE(read_review_statement(""));
  EXPECT_FALSE(read_review_statement("[]"));
  EXPECT_FALSE(read_review_statement(text.substr(0, text.size() / 2)));
}

TEST(ApprovalStatement, ComesBackAsItWasSigned) {
  const ApprovalStatement statement{"limits",
                                    "gb300-nvl72",
                                    "7",
                                    std::string(64, 'a'),
                                    "hardware",
                                    "a@site",
                                    "",
                                    "2026-11-30T10:00:00Z",
                                    "2027-11-30T10:00:00Z"};
  const Result<ApprovalStatement> again = read_approval_statement(to_json(statement));
  ASSERT_TRUE(again);
  EXPECT_EQ(to_json(*again), to_json(statement));
  ApprovalStatement other = statement;
  other.scope = "everything";
  const Result<ApprovalStatement> wider = read_approval_statement(to_json(other));
  ASSERT_FALSE(wider);
  EXPECT_THAT(wider.error().message, HasSubstr("everything"));
  other = statement;
  other.what = "firmware";
  EXPECT_FALSE(read_approval_statement(to_json(other)));
  EXPECT_FALSE(read_approval_statement(to_json(a_waiver())));
}

TEST(AuditAttestation, ComesBackAsItWasSigned) {
  const AuditAttestation attestation{3, "R-1", std::string(64, 'a'), 5};
  const Result<AuditAttestation> again = read_audit_attestation(to_json(attestation));
  ASSERT_TRUE(again);
  EXPECT_EQ(to_json(*again), to_json(attestation));
  EXPECT_FALSE(read_audit_attestation("{\"kiln_audit\":1}"));
}

}  // namespace
}  // namespace kiln
