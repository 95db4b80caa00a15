#include "store/audit_trail.h"

#include <fmt/format.h>

#include "store/migrations.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

Status insert_entry(sqlite::Connection& connection, AuditRow& row, const std::string& head,
                    const SignAuditRow& sign) {
  const Result<std::vector<AuditRow>> before = read_audit(connection);
  if (!before) return before.error();
  const std::string now = before->empty() ? std::string(kNoAuditYet) : before->back().chain;
  if (now != head)
    return Error("audit.moved_on", "somebody else has signed something in this record meanwhile",
                 "look at it (kiln review RUN) and sign again", Blame::operator_);
  row.number = before->empty() ? 1 : before->back().number + 1;
  row.chain = audit_hash(now, row);
  Result<std::string> envelope = sign(row);
  if (!envelope) return envelope.error();
  row.envelope = std::move(*envelope);
  Result<sqlite::Statement> insert = connection.prepare(
      "INSERT INTO audit (number, run, statement, signature, recorded_utc_ns, chain, envelope) "
      "SELECT ?1, number, ?3, ?4, ?5, ?6, ?7 FROM run WHERE id = ?2 RETURNING number");
  if (!insert) return insert.error();
  insert->bind(1, row.number);
  insert->bind(2, std::string_view(row.run));
  insert->bind(3, std::string_view(row.statement));
  insert->bind(4, std::string_view(row.signature));
  insert->bind(5, row.recorded_utc_ns);
  insert->bind(6, std::string_view(row.chain));
  insert->bind(7, std::string_view(row.envelope));
  Result<sqlite::Statement::Step> stepped = insert->step();
  if (!stepped) return stepped.error();
  if (*stepped == sqlite::Statement::Step::done)
    return Error("audit.no_run", fmt::format("there is no run {} in this record", row.run), "see kiln runs",
                 Blame::operator_);
  stepped = insert->step();
  if (!stepped) return stepped.error();
  return success();
}

}  // namespace

Result<AuditRow> add_audit_entry(const std::string& database, AuditRow row, const std::string& head,
                                 const SignAuditRow& sign) {
  const Result<std::string> path = resolve_database(database);
  if (!path) return path.error();
  Result<sqlite::Connection> connection = open_for_writing(*path);
  if (!connection) return connection.error();
  // The lock first: two people who sign at once do it one after the other.
  Status done = connection->execute("BEGIN IMMEDIATE");
  if (!done) return ledger_error(done.error(), *path);
  done = insert_entry(*connection, row, head, sign);
  if (done) done = connection->execute("COMMIT");
  if (!done) {
    const Error cause = done.error();
    static_cast<void>(connection->execute("ROLLBACK"));
    return ledger_error(cause, *path);
  }
  return row;
}

}  // namespace kiln
