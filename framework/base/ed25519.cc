#include "base/ed25519.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>
#include <utility>
#include <vector>

#include "base/sha256.h"

namespace kiln {

struct VerifyingKey::Handle {
  explicit Handle(EVP_PKEY* owned) : key(owned) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { EVP_PKEY_free(key); }
  EVP_PKEY* key;
};

namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Digesting = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

Error not_readable(const char* kind, std::string_view pem) {
  ERR_clear_error();
  const bool other = pem.find("-----BEGIN ") != std::string_view::npos;
  return {"key.not_readable",
          other ? std::string("this PEM holds no Ed25519 ") + kind + " key without a password"
                : std::string("this is no PEM with a ") + kind + " key",
          "give the file that Kiln or openssl genpkey -algorithm ed25519 has written", Blame::operator_};
}

Bio reading(std::string_view text) {
  const std::size_t size = text.size() > INT_MAX ? 0 : text.size();
  return {BIO_new_mem_buf(text.data(), static_cast<int>(size)), &BIO_free};
}

std::string written(BIO* bio) {
  char* start = nullptr;
  const long size = BIO_get_mem_data(bio, &start);
  return {start, static_cast<std::size_t>(std::max(size, 0L))};
}

/// An encrypted key asks for no password on a terminal that may not be there: it is not readable.
int no_password(char*, int, int, void*) { return -1; }

std::vector<unsigned char> unsigned_bytes(std::string_view bytes) { return {bytes.begin(), bytes.end()}; }

std::string der_of(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>(der[i]);
  OPENSSL_free(der);
  return bytes;
}

}  // namespace

VerifyingKey::VerifyingKey(std::shared_ptr<Handle> handle)
    : handle_(std::move(handle)), id_(sha256_hex(der_of(handle_->key))) {}

Result<VerifyingKey> VerifyingKey::from_pem(std::string_view pem) {
  const Bio bio = reading(pem);
  const auto handle =
      std::make_shared<Handle>(PEM_read_bio_PUBKEY(bio.get(), nullptr, &no_password, nullptr));
  if (handle->key == nullptr || EVP_PKEY_get_id(handle->key) != EVP_PKEY_ED25519)
    return not_readable("public", pem);
  return VerifyingKey(handle);
}

std::string VerifyingKey::pem() const {
  const Bio bio{BIO_new(BIO_s_mem()), &BIO_free};
  PEM_write_bio_PUBKEY(bio.get(), handle_->key);
  return written(bio.get());
}

bool VerifyingKey::verifies(std::string_view bytes, std::string_view signature) const {
  const Digesting context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  const std::vector<unsigned char> text = unsigned_bytes(bytes), sealed = unsigned_bytes(signature);
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle_->key) == 1 &&
      EVP_DigestVerify(context.get(), sealed.data(), sealed.size(), text.data(), text.size()) == 1;
  ERR_clear_error();  // a signature that does not fit leaves one behind
  return good;
}

Result<SigningKey> SigningKey::generate() {
  const auto handle = std::make_shared<VerifyingKey::Handle>(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (handle->key == nullptr)
    return Error("key.not_usable", "OpenSSL makes no Ed25519 keys here", "install OpenSSL 3", Blame::station);
  return SigningKey(VerifyingKey(handle));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Bio bio = reading(pem);
  const auto handle = std::make_shared<VerifyingKey::Handle>(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr));
  if (handle->key == nullptr || EVP_PKEY_get_id(handle->key) != EVP_PKEY_ED25519)
    return not_readable("private", pem);
  return SigningKey(VerifyingKey(handle));
}

std::string SigningKey::private_pem() const {
  const Bio bio{BIO_new(BIO_s_secmem()), &BIO_free};
  PEM_write_bio_PKCS8PrivateKey(bio.get(), public_.handle_->key, nullptr, nullptr, 0, nullptr, nullptr);
  return written(bio.get());
}

Result<std::string> SigningKey::sign(std::string_view bytes) const {
  const Digesting context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  const std::vector<unsigned char> text = unsigned_bytes(bytes);
  std::vector<unsigned char> signature(64);  // RFC 8032, 5.1.6
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, public_.handle_->key) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size, text.data(), text.size()) != 1) {
    ERR_clear_error();
    return Error("key.not_usable", "OpenSSL does not sign with this key", "make a new one", Blame::station);
  }
  signature.resize(size);
  return std::string(signature.begin(), signature.end());
}

}  // namespace kiln
