#pragma once
// Names of header fields, in any case (RFC 9110 5.1). ASCII, without a locale: the one of Boost's algorithms
// looks a facet up for every letter, which was a tenth of what an exchange cost beside curl. Pure.

#include <algorithm>
#include <string_view>

namespace kiln {

inline bool same_header_name(std::string_view one, std::string_view other) {
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return one.size() == other.size() && std::equal(one.begin(), one.end(), other.begin(),
                                                  [&small](char a, char b) { return small(a) == small(b); });
}

}  // namespace kiln
