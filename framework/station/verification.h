#pragma once
// Whether a record and its reports are what this or another station has signed. Reads only. Blocking.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"
#include "store/run_view.h"

namespace kiln {

struct SealFinding {
  bool holds = false;
  std::string what;    ///< "record", "manifest", "report.html", "artifact ab/cdef…"
  std::string detail;  ///< what was compared, or what differs
};

struct Verification {
  std::string run;  ///< empty: not known
  std::vector<SealFinding> findings;
  [[nodiscard]] bool holds() const;  ///< also needs at least one finding
};

/// Why the audit trail is not the one that had so many entries, with that hash after the last, when something
/// was signed. Empty head: signed before there was a trail; nothing is compared.
std::optional<std::string> why_audit_differs(const std::vector<AuditRow>& rows, std::int64_t entries,
                                             const std::string& head);

/// The run's chain of hashes and typed tables, its signed checkpoints and its artifacts.
Result<Verification> verify_record(const RunView& view, const std::string& run,
                                   const std::vector<VerifyingKey>& trusted);

/// A folder of sealed reports. With `view`, which may be null, they are also compared with the record.
Verification verify_reports(const std::string& directory, const std::vector<VerifyingKey>& trusted,
                            const RunView* view);

}  // namespace kiln
