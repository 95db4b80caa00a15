#include "model/log_allowance.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(LogAllowance, AMessageIsKnownInEveryVersionOfItsRegistryAndInNoOtherRegistry) {
  LogAllowance row;
  row.message_id = "Base.1.18.X";
  EXPECT_TRUE(allows(row, {"Base.1.19.X", "", "", "Warning"}));
  EXPECT_TRUE(allows(row, {"Base.1.18.3.X", "", "", "OK"}));
  EXPECT_FALSE(allows(row, {"Oem.1.18.X", "", "", "Warning"}));
  EXPECT_FALSE(allows(row, {"Base.1.18.XY", "", "", "Warning"}));
  EXPECT_FALSE(allows(row, {"", "", "", "Warning"}));
}

TEST(LogAllowance, AllThatIsGivenMustHold) {
  LogAllowance row;
  row.message_id = "R.1.0.M";
  row.origin = "/redfish/v1/Chassis/*/Sensors/*";
  row.message = "The value * is high.";
  const LogWords good{"R.1.2.M", "/redfish/v1/Chassis/A/Sensors/T", "The value 3 is high.", "Warning"};
  EXPECT_TRUE(allows(row, good));
  LogWords other = good;
  other.origin = "/redfish/v1/Systems/A";
  EXPECT_FALSE(allows(row, other));
  other = good;
  other.message = "The value 3 is high. And on fire.";
  EXPECT_FALSE(allows(row, other));
}

TEST(LogAllowance, ItGoesUpToASeverityAndAWordNobodyKnowsIsTheWorst) {
  LogAllowance row;
  row.message = "*";
  EXPECT_TRUE(allows(row, {"", "", "x", " warning "}));
  EXPECT_FALSE(allows(row, {"", "", "x", "Critical"}));
  EXPECT_FALSE(allows(row, {"", "", "x", "Fatal"}));
  EXPECT_FALSE(allows(row, {"", "", "x", ""}));
  row.up_to = LogSeverity::critical;
  EXPECT_TRUE(allows(row, {"", "", "x", "Critical"}));
  EXPECT_FALSE(allows(row, {"", "", "x", "Fatal"}));
  row.up_to = LogSeverity::other;
  EXPECT_TRUE(allows(row, {"", "", "x", "Fatal"}));
}

TEST(Pattern, AStarIsAnyNumberOfCharactersAndNothingElseIsSpecial) {
  EXPECT_TRUE(fits_pattern("", ""));
  EXPECT_TRUE(fits_pattern("*", ""));
  EXPECT_TRUE(fits_pattern("a*c*e", "abcde"));
  EXPECT_TRUE(fits_pattern("*b", "aabab"));
  EXPECT_FALSE(fits_pattern("a*", "ba"));
  EXPECT_FALSE(fits_pattern("a.c", "abc"));
  EXPECT_FALSE(fits_pattern("A", "a"));
  EXPECT_FALSE(fits_pattern("", "a"));
}

TEST(Pattern, ManyStarsTakeNoTimeThatAnybodyNotices) {
  std::string pattern;
  for (int i = 0; i < 1'000; ++i) pattern += "*a";
  EXPECT_FALSE(fits_pattern(pattern + "b", std::string(20'000, 'a')));
}

TEST(MessageId, LosesTheVersionOfItsRegistryOnly) {
  EXPECT_EQ(without_registry_version("ResourceEvent.1.0.3.PowerChanged"), "ResourceEvent.PowerChanged");
  EXPECT_EQ(without_registry_version("Plain"), "Plain");
  EXPECT_EQ(without_registry_version("Two.Parts"), "Two.Parts");
}

}  // namespace
}  // namespace kiln
