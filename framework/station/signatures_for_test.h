#pragma once
// People's signatures without keys, for tests: "SIGNER signs PURPOSE: hash of the text".

#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/sha256.h"
#include "station/personal_signatures.h"

namespace kiln {

/// The key file is the signer's name. Who may sign what is given; times are not looked at but for `expired`.
class SignaturesForTest final : public PersonalSignatures {
 public:
  std::set<std::pair<std::string, std::string>> allowed;  ///< signer, purpose
  std::map<std::string, std::int64_t> expired;            ///< signer → from when on

  Result<std::string> sign(const std::string& key_file, const std::string& purpose,
                           const std::string& text) override {
    return key_file + " signs " + purpose + ": " + sha256_hex(text);
  }
  Result<std::string> verify(const std::string& /*allowed_signers*/, const std::string& signer,
                             const std::string& purpose, const std::string& text,
                             const std::string& signature, std::int64_t at_utc_ns) override {
    const auto until = expired.find(signer);
    const bool in_time = until == expired.end() || at_utc_ns < until->second;
    if (!allowed.contains({signer, purpose}) || !in_time ||
        signature != signer + " signs " + purpose + ": " + sha256_hex(text))
      return Error("signature.does_not_hold", "Could not verify signature", "");
    return "SHA256:" + signer;
  }
};

}  // namespace kiln
