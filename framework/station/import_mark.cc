#include "station/import_mark.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "station/file_hash.h"
#include "station/reports_on_disk.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

constexpr std::uint64_t kMostMarkBytes = 4U << 20U;

std::string mark_path(const std::string& database, const std::string& run) {
  return runs_directory(database) + "/" + run + ".imported";
}

std::string text_field(const boost::json::object& object, const char* name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::int64_t whole_field(const boost::json::object& object, const char* name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

std::vector<std::string> list_field(const boost::json::object& object, const char* name) {
  std::vector<std::string> texts;
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return texts;
  for (const boost::json::value& item : value->as_array())
    if (item.is_string()) texts.emplace_back(item.as_string());
  return texts;
}

boost::json::array list_of(const std::vector<std::string>& texts) {
  boost::json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

}  // namespace

std::string ImportMark::sentence() const {
  return fmt::format("imported from {}, {}", station,
                     key_pem.empty() ? "TRUSTED BY NOBODY" : "signed by key " + key_id.substr(0, 16));
}

Status write_import_mark(const std::string& database, const ImportMark& mark) {
  const Result<std::string> path = resolve_database(database);
  if (!path) return path.error();
  const Status made = make_directories(runs_directory(*path));
  if (!made) return made;
  boost::json::object root;
  root["run"] = mark.run;
  root["station"] = mark.station;
  root["key_id"] = mark.key_id;
  root["key_pem"] = mark.key_pem;
  root["more_keys"] = list_of(mark.more_keys);
  root["exported_utc_ns"] = mark.exported_utc_ns;
  root["imported_utc_ns"] = mark.imported_utc_ns;
  root["reviews_sha256"] = mark.reviews_sha256;
  root["next_sha256"] = mark.next_sha256;
  root["reviews"] = list_of(mark.reviews);
  root["checkpoints"] = mark.checkpoints;
  const Status written = write_whole(mark_path(*path, mark.run), boost::json::serialize(root) + "\n");
  if (!written)
    return Error("import.not_marked", written.error().message, "nothing was imported", Blame::station);
  return success();
}

void remove_import_mark(const std::string& database, const std::string& run) {
  const Result<std::string> path = resolve_database(database);
  if (path) ::unlink(mark_path(*path, run).c_str());
}

std::optional<ImportMark> read_import_mark(const std::string& database, const std::string& run) {
  const Result<std::string> path = resolve_database(database);
  if (!path) return std::nullopt;
  const Result<std::string> text = text_of_file(mark_path(*path, run), kMostMarkBytes);
  if (!text) return std::nullopt;
  boost::system::error_code failed;
  const boost::json::value root = boost::json::parse(*text, failed);
  if (failed || !root.is_object()) return std::nullopt;
  const boost::json::object& object = root.as_object();
  ImportMark mark;
  mark.run = run;
  mark.station = text_field(object, "station");
  mark.key_id = text_field(object, "key_id");
  mark.key_pem = text_field(object, "key_pem");
  mark.more_keys = list_field(object, "more_keys");
  mark.exported_utc_ns = whole_field(object, "exported_utc_ns");
  mark.imported_utc_ns = whole_field(object, "imported_utc_ns");
  mark.reviews_sha256 = text_field(object, "reviews_sha256");
  mark.next_sha256 = text_field(object, "next_sha256");
  mark.reviews = list_field(object, "reviews");
  mark.checkpoints = whole_field(object, "checkpoints");
  return mark;
}

}  // namespace kiln
