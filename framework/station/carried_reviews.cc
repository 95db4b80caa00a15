#include "station/carried_reviews.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <utility>

#include "base/sha256.h"
#include "seal/json_fields.h"
#include "station/file_hash.h"
#include "station/import_mark.h"
#include "station/reports_on_disk.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::int64_t kCarriedForm = 1;
constexpr std::uint64_t kMostCarriedBytes = 64U << 20U;
constexpr std::string_view kReviewsNotReadable = "reviews.not_readable";
constexpr std::string_view kReviewsWhat = "list of what people have signed about a run";

std::string path_of(const std::string& database, const std::string& run) {
  return runs_directory(database) + "/" + run + "." + kCarriedReviewsName;
}

json::object entry_json(const AuditRow& row) {
  return {{"number", row.number},       {"statement", row.statement},
          {"signature", row.signature}, {"recorded_utc_ns", row.recorded_utc_ns},
          {"chain", row.chain},         {"envelope", row.envelope}};
}

Result<CarriedReviews> read_one(const Envelope& envelope) {
  const Result<json::object> root =
      json_object_of(envelope.payload, kReviewsNotReadable, kReviewsWhat, "kiln_reviews", kCarriedForm);
  if (!root) return root.error();
  JsonFields fields(*root);
  CarriedReviews one;
  one.envelope = envelope;
  one.run = fields.text("run");
  one.station = fields.text("station");
  one.exported_utc_ns = fields.whole("exported_utc_ns");
  if (!fields.wrong().empty()) return unreadable_json(kReviewsNotReadable, kReviewsWhat, fields.wrong());
  const json::value* entries = root->if_contains("entries");
  if (entries == nullptr || !entries->is_array())
    return unreadable_json(kReviewsNotReadable, kReviewsWhat, "entries is no list");
  for (const json::value& item : entries->as_array()) {
    if (!item.is_object())
      return unreadable_json(kReviewsNotReadable, kReviewsWhat, "one of entries is no object");
    JsonFields entry(item.as_object());
    AuditRow row;
    row.number = entry.whole("number");
    row.run = one.run;
    row.statement = entry.text("statement");
    row.signature = entry.text("signature");
    row.recorded_utc_ns = entry.whole("recorded_utc_ns");
    row.chain = entry.text("chain");
    row.envelope = entry.text("envelope");
    if (!entry.wrong().empty())
      return unreadable_json(kReviewsNotReadable, kReviewsWhat, "of entries, " + entry.wrong());
    one.entries.push_back(std::move(row));
  }
  return one;
}

Error reviews_changed(const std::string& path, const std::string& why) {
  return {"reviews.changed", fmt::format("what people had signed came with this run in {}: {}", path, why),
          "kiln import the bundle again", Blame::operator_};
}

/// The hashes after each entry: no two entries have the same.
std::set<std::string> entries_of(const std::vector<CarriedReviews>& all) {
  std::set<std::string> chains;
  for (const CarriedReviews& one : all) {
    for (const AuditRow& row : one.entries) chains.insert(row.chain);
  }
  return chains;
}

bool has_all_of(const std::set<std::string>& more, const std::set<std::string>& less) {
  return std::includes(more.begin(), more.end(), less.begin(), less.end());
}

}  // namespace

Result<std::string> reviews_to_carry(const RunView& view, const std::string& run, const SigningKey& key,
                                     const std::string& station, std::int64_t now_utc_ns) {
  const Result<std::vector<CarriedReviews>> came = carried_reviews(view.database(), run);
  if (!came) return came.error();
  const Result<std::vector<AuditRow>> trail = view.audit();
  if (!trail) return trail.error();
  json::array list;
  for (const CarriedReviews& one : *came) list.emplace_back(to_json(one.envelope));
  json::array entries;
  for (const AuditRow& row : *trail) {
    if (row.run == run) entries.push_back(entry_json(row));
  }
  if (!entries.empty()) {
    json::object root{
        {"kiln_reviews", kCarriedForm}, {"run", run}, {"station", station}, {"exported_utc_ns", now_utc_ns}};
    root["entries"] = std::move(entries);
    const Result<Envelope> sealed = seal(key, std::string(kCarriedReviewsType), json::serialize(root));
    if (!sealed) return sealed.error();
    list.emplace_back(to_json(*sealed));
  }
  return list.empty() ? std::string() : json::serialize(list) + "\n";
}

Result<std::vector<CarriedReviews>> read_carried_reviews(const std::string& text) {
  boost::system::error_code failed;
  const json::value root = json::parse(text, failed);
  if (failed || !root.is_array()) return unreadable_json(kReviewsNotReadable, kReviewsWhat, "it is no list");
  std::vector<CarriedReviews> all;
  for (const json::value& item : root.as_array()) {
    if (!item.is_string()) return unreadable_json(kReviewsNotReadable, kReviewsWhat, "one of it is no text");
    const Result<Envelope> envelope = read_envelope(std::string_view(item.as_string()));
    if (!envelope) return envelope.error();
    Result<CarriedReviews> one = read_one(*envelope);
    if (!one) return one.error();
    all.push_back(std::move(*one));
  }
  return all;
}

Result<std::vector<CarriedReviews>> carried_reviews(const std::string& database, const std::string& run) {
  const auto mark = read_import_mark(database, run);
  if (!mark || mark->reviews_sha256.empty()) return std::vector<CarriedReviews>{};
  const Result<std::string> own = resolve_database(database);
  if (!own) return own.error();
  const std::string path = path_of(*own, run);
  const Result<std::string> text = text_of_file(path, kMostCarriedBytes);
  if (!text) return reviews_changed(path, text.error().message);
  if (sha256_hex(*text) != mark->reviews_sha256) return reviews_changed(path, "it is not what was taken");
  return read_carried_reviews(*text);
}

Result<bool> keep_carried_reviews(const std::string& database, const std::string& run,
                                  const std::string& text) {
  auto mark = read_import_mark(database, run);
  if (!mark) return false;
  const Result<std::string> own = resolve_database(database);
  if (!own) return own.error();
  const Result<std::vector<CarriedReviews>> arrived = read_carried_reviews(text);
  if (!arrived) return arrived.error();
  const std::set<std::string> now = entries_of(*arrived);
  const Result<std::vector<CarriedReviews>> kept = carried_reviews(*own, run);
  if (kept) {
    const std::set<std::string> before = entries_of(*kept);
    if (has_all_of(before, now)) return false;
    if (!has_all_of(now, before))
      return Error("import.other_reviews",
                   fmt::format("people have signed other things about {} in this bundle than in the one it "
                               "came from: {} entries, {} are here",
                               run, now.size(), before.size()),
                   "import the newest bundle of the station that recorded it", Blame::operator_);
  } else if (static_cast<std::int64_t>(now.size()) < mark->reviews) {
    // What is kept cannot be read; an older bundle could hide what was said last.
    return kept.error();
  }
  const Status written = write_whole(path_of(*own, run), text);
  if (!written) return written.error();
  mark->reviews_sha256 = sha256_hex(text);
  mark->reviews = static_cast<std::int64_t>(now.size());
  const Status marked = write_import_mark(*own, *mark);
  if (!marked) return marked.error();
  return true;
}

}  // namespace kiln
