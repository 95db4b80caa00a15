#pragma once
// What people have signed of a run, read from the audit trail and checked: the chain of hashes, the station's
// signature over every entry, and the person's, at the time when the station wrote it down. Reads only.
// Blocking.

#include <optional>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"
#include "model/sign_off.h"
#include "seal/statements.h"
#include "station/personal_signatures.h"
#include "station/verification.h"
#include "store/run_view.h"

namespace kiln {

/// With whom and with what entries are checked.
struct ReviewTrust {
  std::string allowed_signers;               ///< file; what find_allowed_signers says
  std::vector<VerifyingKey> stations;        ///< whose word that an entry was written down counts
  std::optional<VerifyingKey> own;           ///< of this station; nullopt: it has none yet
  PersonalSignatures* signatures = nullptr;  ///< outlives it
};

/// Of this station: its own key, and the default file of allowed signers unless `named`.
ReviewTrust review_trust(const std::string& state, const std::string& named_signers,
                         PersonalSignatures& signatures);

/// Whose word counts about this run: those of `trust`, and the stations it came from that were trusted then.
std::vector<VerifyingKey> stations_about(const RunView& view, const std::string& run,
                                         const ReviewTrust& trust);

/// Everything about one run. What does not hold is in it and says so; with no entry at all nothing is looked
/// for, not even a file of allowed signers.
RunReviews read_reviews(const RunView& view, const std::string& run, const ReviewTrust& trust,
                        std::int64_t now_utc_ns);

/// The audit trail as `kiln verify` tells it: the whole chain, and the entries of this run one by one.
void verify_audit(const RunView& view, const std::string& run, const ReviewTrust& trust,
                  std::vector<SealFinding>& findings);

/// What a signature rests on and is no more: a later run of the same rack was made with another recipe of
/// that name or other limits, or saw other firmware. In words: "the limits are another revision (R-…)".
std::vector<std::string> changed_since(const RunView& view, const RunSummary& run);

}  // namespace kiln
