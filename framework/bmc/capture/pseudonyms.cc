#include "bmc/capture/pseudonyms.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/keyed_hash.h"
#include "bmc/capture/scrub_words.h"

namespace kiln {
namespace {

constexpr std::uint32_t kMostTurns = 1'000;
constexpr std::uint32_t kLinkLocalFirst = 0xfe80;
constexpr std::uint32_t kMulticastFirst = 0xff00;
constexpr std::size_t kUuidVersion = 12, kUuidVariant = 16;  // digits, counted without dashes

bool hex_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool any_upper(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::vector<std::uint32_t> octets_of(const std::string& dotted) {
  std::vector<std::uint32_t> octets;
  std::uint32_t value = 0;
  for (std::size_t at = 0; at <= dotted.size(); ++at) {
    if (at == dotted.size() || dotted[at] == '.') {
      octets.push_back(value);
      value = 0;
    } else {
      value = value * 10 + static_cast<std::uint32_t>(dotted[at] - '0');
    }
  }
  octets.resize(4);
  return octets;
}

/// Addresses that say nothing about a site.
bool tells_nothing(const std::vector<std::uint32_t>& octets) {
  return octets[0] == 0 || octets[0] == 127 || octets[0] >= 224;
}

std::string hex_text(std::uint32_t value, bool upper) {
  return upper ? fmt::format("{:X}", value) : fmt::format("{:x}", value);
}

constexpr std::uint32_t sixteen_to(std::size_t power) { return 1U << (4 * power); }

std::size_t hex_length(std::uint32_t value) {
  std::size_t length = 1;
  while (value >= 16) {
    value /= 16;
    ++length;
  }
  return length;
}

}  // namespace

bool ipv6_groups(const std::string& text, std::uint32_t (&groups)[8]) {
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return false;
  for (std::size_t i = 0; i < 8; ++i)
    groups[i] = static_cast<std::uint32_t>(bytes[2 * i]) << 8U | bytes[2 * i + 1];
  return true;
}

std::string Pseudonyms::canonical(const std::string& text) {
  std::string bare;
  bool only_hex = !text.empty();
  for (const char c : text) {
    const bool separator = c == ':' || c == '-' || c == '.';
    if (!separator) only_hex = only_hex && hex_digit(c);
    if (!separator) bare += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  if (only_hex) return bare;
  std::string lower;
  for (const char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return lower;
}

std::string Pseudonyms::stream(const std::string& about, std::uint32_t turn, std::size_t length) const {
  // The text itself is hashed once, however long it is.
  std::string bytes = hmac_sha256(key_, fmt::format("{}|{}", turn, about));
  const std::string seed = bytes;
  for (std::uint32_t block = 1; bytes.size() < length; ++block)
    bytes += hmac_sha256(key_, fmt::format("{}|", block) + seed);
  return bytes;
}

std::string Pseudonyms::candidate(Form form, const std::string& canonical_text, const std::string& original,
                                  std::uint32_t turn) const {
  const std::string bytes = stream(canonical_text, turn, original.size());
  const bool upper = any_upper(original);
  std::string out;
  std::size_t digits = 0;
  for (const char c : original) {
    // Numbered by digit or letter, not by place: separators make no difference.
    const auto byte = static_cast<unsigned char>(bytes[digits]);
    if (form == Form::like) {
      if (c >= '0' && c <= '9') {
        out += static_cast<char>('0' + byte % 10);
      } else if (c >= 'a' && c <= 'z') {
        out += static_cast<char>('a' + byte % 26);
      } else if (c >= 'A' && c <= 'Z') {
        out += static_cast<char>('A' + byte % 26);
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        out += 'x';  // a byte of a letter we do not know: the length stays
      } else {
        out += c;
        continue;
      }
    } else if (!hex_digit(c) || (form == Form::uuid && (digits == kUuidVersion || digits == kUuidVariant))) {
      out += c;
      if (hex_digit(c)) ++digits;
      continue;
    } else {
      out += hex_text(byte % 16U, upper);
    }
    ++digits;
  }
  return out;
}

std::string Pseudonyms::draw(Form form, const std::string& original) {
  const std::string text = canonical(original);
  const std::string about = fmt::format("{}|{}", static_cast<int>(form), text);
  const auto known_turn = turns_.find(about);
  if (known_turn != turns_.end()) return candidate(form, about, original, known_turn->second);
  for (std::uint32_t turn = 0;; ++turn) {
    std::string drawn = candidate(form, about, original, turn);
    const std::string drawn_text = canonical(drawn);
    const bool free = !originals_.contains(drawn_text) && !taken_.contains(drawn_text) && drawn_text != text;
    if (!free && turn < kMostTurns) continue;
    turns_[about] = turn;
    taken_.insert(drawn_text);
    return drawn;
  }
}

std::string Pseudonyms::like(const std::string& original) { return draw(Form::like, original); }
std::string Pseudonyms::hexadecimal(const std::string& original) { return draw(Form::hexadecimal, original); }
std::string Pseudonyms::uuid(const std::string& original) { return draw(Form::uuid, original); }

std::string Pseudonyms::host(const std::string& original) {
  std::string out;
  for (std::size_t begin = 0; begin <= original.size();) {
    const std::size_t end = std::min(original.find('.', begin), original.size());
    const std::string label = original.substr(begin, end - begin);
    const bool stays = label.empty() || (begin > 0 && end == original.size() && is_common_domain(label));
    out += stays || made(label) ? label : like(label);
    if (end < original.size()) out += '.';
    begin = end + 1;
  }
  return out;
}

std::uint32_t Pseudonyms::number_below(const std::string& prefix, std::uint32_t original, std::uint32_t low,
                                       std::uint32_t high, const std::set<std::uint32_t>& but_not) {
  Numbers& numbers = numbers_[prefix];
  const auto given = numbers.given.find(original);
  if (given != numbers.given.end()) return given->second;
  std::uint32_t drawn = low;
  for (std::uint32_t turn = 0; turn <= kMostTurns; ++turn) {
    const std::string bytes = stream(fmt::format("{}|{}", prefix, original), turn, 4);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8U | static_cast<unsigned char>(bytes[i]);
    drawn = low + value % (high - low + 1);
    if (!numbers.taken.contains(drawn) && !but_not.contains(drawn)) break;
  }
  numbers.given[original] = drawn;
  numbers.taken.insert(drawn);
  return drawn;
}

void Pseudonyms::known_ipv4(const std::string& original) { first_of_ipv4_.insert(octets_of(original)[0]); }

void Pseudonyms::known_ipv6(const std::string& original) {
  std::uint32_t groups[8] = {};
  if (ipv6_groups(original, groups)) first_of_ipv6_.insert(groups[0]);
}

std::string Pseudonyms::ipv4(const std::string& original) {
  const std::vector<std::uint32_t> octets = octets_of(original);
  if (tells_nothing(octets) || taken_.contains("4 " + original)) return original;
  std::set<std::uint32_t> but_not = first_of_ipv4_;
  but_not.insert({127, 169, octets[0]});
  std::string prefix = "4 ", out;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint32_t octet = octets[i];
    const std::uint32_t low = octet >= 100 ? 100 : octet >= 10 ? 10 : i == 0 ? 1 : 0;
    const std::uint32_t high = octet < 10 ? 9 : octet < 100 ? 99 : i == 0 ? 223 : 255;
    const std::set<std::uint32_t> nothing;
    const std::uint32_t drawn = number_below(prefix, octet, low, high, i == 0 ? but_not : nothing);
    prefix += fmt::format("{}.", octet);
    out += fmt::format("{}{}", i == 0 ? "" : ".", drawn);
  }
  taken_.insert("4 " + out);
  return out;
}

std::string Pseudonyms::ipv6(const std::string& original) {
  std::uint32_t groups[8] = {};
  if (!ipv6_groups(original, groups)) return original;
  const bool only_last = std::all_of(groups, groups + 7, [](std::uint32_t group) { return group == 0; });
  if ((only_last && groups[7] <= 1) || groups[0] >= kMulticastFirst || taken_.contains("6 " + original))
    return original;
  std::set<std::uint32_t> but_not = first_of_ipv6_;
  for (std::uint32_t reserved = kLinkLocalFirst; reserved < kLinkLocalFirst + 0x40; ++reserved)
    but_not.insert(reserved);
  std::string prefix = "6 ";
  std::array<std::uint32_t, 8> drawn{};
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t length = hex_length(groups[i]);
    const bool stays = groups[i] == 0 || (i == 0 && groups[0] == kLinkLocalFirst);
    const std::uint32_t low = length == 1 ? 1 : sixteen_to(length - 1);
    const std::uint32_t high = length == 4 && i == 0 ? kMulticastFirst - 1 : sixteen_to(length) - 1;
    const std::set<std::uint32_t> nothing;
    drawn[i] = stays ? groups[i] : number_below(prefix, groups[i], low, high, i == 0 ? but_not : nothing);
    prefix += fmt::format("{:x}:", groups[i]);
  }
  // Written as the original is: groups before "::" count from the front, those after it from the end.
  const std::size_t gap = original.find("::");
  const std::string tail = gap == std::string::npos ? std::string() : original.substr(gap + 2);
  const auto after_gap =
      tail.empty() ? 0 : static_cast<std::size_t>(std::count(tail.begin(), tail.end(), ':')) + 1;
  const bool upper = any_upper(original);
  std::string out;
  std::size_t index = 0;
  for (std::size_t at = 0; at < original.size();) {
    if (original[at] == ':') {
      if (at == gap) index = 8 - after_gap;
      out += ':';
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < original.size() && original[end] != ':') ++end;
    const std::string digits = hex_text(drawn[std::min<std::size_t>(index, 7)], upper);
    if (digits.size() < end - at) out.append(end - at - digits.size(), '0');
    out += digits;
    ++index;
    at = end;
  }
  taken_.insert("6 " + out);
  return out;
}

}  // namespace kiln
