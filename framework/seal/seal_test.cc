// Envelopes, manifests and checkpoints: what is signed comes back, and nothing that was changed does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"
#include "seal/dsse.h"
#include "seal/manifest.h"

namespace kiln {
namespace {

using testing::HasSubstr;

SigningKey fresh_key() {
  Result<SigningKey> key = SigningKey::generate();
  if (!key) throw std::runtime_error(key.error().sentence());
  return std::move(*key);
}

Manifest small_manifest() {
  Manifest manifest;
  manifest.run = "R-20261130-101500-ab12";
  manifest.rack = "R01";
  manifest.product = "gb300-nvl72";
  manifest.recipe = "l11-rack";
  manifest.recipe_version = "1.2.0";
  manifest.decision = "NO-GO";
  manifest.sign_off = "unsigned";
  manifest.state = "complete";
  manifest.events = 1234;
  manifest.chain_head = sha256_hex("head");
  manifest.written_utc_ns = 1'764'500'000'000'000'000;
  manifest.recorded_on = "ST-03";
  manifest.station = "ST-04";
  manifest.kiln_version = "0.1.0";
  manifest.build_stamp = "stamp";
  manifest.files = {{"report.html", SealedFile::Kind::report, 17, sha256_hex("html")},
                    {"ab/cdef", SealedFile::Kind::artifact, 4, sha256_hex("log")}};
  return manifest;
}

TEST(Dsse, SignsTheBytesThatTheProtocolNames) {
  // secure-systems-lab/dsse, protocol.md, test vectors.
  EXPECT_EQ(dsse_signed_bytes("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Dsse, ComesBackAndHolds) {
  const SigningKey key = fresh_key();
  const Result<Envelope> sealed = seal(key, "a/b", std::string("with \0 and \xff", 12));
  ASSERT_TRUE(sealed);
  const Result<Envelope> again = read_envelope(to_json(*sealed));
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(again->payload, sealed->payload);
  EXPECT_EQ(again->key_id, key.verifying_key().id());
  EXPECT_TRUE(holds(*again, key.verifying_key(), "a/b"));
  EXPECT_FALSE(holds(*again, key.verifying_key(), "a/c")) << "of another type";
  EXPECT_FALSE(holds(*again, fresh_key().verifying_key(), "a/b")) << "of another key";
}

/// Every byte of the JSON form changed: it cannot be read, does not hold, or says the same (the hint of a
/// key).
TEST(Dsse, NoChangedByteHolds) {
  const SigningKey key = fresh_key();
  const Result<Envelope> sealed = seal(key, std::string(kManifestType), to_json(small_manifest()));
  ASSERT_TRUE(sealed);
  const std::string text = to_json(*sealed);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char bit : {'\x01', '\x20'}) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ bit);
      const Result<Envelope> read = read_envelope(changed);
      if (!read || !holds(*read, key.verifying_key(), kManifestType)) {
        ++refused;
        continue;
      }
      EXPECT_EQ(read->payload, sealed->payload) << at;
      EXPECT_TRUE(read->key_id != sealed->key_id ||
                  changed.substr(at, 1).find_first_of(" \n+") != std::string::npos)
          << changed;
    }
  }
  EXPECT_GT(refused, 2 * text.size() * 9 / 10);
}

TEST(Dsse, ACutOneIsNone) {
  const Result<Envelope> sealed = seal(fresh_key(), "a/b", "payload");
  ASSERT_TRUE(sealed);
  const std::string text = to_json(*sealed);
  for (std::size_t length = 0; length + 1 < text.size(); ++length) {
    const Result<Envelope> read = read_envelope(text.substr(0, length));
    ASSERT_FALSE(read) << length;
    EXPECT_EQ(read.error().code, "seal.no_envelope");
  }
}

TEST(Manifest, ComesBackAsItWas) {
  const Manifest manifest = small_manifest();
  const Result<Manifest> again = read_manifest(to_json(manifest));
  ASSERT_TRUE(again) << again.error().sentence();
  EXPECT_EQ(to_json(*again), to_json(manifest));
  EXPECT_EQ(again->files.at(1).kind, SealedFile::Kind::artifact);
}

TEST(Manifest, NamesTheFieldThatIsWrong) {
  const auto refused = [](std::string_view from, std::string_view to) {
    std::string text = to_json(small_manifest());
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const Result<Manifest> read = read_manifest(text);
    EXPECT_FALSE(read) << text;
    return read ? std::string() : read.error().message;
  };
  EXPECT_THAT(refused("\"events\":1234", "\"events\":\"1234\""), HasSubstr("events"));
  EXPECT_THAT(refused("\"events\":1234", "\"events\":-1"), HasSubstr("events"));
  EXPECT_THAT(refused("\"simulated\":false", "\"simulated\":0"), HasSubstr("simulated"));
  EXPECT_THAT(refused("\"kiln_manifest\":1", "\"kiln_manifest\":2"), HasSubstr("form is 2"));
  EXPECT_THAT(refused("report.html", "../report.html"), HasSubstr("leads out"));
  EXPECT_THAT(refused("report.html", "/etc/passwd"), HasSubstr("leads out"));
  EXPECT_THAT(refused("\"artifact\"", "\"other\""), HasSubstr("other"));
  EXPECT_THAT(refused(sha256_hex("html"), "ABC"), HasSubstr("SHA-256"));
}

TEST(Checkpoint, ComesBackAsItWas) {
  const Checkpoint checkpoint{"R-1", 17, sha256_hex("x"), 2, sha256_hex("y"), 5};
  const Result<Checkpoint> again = read_checkpoint(to_json(checkpoint));
  ASSERT_TRUE(again);
  EXPECT_EQ(to_json(*again), to_json(checkpoint));
  const Result<Checkpoint> of_before =
      read_checkpoint(R"({"kiln_checkpoint":1,"run":"R-1","events":17,"chain_head":"ab","utc_ns":5})");
  ASSERT_TRUE(of_before);
  EXPECT_EQ(of_before->audit_head, "");
  EXPECT_FALSE(read_checkpoint("{}"));
  EXPECT_FALSE(read_checkpoint(to_json(small_manifest())));
}

}  // namespace
}  // namespace kiln
