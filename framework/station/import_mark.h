#pragma once
// What this station notes of a run that it has taken from a bundle: where it came from, and by which key it
// was trusted. A file beside the record: RUNS/<run>.imported. Blocking.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace kiln {

struct ImportMark {
  std::string run;
  std::string station;  ///< that exported it
  std::string key_id;   ///< by which the bundle was signed, as it says
  std::string key_pem;  ///< the trusted key that fits; empty: it was taken untrusted
  /// Keys that were trusted then, too, and have signed something about it: of stations where it was before.
  std::vector<std::string> more_keys;
  std::int64_t exported_utc_ns = 0, imported_utc_ns = 0;
  /// Of what people had signed about it and what came with it (station/carried_reviews.h); empty: nothing.
  std::string reviews_sha256;
  std::string next_sha256;           ///< of what is being written in its place
  std::vector<std::string> reviews;  ///< the hashes after the entries in it
  std::int64_t checkpoints = 0;  ///< that came with its rows: they tell of the trail where it was recorded

  [[nodiscard]] bool trusts_somebody() const { return !key_pem.empty() || !more_keys.empty(); }
  /// "imported from st-04, signed by key 3760a7c0492e80f2", "imported from st-04, TRUSTED BY NOBODY".
  [[nodiscard]] std::string sentence() const;
};

/// Error "import.not_marked".
Status write_import_mark(const std::string& database, const ImportMark& mark);
void remove_import_mark(const std::string& database, const std::string& run);
/// nullopt: the run was recorded here, or its mark cannot be read any more.
std::optional<ImportMark> read_import_mark(const std::string& database, const std::string& run);

}  // namespace kiln
