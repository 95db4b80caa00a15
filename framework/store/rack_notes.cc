#include "store/rack_notes.h"

#include "store/migrations.h"
#include "store/store_paths.h"

namespace kiln {

Status add_rack_note(const std::string& database, const RackNote& note) {
  const Result<std::string> path = resolve_database(database);
  if (!path) return path.error();
  Result<sqlite::Connection> connection = open_for_writing(*path);
  if (!connection) return connection.error();
  Result<sqlite::Statement> insert = connection->prepare(
      "INSERT INTO rack_note (rack, what, at_utc_ns, by_name, station, noted_utc_ns) VALUES (?, ?, ?, ?, ?, "
      "?)");
  if (!insert) return ledger_error(insert.error(), *path);
  insert->bind(1, std::string_view(note.rack));
  insert->bind(2, to_string(note.what));
  insert->bind(3, note.at_utc_ns);
  insert->bind(4, std::string_view(note.by));
  insert->bind(5, std::string_view(note.station));
  insert->bind(6, note.noted_utc_ns);
  const Status done = insert->run();
  if (!done) return ledger_error(done.error(), *path);
  return success();
}

}  // namespace kiln
