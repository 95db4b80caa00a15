#include "safety/mask_messages.h"

namespace kiln::detail {
namespace {

constexpr std::array<EnumWord<MaskReport::State>, 3> kStateWords{{{MaskReport::State::refused, "refused"},
                                                                  {MaskReport::State::on, "on"},
                                                                  {MaskReport::State::ended, "ended"}}};

}  // namespace

json::object json_of(const MaskReport& report) {
  json::object object;
  object["dut"] = report.dut;
  object["part"] = report.part;
  object["state"] = word_of(kStateWords, report.state);
  object["why"] = report.why;
  object["since_ns"] = report.since_ns;
  object["wet_ns"] = report.wet_ns;
  object["dry_ns"] = report.dry_ns;
  object["word"] = report.word;
  return object;
}

MaskReport read_mask_report(Fields& fields) {
  MaskReport report;
  report.dut = fields.text("dut");
  report.part = fields.text("part");
  report.state = fields.word("state", kStateWords);
  report.why = fields.text("why");
  report.since_ns = fields.number("since_ns", 0, kMost);
  report.wet_ns = fields.number("wet_ns", 0, kMost);
  report.dry_ns = fields.number("dry_ns", 0, kMost);
  report.word = fields.text("word");
  return report;
}

json::object json_of(const SilenceReport& report) {
  json::object object;
  object["dut"] = report.dut;
  object["number"] = report.number;
  object["state"] = word_of(kStateWords, report.state);
  object["why"] = report.why;
  object["since_ns"] = report.since_ns;
  return object;
}

SilenceReport read_silence_report(Fields& fields) {
  SilenceReport report;
  report.dut = fields.text("dut");
  report.number = static_cast<int>(fields.number("number", 0, std::numeric_limits<int>::max()));
  report.state = fields.word("state", kStateWords);
  report.why = fields.text("why");
  report.since_ns = fields.number("since_ns", 0, kMost);
  return report;
}

}  // namespace kiln::detail
