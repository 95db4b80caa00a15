#include "common/rack_links.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "common/record_for_test.h"

namespace kiln {
namespace {

std::string tray_of(int number) {
  std::string digits = std::to_string(number);
  return "C" + std::string(digits.size() < 2 ? 1 : 0, '0') + digits;
}

Measured link_value(const std::string& name, const std::string& part, Value value, Outcome outcome) {
  Measured body;
  body.name = name;
  body.kind = ComponentKind::nvlink;
  body.part = part;
  body.value = std::move(value);
  body.unit = "1";
  body.outcome = outcome;
  return body;
}

struct Odd {
  double rate = 0;
  std::int64_t errors = 0;
  Outcome outcome = Outcome::pass;
};

/// 18 trays of four GPUs of 18 links. `odd`: what "C05 GPU_1/NVLink_17" and so on are instead.
RecordForTest whole_rack(const std::map<std::string, Odd>& odd) {
  RecordForTest record;
  for (int tray = 1; tray <= 18; ++tray) {
    const std::string dut = tray_of(tray);
    if (tray > 1) record.plan(dut, Role::compute_tray, 10 + tray);
    for (int gpu = 0; gpu < 4; ++gpu) {
      for (int link = 0; link < 18; ++link) {
        const std::string part = "GPU_" + std::to_string(gpu) + "/NVLink_" + std::to_string(link);
        const auto found = odd.find(dut + " " + part);
        const Odd is = found == odd.end() ? Odd{} : found->second;
        record.add(dut, "watch", link_value("nvlink.effective_ber.max", part, is.rate, is.outcome));
        record.add(dut, "watch", link_value("nvlink.windows.bad_share", part, 0.0, Outcome::pass));
        record.add(dut, "watch",
                   link_value("nvlink.errors.symbol.delta", part, is.errors, Outcome::informational));
      }
    }
  }
  return record;
}

const RackLink& find(const RackLinks& links, const std::string& dut, const std::string& part) {
  for (const RackLinkTray& tray : links.trays) {
    for (const RackLink& link : tray.links) {
      if (tray.dut == dut && link.part == part) return link;
    }
  }
  ADD_FAILURE() << dut << " " << part;
  static const RackLink none;
  return none;
}

TEST(RackLinks, A1296LinkRackShowsEachLinkByItsWorst) {
  RecordForTest record = whole_rack({{"C05 GPU_1/NVLink_17", {2e-13, 0, Outcome::pass}},
                                     {"C07 GPU_0/NVLink_2", {3e-10, 4, Outcome::fail}},
                                     {"C09 GPU_3/NVLink_9", {0, 12, Outcome::pass}},
                                     {"C11 GPU_2/NVLink_4", {7e-16, 0, Outcome::pass}}});
  record.end();
  const ReportInput& input = record.done();
  const RackLinks links = make_links(make_document(input), input.verdict);
  EXPECT_EQ(links.count, 1296U);
  EXPECT_EQ(links.trays.size(), 18U);
  EXPECT_EQ(links.trays.front().dut, "C18");                      // the highest slot on top
  EXPECT_EQ(links.trays.back().links[2].part, "GPU_0/NVLink_2");  // by number, not by letter
  EXPECT_EQ(links.trays.back().links[10].part, "GPU_0/NVLink_10");
  EXPECT_EQ(links.failed, 1U);
  EXPECT_EQ(links.odd, 1U);
  EXPECT_EQ(links.errors, 1U);
  EXPECT_EQ(link_character(find(links, "C05", "GPU_1/NVLink_17")), "▲");
  EXPECT_EQ(link_character(find(links, "C07", "GPU_0/NVLink_2")), "✖");
  EXPECT_EQ(link_character(find(links, "C09", "GPU_3/NVLink_9")), "+");
  EXPECT_EQ(link_character(find(links, "C11", "GPU_2/NVLink_4")), "6");  // better than 1e-15
  EXPECT_EQ(link_character(find(links, "C01", "GPU_0/NVLink_0")), "·");
  EXPECT_EQ(link_words(find(links, "C09", "GPU_3/NVLink_9")),
            "effective bit error rate 1e-16 or less, 0 % of windows bad, 12 errors");

  const std::string text = link_text(links);
  EXPECT_NE(text.find("1296 NVLinks of 18 trays"), std::string::npos) << text;
  EXPECT_NE(text.find("C07     U17  ··✖···············"), std::string::npos) << text;
  EXPECT_NE(text.find("▲ C05 GPU_1/NVLink_17: nvlink.effective_ber.max is 2e-13"), std::string::npos) << text;
  EXPECT_LT(text.size(), 9000U);
}

TEST(RackLinks, ALinkThatWasPlannedAndNeverReadIsNotQuiet) {
  RecordForTest record;
  CellPlanned cell;
  cell.cell = {"watch", "C01", "nvlink.windows.bad_share", ComponentKind::nvlink, "GPU_0/NVLink_0"};
  record.add("C01", "watch", cell);
  record.add("C01", "watch",
             link_value("nvlink.effective_ber.max", "GPU_0/NVLink_1", Value{}, Outcome::unset));
  record.end();
  const ReportInput& input = record.done();
  const RackLinks links = make_links(make_document(input), input.verdict);
  EXPECT_EQ(links.count, 2U);
  EXPECT_EQ(links.unknown, 2U);
  EXPECT_EQ(link_character(find(links, "C01", "GPU_0/NVLink_0")), "?");
  EXPECT_EQ(link_character(find(links, "C01", "GPU_0/NVLink_1")), "?");
}

TEST(RackLinks, TheReportsShowThemAndEscapeTheirNames) {
  RecordForTest record = whole_rack({{"C05 GPU_1/NVLink_17", {2e-13, 0, Outcome::pass}}});
  record.add("C01", "watch",
             link_value("nvlink.errors.crc_flit.delta", "GPU_0/<img src=x>", std::int64_t{3}, Outcome::fail));
  record.end();
  const ReportInput& input = record.done();
  const std::string page = render_report("html", input);
  EXPECT_NE(page.find("All links of the rack"), std::string::npos);
  EXPECT_NE(page.find("▲ REVIEW: 1 value stands apart from its like"), std::string::npos);
  EXPECT_NE(page.find("Parts against their like"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("&lt;img src=x&gt;"), std::string::npos);
  const std::size_t begin = page.find("<h2 id=\"links\">");
  const std::size_t end = page.find("<h2", begin + 4);
  ASSERT_NE(begin, std::string::npos);
  RecordProperty("bytes_of_1297_links", static_cast<int>(end - begin));
  EXPECT_LT(end - begin, 16'000U) << "of 1,297 links";

  const auto json = boost::json::parse(render_report("json", input)).as_object();
  EXPECT_EQ(json.at("links").as_array().size(), 18U);
  const auto& comparisons = json.at("comparisons").as_array();
  ASSERT_EQ(comparisons.size(), 2U);
  EXPECT_EQ(comparisons[0].at("odd").as_array()[0].at("part"), "GPU_1/NVLink_17");
  EXPECT_TRUE(comparisons[0].at("odd").as_array()[0].at("distance").is_double());
  const std::string text = render_report("text", input);
  EXPECT_NE(text.find("Links: 1297 NVLinks"), std::string::npos);
  EXPECT_NE(text.find("nvlink.effective_ber.max"), std::string::npos);
}

TEST(RackLinks, EightGpusTakeTwoLinesOfATerminalAndAsciiHasItsOwnMarks) {
  RecordForTest record;
  for (int gpu = 0; gpu < 8; ++gpu) {
    const Outcome outcome = gpu == 5 ? Outcome::fail : Outcome::pass;
    record.add(
        "C01", "watch",
        link_value("nvlink.effective_ber.max", "GPU_" + std::to_string(gpu) + "/NVLink_0", 0.0, outcome));
  }
  record.end();
  const ReportInput& input = record.done();
  const std::string text = link_text(make_links(make_document(input), input.verdict), false);
  EXPECT_NE(text.find("  C01     U11  . . . .\n               . X . .\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("✖"), std::string::npos);
}

TEST(RackLinks, ARecordWithoutLinksHasNoSuchSection) {
  RecordForTest record;
  record.measured(Outcome::pass, 61.0);
  record.end();
  const std::string page = render_report("html", record.done());
  EXPECT_EQ(page.find("All links of the rack"), std::string::npos);
  EXPECT_EQ(page.find("REVIEW"), std::string::npos);
  EXPECT_NE(page.find("1 values, 16 are needed"), std::string::npos);
}

}  // namespace
}  // namespace kiln
