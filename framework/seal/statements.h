#pragma once
// What people and the station sign beside reports: a person's word on a run, a person's approval of a recipe
// or a limits table, and the station's word that it has written an entry down. Each is JSON with its form's
// version; people sign its exact bytes with `ssh-keygen -Y sign -n PURPOSE`, so that no signature of one
// purpose is one of another, and which purposes a key may serve stands in the file of allowed signers
// (ssh-keygen(1), ALLOWED SIGNERS: namespaces, valid-after, valid-before). Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln {

inline constexpr std::string_view kReviewPurpose = "kiln-review";  ///< approve, countersign, reject, withdraw
inline constexpr std::string_view kWaivePurpose = "kiln-waive";    ///< waive
inline constexpr std::string_view kApprovePurpose = "kiln-approve";  ///< recipes and limits
inline constexpr std::string_view kAuditType = "application/vnd.kiln.audit+json";

/// A person's word on one run. Bound to its record by the hash, and to its place by `previous`, so that it
/// can neither be moved to another run nor be used twice.
struct ReviewStatement {
  std::string act;  ///< word of ReviewAct
  std::string run, rack, decision, operator_name;
  std::int64_t events = 0;
  std::string chain_head;  ///< of the run's record, hexadecimal
  std::string recipe_sha256, limits_sha256;
  std::string signer;  ///< as the file of allowed signers names them
  std::string reason;
  std::string at;        ///< RFC 3339, by the signer's clock
  std::string previous;  ///< hash of the audit trail before it, hexadecimal
  struct WaiverWords {
    std::string dut, code, part, message, evidence, requested_by, expires;  ///< expires: RFC 3339
  };
  std::optional<WaiverWords> waiver;
  std::int64_t withdraws = 0;  ///< number of the entry; 0: none
};

std::string to_json(const ReviewStatement& statement);
/// Errors: "review.no_statement", naming the field.
Result<ReviewStatement> read_review_statement(std::string_view text);
/// Which purpose a key needs for it.
std::string_view purpose_of(const ReviewStatement& statement);

/// A person's approval of one file, over its hash with everything it includes.
struct ApprovalStatement {
  std::string what;     ///< "recipe" or "limits"
  std::string name;     ///< "demo/small", "gb300-nvl72"
  std::string version;  ///< of a recipe its version, of limits their revision
  std::string sha256;   ///< as a run records it
  std::string scope;    ///< "hardware", or "simulated": for simulated racks only
  std::string signer, reason;
  std::string at, expires;  ///< RFC 3339
};

std::string to_json(const ApprovalStatement& statement);
/// Errors: "approval.no_statement", naming the field.
Result<ApprovalStatement> read_approval_statement(std::string_view text);

/// The station's word that it has written an entry of the audit trail down.
struct AuditAttestation {
  std::int64_t number = 0;
  std::string run, chain;
  std::int64_t recorded_utc_ns = 0;
};

std::string to_json(const AuditAttestation& attestation);
/// Errors: "audit.no_attestation".
Result<AuditAttestation> read_audit_attestation(std::string_view text);

}  // namespace kiln
