#include "store/checkpoints.h"

#include <fmt/format.h>

#include "store/migrations.h"
#include "store/store_paths.h"

namespace kiln {

Status add_checkpoint(const std::string& database, const std::string& run, const std::string& envelope,
                      std::int64_t utc_ns) {
  const Result<std::string> path = resolve_database(database);
  if (!path) return path.error();
  Result<sqlite::Connection> connection = open_for_writing(*path);
  if (!connection) return connection.error();
  Result<sqlite::Statement> insert = connection->prepare(
      "INSERT INTO checkpoint (run, envelope, written_utc_ns) SELECT number, ?2, ?3 FROM run WHERE id = ?1 "
      "RETURNING number");
  if (!insert) return ledger_error(insert.error(), *path);
  insert->bind(1, std::string_view(run));
  insert->bind(2, std::string_view(envelope));
  insert->bind(3, utc_ns);
  Result<sqlite::Statement::Step> stepped = insert->step();
  if (!stepped) return ledger_error(stepped.error(), *path);
  if (*stepped == sqlite::Statement::Step::done)
    return Error("checkpoint.no_run", fmt::format("there is no run {} in {}", run, *path), "see kiln runs",
                 Blame::operator_);
  stepped = insert->step();  // to its end: then it is committed
  if (!stepped) return ledger_error(stepped.error(), *path);
  return success();
}

}  // namespace kiln
