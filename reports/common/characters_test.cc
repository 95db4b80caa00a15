#include "common/characters.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(Characters, WhatIsNoUtf8IsReplacedAndNothingElse) {
  EXPECT_EQ(valid_utf8("≤ 85 \xC3\xA9\n\t"), "≤ 85 é\n\t");
  EXPECT_EQ(valid_utf8("a\xFF\xC0\xAF"
                       "b\xED\xA0\x80\xF0\x9F"),
            "a���b�����");
  EXPECT_EQ(valid_utf8(std::string_view("a\0b", 3)), std::string("a\0b", 3));
}

TEST(Characters, ControlCharactersAndDirectionOverridesAreShownByName) {
  EXPECT_EQ(visible_text(std::string_view("a\0\x1B[2J\r\n", 8)), "a‹U+0000›‹U+001B›[2J‹U+000D›\n");
  EXPECT_EQ(visible_text("SN\u202E1234\uFFFE"), "SN‹U+202E›1234‹U+FFFE›");
}

TEST(Characters, ACutIsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(valid_utf8("ééé", 3), "é… [6 bytes]");
  EXPECT_EQ(valid_utf8("abc", 3), "abc");
  EXPECT_LT(visible_text(std::string(1 << 20, 'x'), 4'096).size(), 4'200U);
}

}  // namespace
}  // namespace kiln
