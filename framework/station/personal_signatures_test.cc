// Real keys, real ssh-keygen: what people sign holds for them, for that purpose, as long as they may.

#include "station/personal_signatures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/rfc3339.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PersonalKeys : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "kiln-people-XXXXXX";
    place_ = ::mkdtemp(pattern.data());
    for (const char* name : {"qa", "other"}) {
      const std::string command = "ssh-keygen -q -t ed25519 -N '' -C x -f " + place_ + "/" + name;
      ASSERT_EQ(std::system(command.c_str()), 0) << "openssh-client is needed";
    }
    signers_ = place_ + "/allowed_signers";
    std::ofstream file(signers_);
    file << "qa@site namespaces=\"kiln-review\",valid-after=\"20260101Z\",valid-before=\"20270101Z\" "
         << key("qa") << "\n";
  }
  void TearDown() override { fs::remove_all(place_); }
  [[nodiscard]] std::string key(const std::string& name) const {
    std::ifstream file(place_ + "/" + name + ".pub");
    std::string type, body;
    file >> type >> body;
    return type + " " + body;
  }
  static std::int64_t on(const std::string& day) { return parse_rfc3339(day + "T12:00:00Z").value(); }
  Result<std::string> verify(const std::string& text, const std::string& signature,
                             const std::string& day = "2026-06-01",
                             const std::string& purpose = "kiln-review",
                             const std::string& signer = "qa@site") {
    return signatures_->verify(signers_, signer, purpose, text, signature, on(day));
  }
  std::string place_, signers_;
  std::unique_ptr<PersonalSignatures> signatures_ = make_ssh_signatures();
};

TEST_F(PersonalKeys, ASignatureHoldsForItsTextPurposePersonAndTime) {
  const std::string text = "{\"kiln_review\":1}\n";
  const Result<std::string> signature = signatures_->sign(place_ + "/qa", "kiln-review", text);
  ASSERT_TRUE(signature) << signature.error().sentence();
  const Result<std::string> good = verify(text, *signature);
  ASSERT_TRUE(good) << good.error().sentence();
  EXPECT_THAT(*good, testing::StartsWith("SHA256:"));
  EXPECT_FALSE(verify(text + " ", *signature));
  EXPECT_FALSE(verify(text, *signature, "2026-06-01", "kiln-waive"));
  EXPECT_FALSE(verify(text, *signature, "2026-06-01", "kiln-review", "lead@site"));
  const Result<std::string> expired = verify(text, *signature, "2027-06-01");
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().code, "signature.does_not_hold");
  EXPECT_THAT(expired.error().message, HasSubstr("expired"));
  EXPECT_FALSE(verify(text, *signature, "2025-06-01")) << "before it was valid";
}

TEST_F(PersonalKeys, AStrangersSignatureDoesNotHold) {
  const Result<std::string> signature = signatures_->sign(place_ + "/other", "kiln-review", "x");
  ASSERT_TRUE(signature);
  EXPECT_FALSE(verify("x", *signature));
  EXPECT_FALSE(verify("x", ""));
  EXPECT_FALSE(verify("x", std::string(100'000, 'x')));
}

TEST_F(PersonalKeys, ANameThatIsMoreThanANameIsNone) {
  const Result<std::string> signature = signatures_->sign(place_ + "/qa", "kiln-review", "x");
  ASSERT_TRUE(signature);
  for (const char* signer : {"", "*", "-Overify-time=2026", "qa@site,lead@site", "qa@site\n", "q?@site"})
    EXPECT_FALSE(verify("x", *signature, "2026-06-01", "kiln-review", signer)) << signer;
}

TEST_F(PersonalKeys, WhatCannotSignSaysWhy) {
  const Result<std::string> none = signatures_->sign(place_ + "/nobody", "kiln-review", "x");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("nobody"));
  std::ofstream(place_ + "/garbage") << "-----BEGIN OPENSSH PRIVATE KEY-----\nxx\n";
  ASSERT_EQ(::chmod((place_ + "/garbage").c_str(), 0600), 0);
  const Result<std::string> garbage = signatures_->sign(place_ + "/garbage", "kiln-review", "x");
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, "signature.not_made");
}

TEST_F(PersonalKeys, AFileOfSignersThatOthersCanWriteIsNotTrusted) {
  EXPECT_TRUE(check_allowed_signers(signers_, true));
  ASSERT_EQ(::chmod(signers_.c_str(), 0666), 0);
  const Status open = check_allowed_signers(signers_, true);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, "signers.not_trusted");
  const Status none = check_allowed_signers(place_ + "/none", true);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "signers.none");
}

}  // namespace
}  // namespace kiln
