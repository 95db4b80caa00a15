#pragma once
// A key and a certificate of our own for a server that nobody has given one: EC P-256, signed by itself,
// for as long as this program lives. Pure but for the random numbers.

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace kiln {

struct OwnCertificate {
  std::string certificate_pem;
  Secret key_pem;
};

/// For `host`, a numeric address or a name; valid from a day ago, because clocks of BMCs are not ours, for
/// 400 days. Error "listener.certificate".
Result<OwnCertificate> make_self_signed(const std::string& host);

}  // namespace kiln
