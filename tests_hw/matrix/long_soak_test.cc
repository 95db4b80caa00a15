// A soak of a day, every poll of it, in virtual time: what grows, wraps or drifts shows in no short one.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "base/time.h"
#include "matrix_run.h"

namespace kiln::matrix {
namespace {

/// KILN_MATRIX_SOAK=1h: that long, in place of a day.
TEST(LongSoak, ADayOfTheWholeRecipeEndsGo) {
  const char* given = std::getenv("KILN_MATRIX_SOAK");
  const std::string length = given == nullptr ? "24h" : given;
  const Result<Nanoseconds> asked = parse_duration(length);
  ASSERT_TRUE(asked) << length;
  Order order;
  order.product = "gb300-nvl72";
  order.recipe = "gb300-nvl72/l11-rack";
  order.settings = {{"soak", length}, {"settle", "5m"}, {"host", "10m"}};
  const Ran ran = run(order);
  fmt::print("{} in {:.1f} s: {:.0f} s of the rack, {} events, {} requests, {} commands{}\n", ran.decision(),
             ran.took_s, static_cast<double>(ran.virtual_ns) * 1e-9, ran.events, ran.requests, ran.commands,
             ran.why(20));
  EXPECT_EQ(ran.decision(), "GO");
  EXPECT_GE(ran.virtual_ns, asked->count());
}

}  // namespace
}  // namespace kiln::matrix
