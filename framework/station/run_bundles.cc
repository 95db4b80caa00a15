#include "station/run_bundles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "base/build_stamp.h"
#include "base/sha256.h"
#include "base/time.h"
#include "base/version.h"
#include "seal/dsse.h"
#include "seal/manifest.h"
#include "station/carried_notes.h"
#include "station/carried_reviews.h"
#include "station/file_hash.h"
#include "station/host_name.h"
#include "station/import_mark.h"
#include "station/import_words.h"
#include "station/redacted_run.h"
#include "station/report_seal.h"
#include "station/reports_on_disk.h"
#include "store/artifacts.h"
#include "store/run_bundle.h"
#include "store/store_paths.h"

namespace kiln {

namespace fs = std::filesystem;

namespace {

std::string reports_of(const std::string& database, const std::string& run) {
  return database.substr(0, database.rfind('/')) + "/reports/" + run;
}

/// The files of the run's sealed reports that are as they were signed.
std::vector<std::string> sealed_names(const std::string& directory, const std::string& run) {
  const Result<std::string> text = text_of_file(directory + "/manifest.dsse.json", kMostManifestBytes);
  if (!text) return {};
  const Result<Envelope> envelope = read_envelope(*text);
  if (!envelope) return {};
  const Result<Manifest> manifest = read_manifest(envelope->payload);
  if (!manifest || manifest->run != run) return {};
  std::vector<std::string> names{"manifest.json", "manifest.sig", "manifest.dsse.json", "station.pub.pem"};
  for (const SealedFile& file : manifest->files) {
    const bool flat = file.name.find('/') == std::string::npos && file.name.front() != '.';
    if (file.kind == SealedFile::Kind::report && flat) names.push_back(file.name);
  }
  return names;
}

/// What is written, and what is said of it.
class ExportWork {
 public:
  ExportWork(BundleWriter& writer, BundleManifest& manifest) : writer_(writer), manifest_(manifest) {}

  Status add(BundledFile::Kind kind, const std::string& run, const std::string& name,
             const std::string& bytes) {
    const bool artifact = kind == BundledFile::Kind::artifact;
    BundledFile file{kind, artifact ? "" : run, name, sha256_hex(bytes), bytes.size()};
    if (!known_.emplace(kind, file.run, name).second) return success();
    const Status added = writer_.add_file(file, bytes);
    if (!added) return added;
    manifest_.files.push_back({std::string(to_string(kind)), file.run, name, file.bytes, file.sha256});
    return success();
  }

 private:
  BundleWriter& writer_;
  BundleManifest& manifest_;
  std::set<std::tuple<BundledFile::Kind, std::string, std::string>> known_;
};

Result<BundledRun> exportable(const RunView& view, const std::string& run) {
  const Result<RunSummary> summary = view.run(run);
  if (!summary) return summary.error();
  if (summary->state == RunState::running)
    return Error("export.running", fmt::format("{} goes on still", run), "export it when it has ended",
                 Blame::operator_);
  if (summary->broken && !summary->broken->writer_gone)
    return Error("export.record_broken", fmt::format("{}: {}", run, summary->broken->sentence()),
                 "carry its whole state directory home", Blame::operator_);
  if (summary->broken && !summary->broken->after.empty())
    return Error("export.record_broken",
                 fmt::format("{} has {} events that happened after its program had died, beside its record",
                             run, summary->broken->after.size()),
                 "carry its whole state directory home", Blame::operator_);
  const Result<ChainCheck> chain = view.verify_chain(run);
  if (!chain) return chain.error();
  if (!chain->intact)
    return Error("export.record_changed",
                 fmt::format("the record of {} is not as it was written: {}", run, chain->reason),
                 "keep the file as evidence", Blame::operator_);
  return BundledRun{run, summary->events, chain->head};
}

Status export_files(const RunView& view, const std::string& run, ExportWork& work, ExportedRuns& exported) {
  const Result<std::vector<ArtifactRow>> artifacts = view.artifacts(run);
  if (!artifacts) return artifacts.error();
  for (const ArtifactRow& row : *artifacts) {
    const Result<std::string> bytes = text_of_file(row.path, kMostBundledBytes);
    if (!bytes || sha256_hex(*bytes) != row.attached.sha256)
      return Error("export.artifact",
                   fmt::format("the artifact {} of {} is not as it was recorded: {}", row.attached.name, run,
                               bytes ? "it was changed" : bytes.error().message),
                   fmt::format("kiln verify {}", run), Blame::operator_);
    const Status added = work.add(BundledFile::Kind::artifact, run, row.attached.sha256, *bytes);
    if (!added) return added;
  }
  const std::string directory = reports_of(view.database(), run);
  const std::vector<std::string> names = sealed_names(directory, run);
  if (names.empty()) exported.without_reports.push_back(run);
  for (const std::string& name : names) {
    const Result<std::string> bytes = text_of_file(directory + "/" + name, kMostBundledBytes);
    if (!bytes) return bytes.error();
    const Status added = work.add(BundledFile::Kind::report, run, name, *bytes);
    if (!added) return added;
  }
  return success();
}

/// What people have said of the run and its rack.
Status export_words(const RunView& view, const std::string& run, const SigningKey& key, ExportWork& work,
                    const BundleManifest& manifest) {
  const Result<std::string> reviews =
      reviews_to_carry(view, run, key, manifest.station, manifest.exported_utc_ns);
  if (!reviews) return reviews.error();
  const Result<std::string> notes = notes_to_carry(view, run);
  if (!notes) return notes.error();
  Status added = success();
  if (!reviews->empty()) added = work.add(BundledFile::Kind::reviews, run, kCarriedReviewsName, *reviews);
  if (added && !notes->empty()) added = work.add(BundledFile::Kind::notes, run, kCarriedNotesName, *notes);
  return added;
}

/// Beside the bundle, where there is room for it; gone with this object.
class PlaceForCopies {
 public:
  explicit PlaceForCopies(const std::string& bundle) : name_(bundle + ".XXXXXX") {
    made_ = ::mkdtemp(name_.data()) != nullptr;
  }
  PlaceForCopies(const PlaceForCopies&) = delete;
  PlaceForCopies& operator=(const PlaceForCopies&) = delete;
  ~PlaceForCopies() {
    std::error_code ignored;
    if (made_) fs::remove_all(name_, ignored);
  }
  [[nodiscard]] bool made() const { return made_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  bool made_ = false;
};

/// The run's redacted copy with its artifacts, instead of itself.
Status add_redacted(const RunView& view, const std::string& run, const SigningKey& key, Redact redact,
                    const std::string& path, BundleWriter& writer, ExportWork& work, BundleManifest& manifest,
                    ExportedRuns& exported) {
  const PlaceForCopies place(path);
  if (!place.made())
    return Error("bundle.not_written",
                 fmt::format("{} cannot be made: {}", place.name(), std::strerror(errno)),
                 "choose another name or folder", Blame::station);
  const std::string database = place.name() + "/redacted.db";
  const Result<Redaction> redacted = write_redacted(view, run, key, redact == Redact::names_and_serials,
                                                    database, Artifacts(artifacts_directory(database)));
  if (!redacted) return redacted.error();
  const Result<std::unique_ptr<RunView>> copy = RunView::open(database);
  if (!copy) return copy.error();
  const Result<BundledRun> one = exportable(**copy, run);
  if (!one) return one.error();
  manifest.runs.push_back(*one);
  manifest.station = redacted->station;
  for (const auto& [kind, places] : redacted->replaced) exported.replaced[kind] += places;
  const Status added = writer.add_run(database, run);
  return added ? export_files(**copy, run, work, exported) : added;
}

Error changed_bundle(const std::string& bundle, const std::string& why) {
  return {"import.changed", fmt::format("{} is not what was signed: {}", bundle, why),
          "nothing was imported; get it again from where it was exported", Blame::operator_};
}

/// Who has signed the bundle; nullptr: nobody that is trusted here.
Result<const VerifyingKey*> signer_of(const std::string& bundle, const Envelope& envelope,
                                      const std::vector<VerifyingKey>& trusted, bool untrusted) {
  for (const VerifyingKey& key : trusted) {
    if (holds(envelope, key, kBundleType)) return &key;
    if (key.id() == envelope.key_id)
      return changed_bundle(bundle,
                            fmt::format("the signature of key {} does not fit", key.id().substr(0, 16)));
  }
  if (untrusted && envelope.payload_type == kBundleType) return nullptr;
  return Error(
      "import.not_trusted",
      fmt::format("no key known here has signed {}; it names key {}", bundle,
                  envelope.key_id.empty() ? "none" : envelope.key_id.substr(0, 16)),
      "ask that station's owner for its key and give it with --station-key FILE; or take it --untrusted, "
      "which it stays marked as",
      Blame::operator_);
}

/// Every row hangs on a head that the manifest names, and every file has its hash there.
Status check_contents(const BundleReader& reader, const RunView& inside, const BundleManifest& manifest) {
  const std::string& bundle = reader.path();
  std::vector<std::string> named;
  for (const BundledRun& run : manifest.runs) named.push_back(run.run);
  std::sort(named.begin(), named.end());
  if (named != reader.runs()) return changed_bundle(bundle, "it holds other runs than its manifest names");
  std::map<std::tuple<std::string, std::string, std::string>, const BundleManifest::File*> files;
  for (const BundleManifest::File& file : manifest.files) files[{file.kind, file.run, file.name}] = &file;
  if (files.size() != reader.files().size())
    return changed_bundle(bundle, "it holds other files than its manifest names");
  std::set<std::string> artifacts;
  for (const BundledFile& file : reader.files()) {
    const std::string kind(to_string(file.kind));
    const auto known = files.find({kind, file.run, file.name});
    if (known == files.end())
      return changed_bundle(bundle, fmt::format("nobody has signed its {} {}", kind, file.name));
    const Result<std::string> bytes = reader.bytes_of(file);
    if (!bytes) return bytes.error();
    if (bytes->size() != known->second->bytes || sha256_hex(*bytes) != known->second->sha256)
      return changed_bundle(bundle, fmt::format("its {} {} was changed", kind, file.name));
    if (file.kind == BundledFile::Kind::artifact) artifacts.insert(file.name);
  }
  for (const BundledRun& run : manifest.runs) {
    const Result<ChainCheck> chain = inside.verify_chain(run.run);
    if (!chain) return changed_bundle(bundle, fmt::format("{}: {}", run.run, chain.error().message));
    if (!chain->intact) return changed_bundle(bundle, fmt::format("{}: {}", run.run, chain->reason));
    if (chain->head != run.chain_head || chain->events != run.events)
      return changed_bundle(bundle,
                            fmt::format("{} was written anew: its head is {}…, signed was {}…", run.run,
                                        chain->head.substr(0, 12), run.chain_head.substr(0, 12)));
    const Result<std::vector<ArtifactRow>> rows = inside.artifacts(run.run);
    if (!rows) return changed_bundle(bundle, rows.error().message);
    for (const ArtifactRow& row : *rows) {
      if (!artifacts.contains(row.attached.sha256))
        return changed_bundle(bundle,
                              fmt::format("the artifact {} of {} is not in it", row.attached.name, run.run));
    }
  }
  return success();
}

/// Which of the runs the record does not have.
Result<std::vector<std::string>> missing_runs(const BundleManifest& manifest, const std::string& database,
                                              ImportedRuns& imported) {
  std::vector<std::string> missing;
  const Result<std::unique_ptr<RunView>> own = RunView::open(database);
  if (!own && own.error().code != "view.not_found") return own.error();
  for (const BundledRun& run : manifest.runs) {
    const Result<RunSummary> known = own ? (*own)->run(run.run) : Result<RunSummary>(own.error());
    if (!known) {
      missing.push_back(run.run);
      continue;
    }
    if (known->events != run.events || known->chain_head != run.chain_head)
      return Error(
          "import.other_run",
          fmt::format("there is a run {} in {} that is another one: {} events with head {}…, the bundle has "
                      "{} with {}…",
                      run.run, database, known->events, known->chain_head.substr(0, 12), run.events,
                      run.chain_head.substr(0, 12)),
          "nothing was imported; look at both: kiln verify, kiln import --db ANOTHER", Blame::operator_);
    imported.here_already.push_back(run.run);
  }
  return missing;
}

Status take_artifacts(const BundleReader& reader, const std::string& database) {
  const Artifacts store(artifacts_directory(database));
  for (const BundledFile& file : reader.files()) {
    if (file.kind != BundledFile::Kind::artifact) continue;
    const Result<std::string> bytes = reader.bytes_of(file);
    if (!bytes) return bytes.error();
    const Result<Attached> kept = store.add_text(file.name, "application/octet-stream", *bytes);
    if (!kept) return kept.error();
  }
  return success();
}

/// Reports that lie there already are not replaced.
Status take_reports(const BundleReader& reader, const std::string& database,
                    const std::vector<std::string>& runs) {
  for (const std::string& run : runs) {
    const std::string directory = reports_of(database, run);
    if (fs::exists(directory)) continue;
    for (const BundledFile& file : reader.files()) {
      if (file.kind != BundledFile::Kind::report || file.run != run) continue;
      Status done = make_report_directory(directory);
      if (!done) return done;
      const Result<std::string> bytes = reader.bytes_of(file);
      if (!bytes) return bytes.error();
      done = write_whole(directory + "/" + file.name, *bytes);
      if (!done) return done;
    }
  }
  return success();
}

}  // namespace

Result<ExportedRuns> export_runs(const RunView& view, const std::vector<std::string>& runs,
                                 const SigningKey& key, const std::string& path, Redact redact) {
  BundleManifest manifest;
  manifest.station = host_name();
  manifest.kiln_version = kVersion;
  manifest.build_stamp = kBuildStamp;
  manifest.exported_utc_ns = SystemClock().now().utc_ns;
  ExportedRuns exported;
  exported.key_id = key.verifying_key().id();
  // All are looked at before anything is written.
  std::vector<BundledRun> whole;
  for (const std::string& run : runs) {
    Result<BundledRun> one = exportable(view, run);
    if (!one) return one.error();
    whole.push_back(std::move(*one));
    exported.runs.push_back(run);
  }
  Result<BundleWriter> writer = BundleWriter::create(path);
  if (!writer) return writer.error();
  ExportWork work(*writer, manifest);
  for (const BundledRun& one : whole) {
    Status added = success();
    if (redact == Redact::nothing) {
      manifest.runs.push_back(one);
      added = writer->add_run(view.database(), one.run);
      if (added) added = export_files(view, one.run, work, exported);
      if (added) added = export_words(view, one.run, key, work, manifest);
    } else {
      added = add_redacted(view, one.run, key, redact, path, *writer, work, manifest, exported);
    }
    if (!added) return added.error();
  }
  exported.files = manifest.files.size();
  const Result<Envelope> sealed = seal(key, std::string(kBundleType), to_json(manifest));
  if (!sealed) return sealed.error();
  const Status finished = writer->finish(to_json(*sealed));
  if (!finished) return finished.error();
  return exported;
}

Result<ImportedRuns> import_runs(const std::string& bundle, const std::string& database,
                                 const std::vector<VerifyingKey>& trusted, bool untrusted) {
  const Result<std::string> own = resolve_database(database);
  if (!own) return own.error();
  const Result<BundleReader> reader = BundleReader::open(bundle);
  if (!reader) return reader.error();
  const Result<Envelope> envelope = read_envelope(reader->envelope());
  if (!envelope) return changed_bundle(bundle, envelope.error().message);
  const Result<const VerifyingKey*> signer = signer_of(bundle, *envelope, trusted, untrusted);
  if (!signer) return signer.error();
  const Result<BundleManifest> manifest = read_bundle_manifest(envelope->payload);
  if (!manifest) return changed_bundle(bundle, manifest.error().message);
  const Result<std::unique_ptr<RunView>> inside = RunView::open(bundle);
  if (!inside) return inside.error();
  const Status checked = check_contents(*reader, **inside, *manifest);
  if (!checked) return checked.error();
  ImportedRuns imported;
  imported.station = manifest->station;
  imported.trusted = *signer != nullptr;
  imported.key_id = *signer != nullptr ? (*signer)->id() : envelope->key_id;
  const Result<std::vector<std::string>> missing = missing_runs(*manifest, *own, imported);
  if (!missing) return missing.error();
  const Result<std::map<std::string, RunWords>> words = read_words(*reader, **inside);
  if (!words) return words.error();
  const CheckedBundle checked_bundle{*manifest, *envelope, *signer, trusted, **inside, *words};
  Status done = success();
  for (const std::string& run : imported.here_already) {
    if (done) done = mark_run_again(*own, checked_bundle, run, imported);
  }
  if (!done) return done.error();
  if (!missing->empty()) {
    // The mark comes first, and with it what people had signed.
    done = take_artifacts(*reader, *own);
    for (const std::string& run : *missing) {
      if (done) done = mark_new_run(*own, checked_bundle, run, imported);
    }
    if (done) done = copy_runs(bundle, *missing, *own);
    if (!done) {
      const Result<std::unique_ptr<RunView>> there = RunView::open(*own);
      for (const std::string& run : *missing) {
        if (there && (*there)->run(run)) continue;  // another import has taken it meanwhile
        remove_import_mark(*own, run);
        remove_carried_reviews(*own, run);
      }
      return done.error();
    }
    imported.taken = *missing;
  }
  done = take_reports(*reader, *own, *missing);
  if (done) done = take_notes(*own, checked_bundle, imported);
  if (!done) return done.error();
  return imported;
}

}  // namespace kiln
