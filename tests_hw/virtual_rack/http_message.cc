#include "tests_hw/virtual_rack/http_message.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace kiln::virtual_rack {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

std::string header_value(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (same_word(key, name)) return value;
  }
  return {};
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* first = text.data() + i + 1;
    const auto parsed = std::from_chars(first, first + 2, value, 16);
    if (parsed.ec != std::errc() || parsed.ptr != first + 2) return std::nullopt;
    decoded.push_back(static_cast<char>(static_cast<unsigned char>(value)));
    i += 2;
  }
  return decoded;
}

bool split_target(std::string_view target, HttpRequest& request) {
  const std::size_t fragment = target.find('#');
  if (fragment != std::string_view::npos) target = target.substr(0, fragment);
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) {
    request.query = std::string(target.substr(question + 1));
    target = target.substr(0, question);
  }
  std::optional<std::string> path = percent_decoded(target);
  if (!path) return false;
  request.path = std::move(*path);
  return true;
}

}  // namespace kiln::virtual_rack
