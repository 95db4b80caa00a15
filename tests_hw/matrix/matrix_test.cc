// Healthy racks and every fault, in one process and in virtual time.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "matrix_run.h"

namespace kiln::matrix {
namespace {

Order small(const std::string& product, const std::string& recipe) {
  Order order;
  order.product = product;
  order.recipe = recipe;
  return order;
}

TEST(MatrixHealthy, ARackOfGb300PassesItsWholeRecipe) {
  Order order = small("gb300-nvl72", "gb300-nvl72/l11-rack");
  order.settings = {{"soak", "90s"}, {"settle", "20s"}};
  const Ran ran = run(order);
  fmt::print("{} in {:.2f} s: {:.0f} s of the rack, {} events, {} requests, {} commands{}\n", ran.decision(),
             ran.took_s, static_cast<double>(ran.virtual_ns) * 1e-9, ran.events, ran.requests, ran.commands,
             ran.why(20));
  EXPECT_EQ(ran.decision(), "GO");
}

}  // namespace
}  // namespace kiln::matrix
