#include "base/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <stdexcept>

namespace kiln {
namespace {

/// Looked up once: a lookup in the provider costs more than hashing a small event.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return found;
}

/// What fails here is a broken installation, not a state to go on in.
void require_openssl(bool worked) {
  if (!worked) throw std::runtime_error("OpenSSL offers no SHA-256");
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { EVP_MD_CTX_free(handle); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  const EVP_MD* const algorithm = sha256_algorithm();
  require_openssl(context_->handle != nullptr && algorithm != nullptr &&
                  EVP_DigestInit_ex2(context_->handle, algorithm, nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  require_openssl(EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size()) == 1);
}

std::array<unsigned char, 32> Sha256::finish() {
  std::array<unsigned char, 32> digest{};
  require_openssl(EVP_DigestFinal_ex(context_->handle, digest.data(), nullptr) == 1);
  return digest;
}

std::string Sha256::hex() {
  std::string text;
  for (const unsigned char byte : finish()) text += fmt::format("{:02x}", byte);
  return text;
}

std::string sha256_hex(const std::string& bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.hex();
}

}  // namespace kiln
