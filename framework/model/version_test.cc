#include "model/version.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(order("0x00 0x0b 0x03 0x04", "0.11.3.4"), std::partial_ordering::equivalent);
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

TEST(Version, WhatCannotBeComparedIsUnordered) {
  EXPECT_EQ(order("1.2", "1.b"), std::partial_ordering::unordered);
  EXPECT_EQ(order("", "1.2"), std::partial_ordering::unordered);
  EXPECT_EQ(order("N/A", "N/A"), std::partial_ordering::unordered);
  EXPECT_EQ(order("...", "..."), std::partial_ordering::unordered);
}

}  // namespace
}  // namespace kiln
