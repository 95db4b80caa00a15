#include "model/tolerant.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace kiln {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_blank_or_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7f;
}
bool is_control(char c) { return is_blank_or_control(c) && c != ' '; }

std::string lower(std::string_view text) {
  std::string low(text);
  std::transform(low.begin(), low.end(), low.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return low;
}

constexpr std::array<std::string_view, 16> kUnsetWords{"",
                                                       "n/a",
                                                       "na",
                                                       "not supported",
                                                       "none",
                                                       "null",
                                                       "unknown",
                                                       "-",
                                                       "--",
                                                       "err!",
                                                       "requested functionality has been deprecated",
                                                       "insufficient permissions",
                                                       "unknown error",
                                                       "gpu is lost",
                                                       "undefined",
                                                       "not available"};

/// Takes the digits of a number with thousands separators ("1,234,567.5") out of the front of `text`; the
/// separators are dropped. Empty when there is no number, or the commas do not stand where thousands stand.
std::string take_grouped_number(std::string_view& text) {
  std::string number;
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    if (text[at] == '-') number += '-';
    ++at;
  }
  const std::size_t first_digit = at;
  std::size_t group = 0;
  bool has_commas = false;
  while (at < text.size() && (is_digit(text[at]) || text[at] == ',')) {
    if (text[at] == ',') {
      if (group == 0 || group > 3 || (has_commas && group != 3)) return {};
      has_commas = true;
      group = 0;
    } else {
      number += text[at];
      ++group;
    }
    ++at;
  }
  if (has_commas && group != 3) return {};
  bool has_digits = at > first_digit;
  if (at < text.size() && text[at] == '.') {
    number += '.';
    ++at;
    while (at < text.size() && is_digit(text[at])) {
      number += text[at++];
      has_digits = true;
    }
  }
  if (!has_digits) return {};
  if (at + 1 < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t digits = at + 1;
    if (text[digits] == '+' || text[digits] == '-') ++digits;
    if (digits < text.size() && is_digit(text[digits])) {
      number += 'e';
      ++at;
      if (text[at] == '-') number += '-';
      at = digits;
      while (at < text.size() && is_digit(text[at])) number += text[at++];
    }
  }
  text.remove_prefix(at);
  return number;
}

bool looks_like_unit(std::string_view unit) {
  if (unit.empty()) return true;
  const auto first = static_cast<unsigned char>(unit.front());
  if (!is_letter(unit.front()) && unit.front() != '%' && unit.front() != '[' && unit.front() != '{' &&
      first < 0x80) {
    return false;
  }
  for (std::size_t i = 0; i < unit.size(); ++i) {
    if (is_blank_or_control(unit[i])) return false;
    // A digit is a power ("m3/h", "m^3/h"); anything else ("0x10", "3f9c") is a word that began with digits.
    if (is_digit(unit[i]) && (i == 0 || (unit[i - 1] != 'm' && unit[i - 1] != '^'))) return false;
  }
  return true;
}

struct UnitWord {
  std::string_view printed;  // lower case
  std::string_view ucum;
};
// UCUM codes (ucum.org, version 2.1) for what Redfish's ReadingUnits, NVML tools and IPMI print.
constexpr std::array<UnitWord, 59> kUnitWords{{{"c", "Cel"},
                                               {"cel", "Cel"},
                                               {"celsius", "Cel"},
                                               {"°c", "Cel"},
                                               {"degc", "Cel"},
                                               {"degrees c", "Cel"},
                                               {"deg c", "Cel"},
                                               {"degreescelsius", "Cel"},
                                               {"k", "K"},
                                               {"kelvin", "K"},
                                               {"w", "W"},
                                               {"watt", "W"},
                                               {"watts", "W"},
                                               {"kw", "kW"},
                                               {"kilowatts", "kW"},
                                               {"j", "J"},
                                               {"joules", "J"},
                                               {"kj", "kJ"},
                                               {"kilojoules", "kJ"},
                                               {"kw.h", "kW.h"},
                                               {"kwh", "kW.h"},
                                               {"w.h", "W.h"},
                                               {"wh", "W.h"},
                                               {"v", "V"},
                                               {"volt", "V"},
                                               {"volts", "V"},
                                               {"a", "A"},
                                               {"amp", "A"},
                                               {"amps", "A"},
                                               {"amperes", "A"},
                                               {"%", "%"},
                                               {"percent", "%"},
                                               {"rpm", "{rev}/min"},
                                               {"{rev}/min", "{rev}/min"},
                                               {"pa", "Pa"},
                                               {"kpa", "kPa"},
                                               {"kilopascals", "kPa"},
                                               {"bar", "bar"},
                                               {"psi", "[psi]"},
                                               {"[psi]", "[psi]"},
                                               {"psig", "[psi]"},
                                               {"l/min", "L/min"},
                                               {"lpm", "L/min"},
                                               {"l/m", "L/min"},
                                               {"liters/min", "L/min"},
                                               {"m3/h", "m3/h"},
                                               {"m^3/h", "m3/h"},
                                               {"hz", "Hz"},
                                               {"mhz", "MHz"},
                                               {"ghz", "GHz"},
                                               {"s", "s"},
                                               {"sec", "s"},
                                               {"seconds", "s"},
                                               {"ms", "ms"},
                                               {"mib", "MiBy"},
                                               {"gib", "GiBy"},
                                               {"gb/s", "GBy/s"},
                                               {"gbit/s", "Gbit/s"},
                                               {"gbps", "Gbit/s"}}};

/// UCUM codes of Redfish sensors that nothing here converts [Sensor v1.11.0, ReadingType and excerpts].
constexpr std::array<std::string_view, 18> kOtherUnits{
    "m",   "cm",     "mm",  "m/s",    "m/s2",   "g/m3", "g",      "kg",          "A.h",
    "V.A", "kV.A.h", "var", "kvar.h", "mm[Hg]", "lm",   "m3/min", "[ft_i]3/min", "By"};

enum class Quantity { pressure, power, temperature, energy, flow, frequency, time, bit_rate, byte_count };
struct UnitScale {
  std::string_view ucum;
  Quantity quantity;
  double factor;  // one of this unit in the quantity's base unit
  double offset = 0;
};
constexpr std::array<UnitScale, 28> kScales{{{"Pa", Quantity::pressure, 1},
                                             {"kPa", Quantity::pressure, 1e3},
                                             {"bar", Quantity::pressure, 1e5},
                                             {"[psi]", Quantity::pressure, 6894.757293168},
                                             {"W", Quantity::power, 1},
                                             {"kW", Quantity::power, 1e3},
                                             {"mW", Quantity::power, 1e-3},
                                             {"K", Quantity::temperature, 1},
                                             {"Cel", Quantity::temperature, 1, 273.15},
                                             {"J", Quantity::energy, 1},
                                             {"kJ", Quantity::energy, 1e3},
                                             {"mJ", Quantity::energy, 1e-3},
                                             {"W.h", Quantity::energy, 3600},
                                             {"kW.h", Quantity::energy, 3.6e6},
                                             {"L/min", Quantity::flow, 1},
                                             {"m3/h", Quantity::flow, 1000.0 / 60.0},
                                             {"L/s", Quantity::flow, 60},
                                             {"Hz", Quantity::frequency, 1},
                                             {"MHz", Quantity::frequency, 1e6},
                                             {"GHz", Quantity::frequency, 1e9},
                                             {"s", Quantity::time, 1},
                                             {"ms", Quantity::time, 1e-3},
                                             {"us", Quantity::time, 1e-6},
                                             {"min", Quantity::time, 60},
                                             {"Gbit/s", Quantity::bit_rate, 1e9},
                                             {"GBy/s", Quantity::bit_rate, 8e9},
                                             {"MiBy", Quantity::byte_count, 1048576},
                                             {"GiBy", Quantity::byte_count, 1073741824}}};

const UnitScale* scale_of(const std::string& unit) {
  const auto found =
      std::find_if(kScales.begin(), kScales.end(), [&unit](const auto& s) { return s.ucum == unit; });
  return found == kScales.end() ? nullptr : &*found;
}

}  // namespace

bool means_unset(std::string_view text) {
  std::string word = lower(tidy_text(text));
  if (word.size() >= 2 && word.front() == '[' && word.back() == ']')
    word = tidy_text(word.substr(1, word.size() - 2));
  return std::find(kUnsetWords.begin(), kUnsetWords.end(), word) != kUnsetWords.end();
}

bool is_sentinel(double number) {
  constexpr double kIntegerBlanks =
      9223372036854775808.0;                         // 0x7ffffffffffffff0 … f round up to 2^63 as doubles
  constexpr double kFloatBlank = 140737488355328.0;  // 2^47, and the reasons above it
  if (number == kIntegerBlanks) return true;
  return number >= kFloatBlank && number <= kFloatBlank + 15 && number == std::trunc(number);
}

std::optional<NumberWithUnit> tolerant_number(std::string_view text) {
  const std::string tidy = tidy_text(text);
  std::string_view rest = tidy;
  const std::string digits = take_grouped_number(rest);
  if (digits.empty()) return std::nullopt;
  NumberWithUnit number;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number.value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (!std::isfinite(number.value) || is_sentinel(number.value)) return std::nullopt;
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (!looks_like_unit(rest)) return std::nullopt;
  number.unit = std::string(rest);
  return number;
}

std::optional<double> tolerant_number_in(std::string_view text, std::string_view unit) {
  const auto number = tolerant_number(text);
  if (!number) return std::nullopt;
  if (!number->unit.empty() && canonical_unit(number->unit) != canonical_unit(unit)) return std::nullopt;
  return number->value;
}

std::optional<std::int64_t> tolerant_integer(std::string_view text) {
  const auto number = tolerant_number(text);
  constexpr double kExact = 9007199254740992.0;  // 2^53: above it a double no longer holds every whole number
  if (!number || !number->unit.empty()) return std::nullopt;
  if (number->value != std::trunc(number->value) || std::fabs(number->value) > kExact) return std::nullopt;
  return static_cast<std::int64_t>(number->value);
}

std::optional<bool> tolerant_boolean(std::string_view text) {
  const std::string word = lower(tidy_text(text));
  if (word == "true" || word == "yes" || word == "enabled" || word == "1") return true;
  if (word == "false" || word == "no" || word == "disabled" || word == "0") return false;
  return std::nullopt;
}

std::string tidy_text(std::string_view text) {
  while (!text.empty() && is_blank_or_control(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank_or_control(text.back())) text.remove_suffix(1);
  std::string tidy(text);
  std::replace_if(tidy.begin(), tidy.end(), is_control, ' ');
  return tidy;
}

std::optional<double> iso8601_seconds(std::string_view text) {
  const std::string tidy = tidy_text(text);
  std::string_view rest = tidy;
  if (rest.empty() || rest.front() != 'P') return std::nullopt;
  rest.remove_prefix(1);
  double seconds = 0;
  bool in_time = false;
  int parts = 0;
  int last_rank = 0;  // weeks 1, days 2, hours 3, minutes 4, seconds 5: each at most once, in this order
  while (!rest.empty()) {
    if (rest.front() == 'T') {
      if (in_time || rest.size() == 1) return std::nullopt;
      in_time = true;
      rest.remove_prefix(1);
    }
    std::size_t length = 0;
    while (length < rest.size() && (is_digit(rest[length]) || rest[length] == '.')) ++length;
    if (length == 0 || length == rest.size()) return std::nullopt;
    double value = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + length, value);
    if (error != std::errc{} || end != rest.data() + length || !std::isfinite(value)) return std::nullopt;
    double factor = 0;
    int rank = 0;
    switch (rest[length]) {
      case 'W':
        rank = in_time ? 0 : 1;
        factor = 7.0 * 86400;
        break;
      case 'D':
        rank = in_time ? 0 : 2;
        factor = 86400;
        break;
      case 'H':
        rank = in_time ? 3 : 0;
        factor = 3600;
        break;
      case 'M':
        rank = in_time ? 4 : 0;
        factor = 60;
        break;  // before the T it would be months
      case 'S':
        rank = in_time ? 5 : 0;
        factor = 1;
        break;
      default:
        break;
    }
    if (rank <= last_rank) return std::nullopt;
    last_rank = rank;
    seconds += value * factor;
    ++parts;
    rest.remove_prefix(length + 1);
  }
  if (parts == 0) return std::nullopt;
  return seconds;
}

std::string canonical_unit(std::string_view unit) {
  const std::string tidy = tidy_text(unit);
  if (scale_of(tidy) != nullptr) return tidy;  // a code already; "mW" must not become "MW" by folding case
  const std::string word = lower(tidy);
  const auto found = std::find_if(kUnitWords.begin(), kUnitWords.end(),
                                  [&word](const auto& known) { return known.printed == word; });
  return found == kUnitWords.end() ? tidy : std::string(found->ucum);
}

bool is_known_unit(std::string_view unit) {
  const std::string code = canonical_unit(unit);
  const auto is_code = [&code](const auto& known) { return known.ucum == code; };
  return scale_of(code) != nullptr || std::any_of(kUnitWords.begin(), kUnitWords.end(), is_code) ||
         std::find(kOtherUnits.begin(), kOtherUnits.end(), code) != kOtherUnits.end();
}

std::optional<double> convert_unit(double value, std::string_view from, std::string_view to) {
  const std::string from_code = canonical_unit(from);
  const std::string to_code = canonical_unit(to);
  if (from_code == to_code) return value;
  const UnitScale* source = scale_of(from_code);
  const UnitScale* target = scale_of(to_code);
  if (source == nullptr || target == nullptr || source->quantity != target->quantity) return std::nullopt;
  return (value * source->factor + source->offset - target->offset) / target->factor;
}

}  // namespace kiln
