#include "base/ed25519.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"

namespace kiln {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

// RFC 8032, 7.1, TEST 2: the secret and public key, the message and its signature.
constexpr std::string_view kSecret =
    "\x4c\xcd\x08\x9b\x28\xff\x96\xda\x9d\xb6\xc3\x46\xec\x11\x4e\x0f"
    "\x5b\x8a\x31\x9f\x35\xab\xa6\x24\xda\x8c\xf6\xed\x4f\xb8\xa6\xfb";
constexpr std::string_view kSignature{
    "\x92\xa0\x09\xa9\xf0\xd4\xca\xb8\x72\x0e\x82\x0b\x5f\x64\x25\x40"
    "\xa2\xb2\x7b\x54\x16\x50\x3f\x8f\xb3\x76\x22\x23\xeb\xdb\x69\xda"
    "\x08\x5a\xc1\xe4\x3e\x15\x99\x6e\x45\x8f\x36\x13\xd0\xf1\x1d\x8c"
    "\x38\x7b\x2e\xae\xb4\x30\x2a\xee\xb0\x0d\x29\x16\x12\xbb\x0c\x00",
    64};

/// PKCS#8 of an Ed25519 key is this and the 32 bytes of the secret (RFC 8410, 10.3).
SigningKey key_of_the_rfc() {
  constexpr std::string_view kBefore{"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16};
  const std::string der = std::string(kBefore) + std::string(kSecret);
  Result<SigningKey> key = SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\n" + base64_of(der) +
                                                "\n-----END PRIVATE KEY-----\n");
  if (!key) throw std::runtime_error(key.error().sentence());
  return std::move(*key);
}

TEST(Ed25519, SignsAsTheRfcDoes) {
  const SigningKey key = key_of_the_rfc();
  const Result<std::string> signature = key.sign("\x72");
  ASSERT_TRUE(signature);
  EXPECT_EQ(*signature, kSignature);
  EXPECT_TRUE(key.verifying_key().verifies("\x72", kSignature));
}

TEST(Ed25519, NothingElseHolds) {
  const SigningKey key = key_of_the_rfc();
  const Result<SigningKey> other = SigningKey::generate();
  ASSERT_TRUE(other);
  std::string changed(kSignature);
  changed[17] = static_cast<char>(changed[17] ^ 1);
  EXPECT_FALSE(key.verifying_key().verifies("\x73", kSignature));
  EXPECT_FALSE(key.verifying_key().verifies("\x72", changed));
  EXPECT_FALSE(key.verifying_key().verifies("\x72", kSignature.substr(0, 63)));
  EXPECT_FALSE(key.verifying_key().verifies("\x72", ""));
  EXPECT_FALSE(other->verifying_key().verifies("\x72", kSignature));
}

TEST(Ed25519, KeysComeBackFromTheirFiles) {
  const Result<SigningKey> key = SigningKey::generate();
  ASSERT_TRUE(key);
  const Result<SigningKey> again = SigningKey::from_pem(key->private_pem());
  const Result<VerifyingKey> known = VerifyingKey::from_pem(key->verifying_key().pem());
  ASSERT_TRUE(again && known);
  EXPECT_EQ(again->verifying_key().id(), known->id());
  EXPECT_THAT(known->id(), MatchesRegex("[0-9a-f]{64}"));
  const Result<std::string> signature = again->sign("words");
  ASSERT_TRUE(signature);
  EXPECT_TRUE(known->verifies("words", *signature));
}

TEST(Ed25519, WhatIsNoSuchKeyIsSaid) {
  const Result<VerifyingKey> nothing = VerifyingKey::from_pem("");
  const Result<VerifyingKey> words = VerifyingKey::from_pem("good morning");
  // A P-256 key: openssl ecparam -name prime256v1 -genkey | openssl ec -pubout
  const Result<VerifyingKey> curve = VerifyingKey::from_pem(
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYD54V/vp+54P9DXarYqx4MPcm+HK\n"
      "RIQzNasYSoRQHQ/6S6Ps8tpMcT+KvIIC8W/e9k0W7Cm72M1P9jU7SLf/vg==\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_FALSE(nothing || words || curve);
  EXPECT_THAT(words.error().message, HasSubstr("no PEM"));
  EXPECT_THAT(curve.error().message, HasSubstr("no Ed25519"));
  const Result<SigningKey> secret = SigningKey::from_pem(
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAk\n-----END "
      "ENCRYPTED PRIVATE "
      "KEY-----\n");
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code, "key.not_readable");
}

TEST(Base64, IsThatOfTheRfc) {  // RFC 4648, 10
  for (const auto& [bytes, text] : {std::pair<const char*, const char*>{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64_of(bytes), text);
    EXPECT_EQ(bytes_of_base64(text), std::string(bytes));
  }
}

TEST(Base64, WhatIsNoneIsRefused) {
  for (const char* text : {"Zg", "Zg=", "Zh==", "Z===", "====", " Zg==", "Zg==\n", "Zm9v!mFy", "Zg==Zg=="})
    EXPECT_EQ(bytes_of_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace kiln
