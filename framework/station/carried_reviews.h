#pragma once
// What people have signed about a run, on its way from one station to another beside the run: the entries of
// the audit trail that are about it, put together and signed by the station whose trail it is. The trail
// itself stays where it is, because it tells of other runs, too; each entry holds by itself all the same: the
// person's signature names the hash before it, and the station's names the hash after it. At home it lies
// beside the record as RUNS/<run>.reviews.json, and the import mark has its SHA-256. Blocking.

#include <cstdint>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"
#include "seal/dsse.h"
#include "station/import_mark.h"
#include "store/audit_rows.h"
#include "store/run_view.h"

namespace kiln {

inline constexpr std::string_view kCarriedReviewsType = "application/vnd.kiln.reviews+json";
inline constexpr const char* kCarriedReviewsName = "reviews.json";

/// What one station has written down about one run.
struct CarriedReviews {
  Envelope envelope;    ///< by which that station has signed all of this
  std::string run;      ///< run id
  std::string station;  ///< host name
  std::int64_t exported_utc_ns = 0;
  std::vector<AuditRow> entries;  ///< in the order of that station's trail
};

/// The file for a bundle: what this record's trail says of the run, signed by `key`, and what had come with
/// the run. Empty: nobody has signed anything about it. Errors: those of reading the trail, of
/// carried_reviews and of signing.
Result<std::string> reviews_to_carry(const RunView& view, const std::string& run, const SigningKey& key,
                                     const std::string& station, std::int64_t now_utc_ns);

/// Whoever has signed it. Errors: "reviews.not_readable", naming the field; also of one that is too large.
Result<std::vector<CarriedReviews>> read_carried_reviews(const std::string& text);

/// What came with an imported run; none when nothing came, or when the run was recorded here. Errors:
/// "reviews.changed" (it is gone, or not what was taken, or its mark does not know it),
/// "reviews.not_readable".
Result<std::vector<CarriedReviews>> carried_reviews(const std::string& database, const std::string& run);

/// Puts what arrives beside what had come before and writes it, and its hash into `mark`, which the caller
/// writes then. Of one station's trail the longer copy stays; nothing is ever taken away. `is_new`: the run
/// itself arrives only now. True: something is new. Errors: "reviews.changed" (what is kept cannot be read,
/// and this has less), those of reading and writing.
Result<bool> keep_carried_reviews(const std::string& database, const std::string& text, bool is_new,
                                  ImportMark& mark);
/// Of an import that failed.
void remove_carried_reviews(const std::string& database, const std::string& run);

}  // namespace kiln
