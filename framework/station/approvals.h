#pragma once
// Approvals of recipes and limits: who says that a file, with everything it includes, may decide about racks.
// They lie beside it in FILE.approvals.json and travel with it; each is a statement over the file's hash and
// the person's signature (seal/statements.h). A recipe needs one person, limits need two. An approval whose
// file was changed, that has expired, or whose signer is not (or no longer) allowed to sign it counts for
// nothing. Blocking.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/product_limits.h"
#include "model/recipe.h"
#include "seal/statements.h"
#include "station/personal_signatures.h"

namespace kiln {

inline constexpr std::size_t kPeopleForLimits = 2;

/// What is approved: as a run records it.
struct Approvable {
  std::string file;
  std::string what;  ///< "recipe" or "limits"
  std::string name, version, sha256;
  [[nodiscard]] std::size_t people() const { return what == "limits" ? kPeopleForLimits : 1; }
};
Approvable approvable(const Recipe& recipe);
Approvable approvable(const ProductLimits& limits);

struct SignedApproval {
  std::string statement;  ///< JSON, as it was signed
  std::string signature;  ///< in OpenSSH's form
};

/// FILE.approvals.json; none when there is no such file. Errors: "approval.not_readable", naming file and
/// field.
Result<std::vector<SignedApproval>> read_approvals(const std::string& of_file);
/// Errors: "report.not_written".
Status write_approvals(const std::string& of_file, const std::vector<SignedApproval>& approvals);

struct ApprovalTrust {
  std::string allowed_signers;  ///< file of the site; need not exist for a simulated rack
  std::string demo_signers;     ///< shipped: counts for simulated racks only
  PersonalSignatures* signatures = nullptr;
};

/// One approval, looked at.
struct ApprovalSeen {
  ApprovalStatement statement;
  std::string key;              ///< fingerprint; empty: it does not count
  std::string invalid_because;  ///< empty: it counts
};

/// Every approval beside the file, and which of them count now.
Result<std::vector<ApprovalSeen>> look_at_approvals(const Approvable& of, bool simulated,
                                                    const ApprovalTrust& trust, std::int64_t now_utc_ns);

struct ApprovalState {
  std::vector<std::string> because;    ///< why it is not approved; empty: it is
  std::vector<std::string> approvals;  ///< "recipe demo/small@1.0.0 approved by … until …"
};
ApprovalState approval_state(const Approvable& of, bool simulated, const ApprovalTrust& trust,
                             std::int64_t now_utc_ns);

}  // namespace kiln
