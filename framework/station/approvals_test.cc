// A file is approved by as many people as it needs, as it is, for what they said, and as long as they said.

#include "station/approvals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/time.h"
#include "station/signatures_for_test.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kNow = 1'800'000'000'000'000'000, kDayOfApproval = 86'400'000'000'000;

class Approvals : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "kiln-approvals-XXXXXX";
    place_ = ::mkdtemp(pattern.data());
    std::ofstream(place_ + "/signers") << "x\n";
    recipe_ = {place_ + "/l11.yaml", "recipe", "l11", "1.0.0", std::string(64, 'a')};
    limits_ = {place_ + "/limits.yaml", "limits", "gb300", "7", std::string(64, 'b')};
    for (const char* signer : {"a@site", "b@site"}) signatures_.allowed.insert({signer, "kiln-approve"});
    trust_ = {place_ + "/signers", "", &signatures_};
  }
  void TearDown() override { fs::remove_all(place_); }

  SignedApproval by(const std::string& signer, const Approvable& of, const std::string& scope = "hardware",
                    std::int64_t expires = kNow + kDayOfApproval) {
    const ApprovalStatement said{of.what, of.name, of.version,           of.sha256,          scope,
                                 signer,  "",      format_utc(kNow - 1), format_utc(expires)};
    return {to_json(said), signatures_.sign(signer, "kiln-approve", to_json(said)).value()};
  }
  ApprovalState state(const Approvable& of, std::vector<SignedApproval> approvals, bool simulated = true) {
    EXPECT_TRUE(write_approvals(of.file, approvals));
    return approval_state(of, simulated, trust_, kNow);
  }

  std::string place_;
  Approvable recipe_, limits_;
  SignaturesForTest signatures_;
  ApprovalTrust trust_;
};

TEST_F(Approvals, OfARecipeNeedOnePersonOfLimitsTwo) {
  EXPECT_THAT(approval_state(recipe_, true, trust_, kNow).because, Contains(HasSubstr("not approved")));
  const ApprovalState one = state(recipe_, {by("a@site", recipe_)});
  EXPECT_THAT(one.because, IsEmpty());
  EXPECT_THAT(one.approvals, Contains(HasSubstr("recipe l11@1.0.0 approved by a@site")));
  EXPECT_THAT(state(limits_, {by("a@site", limits_)}).because, Contains(HasSubstr("1 of 2")));
  EXPECT_THAT(state(limits_, {by("a@site", limits_), by("a@site", limits_)}).because,
              Contains(HasSubstr("1 of 2")))
      << "one person twice";
  EXPECT_THAT(state(limits_, {by("a@site", limits_), by("b@site", limits_)}).because, IsEmpty());
}

TEST_F(Approvals, OfWhatWasChangedSinceCountForNothing) {
  Approvable changed = recipe_;
  ASSERT_THAT(state(recipe_, {by("a@site", recipe_)}).because, IsEmpty());
  changed.sha256 = std::string(64, 'c');
  EXPECT_THAT(approval_state(changed, true, trust_, kNow).because, Contains(HasSubstr("changed since")));
  changed = recipe_;
  changed.name = "l10";
  EXPECT_THAT(approval_state(changed, true, trust_, kNow).because,
              Contains(HasSubstr("approves recipe l11")));
}

TEST_F(Approvals, EndWhenTheySaidAndWithTheKeyOfWhoSignedThem) {
  EXPECT_THAT(state(recipe_, {by("a@site", recipe_, "hardware", kNow)}).because,
              Contains(HasSubstr("expired")));
  signatures_.expired["a@site"] = kNow;
  EXPECT_THAT(state(recipe_, {by("a@site", recipe_)}).because, Contains(HasSubstr("verify")));
}

TEST_F(Approvals, ForSimulatedRacksAreNoneForHardware) {
  EXPECT_THAT(state(recipe_, {by("a@site", recipe_, "simulated")}).because, IsEmpty());
  EXPECT_THAT(state(recipe_, {by("a@site", recipe_, "simulated")}, false).because,
              Contains(HasSubstr("simulated racks only")));
}

TEST_F(Approvals, BySomebodyWhoMayNotOrWithAnotherTextCountForNothing) {
  signatures_.allowed.erase({"a@site", "kiln-approve"});
  EXPECT_THAT(state(recipe_, {by("a@site", recipe_)}).because, Contains(HasSubstr("a@site")));
  SignedApproval moved = by("b@site", recipe_);
  moved.statement = by("b@site", recipe_, "simulated").statement;
  EXPECT_THAT(state(recipe_, {moved}).because, Contains(HasSubstr("verify")));
}

TEST_F(Approvals, OfTheDemoCountForSimulatedRacksOnly) {
  trust_.allowed_signers = place_ + "/none";
  trust_.demo_signers = place_ + "/signers";
  EXPECT_THAT(state(recipe_, {by("a@site", recipe_, "simulated")}).because, IsEmpty());
  EXPECT_FALSE(state(recipe_, {by("a@site", recipe_, "hardware")}).because.empty());
  EXPECT_FALSE(state(recipe_, {by("a@site", recipe_, "hardware")}, false).because.empty());
}

TEST_F(Approvals, GarbageBesideAFileIsNoApprovalAndSaysWhere) {
  for (const char* text : {"", "{", "[]", "{\"kiln_approvals\":2,\"approvals\":[]}", "{\"kiln_approvals\":1}",
                           "{\"kiln_approvals\":1,\"approvals\":[1]}",
                           "{\"kiln_approvals\":1,\"approvals\":[{\"statement\":1}]}"}) {
    std::ofstream(recipe_.file + ".approvals.json", std::ios::trunc) << text;
    const ApprovalState state = approval_state(recipe_, true, trust_, kNow);
    EXPECT_THAT(state.because, Contains(HasSubstr("l11.yaml.approvals.json"))) << text;
  }
  EXPECT_FALSE(state(recipe_, {{"{}", "x"}}).because.empty());
}

}  // namespace
}  // namespace kiln
