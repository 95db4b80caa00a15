#include "model/tolerant.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kiln {
namespace {

TEST(MeansUnset, KnowsTheWaysToolsSayNoValue) {
  for (const char* word :
       {"", "  ", "N/A", "[N/A]", "n/a", "NA", "Not Supported", "[Not Supported]", "None", "null", "Unknown",
        "-", "ERR!", "Requested functionality has been deprecated", "Insufficient Permissions",
        "[Unknown Error]", "GPU is lost", "[GPU is lost]", " N/A\r\n"}) {
    EXPECT_TRUE(means_unset(word)) << word;
  }
  for (const char* word : {"0", "OK", "Not Active", "-1", "None active", "ERR", "GPU is fine"}) {
    EXPECT_FALSE(means_unset(word)) << word;
  }
}

TEST(IsSentinel, KnowsDcgmBlanksAsDoubles) {
  EXPECT_TRUE(is_sentinel(9223372036854775794.0));
  EXPECT_TRUE(is_sentinel(140737488355328.0));
  EXPECT_TRUE(is_sentinel(140737488355331.0));
  EXPECT_FALSE(is_sentinel(140737488355328.5));
  EXPECT_FALSE(is_sentinel(140737488355400.0));
  EXPECT_FALSE(is_sentinel(0));
}

struct NumberCase {
  const char* text;
  double value;
  const char* unit;
};

TEST(TolerantNumber, ReadsNumbersAsTheyArePrinted) {
  for (const auto& [text, value, unit] :
       {NumberCase{"61.5", 61.5, ""}, NumberCase{"  61.5 C ", 61.5, "C"},
        NumberCase{"1,234 MiB", 1234, "MiB"}, NumberCase{"12,345,678", 12345678, ""},
        NumberCase{"-2", -2, ""}, NumberCase{"+3.0 V", 3, "V"}, NumberCase{"1e3", 1000, ""},
        NumberCase{"2.5E-2 W", 0.025, "W"}, NumberCase{"99%", 99, "%"},
        NumberCase{"53.125 GB/s", 53.125, "GB/s"}, NumberCase{".5", 0.5, ""}, NumberCase{"6 m3/h", 6, "m3/h"},
        NumberCase{"25°C", 25, "°C"}}) {
    const auto number = tolerant_number(text);
    ASSERT_TRUE(number.has_value()) << text;
    EXPECT_DOUBLE_EQ(number->value, value) << text;
    EXPECT_EQ(number->unit, unit) << text;
  }
}

TEST(TolerantNumber, RefusesWhatIsNotANumber) {
  for (const char* text : {"",
                           "N/A",
                           "nan",
                           "NaN",
                           "inf",
                           "-inf",
                           "abc",
                           "1.2.3",
                           "12:30",
                           "5 of 6",
                           "1,23",
                           "61,5",
                           "1234,567",
                           "0x10",
                           "3f9c",
                           "9223372036854775794",
                           "140737488355328",
                           "1e999",
                           "--5",
                           "5 / 6",
                           "<5"}) {
    EXPECT_FALSE(tolerant_number(text).has_value()) << text;
  }
}

TEST(TolerantNumber, WrongUnitIsNoValue) {
  EXPECT_EQ(tolerant_number_in("61.5 C", "Cel"), 61.5);
  EXPECT_EQ(tolerant_number_in("61.5", "Cel"), 61.5);
  EXPECT_EQ(tolerant_number_in("61.5 W", "Cel"), std::nullopt);
  EXPECT_EQ(tolerant_number_in("25 GB/s", "Gbit/s"), std::nullopt);
}

TEST(TolerantInteger, TakesWholeNumbersOnly) {
  EXPECT_EQ(tolerant_integer("4"), 4);
  EXPECT_EQ(tolerant_integer("4.0"), 4);
  EXPECT_EQ(tolerant_integer("-17"), -17);
  EXPECT_EQ(tolerant_integer("4.5"), std::nullopt);
  EXPECT_EQ(tolerant_integer("4 W"), std::nullopt);
  EXPECT_EQ(tolerant_integer("9007199254740993000"), std::nullopt);
}

TEST(TolerantBoolean, KnowsItsWords) {
  EXPECT_EQ(tolerant_boolean("true"), true);
  EXPECT_EQ(tolerant_boolean(" Enabled "), true);
  EXPECT_EQ(tolerant_boolean("NO"), false);
  EXPECT_EQ(tolerant_boolean("0"), false);
  EXPECT_EQ(tolerant_boolean("N/A"), std::nullopt);
  EXPECT_EQ(tolerant_boolean("2"), std::nullopt);
}

TEST(TidyText, RemovesBlanksAtTheEndsAndControlCharactersInside) {
  EXPECT_EQ(tidy_text("  GPU_0 \r\n"), "GPU_0");
  EXPECT_EQ(tidy_text("a\tb\x1b[0m"), "a b [0m");
  EXPECT_EQ(tidy_text(std::string_view("\0x\0", 3)), "x");
  EXPECT_EQ(tidy_text("größe"), "größe");
}

TEST(Iso8601, ReadsDurationsAndRefusesCalendarOnes) {
  EXPECT_EQ(iso8601_seconds("PT0S"), 0);
  EXPECT_EQ(iso8601_seconds("P1DT2H3.5S"), 86400 + 7200 + 3.5);
  EXPECT_EQ(iso8601_seconds("PT1M"), 60);
  EXPECT_EQ(iso8601_seconds("P2W"), 14.0 * 86400);
  for (const char* text :
       {"", "P", "PT", "P1Y", "P1M", "1S", "PT1S1H", "PT1", "PT-1S", "P1D2H", "PT1S1S", "PT..S"}) {
    EXPECT_EQ(iso8601_seconds(text), std::nullopt) << text;
  }
}

TEST(CanonicalUnit, MapsWordsToUcum) {
  EXPECT_EQ(canonical_unit("C"), "Cel");
  EXPECT_EQ(canonical_unit("Celsius"), "Cel");
  EXPECT_EQ(canonical_unit("PSI"), "[psi]");
  EXPECT_EQ(canonical_unit("Percent"), "%");
  EXPECT_EQ(canonical_unit("LPM"), "L/min");
  EXPECT_EQ(canonical_unit("RPM"), "{rev}/min");
  EXPECT_EQ(canonical_unit("mW"), "mW");
  EXPECT_EQ(canonical_unit("Watts"), "W");
  EXPECT_EQ(canonical_unit("kWh"), "kW.h");
  EXPECT_EQ(canonical_unit(""), "");
  EXPECT_EQ(canonical_unit("furlong"), "furlong");
}

TEST(ConvertUnit, ConvertsWithinOneKindOnly) {
  EXPECT_DOUBLE_EQ(convert_unit(1, "bar", "kPa").value(), 100);
  EXPECT_NEAR(convert_unit(1, "PSI", "kPa").value(), 6.894757, 1e-6);
  EXPECT_DOUBLE_EQ(convert_unit(300.15, "K", "Cel").value(), 27);
  EXPECT_DOUBLE_EQ(convert_unit(6, "m3/h", "LPM").value(), 100);
  EXPECT_DOUBLE_EQ(convert_unit(1, "kW.h", "J").value(), 3.6e6);
  EXPECT_DOUBLE_EQ(convert_unit(5, "widget", "widget").value(), 5);
  EXPECT_EQ(convert_unit(1, "W", "Cel"), std::nullopt);
  EXPECT_EQ(convert_unit(1, "widget", "W"), std::nullopt);
}

TEST(Tolerant, KnowsTheUnitsOfSensorsInAnySpelling) {
  for (const char* known : {"Cel", "C", "Percent", "RPM", "PSI", "kWh", "Amperes", "L/min", "m", "V.A", "mW"})
    EXPECT_TRUE(is_known_unit(known)) << known;
  for (const char* unknown : {"", "furlong", "Cel/min"}) EXPECT_FALSE(is_known_unit(unknown)) << unknown;
}

}  // namespace
}  // namespace kiln
