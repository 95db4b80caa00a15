// JsonDocument, every way a JsonView can be read, and the tolerant readers of numbers, units, words and times
// below them.
#include <algorithm>
#include <cmath>

#include "bmc/json_view.h"
#include "bmc/redfish_error.h"
#include "bmc/redfish_time.h"
#include "ci/fuzz_targets/fuzz_target.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr int kMostDepth = 64;

bool tidy(const std::string& text) {
  return std::none_of(text.begin(), text.end(), [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte < 0x20 || byte == 0x7f;
  });
}

void read_text(const std::string& text) {
  const std::string once = tidy_text(text);
  require(tidy(once) && tidy_text(once) == once, "what is tidy stays as it is");
  (void)means_unset(text);
  const std::optional<NumberWithUnit> number = tolerant_number(text);
  if (number)
    require(std::isfinite(number->value) && !is_sentinel(number->value), "a number is a reading: " + text);
  for (const char* unit : {"W", "Cel", "%"}) {
    const std::optional<double> value = tolerant_number_in(text, unit);
    if (value) require(number.has_value(), "a number with a unit is a number");
    if (number) (void)convert_unit(number->value, number->unit, unit);
  }
  const std::optional<std::int64_t> whole = tolerant_integer(text);
  if (whole)
    require(std::abs(*whole) <= (std::int64_t{1} << 53), "an integer is one that a double holds: " + text);
  (void)tolerant_boolean(text);
  const std::optional<double> seconds = iso8601_seconds(text);
  if (seconds) require(std::isfinite(*seconds), "a duration is finite: " + text);
  const std::optional<std::int64_t> time = parse_redfish_time(text);
  if (time) require(*time > -86'400'000'000'000, "a time is not long before 1970: " + text);
  const std::string unit = canonical_unit(text);
  require(canonical_unit(unit) == unit, "a canonical unit stays as it is: " + text);
}

void walk(const JsonView& view, int depth) {
  require(depth <= kMostDepth, "no deeper than was allowed");
  const std::optional<double> number = view.number();
  if (number)
    require(std::isfinite(*number) && !is_sentinel(*number), "a number is a reading: " + view.printed());
  const std::optional<std::int64_t> integer = view.integer();
  if (integer && number) {
    require(static_cast<double>(*integer) == *number, "an integer is its number: " + view.printed());
  }
  (void)view.boolean();
  (void)view.link();
  const std::optional<std::string> text = view.text();
  if (text) require(tidy(*text), "text is tidy: " + *text);
  if (view.is_string()) read_text(view.verbatim().value_or(std::string{}));
  const std::string printed = view.printed();
  require(printed.size() <= 80 + 3 && simdjson::validate_utf8(printed), "what is printed is short, and text");
  if (text) require(simdjson::validate_utf8(*text), "text is text");
  (void)refusal_of(view);
  if (is_nothing_but_error(view)) require(!looks_like_resource(view), "an error is no resource");
  for (const auto& [name, value] : view.members()) {
    require(view.occurrences(name) >= 1 && view[name].exists(), "a member is found by its name");
    walk(value, depth + 1);
  }
  if (!view.is_array()) return;
  for (const JsonView& element : view.elements()) walk(element, depth + 1);
}

}  // namespace

void fuzz_one(const std::string& input) {
  read_text(input);
  const int depth = input.starts_with(' ') ? 4 : kMostDepth;
  const Result<JsonDocument> document = JsonDocument::parse(input, depth);
  if (document) {
    walk(document->root(), 1);
    return;
  }
  require(document.error().code == "json.invalid" || document.error().code == "json.too_deep",
          document.error().full());
}

}  // namespace kiln
