#include "model/site_to_fill.h"

#include <algorithm>
#include <string_view>

#include "model/tolerant.h"

namespace kiln {

bool is_site_to_fill(const std::string& text) {
  constexpr std::string_view kWords = "site to fill";
  std::string tidy = tidy_text(text);
  std::transform(tidy.begin(), tidy.end(), tidy.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (!tidy.starts_with(kWords)) return false;
  const char next = tidy.size() == kWords.size() ? ' ' : tidy[kWords.size()];
  return next < 'a' || next > 'z';
}

}  // namespace kiln
