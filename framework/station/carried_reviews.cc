#include "station/carried_reviews.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <set>
#include <utility>

#include "base/base64.h"
#include "base/sha256.h"
#include "seal/json_fields.h"
#include "station/file_hash.h"
#include "station/import_mark.h"
#include "station/reports_on_disk.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::int64_t kCarriedForm = 2;
constexpr std::uint64_t kMostCarriedBytes = 64U << 20U;
constexpr std::string_view kReviewsNotReadable = "reviews.not_readable";
constexpr std::string_view kReviewsWhat = "list of what people have signed about a run";

std::string path_of(const std::string& database, const std::string& run) {
  return runs_directory(database) + "/" + run + "." + kCarriedReviewsName;
}

/// Statement and signature byte for byte, whatever they are.
json::object entry_json(const AuditRow& row) {
  return {{"number", row.number},
          {"statement", base64_of(row.statement)},
          {"signature", base64_of(row.signature)},
          {"recorded_utc_ns", row.recorded_utc_ns},
          {"chain", row.chain},
          {"envelope", row.envelope}};
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
  if (one.station.empty()) return unreadable_json(kReviewsNotReadable, kReviewsWhat, "station is empty");
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
    const auto statement = bytes_of_base64(entry.text("statement"));
    const auto signature = bytes_of_base64(entry.text("signature"));
    row.recorded_utc_ns = entry.whole("recorded_utc_ns");
    row.chain = entry.text("chain");
    row.envelope = entry.text("envelope");
    if (!entry.wrong().empty())
      return unreadable_json(kReviewsNotReadable, kReviewsWhat, "of entries, " + entry.wrong());
    if (!statement || !signature)
      return unreadable_json(kReviewsNotReadable, kReviewsWhat, "of entries, one is no base64");
    row.statement = *statement;
    row.signature = *signature;
    one.entries.push_back(std::move(row));
  }
  return one;
}

Error reviews_changed(const std::string& path, const std::string& why) {
  return {"reviews.changed", fmt::format("what people had signed came with this run in {}: {}", path, why),
          "kiln import the bundle again", Blame::operator_};
}

/// The hashes after each entry: no two entries have the same.
std::set<std::string> entries_of(const CarriedReviews& one) {
  std::set<std::string> chains;
  for (const AuditRow& row : one.entries) chains.insert(row.chain);
  return chains;
}

bool has_all_of(const CarriedReviews& more, const CarriedReviews& less) {
  const std::set<std::string> all = entries_of(more), some = entries_of(less);
  return more.envelope.key_id == less.envelope.key_id &&
         std::includes(all.begin(), all.end(), some.begin(), some.end());
}

/// True: there was something new.
bool merge(std::vector<CarriedReviews>& kept, std::vector<CarriedReviews> arrived) {
  bool changed = false;
  for (CarriedReviews& one : arrived) {
    const auto has_it = [&one](const CarriedReviews& other) { return has_all_of(other, one); };
    if (std::any_of(kept.begin(), kept.end(), has_it)) continue;
    changed = true;
    const auto older = std::find_if(kept.begin(), kept.end(),
                                    [&one](const CarriedReviews& other) { return has_all_of(one, other); });
    if (older != kept.end()) {
      *older = std::move(one);
    } else {
      kept.push_back(std::move(one));
    }
  }
  return changed;
}

std::vector<std::string> chains_of(const std::vector<CarriedReviews>& all) {
  std::set<std::string> chains;
  for (const CarriedReviews& one : all) chains.merge(entries_of(one));
  return {chains.begin(), chains.end()};
}

bool has_all_of(const std::vector<CarriedReviews>& all, const std::vector<std::string>& chains) {
  const std::vector<std::string> there = chains_of(all);
  return std::all_of(chains.begin(), chains.end(), [&there](const std::string& chain) {
    return std::binary_search(there.begin(), there.end(), chain);
  });
}

std::string text_from(const std::vector<CarriedReviews>& all) {
  json::array list;
  for (const CarriedReviews& one : all) list.emplace_back(to_json(one.envelope));
  return json::serialize(list) + "\n";
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
  if (text.size() > kMostCarriedBytes)
    return unreadable_json(kReviewsNotReadable, kReviewsWhat, "it is larger than any that was written");
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
  const Result<std::string> own = resolve_database(database);
  if (!own) return own.error();
  const std::string path = path_of(*own, run);
  const auto mark = read_import_mark(*own, run);
  if (!mark || mark->reviews_sha256.empty()) {
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) return std::vector<CarriedReviews>{};
    return reviews_changed(path, "what the station noted of the import does not know it");
  }
  const Result<std::string> text = text_of_file(path, kMostCarriedBytes);
  if (!text) return reviews_changed(path, text.error().message);
  // Whoever was stopped while it was written left the one or the other.
  const std::string sha256 = sha256_hex(*text);
  if (sha256 != mark->reviews_sha256 && sha256 != mark->next_sha256)
    return reviews_changed(path, "it is not what was taken");
  return read_carried_reviews(*text);
}

Result<bool> keep_carried_reviews(const std::string& database, const std::string& text, bool is_new,
                                  ImportMark& mark) {
  const Result<std::string> own = resolve_database(database);
  if (!own) return own.error();
  Result<std::vector<CarriedReviews>> arrived = read_carried_reviews(text);
  if (!arrived) return arrived.error();
  std::vector<CarriedReviews> all;
  bool is_mended = false;
  if (!is_new) {
    Result<std::vector<CarriedReviews>> kept = carried_reviews(*own, mark.run);
    // What is kept cannot be read; an older bundle could hide what was said last.
    is_mended = !kept;
    if (!kept && !has_all_of(*arrived, mark.reviews)) return kept.error();
    if (kept) all = std::move(*kept);
  }
  if (!merge(all, std::move(*arrived)) && !is_mended) return false;
  const std::string merged = text_from(all);
  if (merged.size() > kMostCarriedBytes)
    return unreadable_json(kReviewsNotReadable, kReviewsWhat, "it is larger than any that was written");
  const Status made = make_directories(runs_directory(*own));
  if (!made) return made.error();
  const std::string sha256 = sha256_hex(merged);
  if (!is_new) {
    mark.next_sha256 = sha256;
    const Status announced = write_import_mark(*own, mark);
    if (!announced) return announced.error();
  }
  const Status written = write_whole(path_of(*own, mark.run), merged);
  if (!written) return written.error();
  mark.reviews_sha256 = sha256;
  mark.next_sha256.clear();
  mark.reviews = chains_of(all);
  return true;
}

void remove_carried_reviews(const std::string& database, const std::string& run) {
  const Result<std::string> own = resolve_database(database);
  if (own) ::unlink(path_of(*own, run).c_str());
}

}  // namespace kiln
