#include <fmt/format.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "base/keyed_hash.h"
#include "base/nearest.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "base/time.h"

namespace kiln {
namespace {

TEST(Error, SentenceTellsWhatAndWhatToDo) {
  Error error("bmc.unreachable", "C02: no answer from 127.0.0.1:4101", "check the cable");
  EXPECT_EQ(error.sentence(), "C02: no answer from 127.0.0.1:4101 — check the cable");
  Error chained = std::move(error).while_doing("reading sensors");
  EXPECT_NE(chained.full().find("while reading sensors"), std::string::npos);
}

TEST(Result, ValueOnErrorThrowsWithTheFullText) {
  Result<int> failed = Error("x.y", "broken");
  ASSERT_FALSE(failed.has_value());
  EXPECT_THROW((void)failed.value(), std::logic_error);
}

TEST(Duration, ReadsCompoundAndFractionalValues) {
  EXPECT_EQ(*parse_duration("1m30s"), std::chrono::seconds(90));
  EXPECT_EQ(*parse_duration("0.5s"), std::chrono::milliseconds(500));
  EXPECT_EQ(*parse_duration("24h"), std::chrono::hours(24));
}

TEST(Duration, RefusesWhatIsNotADuration) {
  for (const char* bad : {"", "10", "s", "-5s", "5 s", "5parsec", "1e400s", "99999999999d", "nan s", "5ss"}) {
    EXPECT_FALSE(parse_duration(bad).has_value()) << bad;
  }
}

TEST(Duration, FormatsWhatItReads) {
  for (const char* text : {"250ms", "10s", "5m", "24h", "1m30s"})
    EXPECT_EQ(format_duration(*parse_duration(text)), text);
}

TEST(Utc, IsRfc3339WithMilliseconds) {
  EXPECT_EQ(format_utc(1'000'000'000'123'456'789), "2001-09-09T01:46:40.123Z");
}

TEST(Nearest, SuggestsASlipButNotAStranger) {
  EXPECT_EQ(nearest_name("cooling.flwo", {"cooling.flow", "power.off"}), "cooling.flow");
  EXPECT_EQ(nearest_name("zebra", {"cooling.flow", "power.off"}), "");
}

TEST(Sha256, AgreesWithTheStandardsExample) {
  // FIPS 180-4, example "abc".
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(KeyedHash, AgreesWithTheStandardsExample) {
  // RFC 4231, test case 2.
  std::string hex;
  for (const char byte : hmac_sha256("Jefe", "what do ya want for nothing?"))
    hex += fmt::format("{:02x}", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  EXPECT_EQ(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(KeyedHash, RandomBytesAreAsManyAsAskedForAndNotTwiceTheSame) {
  EXPECT_EQ(random_bytes(100).size(), 100U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(Secret, CannotBeComparedOrFormatted) {
  static_assert(!fmt::is_formattable<Secret>::value);
  const Secret secret("hunter2");
  Secret moved = secret;
  EXPECT_EQ(moved.expose(), "hunter2");
}

}  // namespace
}  // namespace kiln
