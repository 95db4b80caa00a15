#include "station/report_seal.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/build_stamp.h"
#include "base/sha256.h"
#include "base/time.h"
#include "base/version.h"
#include "common/how_to_verify.h"
#include "seal/dsse.h"
#include "seal/manifest.h"
#include "station/file_hash.h"
#include "station/host_name.h"
#include "station/reports_on_disk.h"
#include "store/checkpoints.h"

namespace kiln {

namespace {

Error not_sealed(const std::string& why) {
  return {"report.not_sealed", "the reports are not signed: " + why,
          "kiln report RUN seals them once that is mended", Blame::station};
}

/// The manifest that lies there, when this key has signed it for this run.
std::optional<Manifest> earlier_manifest(const SigningKey& key, const std::string& directory,
                                         const std::string& run) {
  const Result<std::string> text = text_of_file(directory + "/manifest.dsse.json", kMostManifestBytes);
  if (!text) return std::nullopt;
  const Result<Envelope> envelope = read_envelope(*text);
  if (!envelope || !holds(*envelope, key.verifying_key(), kManifestType)) return std::nullopt;
  Result<Manifest> manifest = read_manifest(envelope->payload);
  if (!manifest || manifest->run != run) return std::nullopt;
  return std::move(*manifest);
}

Result<SealedFile> sealed_file(const std::string& place, std::string name, SealedFile::Kind kind) {
  const Result<FileHash> hash = hash_of_file(place + "/" + name);
  if (!hash) return not_sealed(hash.error().message);
  return SealedFile{std::move(name), kind, hash->bytes, hash->sha256};
}

Result<Manifest> manifest_from(const RunView& view, const ReportInput& input) {
  const std::string& run = input.run.id;
  const RunVerdict& verdict = input.verdict;
  const Result<RunSummary> summary = view.run(run);
  if (!summary) return summary.error();
  const Result<std::vector<AuditRow>> audit = view.audit();
  if (!audit) return audit.error();
  const RunBegun& about = summary->about;
  Manifest manifest;
  manifest.run = run;
  manifest.rack = about.rack;
  manifest.product = about.product;
  manifest.recipe = about.recipe;
  manifest.recipe_version = about.recipe_version;
  if (verdict.decision) manifest.decision = std::string(to_string(*verdict.decision));
  manifest.sign_off = verdict.sign_off;
  manifest.simulated = verdict.simulated;
  manifest.state = std::string(to_string(summary->state));
  if (input.events.broken) manifest.record_broken = input.events.broken->sentence();
  manifest.events = summary->events;
  manifest.chain_head = summary->chain_head;
  manifest.audit_entries = static_cast<std::int64_t>(audit->size());
  manifest.audit_head = audit->empty() ? std::string(kNoAuditYet) : audit->back().chain;
  manifest.reviews = static_cast<std::int64_t>(input.reviews.entries.size());
  manifest.written_utc_ns = SystemClock().now().utc_ns;
  manifest.recorded_on = about.station;
  manifest.station = host_name();
  manifest.kiln_version = kVersion;
  manifest.build_stamp = kBuildStamp;
  const Result<std::vector<ArtifactRow>> artifacts = view.artifacts(run);
  if (!artifacts) return artifacts.error();
  for (const ArtifactRow& row : *artifacts) {
    // As the record has it, not as the file is now: what does not fit is found when it is verified.
    const std::string& sum = row.attached.sha256;
    if (sum.size() != 64) continue;
    SealedFile file{sum.substr(0, 2) + "/" + sum.substr(2), SealedFile::Kind::artifact,
                    static_cast<std::uint64_t>(row.attached.bytes), sum};
    const auto same = [&file](const SealedFile& other) { return other.name == file.name; };
    if (std::none_of(manifest.files.begin(), manifest.files.end(), same))
      manifest.files.push_back(std::move(file));
  }
  return manifest;
}

/// What this key has signed of the run's record.
Result<std::vector<Checkpoint>> signed_before(const SigningKey& key, const RunView& view,
                                              const std::string& run) {
  const Result<std::vector<std::string>> known = view.checkpoints(run);
  if (!known) return known.error();
  std::vector<Checkpoint> before;
  for (const std::string& text : *known) {
    const Result<Envelope> envelope = read_envelope(text);
    if (!envelope || !holds(*envelope, key.verifying_key(), kCheckpointType)) continue;
    Result<Checkpoint> checkpoint = read_checkpoint(envelope->payload);
    if (checkpoint && checkpoint->run == run) before.push_back(std::move(*checkpoint));
  }
  return before;
}

/// A record that was changed is not signed once more: that would make it good.
Status refuse_a_changed_record(const RunView& view, const std::string& run,
                               const std::vector<Checkpoint>& before) {
  const Result<ChainCheck> chain = view.verify_chain(run);
  if (!chain) return not_sealed(chain.error().message);
  if (!chain->intact) return not_sealed("the record was changed, " + chain->reason);
  for (const Checkpoint& earlier : before) {
    const Result<std::string> hash = view.chain_at(run, earlier.events);
    if (!hash) return not_sealed(hash.error().message);
    if (*hash != earlier.chain_head)
      return not_sealed(
          fmt::format("the record is not the one of which {} events were signed before", earlier.events));
  }
  return success();
}

Status write_checkpoint(const SigningKey& key, const RunView& view, const Manifest& manifest,
                        const std::vector<Checkpoint>& before) {
  const Checkpoint checkpoint{manifest.run,           manifest.events,     manifest.chain_head,
                              manifest.audit_entries, manifest.audit_head, manifest.written_utc_ns};
  // A report that is written again says nothing new of the record.
  for (const Checkpoint& earlier : before) {
    const bool same = earlier.events == checkpoint.events && earlier.chain_head == checkpoint.chain_head &&
                      earlier.audit_entries == checkpoint.audit_entries;
    if (same) return success();
  }
  const Result<Envelope> sealed = seal(key, std::string(kCheckpointType), to_json(checkpoint));
  if (!sealed) return sealed.error();
  return add_checkpoint(view.database(), manifest.run, to_json(*sealed), checkpoint.utc_ns);
}

}  // namespace

Status seal_reports(const SigningKey& key, const RunView& view, const ReportInput& input,
                    const std::string& directory, const std::vector<std::string>& names) {
  const std::string& run = input.run.id;
  const Result<std::vector<Checkpoint>> before = signed_before(key, view, run);
  if (!before) return not_sealed(before.error().message);
  const Status unchanged = refuse_a_changed_record(view, run, *before);
  if (!unchanged) return unchanged;
  Result<Manifest> manifest = manifest_from(view, input);
  if (!manifest) return not_sealed(manifest.error().message);
  std::vector<SealedFile> reports;
  for (const std::string& name : names) {
    Result<SealedFile> file = sealed_file(directory, name, SealedFile::Kind::report);
    if (!file) return file.error();
    reports.push_back(std::move(*file));
  }
  const std::optional<Manifest> earlier = earlier_manifest(key, directory, run);
  const bool of_the_same_record = earlier && earlier->reviews == manifest->reviews &&
                                  earlier->events == manifest->events &&
                                  earlier->chain_head == manifest->chain_head;
  if (of_the_same_record) {
    for (const SealedFile& file : earlier->files) {
      const bool again = std::find(names.begin(), names.end(), file.name) != names.end();
      if (file.kind != SealedFile::Kind::report || again || !file.name.starts_with("report.")) continue;
      const Result<FileHash> now = hash_of_file(directory + "/" + file.name);
      if (now && now->sha256 == file.sha256) reports.push_back(file);
    }
  }
  std::string sums;
  for (const SealedFile& file : reports) sums += fmt::format("{}  {}\n", file.sha256, file.name);
  const std::string key_pem = key.verifying_key().pem(),
                    how = verify_text(key.verifying_key().id(), input.reviews.entries);
  sums += fmt::format("{}  VERIFY.txt\n", sha256_hex(how));
  for (const auto& [name, text] : std::map<std::string, std::string>{
           {"SHA256SUMS", sums}, {"VERIFY.txt", how}, {"station.pub.pem", key_pem}}) {
    const Status written = write_whole(directory + "/" + name, text);
    if (!written) return written;
  }
  for (const char* name : {"SHA256SUMS", "VERIFY.txt"}) {
    Result<SealedFile> file = sealed_file(directory, name, SealedFile::Kind::report);
    if (!file) return file.error();
    reports.push_back(std::move(*file));
  }
  manifest->files.insert(manifest->files.begin(), reports.begin(), reports.end());
  const std::string text = to_json(*manifest);
  const Result<Envelope> sealed = seal(key, std::string(kManifestType), text);
  if (!sealed) return not_sealed(sealed.error().message);
  for (const auto& [name, content] :
       std::map<std::string, std::string>{{"manifest.json", text},
                                          {"manifest.sig", sealed->signature},
                                          {"manifest.dsse.json", to_json(*sealed)}}) {
    const Status written = write_whole(directory + "/" + name, content);
    if (!written) return written;
  }
  // Of what another station has recorded this one knows only what it was given.
  if (manifest->state == "running" || manifest->recorded_on != manifest->station) return success();
  const Status checked = write_checkpoint(key, view, *manifest, *before);
  if (!checked) return not_sealed(checked.error().message);
  return success();
}

}  // namespace kiln
