#pragma once
// Runs on their way from one station to another: exported with everything that belongs to them into one
// signed file, and taken from such a file into the record, after all of it was checked. Blocking.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"
#include "store/run_view.h"

namespace kiln {

struct ExportedRuns {
  std::vector<std::string> runs;
  std::size_t files = 0;
  std::string key_id;
  std::vector<std::string> without_reports;
  std::map<std::string, std::uint64_t> replaced;  ///< of a redacted export: what, in how many places
};

/// What of the runs is not to leave the station: see station/redacted_run.h.
enum class Redact { nothing, names, names_and_serials };

/// The runs' rows, artifacts, sealed reports, what people have signed about them and noted of their racks,
/// signed by `key`, in the new file `path`; redacted runs without their reports, which are full of names and
/// can be written again from the copy, and without what people said. Errors:
/// "export.running", "export.record_broken", "export.record_changed", "export.artifact", "export.redaction",
/// those of BundleWriter. An error leaves no file.
Result<ExportedRuns> export_runs(const RunView& view, const std::vector<std::string>& runs,
                                 const SigningKey& key, const std::string& path,
                                 Redact redact = Redact::nothing);

struct ImportedRuns {
  std::vector<std::string> taken;
  std::vector<std::string> here_already;  ///< the same events
  std::vector<std::string> with_reviews;  ///< what people had signed about it was new here
  /// Recorded here, and reviewed elsewhere since: what was signed there is not taken, the own trail counts.
  std::vector<std::string> reviews_left;
  int notes = 0;  ///< about racks that were new here
  std::string station, key_id;
  bool trusted = false;
};

/// Takes what the record does not have yet. With `untrusted` also what no trusted key has signed, but never
/// what does not fit its own manifest, or the signature of a known key. Errors: those of BundleReader::open,
/// "import.not_trusted", "import.changed" (a row, file or hash is not what was
/// signed), "import.other_run" (the record has a run of that id that is another one). An error leaves the
/// record as it was.
Result<ImportedRuns> import_runs(const std::string& bundle, const std::string& database,
                                 const std::vector<VerifyingKey>& trusted, bool untrusted);

}  // namespace kiln
