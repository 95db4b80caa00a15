#pragma once
// The certificate of one virtual BMC: made fresh at every start, so that no private key ever lies in the
// tree.

#include <optional>
#include <string>

namespace kiln::virtual_rack {

struct TlsIdentity {
  std::string certificate_pem;
  std::string private_key_pem;  ///< stays in this process
  /// base64 of SHA-256 over the DER SubjectPublicKeyInfo: what curl's CURLOPT_PINNEDPUBLICKEY compares
  /// ("sha256//…").
  std::string spki_sha256_base64;
};

/// A self-signed ECDSA P-256 certificate, valid from yesterday for one year, subject CN `common_name`,
/// subjectAltName DNS:localhost and IP:127.0.0.1. Throws std::runtime_error with OpenSSL's own words.
[[nodiscard]] TlsIdentity make_tls_identity(const std::string& common_name);

/// A certificate with the private key to it out of one PEM text; none when either is missing or they do not
/// belong together.
[[nodiscard]] std::optional<TlsIdentity> parse_tls_identity(const std::string& pem);

struct CertificateFacts {
  std::string subject;  ///< common names
  std::string issuer;
  std::string valid_from;  ///< "2026-01-31T12:34:56Z"
  std::string valid_to;
};
[[nodiscard]] std::optional<CertificateFacts> read_certificate(const std::string& pem);

/// `count` bytes of the system's randomness as lower-case hexadecimal.
[[nodiscard]] std::string random_hex(std::size_t count);

}  // namespace kiln::virtual_rack
