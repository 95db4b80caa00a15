#pragma once
// Signatures of people, in OpenSSH's form: they have such keys, with passphrase, agent or token, and every
// machine that has ssh-keygen can check them. Who may sign what, and until when, stands in a file of allowed
// signers (ssh-keygen(1)). Blocking.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace kiln {

class PersonalSignatures {
 public:
  virtual ~PersonalSignatures() = default;
  /// Of `text`, as `purpose`, by the private key in a file (or the public one, when an agent or a token has
  /// the other half). May ask for a passphrase at the terminal. Armoured. Errors: "signature.not_made",
  /// "process.not_found".
  virtual Result<std::string> sign(const std::string& key_file, const std::string& purpose,
                                   const std::string& text) = 0;
  /// The fingerprint of the key, when `signer` was allowed to sign that as `purpose` at that time and did.
  /// Errors: "signature.does_not_hold" with the reason, "process.not_found".
  virtual Result<std::string> verify(const std::string& allowed_signers, const std::string& signer,
                                     const std::string& purpose, const std::string& text,
                                     const std::string& signature, std::int64_t at_utc_ns) = 0;
};

/// By ssh-keygen of OpenSSH 8.9 or later (-Y sign, -Y verify, -O verify-time).
std::unique_ptr<PersonalSignatures> make_ssh_signatures();

/// --signers, else /etc/kiln/allowed_signers.
std::string find_allowed_signers(const std::string& named);

/// Whoever can write that file can make themselves a reviewer: it must be root's own for hardware, and at
/// least nobody else's for a simulated rack. Errors: "signers.not_trusted", "signers.none".
Status check_allowed_signers(const std::string& file, bool simulated);

}  // namespace kiln
