#include "station/import_mark.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "station/file_hash.h"
#include "station/reports_on_disk.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

constexpr std::uint64_t kMostMarkBytes = 64U << 10U;

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
  boost::json::array more;
  for (const std::string& pem : mark.more_keys) more.emplace_back(pem);
  root["more_keys"] = std::move(more);
  root["exported_utc_ns"] = mark.exported_utc_ns;
  root["imported_utc_ns"] = mark.imported_utc_ns;
  root["reviews_sha256"] = mark.reviews_sha256;
  root["reviews"] = mark.reviews;
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
  if (const boost::json::value* more = object.if_contains("more_keys"); more != nullptr && more->is_array()) {
    for (const boost::json::value& pem : more->as_array())
      if (pem.is_string()) mark.more_keys.emplace_back(pem.as_string());
  }
  mark.exported_utc_ns = whole_field(object, "exported_utc_ns");
  mark.imported_utc_ns = whole_field(object, "imported_utc_ns");
  mark.reviews_sha256 = text_field(object, "reviews_sha256");
  mark.reviews = whole_field(object, "reviews");
  return mark;
}

}  // namespace kiln
