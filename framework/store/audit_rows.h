#pragma once
// The audit trail: what people have signed about runs, in the order in which it was written down. One chain
// of hashes goes through all of it:
//
//   h_i = SHA-256("kiln-audit1" ‖ h_{i-1} ‖ columns)      h_0 = 32 zero bytes
//
// columns are number, run id, statement, signature and recorded_utc_ns, each written as its length in
// decimal, a colon and the column as text. The station signs every hash (envelope), so that an entry cannot
// be changed, left out or put in later without that being found. Pure but for reading.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/sqlite.h"

namespace kiln {

/// Hash before the first entry, hexadecimal.
inline constexpr std::string_view kNoAuditYet =
    "0000000000000000000000000000000000000000000000000000000000000000";

struct AuditRow {
  std::int64_t number = 0;           ///< from 1, without gaps, over all runs of the record
  std::string run;                   ///< run id
  std::string statement;             ///< what was signed, byte for byte
  std::string signature;             ///< in OpenSSH's armoured form
  std::int64_t recorded_utc_ns = 0;  ///< by the station's clock
  std::string chain;                 ///< hash after this entry as it stands in the record, hexadecimal
  std::string envelope;  ///< DSSE in JSON: the station's signature over number, run, time and hash
};

/// The hash after an entry, hexadecimal, from the one before it.
std::string audit_hash(const std::string& before, const AuditRow& row);

/// All of it, in order; none in a record of before there was one.
Result<std::vector<AuditRow>> read_audit(sqlite::Connection& connection);

}  // namespace kiln
