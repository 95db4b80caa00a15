#include "station/verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "base/rfc3339.h"
#include "seal/dsse.h"
#include "seal/manifest.h"
#include "station/carried_reviews.h"
#include "station/file_hash.h"
#include "station/import_mark.h"
#include "station/report_seal.h"

namespace kiln {

namespace fs = std::filesystem;

namespace {

class SealFindings {
 public:
  explicit SealFindings(Verification& into) : into_(into) {}
  void good(std::string what, std::string detail) {
    into_.findings.push_back({true, std::move(what), std::move(detail)});
  }
  void bad(std::string what, std::string detail) {
    into_.findings.push_back({false, std::move(what), std::move(detail)});
  }

 private:
  Verification& into_;
};

std::string short_id(const std::string& id) { return id.substr(0, 16); }

const VerifyingKey* who_signed(const Envelope& envelope, std::string_view type,
                               const std::vector<VerifyingKey>& trusted) {
  const auto found = std::find_if(trusted.begin(), trusted.end(),
                                  [&](const VerifyingKey& key) { return holds(envelope, key, type); });
  return found == trusted.end() ? nullptr : &*found;
}

std::string nobody_signed(const Envelope& envelope, const std::vector<VerifyingKey>& trusted) {
  const bool known = std::any_of(trusted.begin(), trusted.end(),
                                 [&](const VerifyingKey& key) { return key.id() == envelope.key_id; });
  if (known)
    return fmt::format("the signature of key {} does not fit: it was changed", short_id(envelope.key_id));
  return fmt::format(
      "no key known here has signed it; it names key {}: ask its station's owner for it, then --station-key "
      "FILE",
      envelope.key_id.empty() ? "none" : short_id(envelope.key_id));
}

void check_checkpoint(const RunView& view, const std::string& run, const std::string& text,
                      const std::vector<VerifyingKey>& trusted, std::int64_t& sealed_up_to,
                      SealFindings& findings) {
  const Result<Envelope> envelope = read_envelope(text);
  if (!envelope) return findings.bad("checkpoint", envelope.error().message);
  const VerifyingKey* key = who_signed(*envelope, kCheckpointType, trusted);
  if (key == nullptr) return findings.bad("checkpoint", nobody_signed(*envelope, trusted));
  const Result<Checkpoint> checkpoint = read_checkpoint(envelope->payload);
  if (!checkpoint) return findings.bad("checkpoint", checkpoint.error().message);
  if (checkpoint->run != run)
    return findings.bad("checkpoint", fmt::format("it is one of run {}, put under another", checkpoint->run));
  const Result<std::string> hash = view.chain_at(run, checkpoint->events);
  if (!hash) return findings.bad("checkpoint", hash.error().message);
  if (hash->empty())
    return findings.bad("checkpoint", fmt::format("{} events were signed at {}, the record has fewer",
                                                  checkpoint->events, format_utc(checkpoint->utc_ns)));
  if (*hash != checkpoint->chain_head)
    return findings.bad(
        "checkpoint",
        fmt::format("the hash after event {} is {}…, signed was {}…: the record was written anew",
                    checkpoint->events, hash->substr(0, 12), checkpoint->chain_head.substr(0, 12)));
  // Of a run that was recorded elsewhere the trail stayed there, too.
  const Result<std::vector<AuditRow>> audit = view.audit();
  if (!audit) return findings.bad("audit", audit.error().message);
  if (const auto why = read_import_mark(view.database(), run)
                           ? std::nullopt
                           : why_audit_differs(*audit, checkpoint->audit_entries, checkpoint->audit_head))
    return findings.bad("audit", *why);
  sealed_up_to = std::max(sealed_up_to, checkpoint->events);
  findings.good("checkpoint", fmt::format("{} events, signed by key {} at {}", checkpoint->events,
                                          short_id(key->id()), format_utc(checkpoint->utc_ns)));
}

void check_artifact(const std::string& name, const std::string& path, std::uint64_t bytes,
                    const std::string& sha256, SealFindings& findings) {
  const Result<FileHash> hash = hash_of_file(path);
  if (!hash) return findings.bad("artifact " + name, hash.error().message);
  if (hash->bytes != bytes || hash->sha256 != sha256)
    return findings.bad("artifact " + name,
                        fmt::format("it was changed: {} bytes, SHA-256 {}…, recorded {} bytes, {}…",
                                    hash->bytes, hash->sha256.substr(0, 12), bytes, sha256.substr(0, 12)));
  findings.good("artifact " + name, "as recorded");
}

/// The file beside the manifest that must have exactly these bytes.
void check_same(const std::string& directory, const char* name, const std::string& wanted,
                SealFindings& findings) {
  const Result<std::string> text = text_of_file(directory + "/" + name, kMostManifestBytes);
  if (!text) return findings.bad(name, text.error().message);
  if (*text != wanted) return findings.bad(name, "it is not what is in manifest.dsse.json");
  findings.good(name, "as in manifest.dsse.json");
}

void check_file(const std::string& directory, const SealedFile& file, SealFindings& findings) {
  const Result<FileHash> hash = hash_of_file(directory + "/" + file.name);
  if (!hash) return findings.bad(file.name, hash.error().message);
  if (hash->bytes != file.bytes)
    return findings.bad(file.name, fmt::format("it has {} bytes, signed were {}", hash->bytes, file.bytes));
  if (hash->sha256 != file.sha256)
    return findings.bad(file.name, fmt::format("it was changed: SHA-256 {}…, signed was {}…",
                                               hash->sha256.substr(0, 12), file.sha256.substr(0, 12)));
  findings.good(file.name, "as signed");
}

/// "NO-GO for R01 by l11-rack@1.2.0, SIMULATED: signed by key 3760a7c0492e80f2 on st-04 at …".
std::string what_was_signed(const Manifest& manifest, const VerifyingKey& key) {
  return fmt::format("{} for {} by {}@{}{}{}: signed by key {} on {} at {}{}",
                     manifest.decision.empty() ? "a survey" : manifest.decision, manifest.rack,
                     manifest.recipe, manifest.recipe_version,
                     manifest.simulated ? ", SIMULATED RACK - NOT HARDWARE" : "",
                     manifest.state == "complete" ? "" : ", run " + manifest.state, short_id(key.id()),
                     manifest.station, format_utc(manifest.written_utc_ns),
                     manifest.recorded_on == manifest.station ? "" : ", recorded on " + manifest.recorded_on);
}

/// A report that nobody signed must not lie among those that were. What else people keep in that folder is
/// none of theirs, and is named.
void check_nothing_added(const std::string& directory, const Manifest& manifest, SealFindings& findings) {
  std::set<std::string> sealed;
  for (const SealedFile& file : manifest.files) sealed.insert(file.name);
  for (const char* own :
       {"manifest.json", "manifest.sig", "manifest.dsse.json", "manifest.pae", "station.pub.pem"})
    sealed.insert(own);
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, failed)) {
    const std::string name = entry.path().filename().string();
    if (sealed.contains(name)) continue;
    const bool like_ours = name.starts_with("report") || name.starts_with("manifest") ||
                           name.starts_with("SHA256") || name.starts_with("VERIFY") ||
                           name.starts_with("station") || name.starts_with("review-") ||
                           name.starts_with("allowed_signers");
    if (like_ours) findings.bad(name, "it is not among what was signed: it was added later");
    if (!like_ours) findings.good(name, "NOT SIGNED: no part of the reports");
  }
  if (failed) findings.bad(directory, failed.message());
}

void compare_with_record(const RunView& view, const Manifest& manifest, const VerifyingKey* signer,
                         SealFindings& findings) {
  const Result<RunSummary> run = view.run(manifest.run);
  if (!run)
    return findings.good("record", fmt::format("run {} is not in {}: only the reports were checked",
                                               manifest.run, view.database()));
  const Result<std::string> hash = view.chain_at(manifest.run, manifest.events);
  if (!hash) return findings.bad("record", hash.error().message);
  if (*hash != manifest.chain_head && !(manifest.events == 0 && hash->empty()))
    return findings.bad(
        "record", fmt::format("the reports are about another record: after event {} it has {}, they {}…",
                              manifest.events, hash->empty() ? "nothing" : hash->substr(0, 12) + "…",
                              manifest.chain_head.substr(0, 12)));
  if (run->events > manifest.events)
    return findings.bad("record",
                        fmt::format("it has gone on since: {} events, the reports are of {}; kiln report {}",
                                    run->events, manifest.events, manifest.run));
  findings.good("record", fmt::format("the reports are of these {} events", manifest.events));
  const Result<std::vector<AuditRow>> rows = view.audit();
  if (!rows) return findings.bad("audit", rows.error().message);
  const Result<std::vector<CarriedReviews>> carried = carried_reviews(view.database(), manifest.run);
  if (!carried) return findings.bad("reviews", carried.error().message);
  const auto mark = read_import_mark(view.database(), manifest.run);
  const auto is_of_where_it_was = [&mark](const std::string& pem) {
    return mark->key_pem == pem ||
           std::find(mark->more_keys.begin(), mark->more_keys.end(), pem) != mark->more_keys.end();
  };
  const bool of_another_trail = mark && signer != nullptr && is_of_where_it_was(signer->pem());
  if (!of_another_trail) {
    if (const auto why = why_audit_differs(*rows, manifest.audit_entries, manifest.audit_head))
      return findings.bad("audit", *why);
  }
  const auto of_run = [&manifest](const AuditRow& row) { return row.run == manifest.run; };
  std::int64_t reviews = std::count_if(rows->begin(), rows->end(), of_run);
  for (const CarriedReviews& one : *carried) {
    reviews += std::count_if(one.entries.begin(), one.entries.end(), [&rows](const AuditRow& entry) {
      return std::none_of(rows->begin(), rows->end(),
                          [&entry](const AuditRow& own) { return own.chain == entry.chain; });
    });
  }
  if (reviews < manifest.reviews)
    return findings.bad("audit",
                        fmt::format("the reports know {} entries of reviews, here are {}: import the "
                                    "bundle again, or kiln report {}",
                                    manifest.reviews, reviews, manifest.run));
  if (reviews > manifest.reviews)
    return findings.bad(
        "audit", fmt::format("the run was reviewed since: {} entries, the reports know {}; kiln report {}",
                             reviews, manifest.reviews, manifest.run));
}

}  // namespace

bool Verification::holds() const {
  return !findings.empty() && std::all_of(findings.begin(), findings.end(),
                                          [](const SealFinding& finding) { return finding.holds; });
}

std::optional<std::string> why_audit_differs(const std::vector<AuditRow>& rows, std::int64_t entries,
                                             const std::string& head) {
  if (head.empty()) return std::nullopt;  // of before there was one
  if (static_cast<std::int64_t>(rows.size()) < entries)
    return fmt::format(
        "{} entries of reviews were there when this was signed, the record has {}: its end was cut", entries,
        rows.size());
  const std::string now =
      entries == 0 ? std::string(kNoAuditYet) : rows[static_cast<std::size_t>(entries) - 1].chain;
  if (now != head)
    return fmt::format("entry {} of the reviews is not the one that was there when this was signed", entries);
  return std::nullopt;
}

Result<Verification> verify_record(const RunView& view, const std::string& run,
                                   const std::vector<VerifyingKey>& trusted) {
  const Result<RunSummary> summary = view.run(run);
  if (!summary) return summary.error();
  Verification verification;
  verification.run = run;
  SealFindings findings(verification);
  const Result<ChainCheck> chain = view.verify_chain(run);
  if (!chain) {
    findings.bad("record", chain.error().message);
  } else if (!chain->intact) {
    findings.bad("record", chain->reason);
  } else {
    findings.good("record", fmt::format("{} events, head {}…", chain->events, chain->head.substr(0, 12)));
  }
  const Result<std::vector<std::string>> checkpoints = view.checkpoints(run);
  std::int64_t sealed_up_to = 0;
  if (!checkpoints) {
    findings.bad("checkpoint", checkpoints.error().message);
  } else {
    for (const std::string& text : *checkpoints)
      check_checkpoint(view, run, text, trusted, sealed_up_to, findings);
    if (checkpoints->empty())
      findings.bad("checkpoint",
                   summary->state == RunState::running
                       ? "the run goes on: it is signed at its end"
                       : "nobody has signed the end of this record: a cut tail would not be seen");
    else if (sealed_up_to > 0 && summary->events > sealed_up_to)
      findings.bad("checkpoint",
                   fmt::format("events {} to {} came after what was signed: kiln report {} signs them",
                               sealed_up_to + 1, summary->events, run));
  }
  if (summary->broken) findings.bad("record", summary->broken->sentence());
  const Result<std::vector<ArtifactRow>> artifacts = view.artifacts(run);
  if (!artifacts) {
    findings.bad("artifacts", artifacts.error().message);
    return verification;
  }
  for (const ArtifactRow& row : *artifacts)
    check_artifact(row.attached.name, row.path, static_cast<std::uint64_t>(row.attached.bytes),
                   row.attached.sha256, findings);
  return verification;
}

Verification verify_reports(const std::string& directory, const std::vector<VerifyingKey>& trusted,
                            const RunView* view) {
  Verification verification;
  SealFindings findings(verification);
  const Result<std::string> text = text_of_file(directory + "/manifest.dsse.json", kMostManifestBytes);
  if (!text) {
    findings.bad("manifest", "there is no seal: " + text.error().message);
    return verification;
  }
  const Result<Envelope> envelope = read_envelope(*text);
  if (!envelope) {
    findings.bad("manifest", envelope.error().message);
    return verification;
  }
  const VerifyingKey* key = who_signed(*envelope, kManifestType, trusted);
  if (key == nullptr) {
    findings.bad("manifest", nobody_signed(*envelope, trusted));
  }
  const Result<Manifest> manifest = read_manifest(envelope->payload);
  if (!manifest) {
    findings.bad("manifest", manifest.error().message);
    return verification;
  }
  verification.run = manifest->run;
  if (key != nullptr) findings.good("manifest", what_was_signed(*manifest, *key));
  check_same(directory, "manifest.json", envelope->payload, findings);
  check_same(directory, "manifest.sig", envelope->signature, findings);
  if (key != nullptr) check_same(directory, "station.pub.pem", key->pem(), findings);
  for (const SealedFile& file : manifest->files) {
    if (file.kind == SealedFile::Kind::report) check_file(directory, file, findings);
  }
  check_nothing_added(directory, *manifest, findings);
  if (view != nullptr) compare_with_record(*view, *manifest, key, findings);
  return verification;
}

}  // namespace kiln
