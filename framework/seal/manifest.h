#pragma once
// The manifest of a run's reports: every file with its SHA-256, what the run came to, and the head of its
// chain of hashes. A station signs it (seal/dsse.h): "this build on this station has recorded that". And the
// checkpoint: how far a run's chain had come when the station signed, kept in the record itself, so that a
// cut tail and a record written anew are found without a report. And the manifest of a bundle of runs. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln {

inline constexpr std::string_view kManifestType = "application/vnd.kiln.manifest+json";
inline constexpr std::string_view kCheckpointType = "application/vnd.kiln.checkpoint+json";

struct SealedFile {
  enum class Kind { report, artifact };  ///< beside the manifest; in the store of artifacts beside the record
  std::string name;                      ///< path below that place, without "..": "report.html", "ab/cdef…"
  Kind kind = Kind::report;
  std::uint64_t bytes = 0;
  std::string sha256;  ///< lower-case hexadecimal
};

struct Manifest {
  std::string run, rack, product, recipe, recipe_version;
  std::string decision;  ///< "GO", "NO-GO", …; empty: a survey
  std::string sign_off;
  bool simulated = false;
  std::string state;               ///< "complete", "INTERRUPTED", "running"
  std::string record_broken;       ///< its sentence; empty: it is whole
  std::int64_t events = 0;         ///< of the run, in its record
  std::string chain_head;          ///< hash after the last of them, hexadecimal
  std::int64_t reviews = 0;        ///< entries of the audit trail about this run
  std::int64_t audit_entries = 0;  ///< and about all runs of the record
  std::string audit_head;          ///< hash after the last of those; empty: written before there were any
  std::int64_t written_utc_ns = 0;
  std::string recorded_on;  ///< host name of the station that ran it
  std::string station;      ///< and of the one that has written and signed these reports
  std::string kiln_version, build_stamp;
  std::vector<SealedFile> files;
};

std::string to_json(const Manifest& manifest);
/// Errors: "seal.no_manifest", naming the field; also for names that lead out of their place.
Result<Manifest> read_manifest(std::string_view text);

struct Checkpoint {
  std::string run;
  std::int64_t events = 0;
  std::string chain_head;
  std::int64_t audit_entries = 0;  ///< of the whole audit trail, when it was signed
  std::string audit_head;          ///< hash after the last of them; empty: signed before there were any
  std::int64_t utc_ns = 0;
};

std::string to_json(const Checkpoint& checkpoint);
/// Errors: "seal.no_checkpoint".
Result<Checkpoint> read_checkpoint(std::string_view text);

/// A run of a bundle, as it is in it.
struct BundledRun {
  std::string run;
  std::int64_t events = 0;
  std::string chain_head;  ///< hash after the last of them: all rows of the run hang on it
};
/// What a station has put into one file to be carried (store/run_bundle.h).
struct BundleManifest {
  std::string station;  ///< host name of who exported it
  std::string kiln_version, build_stamp;
  std::int64_t exported_utc_ns = 0;
  std::vector<BundledRun> runs;
  struct File {
    std::string kind;  ///< "artifact", "report", "reviews", "notes"
    std::string run;   ///< of all but an artifact
    std::string name;  ///< without any "/"
    std::uint64_t bytes = 0;
    std::string sha256;
  };
  std::vector<File> files;
};

inline constexpr std::string_view kBundleType = "application/vnd.kiln.bundle+json";

std::string to_json(const BundleManifest& manifest);
/// Errors: "seal.no_bundle_manifest", naming the field; also for names that lead out of their place.
Result<BundleManifest> read_bundle_manifest(std::string_view text);

}  // namespace kiln
