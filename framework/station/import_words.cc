#include "station/import_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "station/carried_notes.h"
#include "station/carried_reviews.h"
#include "station/import_mark.h"

namespace kiln {
namespace {

Error words_changed(const std::string& bundle, const std::string& why) {
  return {"import.changed", fmt::format("{} is not what was signed: {}", bundle, why),
          "nothing was imported; get it again from where it was exported", Blame::operator_};
}

const RunWords& words_of(const CheckedBundle& bundle, const std::string& run) {
  static const RunWords kNone;
  const auto found = bundle.words.find(run);
  return found == bundle.words.end() ? kNone : found->second;
}

/// Of the keys that were given, those that have signed something about the run: where it was before.
std::vector<std::string> keys_about(const CheckedBundle& bundle, const std::string& run,
                                    const RunWords& words) {
  std::vector<std::pair<Envelope, std::string_view>> envelopes;
  if (const Result<std::vector<std::string>> checkpoints = bundle.inside.checkpoints(run)) {
    for (const std::string& text : *checkpoints) {
      if (const Result<Envelope> envelope = read_envelope(text))
        envelopes.emplace_back(*envelope, kCheckpointType);
    }
  }
  if (!words.reviews.empty()) {
    if (const auto all = read_carried_reviews(words.reviews)) {
      for (const CarriedReviews& one : *all) envelopes.emplace_back(one.envelope, kCarriedReviewsType);
    }
  }
  std::vector<std::string> pems;
  for (const VerifyingKey& key : bundle.trusted) {
    const bool signed_one = std::any_of(envelopes.begin(), envelopes.end(), [&key](const auto& one) {
      return holds(one.first, key, one.second);
    });
    if (signed_one) pems.push_back(key.pem());
  }
  return pems;
}

void add_key(ImportMark& mark, std::string pem) {
  std::vector<std::string>& more = mark.more_keys;
  if (pem != mark.key_pem && std::find(more.begin(), more.end(), pem) == more.end())
    more.push_back(std::move(pem));
}
Status complete(const std::string& database, const CheckedBundle& bundle, ImportMark& mark, bool is_new,
                ImportedRuns& imported) {
  const RunWords& words = words_of(bundle, mark.run);
  if (bundle.signer != nullptr) {
    if (mark.key_pem.empty()) {  // new, or taken untrusted before
      mark.key_pem = bundle.signer->pem();
      mark.key_id = bundle.signer->id();
      mark.station = bundle.manifest.station;
      mark.exported_utc_ns = bundle.manifest.exported_utc_ns;
    }
    for (std::string& pem : keys_about(bundle, mark.run, words)) add_key(mark, std::move(pem));
    add_key(mark, bundle.signer->pem());
  }
  bool has_more = false;
  if (!words.reviews.empty()) {
    const Result<bool> kept = keep_carried_reviews(database, words.reviews, is_new, mark);
    if (!kept) return kept.error();
    has_more = *kept;
  } else if (is_new) {
    remove_carried_reviews(database, mark.run);  // of an import that was stopped
  }
  const Status written = write_import_mark(database, mark);
  if (written && has_more) imported.with_reviews.push_back(mark.run);
  return written;
}
Status left_alone(const std::string& database, const CheckedBundle& bundle, const std::string& run,
                  ImportedRuns& imported) {
  const RunWords& words = words_of(bundle, run);
  if (words.reviews.empty()) return success();
  const Result<std::unique_ptr<RunView>> own = RunView::open(database);
  if (!own) return own.error();
  const Result<std::vector<AuditRow>> trail = (*own)->audit();
  if (!trail) return trail.error();
  std::set<std::string> known;
  for (const AuditRow& row : *trail) known.insert(row.chain);
  const Result<std::vector<CarriedReviews>> all = read_carried_reviews(words.reviews);
  if (!all) return all.error();
  for (const CarriedReviews& one : *all) {
    const bool all_known = std::all_of(one.entries.begin(), one.entries.end(),
                                       [&known](const AuditRow& row) { return known.contains(row.chain); });
    if (!all_known) {
      imported.reviews_left.push_back(run);
      return success();
    }
  }
  return success();
}

}  // namespace

Result<std::map<std::string, RunWords>> read_words(const BundleReader& reader, const RunView& inside) {
  std::map<std::string, RunWords> words;
  for (const BundledFile& file : reader.files()) {
    const bool reviews = file.kind == BundledFile::Kind::reviews;
    if (!reviews && file.kind != BundledFile::Kind::notes) continue;
    const Result<RunSummary> run = inside.run(file.run);
    if (!run) return words_changed(reader.path(), fmt::format("{} is about no run of it", file.name));
    Result<std::string> bytes = reader.bytes_of(file);
    if (!bytes) return bytes.error();
    RunWords& of_run = words[file.run];
    of_run.rack = run->about.rack;
    if (reviews) {
      const Result<std::vector<CarriedReviews>> read = read_carried_reviews(*bytes);
      if (!read) return words_changed(reader.path(), read.error().message);
      of_run.reviews = std::move(*bytes);
    } else {
      const Status read = check_carried_notes(*bytes, of_run.rack);
      if (!read) return words_changed(reader.path(), read.error().message);
      of_run.notes = std::move(*bytes);
    }
  }
  return words;
}

Status mark_new_run(const std::string& database, const CheckedBundle& bundle, const std::string& run,
                    ImportedRuns& imported) {
  ImportMark mark;
  mark.run = run;
  mark.station = bundle.manifest.station;
  mark.key_id = bundle.signer != nullptr ? bundle.signer->id() : bundle.envelope.key_id;
  mark.exported_utc_ns = bundle.manifest.exported_utc_ns;
  mark.imported_utc_ns = SystemClock().now().utc_ns;
  if (const Result<std::vector<std::string>> came = bundle.inside.checkpoints(run))
    mark.checkpoints = static_cast<std::int64_t>(came->size());
  return complete(database, bundle, mark, true, imported);
}

Status mark_run_again(const std::string& database, const CheckedBundle& bundle, const std::string& run,
                      ImportedRuns& imported) {
  auto mark = read_import_mark(database, run);
  if (!mark) return left_alone(database, bundle, run, imported);
  if (bundle.signer == nullptr && mark->trusts_somebody()) return success();
  return complete(database, bundle, *mark, false, imported);
}

Status take_notes(const std::string& database, const CheckedBundle& bundle, ImportedRuns& imported) {
  if (bundle.signer == nullptr) return success();
  for (const auto& [run, said] : bundle.words) {
    if (said.notes.empty() || !read_import_mark(database, run)) continue;
    const Result<int> taken = take_carried_notes(database, said.notes, said.rack);
    if (!taken) return taken.error();
    imported.notes += *taken;
  }
  return success();
}

}  // namespace kiln
