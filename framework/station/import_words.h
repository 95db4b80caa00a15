#pragma once
// What people have said about runs that arrive in a bundle (station/carried_reviews.h, carried_notes.h), and
// what this station notes of the import with it. Blocking.

#include <map>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"
#include "seal/dsse.h"
#include "seal/manifest.h"
#include "station/run_bundles.h"
#include "store/run_bundle.h"
#include "store/run_view.h"

namespace kiln {

/// What people have said about one run and its rack, as the bundle has it; empty: nothing.
struct RunWords {
  std::string reviews, notes, rack;
};

/// All of it is read before anything is written. Error "import.changed": it is none, or about no run of it.
Result<std::map<std::string, RunWords>> read_words(const BundleReader& reader, const RunView& inside);

/// A bundle that was checked, on its way into a record. All of it outlives this.
struct CheckedBundle {
  const BundleManifest& manifest;
  const Envelope& envelope;
  const VerifyingKey* signer = nullptr;  ///< nullptr: nobody that is trusted here
  const std::vector<VerifyingKey>& trusted;
  const RunView& inside;
  const std::map<std::string, RunWords>& words;
};

/// Notes what a new run came with. Before its rows are copied: a run must never look as if it had been
/// recorded here, or as if nobody had said anything about it. Errors: "import.not_marked", those of
/// keep_carried_reviews.
Status mark_new_run(const std::string& database, const CheckedBundle& bundle, const std::string& run,
                    ImportedRuns& imported);

/// The same of one that is here already and came from elsewhere. Of one that was recorded here its own trail
/// tells: what was said elsewhere is left, and named. Errors: those of mark_new_run.
Status mark_run_again(const std::string& database, const CheckedBundle& bundle, const std::string& run,
                      ImportedRuns& imported);

/// About racks whose runs came from elsewhere; nothing of a bundle that nobody stands for. Errors: those of
/// opening a ledger.
Status take_notes(const std::string& database, const CheckedBundle& bundle, ImportedRuns& imported);

}  // namespace kiln
