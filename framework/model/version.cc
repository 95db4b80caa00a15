#include "model/version.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <sstream>

#include "model/tolerant.h"

namespace kiln {
namespace {

bool is_version_digit(char c) { return c >= '0' && c <= '9'; }
bool is_version_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower_letter(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string without_leading_zeros(const std::string& digits) {
  const auto first = digits.find_first_not_of('0');
  return first == std::string::npos ? "0" : digits.substr(first);
}

/// "0x00 0x0b 0x03 0x04": bytes printed one by one, as some BMCs do; empty when the text is anything else.
std::vector<std::string> byte_list(const std::string& text) {
  std::vector<std::string> runs;
  std::istringstream stream(text);
  std::string word;
  while (stream >> word) {
    unsigned value = 0;
    if (word.size() < 3 || word.size() > 4 || word[0] != '0' || lower_letter(word[1]) != 'x') return {};
    const auto [end, error] = std::from_chars(word.data() + 2, word.data() + word.size(), value, 16);
    if (error != std::errc{} || end != word.data() + word.size()) return {};
    runs.push_back(std::to_string(value));
  }
  return runs;
}

std::string without_prefix(const std::string& text) {
  if (text.size() > 3 && lower_letter(text[0]) == 'x' && lower_letter(text[1]) == 'x' &&
      (text[2] == '-' || text[2] == '_')) {
    return text.substr(3);
  }
  constexpr std::string_view kNvos = "nvos-";
  if (text.size() > kNvos.size() && text.compare(0, kNvos.size(), kNvos) == 0)
    return text.substr(kNvos.size());
  if (text.size() > 1 && lower_letter(text[0]) == 'v' && is_version_digit(text[1])) return text.substr(1);
  return text;
}

bool is_number(const std::string& run) { return is_version_digit(run.front()); }

std::partial_ordering compare_runs(const std::string& a, const std::string& b) {
  if (a == b) return std::partial_ordering::equivalent;
  if (is_number(a) != is_number(b)) return std::partial_ordering::unordered;
  if (is_number(a) && a.size() != b.size()) {  // no leading zeros: more digits is more
    return a.size() < b.size() ? std::partial_ordering::less : std::partial_ordering::greater;
  }
  return a < b ? std::partial_ordering::less : std::partial_ordering::greater;
}

/// Words that vendors put behind a version that is not released yet (semver.org 9 orders them before it).
bool is_prerelease(const std::string& run) {
  return run == "rc" || run == "alpha" || run == "beta" || run == "pre" || run == "dev" || run == "snapshot";
}

}  // namespace

CanonicalVersion canonical_version(const std::string& printed) {
  CanonicalVersion version;
  version.original = printed;
  const std::string tidy = tidy_text(printed);
  if (means_unset(tidy)) return version;
  version.runs = byte_list(tidy);
  if (!version.runs.empty()) return version;
  const std::string text = without_prefix(tidy);
  for (std::size_t i = 0; i < text.size();) {
    std::string run;
    if (is_version_digit(text[i])) {
      while (i < text.size() && is_version_digit(text[i])) run += text[i++];
      version.runs.push_back(without_leading_zeros(run));
    } else if (is_version_letter(text[i])) {
      while (i < text.size() && is_version_letter(text[i])) run += lower_letter(text[i++]);
      version.runs.push_back(run);
    } else {
      ++i;
    }
  }
  return version;
}

std::partial_ordering compare(const CanonicalVersion& a, const CanonicalVersion& b) {
  if (a.empty() || b.empty()) return std::partial_ordering::unordered;
  const std::size_t common = std::min(a.runs.size(), b.runs.size());
  for (std::size_t i = 0; i < common; ++i) {
    const auto order = compare_runs(a.runs[i], b.runs[i]);
    if (order != std::partial_ordering::equivalent) return order;
  }
  if (a.runs.size() > common && is_prerelease(a.runs[common])) return std::partial_ordering::less;
  if (b.runs.size() > common && is_prerelease(b.runs[common])) return std::partial_ordering::greater;
  return a.runs.size() <=> b.runs.size();
}

}  // namespace kiln
