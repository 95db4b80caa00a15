#include "tests_hw/virtual_rack/tls_identity.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <vector>

namespace kiln::virtual_rack {
namespace {

[[noreturn]] void openssl_failed(const char* what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  throw std::runtime_error(fmt::format("making a certificate: {}: {}", what, text.data()));
}

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<&X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Free<&X509_EXTENSION_free>>;
using Memory = std::unique_ptr<BIO, Free<&BIO_free_all>>;

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (!extension || X509_add_ext(certificate, extension.get(), -1) != 1) openssl_failed("extension");
}

std::string spki_pin(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) openssl_failed("public key");
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const int hashed =
      EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), &length, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  if (hashed != 1) openssl_failed("hash");
  std::array<unsigned char, 64> encoded{};
  const int written = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
  return {encoded.begin(), encoded.begin() + written};
}

std::string common_name_of(const X509_NAME* name) {
  std::array<char, 256> text{};
  const int length = X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), NID_commonName, text.data(),
                                               static_cast<int>(text.size()));
  return length <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(length));
}

std::string date_time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", parts);
}

Certificate certificate_in(const std::string& pem) {
  const Memory text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

std::string certificate_text(X509* certificate) {
  const Memory text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(text.get(), certificate) != 1) openssl_failed("PEM");
  return text_of(text.get());
}

std::string key_text(EVP_PKEY* key) {
  const Memory text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(text.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    openssl_failed("PEM");
  }
  return text_of(text.get());
}

/// Nobody is asked for a passphrase: an encrypted key is none.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

std::optional<TlsIdentity> parse_tls_identity(const std::string& pem) {
  const Certificate certificate = certificate_in(pem);
  const Memory text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Key key(PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, nullptr));
  const bool fits = certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!fits) return std::nullopt;
  TlsIdentity identity;
  identity.certificate_pem = certificate_text(certificate.get());
  identity.private_key_pem = key_text(key.get());
  identity.spki_sha256_base64 = spki_pin(certificate.get());
  return identity;
}

std::optional<CertificateFacts> read_certificate(const std::string& pem) {
  const Certificate certificate = certificate_in(pem);
  if (!certificate) return std::nullopt;
  CertificateFacts facts;
  facts.subject = common_name_of(X509_get_subject_name(certificate.get()));
  facts.issuer = common_name_of(X509_get_issuer_name(certificate.get()));
  facts.valid_from = date_time_of(X509_get0_notBefore(certificate.get()));
  facts.valid_to = date_time_of(X509_get0_notAfter(certificate.get()));
  return facts;
}

TlsIdentity make_tls_identity(const std::string& common_name) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) openssl_failed("key");
  const Certificate certificate(X509_new());
  if (!certificate) openssl_failed("certificate");
  X509* x509 = certificate.get();

  std::array<unsigned char, 16> serial_bytes{};
  if (RAND_bytes(serial_bytes.data(), static_cast<int>(serial_bytes.size())) != 1) openssl_failed("random");
  serial_bytes[0] &= 0x7F;  // a serial number is positive (RFC 5280, 4.1.2.2)
  BIGNUM* number = BN_bin2bn(serial_bytes.data(), static_cast<int>(serial_bytes.size()), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
  BN_free(number);

  constexpr long kDay = 24 * 60 * 60;
  X509_set_version(x509, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(x509), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(x509), 365 * kDay);
  X509_set_pubkey(x509, key.get());
  std::vector<unsigned char> name_bytes(common_name.begin(), common_name.end());
  X509_NAME* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, name_bytes.data(),
                             static_cast<int>(name_bytes.size()), -1, 0);
  X509_set_issuer_name(x509, name);
  add_extension(x509, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(x509, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  if (X509_sign(x509, key.get(), EVP_sha256()) == 0) openssl_failed("signature");

  TlsIdentity identity;
  identity.certificate_pem = certificate_text(x509);
  identity.private_key_pem = key_text(key.get());
  identity.spki_sha256_base64 = spki_pin(x509);
  return identity;
}

std::string random_hex(std::size_t count) {
  std::vector<unsigned char> bytes(count);
  if (RAND_bytes(bytes.data(), static_cast<int>(count)) != 1) openssl_failed("random");
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace kiln::virtual_rack
