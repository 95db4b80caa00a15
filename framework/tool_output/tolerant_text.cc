#include "tool_output/tolerant_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace kiln::tool_output {
namespace {

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v' || c == '\0';
}
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_hex(char c) {
  const char l = lower(c);
  return is_digit(c) || (l >= 'a' && l <= 'f');
}

struct Phrase {
  std::string_view text;
  Absence absence;
};

constexpr Phrase kPhrases[] = {
    {"N/A", Absence::not_available},
    {"NA", Absence::not_available},
    {"Not Available", Absence::not_available},
    {"Not Applicable", Absence::not_available},
    {"Not Supported", Absence::not_available},
    {"Not Found", Absence::not_available},
    {"Function Not Found", Absence::not_available},
    {"None", Absence::not_available},
    {"Null", Absence::not_available},
    {"-", Absence::not_available},
    {"--", Absence::not_available},
    {"Requested functionality has been deprecated", Absence::not_available},
    {"Deprecated", Absence::not_available},
    {"Insufficient Permissions", Absence::no_permission},
    {"No Permission", Absence::no_permission},
    {"GPU is lost", Absence::lost},
    {"GPU requires reset", Absence::lost},
    {"GPU has fallen off the bus", Absence::lost},
    {"ERR!", Absence::broken},
    {"Unknown Error", Absence::broken},
    {"Error", Absence::broken},
    {"Timeout", Absence::broken},
    {"Uninitialized", Absence::broken},
    {"Driver Not Loaded", Absence::broken},
    {"Insufficient Size", Absence::broken},
    {"Data Corruption", Absence::broken},
    {"nan", Absence::not_available},
};

/// DCGM's blank values (dcgm_structs.h): 0x7ffffff0.. and 0x7ffffffffffffff0.., each with up to 15 meanings,
/// and 2^47 as a double. NVML: all ones.
bool is_blank_integer(std::uint64_t value) {
  constexpr std::uint64_t kInt32Blank = 0x7ffffff0;
  constexpr std::uint64_t kInt64Blank = 0x7ffffffffffffff0;
  return (value >= kInt32Blank && value <= kInt32Blank + 15) ||
         (value >= kInt64Blank && value <= kInt64Blank + 15) || value == 0xffffffff ||
         value == std::numeric_limits<std::uint64_t>::max();
}
bool is_blank_real(double value) {
  constexpr double kFp64Blank = 140737488355328.0;
  if (value >= kFp64Blank && value <= kFp64Blank + 15) return true;
  // 2^63 and beyond cannot be told from the 64-bit blanks once it is a double.
  return value >= 9223372036854774784.0;
}

}  // namespace

std::string_view to_string(Absence absence) {
  switch (absence) {
    case Absence::present:
      return "present";
    case Absence::empty:
      return "empty";
    case Absence::not_available:
      return "not available";
    case Absence::no_permission:
      return "no permission";
    case Absence::lost:
      return "device lost";
    case Absence::broken:
      return "reading failed";
    case Absence::sentinel:
      return "blank value";
  }
  return "present";
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool contains_ignoring_case(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char x, char y) { return lower(x) == lower(y); }) != text.end();
}

Absence absence_of(std::string_view cell) {
  std::string_view text = trim(cell);
  if (text.size() >= 2 &&
      ((text.front() == '[' && text.back() == ']') || (text.front() == '<' && text.back() == '>'))) {
    text = trim(text.substr(1, text.size() - 2));
  }
  if (text.empty()) return Absence::empty;
  for (const Phrase& phrase : kPhrases) {
    if (equals_ignoring_case(text, phrase.text)) return phrase.absence;
  }
  // NVML texts may go on: "GPU is lost. Reboot the system to recover this GPU".
  if (contains_ignoring_case(text, "GPU is lost") || contains_ignoring_case(text, "fallen off the bus")) {
    return Absence::lost;
  }
  return Absence::present;
}

std::optional<double> to_double(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (problem == std::errc::result_out_of_range) {
    // Bit error rates such as 15e-500 underflow: that is zero. Overflow stays unset.
    const std::size_t exponent = text.find_first_of("eE");
    if (exponent != std::string_view::npos && exponent + 1 < text.size() && text[exponent + 1] == '-')
      return 0.0;
    return std::nullopt;
  }
  if (problem != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  if (text.size() > 1 && text.front() == '+') text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Number read_number(std::string_view cell, std::initializer_list<std::string_view> units) {
  const std::string_view text = trim(cell);
  Number number;
  number.absence = absence_of(text);
  if (number.absence != Absence::present) return number;
  std::size_t end = 0;
  while (end < text.size() &&
         (is_digit(text[end]) || text[end] == '.' || text[end] == '-' || text[end] == '+' ||
          ((text[end] == 'e' || text[end] == 'E') && end > 0 && end + 1 < text.size() &&
           (is_digit(text[end + 1]) || text[end + 1] == '-' || text[end + 1] == '+')))) {
    ++end;
  }
  const std::optional<double> value = to_double(text.substr(0, end));
  if (!value) return number;
  const std::string_view unit = trim(text.substr(end));
  if (std::none_of(units.begin(), units.end(),
                   [&](std::string_view known) { return equals_ignoring_case(known, unit); })) {
    return number;
  }
  if (is_blank_real(*value)) {
    number.absence = Absence::sentinel;
    return number;
  }
  number.value = value;
  return number;
}

Count read_count(std::string_view cell) {
  std::string_view text = trim(cell);
  Count count;
  count.absence = absence_of(text);
  if (count.absence != Absence::present) return count;
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size()) return count;
  if (is_blank_integer(value)) {
    count.absence = Absence::sentinel;
    return count;
  }
  count.value = value;
  return count;
}

std::optional<bool> read_flag(std::string_view cell) {
  const std::string_view text = trim(cell);
  for (const std::string_view yes : {"Yes", "True", "Enabled", "Active", "On", "1"}) {
    if (equals_ignoring_case(text, yes)) return true;
  }
  for (const std::string_view no : {"No", "False", "Disabled", "Not Active", "Inactive", "Off", "0"}) {
    if (equals_ignoring_case(text, no)) return false;
  }
  return std::nullopt;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = text.find_first_of("\r\n", start);
    if (end == std::string_view::npos) {
      lines.push_back(text.substr(start));
      break;
    }
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
    if (text[end] == '\r' && start < text.size() && text[start] == '\n') ++start;
  }
  return lines;
}

std::vector<std::string_view> split_fields(std::string_view line) {
  std::vector<std::string_view> fields;
  std::size_t at = 0;
  while (at < line.size()) {
    while (at < line.size() && is_blank(line[at])) ++at;
    const std::size_t start = at;
    while (at < line.size() && !is_blank(line[at])) ++at;
    if (at > start) fields.push_back(line.substr(start, at - start));
  }
  return fields;
}

std::optional<std::string> normal_pci_address(std::string_view text) {
  text = trim(text);
  for (const std::string_view prefix : {"PCI:", "GPU ", "GPU", "pci "}) {
    if (text.size() > prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix)) {
      text = trim(text.substr(prefix.size()));
      break;
    }
  }
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  std::array<std::string_view, 3> parts;
  std::size_t count = 0;
  std::size_t start = 0;
  while (true) {
    const std::size_t colon = text.find(':', start);
    if (count == 3) return std::nullopt;
    parts[count++] = text.substr(start, colon == std::string_view::npos ? colon : colon - start);
    if (colon == std::string_view::npos) break;
    start = colon + 1;
  }
  if (count < 2) return std::nullopt;
  if (count == 2) {
    // "9b:00.0": no domain. Without a function it could be a time of day.
    if (parts[1].find('.') == std::string_view::npos) return std::nullopt;
    parts = {"0", parts[0], parts[1]};
  }
  std::string_view function = "0";
  if (const std::size_t dot = parts[2].find('.'); dot != std::string_view::npos) {
    function = parts[2].substr(dot + 1);
    parts[2] = parts[2].substr(0, dot);
  }
  const auto hex_of = [](std::string_view part, std::size_t longest) -> std::optional<std::uint32_t> {
    if (part.empty() || part.size() > longest || !std::all_of(part.begin(), part.end(), is_hex))
      return std::nullopt;
    std::uint32_t value = 0;
    std::from_chars(part.data(), part.data() + part.size(), value, 16);
    return value;
  };
  const auto domain = hex_of(parts[0], 8);
  const auto bus = hex_of(parts[1], 2);
  const auto device = hex_of(parts[2], 2);
  const auto function_number = hex_of(function, 1);
  if (!domain || !bus || !device || !function_number || *device > 0x1f || *function_number > 7)
    return std::nullopt;
  std::array<char, 32> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%08x:%02x:%02x.%x", *domain, *bus, *device, *function_number);
  return std::string(buffer.data());
}

std::string_view without_launcher_prefix(std::string_view line) {
  std::size_t at = line.find_first_not_of(" \t");
  if (at == std::string_view::npos) return {};
  if (line[at] == '[') {
    const std::size_t tag = line.find(">:", at);
    if (tag != std::string_view::npos && tag - at < 40) return line.substr(tag + 2);
    return line;
  }
  std::size_t end = at;
  while (end < line.size() && line[end] >= '0' && line[end] <= '9') ++end;
  if (end > at && end - at <= 6 && end < line.size() && line[end] == ':') return line.substr(end + 1);
  return line;
}

std::string without_escapes(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
      i += 2;
      while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
      continue;
    }
    plain.push_back(text[i]);
  }
  return plain;
}

}  // namespace kiln::tool_output
