// The report for data frames: one JSON object per line. The rows of common/long_rows.h, then the samples of
// all series, up to 1,000 of one series a line: {"row":"samples",…,"samples":[[seconds since the run began,
// value], …]}, null for a sample without value.

#include <boost/json.hpp>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/characters.h"
#include "common/long_rows.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::size_t kSamplesOfOneLine = 1'000;

json::value line_number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? json::value(*value) : json::value(nullptr);
}

json::value line_text(const std::string& text) { return json::value(valid_utf8(text)); }

/// The value and, beside it, what it is: a reader must not take "NaN" or nothing at all for a word.
void put_line_value(json::object& line, const Value& value) {
  line["value"] = nullptr;
  line["value_type"] = "none";
  if (const auto* number = std::get_if<double>(&value)) {
    line["value"] = line_number(*number);
    line["value_type"] = std::isfinite(*number) ? "number" : "not_a_number";
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    line["value"] = *whole;
    line["value_type"] = "number";
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    line["value"] = *flag;
    line["value_type"] = "truth";
  } else if (const auto* word = std::get_if<std::string>(&value)) {
    line["value"] = line_text(*word);
    line["value_type"] = "text";
  }
}

json::object begin_line(std::string_view row, const ReportInput& input, const RunDocument& document) {
  return {{"row", row},
          {"run", line_text(input.run.id)},
          {"rack", line_text(document.about.rack)},
          {"run_decision", decision_word(input)},
          {"simulated", input.verdict.simulated},
          {"sign_off", line_text(input.verdict.sign_off)}};
}

json::object line_of(const LongRow& row, const ReportInput& input, const RunDocument& document) {
  json::object line = begin_line(to_string(row.kind), input, document);
  line["dut"] = line_text(row.dut);
  line["dut_decision"] = row.decision;
  line["role"] = row.role;
  line["slot"] = row.slot ? json::value(*row.slot) : json::value(nullptr);
  line["serial"] = line_text(row.serial);
  line["step"] = line_text(row.step);
  line["iteration"] = row.iteration > 0 ? json::value(row.iteration) : json::value(nullptr);
  line["attempt"] = row.attempt > 0 ? json::value(row.attempt) : json::value(nullptr);
  line["measurement"] = line_text(row.measurement);
  line["part_kind"] = row.part_kind;
  line["part"] = line_text(row.part);
  line["part_serial"] = line_text(row.part_serial);
  put_line_value(line, row.value);
  line["unit"] = line_text(row.unit);
  line["limit_low"] = line_number(row.limit_low);
  line["limit_high"] = line_number(row.limit_high);
  line["limit"] = line_text(row.limit);
  line["outcome"] = row.outcome;
  line["margin_of_limit_percent"] = line_number(row.margin_of_limit);
  line["margin_of_tolerance_percent"] = line_number(row.margin_of_tolerance);
  line["required"] = row.required;
  line["code"] = line_text(row.code);
  line["reason"] = line_text(row.reason);
  line["time"] = format_utc(row.utc_ns);
  return line;
}

class NdjsonReport final : public ReportFormat {
 public:
  std::string_view name() const override { return "ndjson"; }
  std::string_view extension() const override { return "ndjson"; }
  bool is_written_unasked() const override { return false; }

  Result<std::string> render(const ReportInput& input) const override { return written_text(*this, input); }

  Status write(const ReportInput& input, const ReportSink& put) const override {
    const RunDocument document = make_document(input);
    Status written = success();
    const auto put_line = [&put, &written](const json::object& line) {
      if (written) written = put(json::serialize(line) + "\n");
    };
    for (const LongRow& row : make_long_rows(input, document)) put_line(line_of(row, input, document));
    plan_samples(document);
    for (const DocumentSeries& series : document.series) {
      json::array samples;
      const auto put_samples = [&] {
        json::object line = begin_line("samples", input, document);
        line["dut"] = line_text(series.dut);
        line["series"] = line_text(series.name);
        line["part"] = line_text(series.part);
        line["unit"] = line_text(series.unit);
        line["begun"] = format_utc(document.begun_utc_ns);
        line["samples"] = std::exchange(samples, {});
        put_line(line);
      };
      series.for_each_sample([&samples, &put_samples](double seconds, double value) {
        samples.push_back(json::array{line_number(seconds), line_number(value)});
        if (samples.size() == kSamplesOfOneLine) put_samples();
      });
      if (!samples.empty()) put_samples();
    }
    return written ? document.source->failure() : written;
  }
};

}  // namespace

std::unique_ptr<ReportFormat> make_report_ndjson() { return std::make_unique<NdjsonReport>(); }

}  // namespace kiln
