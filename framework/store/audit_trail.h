#pragma once
// Writes down what a person has signed about a run. Blocking; any thread, beside runs that are being written.

#include <functional>
#include <string>

#include "base/result.h"
#include "store/audit_rows.h"

namespace kiln {

/// The station's signature over an entry whose number and chain are known now.
using SignAuditRow = std::function<Result<std::string>(const AuditRow&)>;

/// Appends it; on disk when it returns. Of `row` run, statement, signature and recorded_utc_ns are taken;
/// number, chain and envelope are returned. `head`: the hash that the statement was made for. Errors:
/// "audit.moved_on" when another entry was written since, "audit.no_run", those of `sign` and of opening a
/// ledger.
Result<AuditRow> add_audit_entry(const std::string& database, AuditRow row, const std::string& head,
                                 const SignAuditRow& sign);

}  // namespace kiln
