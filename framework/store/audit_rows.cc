#include "store/audit_rows.h"

#include <fmt/format.h>

#include "base/sha256.h"

namespace kiln {

std::string audit_hash(const std::string& before, const AuditRow& row) {
  std::string bytes = "kiln-audit1" + before;
  for (const std::string& column : {std::to_string(row.number), row.run, row.statement, row.signature,
                                    std::to_string(row.recorded_utc_ns)})
    bytes += fmt::format("{}:{}", column.size(), column);
  return sha256_hex(bytes);
}

Result<std::vector<AuditRow>> read_audit(sqlite::Connection& connection) {
  std::vector<AuditRow> rows;
  const Result<std::int64_t> known =
      connection.query_integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'audit'");
  if (!known) return known.error();
  if (*known == 0) return rows;
  Result<sqlite::Statement> select = connection.prepare(
      "SELECT a.number, r.id, a.statement, a.signature, a.recorded_utc_ns, a.chain, a.envelope FROM audit a "
      "JOIN run r ON r.number = a.run ORDER BY a.number");
  if (!select) return select.error();
  for (;;) {
    const Result<sqlite::Statement::Step> stepped = select->step();
    if (!stepped) return stepped.error();
    if (*stepped == sqlite::Statement::Step::done) return rows;
    AuditRow row;
    row.number = select->integer(0);
    row.run = select->text(1);
    row.statement = select->text(2);
    row.signature = select->text(3);
    row.recorded_utc_ns = select->integer(4);
    row.chain = select->text(5);
    row.envelope = select->text(6);
    rows.push_back(std::move(row));
  }
}

}  // namespace kiln
