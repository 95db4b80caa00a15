#pragma once
// A bundle: some runs of a record with the files that belong to them, in one file that can be carried. It is
// an SQLite database of the same schema as the record, so that everything that reads a record reads a bundle
// too (kiln compare --db BUNDLE), with two tables more: the signed manifest, and the bytes of artifacts and
// reports. Who wrote it and whether that is to be trusted is not decided here: see seal/manifest.h. Blocking.
//
// A bundle comes from somewhere else and may hold anything: before anything is read from it, it is checked to
// be made of plain tables alone.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln {

struct BundledFile {
  /// reviews: what people have signed about a run; notes: what they have noted of its rack.
  enum class Kind { artifact, report, reviews, notes };
  Kind kind = Kind::artifact;
  std::string run;     ///< of all but an artifact, which may belong to several
  std::string name;    ///< its file name; of an artifact: its SHA-256
  std::string sha256;  ///< lower-case hexadecimal
  std::uint64_t bytes = 0;
};

std::string_view to_string(BundledFile::Kind kind);

/// What goes into a file has to fit into memory and into SQLite: 900 MiB.
inline constexpr std::uint64_t kMostBundledBytes = 900U << 20U;

class BundleWriter {
 public:
  /// Makes PATH.part. Errors: "bundle.exists", those of making a record.
  static Result<BundleWriter> create(const std::string& path);
  BundleWriter(BundleWriter&& other) noexcept;
  BundleWriter& operator=(BundleWriter&& other) noexcept;
  ~BundleWriter();  ///< one that was not finished leaves nothing

  /// All rows of the run.
  Status add_run(const std::string& database, const std::string& run);
  Status add_file(const BundledFile& about, const std::string& bytes);
  /// With the envelope of the manifest; then it is at PATH, on disk, mode 0600.
  Status finish(const std::string& envelope);

 private:
  struct Impl;
  explicit BundleWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class BundleReader {
 public:
  /// Errors: "bundle.not_found", "bundle.not_a_bundle", "bundle.newer", "bundle.damaged".
  static Result<BundleReader> open(const std::string& path);
  BundleReader(BundleReader&& other) noexcept;
  BundleReader& operator=(BundleReader&& other) noexcept;
  ~BundleReader();

  [[nodiscard]] const std::string& path() const;
  [[nodiscard]] const std::string& envelope() const;
  [[nodiscard]] const std::vector<std::string>& runs() const;
  [[nodiscard]] const std::vector<BundledFile>& files() const;  ///< as the table has them, sizes by the bytes
  [[nodiscard]] Result<std::string> bytes_of(const BundledFile& file) const;

 private:
  struct Impl;
  explicit BundleReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Copies runs of the bundle into the record, all of them or none. The record has none of these ids. Errors:
/// those of opening a ledger, "bundle.not_copied".
Status copy_runs(const std::string& bundle, const std::vector<std::string>& runs,
                 const std::string& database);

}  // namespace kiln
