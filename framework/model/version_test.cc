#include "model/version.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kiln {
namespace {

std::partial_ordering order(const char* a, const char* b) {
  return compare(canonical_version(a), canonical_version(b));
}

TEST(Version, ComparesNumbersAsNumbers) {
  EXPECT_EQ(order("1.9", "1.10"), std::partial_ordering::less);
  EXPECT_EQ(order("3.00.0", "3.0.0"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("GB200Nvl-25.08-B", "GB200Nvl-25.10-A"), std::partial_ordering::less);
  EXPECT_EQ(order("99999999999999999999999", "100000000000000000000000"), std::partial_ordering::less);
}

TEST(Version, IgnoresPaddingCaseAndPrefixes) {
  EXPECT_EQ(order("01.05.0  ", "v1.5.0"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("XX-1.2", "1.2"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("XX_1.2", "V1.02"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("96.00.a6.00.01", "96.00.A6.00.01\r\n"), std::partial_ordering::equivalent);
}

TEST(Version, BytesAreTheTextOfTheSameBytes) {
  const char* bytes = "0x00 0x0b 0x03 0x04";
  for (const char* same : {"00.0b.03.04", "00:0B:03:04", "V00.0B.03.04", "000b0304", "0x000B0304",
                           "0X00 0X0B 0X03 0X04", "0x0 0xb 0x3 0x4"}) {
    EXPECT_EQ(order(bytes, same), std::partial_ordering::equivalent) << same;
    EXPECT_EQ(order(same, bytes), std::partial_ordering::equivalent) << same;
  }
  EXPECT_EQ(order(bytes, "00.0a.03.04"), std::partial_ordering::greater);
  EXPECT_EQ(order(bytes, "00.0b.10.04"), std::partial_ordering::less) << "16 after 3";
  EXPECT_EQ(order(bytes, "00.0b.03.04-rc1"), std::partial_ordering::greater);
  EXPECT_EQ(order(bytes, "0x00 0x0a 0xff 0xff"), std::partial_ordering::greater);
  EXPECT_EQ(order("0x00 0x09", "0.9"), std::partial_ordering::equivalent) << "however its fields are meant";
  EXPECT_EQ(order("0x00 0x0b", "0.9"), std::partial_ordering::greater);
}

TEST(Version, BytesAreNeverTakenForAnotherNumber) {
  EXPECT_EQ(order("0x00 0x0b 0x03 0x04", "0.11.3.4"), std::partial_ordering::unordered) << "11, or 17";
  EXPECT_EQ(order("0x00 0x11", "0.11"), std::partial_ordering::unordered);
  EXPECT_EQ(order("0x10 0x00", "1000"), std::partial_ordering::unordered) << "perhaps a thousand";
  EXPECT_EQ(order("0x00 0x0b", "0x0b"), std::partial_ordering::unordered) << "0.11 is not 11";
  EXPECT_EQ(order("0x000b0304", "b0304"), std::partial_ordering::unordered);
  EXPECT_EQ(order("0x99", "0x1000"), std::partial_ordering::less) << "numbers, whatever their length";
  EXPECT_EQ(order("0xc", "0x0C"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("0x31000030", "0x31000031"), std::partial_ordering::less);
  const std::string endless = "0x" + std::string(100'000, 'f');
  EXPECT_FALSE(canonical_version(endless).is_bytes);
  EXPECT_EQ(order(endless.c_str(), endless.c_str()), std::partial_ordering::equivalent);
  EXPECT_EQ(order("0x", "0"), std::partial_ordering::greater) << "no byte: 0 and an x more";
}

TEST(Version, AMissingRunIsLess) { EXPECT_EQ(order("1.2", "1.2.0"), std::partial_ordering::less); }

TEST(Version, AReleaseCandidateIsOlderThanItsRelease) {
  EXPECT_EQ(order("1.5-rc1", "1.5"), std::partial_ordering::less);
  EXPECT_EQ(order("1.5", "1.5_RC2"), std::partial_ordering::greater);
  EXPECT_EQ(order("1.5-rc1", "1.5-rc2"), std::partial_ordering::less);
  EXPECT_EQ(order("1.5-rc1", "1.4"), std::partial_ordering::greater);
  EXPECT_EQ(order("1.5 beta", "1.5.1"), std::partial_ordering::unordered);
  EXPECT_EQ(order("1.5-B", "1.5"), std::partial_ordering::greater) << "a revision letter is no pre-release";
}

TEST(Version, SeparatorsSayNothingButWhereTheyPartDigitsTheyCount) {
  EXPECT_EQ(order("1.2.3", "1-2_3"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("1.23", "12.3"), std::partial_ordering::less);
  EXPECT_EQ(order("97.00.0e.00.01", "97.00.0E.0.1"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("000", "0"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("V", "v"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("1.2\t", " 1.2"), std::partial_ordering::equivalent);
}

// The versions below are of the kinds that BMCs print: video BIOS of GPUs, CPLDs, bundles of GB200 trays, and
// BIOSes and BMCs whose last sign is a revision letter. Their order is by hand.
TEST(Version, BytesAreOfBase16WhenAllOfThemAreWrittenWithTwoSigns) {
  EXPECT_EQ(order("97.10.3E.00.05", "97.10.4A.00.08"), std::partial_ordering::less);
  EXPECT_EQ(order("96.00.A6.00.01", "96.00.AF.00.02"), std::partial_ordering::less);
  EXPECT_EQ(order("96.00.9F.00.01", "96.00.A6.00.01"), std::partial_ordering::less) << "9f before a6";
  EXPECT_EQ(order("97.00.09.00.01", "97.00.0a.00.01"), std::partial_ordering::less) << "9 before 10";
  EXPECT_EQ(order("97.00.10.00.01", "97.00.0F.00.01"), std::partial_ordering::greater) << "16 after 15";
  EXPECT_EQ(order("90.02.17.00.7D", "90.02.17.00.80"), std::partial_ordering::less);
  EXPECT_EQ(order("00.1B.53", "00.20.01"), std::partial_ordering::less);
  EXPECT_EQ(order("GB200Nvl-25.05-0b", "GB200Nvl-25.05-0a"), std::partial_ordering::greater);
  EXPECT_EQ(order("GB200Nvl-25.05-09", "GB200Nvl-25.05-0b"), std::partial_ordering::less);
  EXPECT_EQ(order("97.00.0e", "97.00.0E.00.01"), std::partial_ordering::less) << "a missing field";
}

TEST(Version, WhereTheFormSaysNothingBothReadingsMustAgree) {
  EXPECT_EQ(order("1.01a", "1.03b"), std::partial_ordering::less);
  EXPECT_EQ(order("1.13b", "1.20b"), std::partial_ordering::less);
  EXPECT_EQ(order("GB200Nvl-25.08-B", "GB200Nvl-25.08-C"), std::partial_ordering::less);
  EXPECT_EQ(order("1.03b", "1.4"), std::partial_ordering::unordered) << "3 before 4, 3b after it";
  EXPECT_EQ(order("3.9a", "3.10"), std::partial_ordering::unordered) << "a revision, or 154 after 16";
  EXPECT_EQ(order("0.3C", "0.22"), std::partial_ordering::unordered);
  EXPECT_EQ(order("0C", "09"), std::partial_ordering::unordered);
  EXPECT_EQ(order("1.2b", "1.2-b"), std::partial_ordering::unordered);
  EXPECT_EQ(order("1.0e", "1.e"), std::partial_ordering::unordered) << "equal only as a number";
  EXPECT_EQ(order("1.03b", "1.03B"), std::partial_ordering::equivalent);
  EXPECT_EQ(order("1.45.455b66-rev4", "1.45.870cf4-rev4"), std::partial_ordering::unordered) << "hashes";
  EXPECT_EQ(order("1.45.455b66", "1.46.455b66"), std::partial_ordering::less);
}

TEST(Version, ARowThatSaysHowItsFieldsAreMeantIsBelieved) {
  const auto by = [](const char* a, const char* b, VersionFields fields) {
    return compare(canonical_version(a), canonical_version(b), fields);
  };
  EXPECT_EQ(by("0.3C", "0.22", VersionFields::hex), std::partial_ordering::greater);
  EXPECT_EQ(by("0.3C", "0.22", VersionFields::decimal), std::partial_ordering::less);
  EXPECT_EQ(by("1.03b", "1.4", VersionFields::decimal), std::partial_ordering::less);
  EXPECT_EQ(by("3.9a", "3.10", VersionFields::decimal), std::partial_ordering::less);
  EXPECT_EQ(by("0e", "e", VersionFields::hex), std::partial_ordering::equivalent);
  EXPECT_EQ(by("97.00.0e-rc1", "97.00.0e", VersionFields::hex), std::partial_ordering::less);
  EXPECT_EQ(by("1.45.455b66", "1.45.870cf4", VersionFields::hex), std::partial_ordering::less);
  EXPECT_EQ(by("0x00 0x0b 0x03 0x04", "0.b.3.4", VersionFields::hex), std::partial_ordering::equivalent);
  EXPECT_EQ(by("0x00 0x11", "0.11", VersionFields::hex), std::partial_ordering::equivalent);
  EXPECT_EQ(by("0x00 0x0b", "0.11", VersionFields::hex), std::partial_ordering::less);
  EXPECT_EQ(by("0x00 0x0b", "0.11", VersionFields::decimal), std::partial_ordering::equivalent);
  EXPECT_EQ(by("0x1000", "1000", VersionFields::hex), std::partial_ordering::equivalent);
  EXPECT_EQ(by("0x000b0304", "b0304", VersionFields::hex), std::partial_ordering::equivalent);
  EXPECT_EQ(by("0x00 0x0b", "b", VersionFields::hex), std::partial_ordering::unordered);
  for (const std::string& word : version_fields_names())
    EXPECT_EQ(to_string(version_fields_from(word).value()), word);
}

TEST(Version, ComparingTheOtherWayRoundSaysTheOpposite) {
  const std::vector<const char*> versions{"97.10.3E.00.05",
                                          "97.10.4A.00.08",
                                          "1.03b",
                                          "1.4",
                                          "0.3C",
                                          "0.22",
                                          "1.5-rc1",
                                          "1.5",
                                          "1.5 beta",
                                          "GB200Nvl-25.05-0b",
                                          "1.45.455b66",
                                          "1.2b",
                                          "1.2-b",
                                          "12",
                                          "a",
                                          "0x00 0x0b",
                                          "0x000b",
                                          "0x20",
                                          "00.0b",
                                          "000b",
                                          "0.11",
                                          "20",
                                          "0x00 0x0b 0x01"};
  for (const VersionFields fields : {VersionFields::by_form, VersionFields::decimal, VersionFields::hex}) {
    for (const char* a : versions) {
      for (const char* b : versions) {
        const auto there = compare(canonical_version(a), canonical_version(b), fields);
        const auto back = compare(canonical_version(b), canonical_version(a), fields);
        const auto turned = back == std::partial_ordering::less      ? std::partial_ordering::greater
                            : back == std::partial_ordering::greater ? std::partial_ordering::less
                                                                     : back;
        EXPECT_EQ(there, turned) << a << " and " << b;
      }
    }
  }
}

TEST(Version, WhatCannotBeComparedIsUnordered) {
  EXPECT_EQ(order("1.2", "1.b"), std::partial_ordering::unordered);
  EXPECT_EQ(order("", "1.2"), std::partial_ordering::unordered);
  EXPECT_EQ(order("N/A", "N/A"), std::partial_ordering::unordered);
  EXPECT_EQ(order("...", "..."), std::partial_ordering::unordered);
}

}  // namespace
}  // namespace kiln
