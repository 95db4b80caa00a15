// Healthy racks: plain ones and two hundred odd ones. Each must end GO; anything else
// is a false alarm.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "matrix_run.h"
#include "oddities.h"
#include "products.h"

namespace kiln::matrix {
namespace {

void say(const Ran& ran) {
  fmt::print("{} in {:.1f} s: {:.0f} s of the rack, {} events, {} requests, {} commands{}\n", ran.decision(),
             ran.took_s, static_cast<double>(ran.virtual_ns) * 1e-9, ran.events, ran.requests, ran.commands,
             ran.why(20));
}

TEST(HealthyMatrix, ARackOfGb300PassesItsWholeRecipe) {
  Order order = whole_recipe("gb300-nvl72");
  order.settings = {{"soak", "12m"}, {"settle", "2m"}};
  const Ran ran = run(order);
  say(ran);
  EXPECT_EQ(ran.decision(), "GO");
}

/// Nothing of a healthy rack stands apart from its like.
std::size_t odd_ones(const RunVerdict& verdict) {
  std::size_t count = 0;
  for (const Comparison& comparison : verdict.comparisons) {
    count += comparison.odd.size();
    for (const OddOne& odd : comparison.odd) fmt::print("      {} {}: {}\n", odd.dut, odd.part, odd.message);
  }
  return count;
}

/// KILN_MATRIX_SEED: one rack, that of a false alarm; else `count` with seeds nobody has chosen.
void odd_racks(int count) {
  const std::vector<std::string>& products = all_products();
  const char* given = std::getenv("KILN_MATRIX_SEED");
  std::random_device fresh;
  int alarms = 0;
  const int racks = given == nullptr ? count : 1;
  for (int number = 0; number < racks; ++number) {
    const std::uint64_t seed = given == nullptr ? fresh() : std::strtoull(given, nullptr, 10);
    const std::string& product = products.at(seed % products.size());
    Order order = whole_recipe(product);
    const std::string rack = order.wishes.rack;
    order.wishes = odd_but_healthy(seed);
    order.wishes.product = product;
    // Not by the seed itself: a product is drawn by it too.
    order.wishes.rack = !made_of_servers(product) && seed / products.size() % 2 == 1 ? "shelves" : rack;
    std::size_t answers = 0, odd = 0;
    order.wishes.distort = [&answers, &odd, write_oddly = std::move(order.wishes.distort)](
                               const virtual_rack::Dut& dut, const virtual_rack::HttpRequest& request,
                               virtual_rack::HttpResponse& response) {
      const std::string before = response.body;
      write_oddly(dut, request, response);
      ++answers;
      odd += before != response.body ? 1U : 0U;
    };
    const Ran ran = run(order);
    fmt::print("{} {} KILN_MATRIX_SEED={}\n", ran.decision(), product, seed);
    std::fflush(stdout);
    EXPECT_GT(odd * 10, answers) << "so few odd answers prove nothing";
    EXPECT_EQ(odd_ones(ran.verdict), 0U);
    if (ran.decision() == "GO") continue;
    ++alarms;
    fmt::print("      FALSE ALARM{}\n", ran.why(8));
  }
  fmt::print("{} healthy racks: {} false alarms\n", racks, alarms);
  EXPECT_EQ(alarms, 0);
}

/// Tidy ones, so that what is wrong with a product is not found by chance only.
TEST(HealthyMatrix, ARackOfEveryProductIsGo) {
  const char* given = std::getenv("KILN_MATRIX_PRODUCT");
  for (const std::string& product : all_products()) {
    if (given != nullptr && product != given) continue;
    const Ran ran = run(whole_recipe(product));
    fmt::print("{}: ", product);
    say(ran);
    EXPECT_EQ(ran.decision(), "GO") << product;
  }
}

TEST(HealthyMatrix, FiftyOddRacksAreGo) { odd_racks(50); }
TEST(HealthyMatrix, FiftyMoreOddRacksAreGo) { odd_racks(50); }
TEST(HealthyMatrix, AnotherFiftyOddRacksAreGo) { odd_racks(50); }
TEST(HealthyMatrix, TheLastFiftyOddRacksAreGo) { odd_racks(50); }

}  // namespace
}  // namespace kiln::matrix
