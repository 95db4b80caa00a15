#include "base/rfc3339.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace kiln {
namespace {

TEST(Rfc3339, AMomentIsReadWithItsOffset) {
  EXPECT_EQ(*parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(*parse_rfc3339("2026-03-01T13:00:00+01:00"), *parse_rfc3339("2026-03-01T12:00:00Z"));
  EXPECT_EQ(*parse_rfc3339("2026-03-01t12:00:00.5z") - *parse_rfc3339("2026-03-01T12:00:00Z"), 500'000'000);
  EXPECT_EQ(*parse_rfc3339("2028-02-29T23:30:00-05:30"), *parse_rfc3339("2028-03-01T05:00:00Z"));
  EXPECT_EQ(format_utc(*parse_rfc3339("2026-11-29T20:15:30.25Z")), "2026-11-29T20:15:30.250Z");
}

TEST(Rfc3339, WhatLeavesTheMomentOpenIsRefused) {
  for (const char* bad :
       {"", "now", "2026-03-01", "2026-03-01T12:00", "2026-03-01T12:00:00", "2026-03-01 12:00:00Z",
        "2026-03-01T12:00:00-00:00", "2026-03-01T12:00:00+0100", "2026-03-01T12:00:00 CET",
        "2026-02-29T12:00:00Z", "2026-13-01T12:00:00Z", "2026-03-01T24:00:00Z", "2026-06-30T23:59:60Z",
        "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00+24:00", "0026-03-01T12:00:00Z", "2026-03-01T12:00:00Zx",
        "2026-0a-01T12:00:00Z"}) {
    const Result<std::int64_t> read = parse_rfc3339(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, "time.invalid");
  }
}

}  // namespace
}  // namespace kiln
