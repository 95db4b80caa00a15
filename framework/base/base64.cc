#include "base/base64.h"

#include <openssl/evp.h>

#include <climits>
#include <vector>

namespace kiln {

std::string base64_of(std::string_view bytes) {
  const std::vector<unsigned char> from(bytes.begin(), bytes.end());
  std::vector<unsigned char> to(4 * ((from.size() + 2) / 3) + 1);  // and the end of a C string
  const int size = EVP_EncodeBlock(to.data(), from.data(), static_cast<int>(from.size()));
  return {to.begin(), to.begin() + size};
}

std::optional<std::string> bytes_of_base64(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.size() % 4 != 0 || text.size() > INT_MAX) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::vector<unsigned char> from(text.begin(), text.end());
  std::vector<unsigned char> to(3 * (from.size() / 4));
  const int size = EVP_DecodeBlock(to.data(), from.data(), static_cast<int>(from.size()));
  if (size < 0) return std::nullopt;
  std::string bytes(to.begin(), to.begin() + size - static_cast<std::ptrdiff_t>(padding));
  // OpenSSL passes over blanks at both ends, and over bits that no byte has.
  if (base64_of(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace kiln
