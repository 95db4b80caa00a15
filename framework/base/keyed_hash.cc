#include "base/keyed_hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace kiln {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  // Byte for byte, because OpenSSL writes unsigned ones.
  std::array<unsigned char, 64> piece{};
  for (std::size_t done = 0; done < count;) {
    if (RAND_bytes(piece.data(), static_cast<int>(piece.size())) != 1)
      throw std::runtime_error("OpenSSL has no random numbers");  // a broken installation, as without SHA-256
    for (std::size_t i = 0; i < piece.size() && done < count; ++i)
      bytes[done++] = static_cast<char>(piece[i]);
  }
  return bytes;
}

std::string hmac_sha256(const std::string& key, const std::string& bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const std::vector<unsigned char> text(bytes.begin(), bytes.end());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(), digest.data(),
           &size) == nullptr)
    throw std::runtime_error("OpenSSL offers no HMAC");
  std::string out;
  for (unsigned int index = 0; index < size; ++index) out += static_cast<char>(digest[index]);
  return out;
}

}  // namespace kiln
