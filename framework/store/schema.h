#pragma once
// What version of the record this program writes and reads. The statements themselves are in schema.sql,
// built into the program.

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/sqlite.h"

namespace kiln {

constexpr std::int64_t kSchemaVersion = 4;
/// PRAGMA application_id of our files: "KILN" in ASCII. Tools such as file(1) show it.
constexpr std::int64_t kApplicationId = 0x4b494c4e;

/// The text of schema.sql (version kSchemaVersion).
const char* schema_sql();

/// Whether the file is a record, and of which version.
struct SchemaIdentity {
  bool empty = false;  ///< nothing is in it yet
  bool ours = false;
  std::int64_t version = 0;
};
Result<SchemaIdentity> identify(sqlite::Connection& connection);

/// "…/kiln.db was written by a newer Kiln (record version 3; this program knows up to 1)".
std::string newer_schema_sentence(const std::string& path, std::int64_t version, std::int64_t known);

}  // namespace kiln
