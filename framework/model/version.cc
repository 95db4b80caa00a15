#include "model/version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <sstream>

#include "model/enum_words.h"
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

bool is_sign_of_base_16(char sign) {
  return is_version_digit(sign) || (lower_letter(sign) >= 'a' && lower_letter(sign) <= 'f');
}

/// The signs behind "0x", in lower case; empty when the word is anything else.
std::string behind_0x(const std::string& word) {
  if (word.size() < 3 || word[0] != '0' || lower_letter(word[1]) != 'x') return {};
  std::string signs = word.substr(2);
  if (!std::all_of(signs.begin(), signs.end(), is_sign_of_base_16)) return {};
  std::transform(signs.begin(), signs.end(), signs.begin(), lower_letter);
  return signs;
}

/// "0x00 0x0b 0x03 0x04": bytes printed one by one, as some BMCs do, with two signs each; or one number,
/// "0x000b0304", of the same bytes. Empty when the text is anything else.
std::vector<std::string> byte_list(const std::string& text) {
  constexpr std::size_t kMostSigns = 200;  // a version; more is something else
  std::vector<std::string> words, bytes;
  if (text.size() > kMostSigns) return {};
  std::istringstream stream(text);
  std::string word;
  while (stream >> word) {
    words.push_back(behind_0x(word));
    if (words.back().empty()) return {};
  }
  for (std::string& signs : words) {
    if (words.size() > 1 && signs.size() > 2) return {};
    if (signs.size() % 2 != 0) signs.insert(signs.begin(), '0');
    for (std::size_t at = 0; at < signs.size(); at += 2) bytes.push_back(signs.substr(at, 2));
  }
  return bytes;
}

std::string in_decimal(const std::string& byte) {
  unsigned value = 0;
  std::from_chars(byte.data(), byte.data() + byte.size(), value, 16);
  return std::to_string(value);
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

/// Numbers as numbers, words as words.
std::vector<std::string> runs_of(const std::string& text) {
  std::vector<std::string> runs;
  for (std::size_t i = 0; i < text.size();) {
    std::string run;
    if (is_version_digit(text[i])) {
      while (i < text.size() && is_version_digit(text[i])) run += text[i++];
      runs.push_back(without_leading_zeros(run));
    } else if (is_version_letter(text[i])) {
      while (i < text.size() && is_version_letter(text[i])) run += lower_letter(text[i++]);
      runs.push_back(run);
    } else {
      ++i;
    }
  }
  return runs;
}

std::vector<std::string> fields_of(const std::string& text) {
  std::vector<std::string> fields;
  bool inside = false;
  for (const char sign : text) {
    const bool counts = is_version_digit(sign) || is_version_letter(sign);
    if (counts && !inside) fields.emplace_back();
    if (counts) fields.back() += lower_letter(sign);
    inside = counts;
  }
  return fields;
}

/// Words that vendors put behind a version that is not released yet (semver.org 9 orders them before it).
bool is_prerelease(const std::string& run) {
  return run == "rc" || run == "alpha" || run == "beta" || run == "pre" || run == "dev" || run == "snapshot";
}

std::partial_ordering compare_lists(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    const auto order = compare_runs(a[i], b[i]);
    if (order != std::partial_ordering::equivalent) return order;
  }
  if (a.size() > common && is_prerelease(a[common])) return std::partial_ordering::less;
  if (b.size() > common && is_prerelease(b[common])) return std::partial_ordering::greater;
  return a.size() <=> b.size();
}

bool begins_prerelease(const std::string& field) { return is_prerelease(runs_of(field).front()); }

// ---------------------------------------------------------------- fields of base 16

bool is_base_16(const std::string& field) {
  return std::all_of(field.begin(), field.end(), is_sign_of_base_16);
}
bool has_letter(const std::string& field) {
  return std::any_of(field.begin(), field.end(), [](char sign) { return is_version_letter(sign); });
}
bool has_digit(const std::string& field) { return std::any_of(field.begin(), field.end(), is_version_digit); }

/// Both could be of base 16, and that makes a difference.
bool are_base_16(const std::string& a, const std::string& b) {
  return is_base_16(a) && is_base_16(b) && (has_letter(a) || has_letter(b));
}

bool has_base_16_pair(const CanonicalVersion& a, const CanonicalVersion& b) {
  const std::size_t common = std::min(a.fields.size(), b.fields.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (a.fields[i] != b.fields[i] && are_base_16(a.fields[i], b.fields[i])) return true;
  }
  return false;
}

/// A version whose numbers are all written with two signs: so are bytes.
bool is_of_pairs(const CanonicalVersion& version) {
  const auto numbers = std::count_if(version.fields.begin(), version.fields.end(), is_base_16);
  return numbers >= 2 && std::all_of(version.fields.begin(), version.fields.end(), [](const auto& field) {
           return !is_base_16(field) || field.size() == 2;
         });
}

/// Bytes, if at least one number is filled up with a zero: 10.9a alone may be revision a of 9.
bool are_of_bytes(const CanonicalVersion& a, const CanonicalVersion& b) {
  const auto is_filled = [](const std::string& field) {
    return is_base_16(field) && field.size() == 2 && field.front() == '0';
  };
  const auto has_filled = [&is_filled](const CanonicalVersion& version) {
    return std::any_of(version.fields.begin(), version.fields.end(), is_filled);
  };
  return is_of_pairs(a) && is_of_pairs(b) && (has_filled(a) || has_filled(b));
}

/// What git and its like print for a source tree, cut short: it has no order.
bool is_hash(const std::string& field) {
  constexpr std::size_t kLeastSigns = 6;
  return field.size() >= kLeastSigns && is_base_16(field) && has_letter(field) && has_digit(field);
}

std::partial_ordering compare_base_16(const std::string& a, const std::string& b) {
  const std::string left = without_leading_zeros(a), right = without_leading_zeros(b);
  if (left.size() != right.size()) {
    return left.size() < right.size() ? std::partial_ordering::less : std::partial_ordering::greater;
  }
  if (left == right) return std::partial_ordering::equivalent;
  return left < right ? std::partial_ordering::less : std::partial_ordering::greater;  // 0-9 before a-f
}

std::partial_ordering compare_fields(const CanonicalVersion& a, const CanonicalVersion& b, std::size_t at,
                                     VersionFields fields) {
  const std::string &left = a.fields[at], &right = b.fields[at];
  if (left == right) return std::partial_ordering::equivalent;
  const auto as_words = compare_lists(runs_of(left), runs_of(right));
  if (!are_base_16(left, right)) return as_words;
  const auto as_numbers = compare_base_16(left, right);
  if (fields == VersionFields::hex) return as_numbers;
  if (is_hash(left) || is_hash(right)) return std::partial_ordering::unordered;
  if (are_of_bytes(a, b)) return as_numbers;
  const bool alike = as_words == as_numbers && a.fields.size() == b.fields.size();
  return alike ? as_words : std::partial_ordering::unordered;
}

std::partial_ordering turned(std::partial_ordering order) {
  if (order == std::partial_ordering::less) return std::partial_ordering::greater;
  if (order == std::partial_ordering::greater) return std::partial_ordering::less;
  return order;
}

std::partial_ordering compare_by_fields(const CanonicalVersion& a, const CanonicalVersion& b,
                                        VersionFields fields) {
  const std::size_t common = std::min(a.fields.size(), b.fields.size());
  for (std::size_t i = 0; i < common; ++i) {
    const auto order = compare_fields(a, b, i, fields);
    if (order != std::partial_ordering::equivalent) return order;
  }
  if (a.fields.size() > common && begins_prerelease(a.fields[common])) return std::partial_ordering::less;
  if (b.fields.size() > common && begins_prerelease(b.fields[common])) return std::partial_ordering::greater;
  return a.fields.size() <=> b.fields.size();
}

// ---------------------------------------------------------------- bytes

/// "0x000b0304", not a list.
bool is_one_number(const CanonicalVersion& bytes) {
  return std::count_if(bytes.original.begin(), bytes.original.end(),
                       [](char sign) { return lower_letter(sign) == 'x'; }) == 1;
}

std::string all_signs(const CanonicalVersion& bytes) {
  std::string signs;
  for (const std::string& byte : bytes.fields) signs += byte;
  return signs;
}

std::partial_ordering compare_both_bytes(const CanonicalVersion& a, const CanonicalVersion& b) {
  const bool one_number = is_one_number(a);
  if (one_number && is_one_number(b)) return compare_base_16(all_signs(a), all_signs(b));
  if (one_number != is_one_number(b) && a.fields.size() != b.fields.size())
    return std::partial_ordering::unordered;
  return compare_lists(a.runs, b.runs);
}

/// `field` is all of a text: "000b0304".
std::partial_ordering compare_to_one_field(const CanonicalVersion& bytes, const std::string& field,
                                           VersionFields fields) {
  const std::string signs = all_signs(bytes);
  const bool shows_it = is_base_16(field) && (has_letter(field) || field.front() == '0');
  if (shows_it && signs == field) return std::partial_ordering::equivalent;
  const bool is_number = is_base_16(field) && (is_one_number(bytes) || signs.size() == field.size());
  if (fields != VersionFields::hex || !is_number) return std::partial_ordering::unordered;
  return compare_base_16(signs, field);
}

std::partial_ordering compare_bytes(const CanonicalVersion& bytes, const CanonicalVersion& text,
                                    VersionFields fields) {
  const auto as_numbers = compare_lists(bytes.runs, text.runs);
  if (fields == VersionFields::decimal) return as_numbers;
  if (bytes.fields.size() > 1 && text.fields.size() == 1)
    return compare_to_one_field(bytes, text.fields.front(), fields);
  const auto as_bytes = compare_by_fields(bytes, text, VersionFields::hex);
  const bool shows_it = is_of_pairs(text) &&
                        std::any_of(text.fields.begin(), text.fields.end(),
                                    [](const auto& field) { return is_base_16(field) && has_letter(field); });
  if (fields == VersionFields::hex || shows_it) return as_bytes;
  return as_bytes == as_numbers ? as_bytes : std::partial_ordering::unordered;
}

constexpr std::array<EnumWord<VersionFields>, 3> kVersionFields{
    {{VersionFields::by_form, "by_form"}, {VersionFields::decimal, "decimal"}, {VersionFields::hex, "hex"}}};

}  // namespace

std::string_view to_string(VersionFields fields) { return word_of(kVersionFields, fields); }
std::optional<VersionFields> version_fields_from(std::string_view word) {
  return value_of(kVersionFields, word);
}
std::vector<std::string> version_fields_names() { return words_of(kVersionFields); }

CanonicalVersion canonical_version(const std::string& printed) {
  CanonicalVersion version;
  version.original = printed;
  const std::string tidy = tidy_text(printed);
  if (means_unset(tidy)) return version;
  version.fields = byte_list(tidy);
  version.is_bytes = !version.fields.empty();
  for (const std::string& byte : version.fields) version.runs.push_back(in_decimal(byte));
  if (version.is_bytes) return version;
  const std::string text = without_prefix(tidy);
  version.runs = runs_of(text);
  version.fields = fields_of(text);
  return version;
}

std::partial_ordering compare(const CanonicalVersion& a, const CanonicalVersion& b, VersionFields fields) {
  if (a.empty() || b.empty()) return std::partial_ordering::unordered;
  if (a.is_bytes && b.is_bytes) return compare_both_bytes(a, b);
  if (a.is_bytes) return compare_bytes(a, b, fields);
  if (b.is_bytes) return turned(compare_bytes(b, a, fields));
  if (fields == VersionFields::decimal || (fields == VersionFields::by_form && !has_base_16_pair(a, b)))
    return compare_lists(a.runs, b.runs);
  return compare_by_fields(a, b, fields);
}

bool same_version(const std::string& a, const std::string& b, VersionFields fields) {
  return compare(canonical_version(a), canonical_version(b), fields) == std::partial_ordering::equivalent;
}

}  // namespace kiln
