#pragma once
// The certificate a TLS peer shows, without trusting it: for a first look that a person will see, so that it
// can be pinned. Nothing is sent over that connection. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "io/ctx.h"

namespace kiln {

struct PeerCertificate {
  std::string pin_sha256;       ///< base64 of the SHA-256 of its SubjectPublicKeyInfo, as TlsTrust takes it
  std::string subject, issuer;  ///< "CN = bmc"; what a certificate says of itself proves nothing
  std::string not_before, not_after;
  bool self_signed = false;  ///< subject and issuer are the same
};

/// `url`: https://host:port. Within 5 s. Errors: http.connect (nobody, or no TLS there), http.certificate
/// (not to be understood), ctx.*.
boost::asio::awaitable<Result<PeerCertificate>> read_certificate(const Ctx& ctx, std::string url);

}  // namespace kiln
