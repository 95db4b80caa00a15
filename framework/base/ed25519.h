#pragma once
// Ed25519 (RFC 8032) keys and signatures by OpenSSL: a station's word that it wrote what it signed. Keys are
// files that OpenSSL's own tools read: PKCS#8 PEM and SubjectPublicKeyInfo PEM (RFC 8410). Any thread.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln {

/// What checks signatures.
class VerifyingKey {
 public:
  /// "BEGIN PUBLIC KEY". Errors: "key.not_readable", also for a key of another kind.
  static Result<VerifyingKey> from_pem(std::string_view pem);

  [[nodiscard]] std::string pem() const;
  /// Lower-case hexadecimal SHA-256 of the SubjectPublicKeyInfo in DER, 64 characters: what
  /// `openssl pkey -pubin -in FILE -outform DER | sha256sum` prints.
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] bool verifies(std::string_view bytes, std::string_view signature) const;

 private:
  friend class SigningKey;
  struct Handle;
  explicit VerifyingKey(std::shared_ptr<Handle> handle);
  std::shared_ptr<Handle> handle_;
  std::string id_;
};

/// What signs. Never printed; its PEM is for a file of mode 0600 only.
class SigningKey {
 public:
  static Result<SigningKey> generate();
  /// "BEGIN PRIVATE KEY", not encrypted. Errors: "key.not_readable".
  static Result<SigningKey> from_pem(std::string_view pem);

  [[nodiscard]] std::string private_pem() const;
  [[nodiscard]] const VerifyingKey& verifying_key() const { return public_; }
  /// 64 bytes. Errors: "key.not_usable".
  [[nodiscard]] Result<std::string> sign(std::string_view bytes) const;

 private:
  explicit SigningKey(VerifyingKey key) : public_(std::move(key)) {}
  VerifyingKey public_;  ///< its handle holds the private half, too
};

}  // namespace kiln
