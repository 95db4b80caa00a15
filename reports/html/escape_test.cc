#include "html/escape.h"

#include <gtest/gtest.h>

#include "common/record_for_test.h"

namespace kiln {
namespace {

TEST(EscapeText, MarkupBecomesText) {
  EXPECT_EQ(escape_text("<script>alert('1')</script>"), "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
  EXPECT_EQ(escape_text("\" onload=\"x"), "&quot; onload=&quot;x");
  EXPECT_EQ(escape_text("]]> & &amp;"), "]]&gt; &amp; &amp;amp;");
}

TEST(EscapeText, WhatTurnsOrHidesTextIsShownByName) {
  EXPECT_EQ(escape_text("SN\u202E123"), "SN‹U+202E›123");
  EXPECT_EQ(escape_text("SN\u200B123"), "SN‹U+200B›123");
  EXPECT_EQ(escape_text("SN\u200D123"), "SN‹U+200D›123");
  EXPECT_EQ(escape_text(std::string("a\0b\x1B[31m\x7F", 9)), "a‹U+0000›b‹U+001B›[31m‹U+007F›");
  EXPECT_EQ(escape_text("\u0085\uFEFF\U000E0041\uFFFE\U0010FFFF"),
            "‹U+0085›‹U+FEFF›‹U+E0041›‹U+FFFE›‹U+10FFFF›");
  EXPECT_EQ(escape_text("क्\u200Dष"), "क्\u200Dष") << "Hindi is spelled with it";
  EXPECT_EQ(escape_text("≤ 85 °C\tπ\n中文"), "≤ 85 °C\tπ\n中文");
}

TEST(EscapeText, WhatIsNoUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(escape_text("\xC0\xBC"), "\uFFFD\uFFFD") << "an overlong '<' must not survive";
  EXPECT_EQ(escape_text("a\xE2\x80"), "a\uFFFD\uFFFD") << "cut in the middle";
  EXPECT_EQ(escape_text("\xED\xA0\x80<"), "\uFFFD\uFFFD\uFFFD&lt;") << "half a surrogate pair";
  EXPECT_EQ(escape_text("\xF5\x80\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(escape_text("\xC2<b>"), "\uFFFD&lt;b&gt;") << "a lead byte must not swallow what follows";
}

/// Whatever bytes come in, none that could open or close markup comes out.
TEST(EscapeText, NoTwoBytesTogetherBecomeMarkup) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text{static_cast<char>(first), static_cast<char>(second)};
      const std::string escaped = escape_text(text);
      ASSERT_EQ(escaped.find_first_of("<>\"'"), std::string::npos) << first << ' ' << second;
      ASSERT_EQ(escape_text(escaped).find("\uFFFD\uFFFD\uFFFD"), std::string::npos);
    }
  }
}

TEST(Shorten, NeverCutsACharacter) {
  EXPECT_EQ(shorten("12345", 5), "12345");
  EXPECT_EQ(shorten("123456", 5), "1234…");
  EXPECT_EQ(shorten("中文字符", 4), "中文字符");
  EXPECT_EQ(shorten("中文字符", 3), "中文…");
  EXPECT_EQ(shorten("", 3), "");
  EXPECT_EQ(last_characters("中文字符", 2), "字符");
  EXPECT_EQ(last_characters("ab", 5), "ab");
}

TEST(PlainWord, IsSafeInAStyleSheet) {
  EXPECT_EQ(plain_word("R-2026_1.a\";} body{display:none}</style>\n\\"), "R-2026_1.abodydisplaynonestyle");
}

/// Every free text of a record, hostile: names of parts, DUTs, recipes, steps, serials, messages, sources.
TEST(HtmlReport, HostileTextStaysTextEverywhere) {
  const std::string evil = "<script>x</script>'\"/><b onclick=1>]]>\u202E{{{style}}}\x01</style></svg>";
  RecordForTest record;
  auto& about = std::get<RunBegun>(record.input.events.events.front().body);
  for (std::string* text :
       {&about.recipe, &about.recipe_version, &about.recipe_sha256, &about.purpose, &about.rack,
        &about.product, &about.inventory_file, &about.limits_file, &about.operator_name,
        &about.scanned_serial, &about.station, &about.kiln_version, &about.build_stamp, &about.retest_of}) {
    *text = evil;
  }
  about.not_eligible_because = {evil};
  about.parameters = {{evil, evil}};
  about.overridden = {{evil, evil}};
  about.plugins = {{evil, evil}};
  record.plan(evil, Role::compute_tray, 12);
  record.plan(evil + "2", Role::cdu, std::nullopt);
  record.require(evil, evil, evil, evil, evil, "≤ 5 " + evil);
  record.add(evil, evil, StepBegun{evil, false, false});
  Measured measured;
  measured.name = evil;
  measured.part = evil;
  measured.unit = evil;
  measured.limit_text = "≤ 5 " + evil;
  measured.limit_source = evil;
  measured.reason = evil;
  measured.fault_code = evil;
  measured.action = evil;
  measured.source = {evil, evil};
  measured.outcome = Outcome::fail;
  measured.value = evil;
  record.add(evil, evil, measured);
  measured.outcome = Outcome::pass;
  record.add(evil, evil, measured, 2);
  SeriesChunk chunk{evil, evil, evil, {{0, 1}, {1, 2}, {2, 9}}};
  record.add(evil, evil, chunk);
  Interlocked cut;
  cut.cause = evil;
  cut.code = evil;
  cut.part = evil;
  cut.message = evil;
  cut.detected_ns = 8'000'000'000;
  record.add(evil, evil, cut);
  record.add(evil, evil, Diagnosed{evil, evil, evil, evil});
  record.add(evil, evil, Disturbance{evil, evil, 3});
  record.add(evil, evil, Retried{evil, evil, 2});
  record.add(evil, evil, GuardOpened{evil});
  record.add(evil, evil, GuardClosed{evil, false, evil});
  record.add(evil, evil, PromptAnswered{evil, evil, evil, evil, true});
  PartSeen part;
  part.part = evil;
  part.serial = evil;
  part.source = {evil, evil};
  record.add(evil, evil, part);
  record.add(evil, evil, Note{evil});
  StepEnded ended;
  ended.status = WorkStatus::error;
  ended.code = evil;
  ended.message = evil;
  ended.action = evil;
  record.add(evil, evil, ended);
  RunEnded run_ended;
  run_ended.status = evil;
  run_ended.message = evil;
  record.add("", "", run_ended);
  ReportInput& input = record.done();
  input.run.id = evil;
  input.run.chain_head = evil;
  RecordBreak broken;
  broken.reason = evil;
  input.events.broken = broken;
  const std::string page = render_report("html", input);
  for (const char* never : {"<script", "<b onclick", "]]>", "\u202E", "\x01"}) {
    EXPECT_EQ(page.find(never), std::string::npos) << never;
  }
  EXPECT_EQ(count_in(page, "</style>"), 1);
  EXPECT_EQ(count_in(page, "box-sizing"), 1) << "{{{style}}} in a record is text, not a template";
  EXPECT_EQ(count_in(page, "<svg"), count_in(page, "</svg>"));
  EXPECT_GT(count_in(page, "‹U+202E›"), 40) << "shown, not dropped";
}

}  // namespace
}  // namespace kiln
