#include "store/checkpoint_rows.h"

namespace kiln {

Result<std::vector<std::string>> read_checkpoints(sqlite::Connection& connection, std::int64_t run_number) {
  std::vector<std::string> envelopes;
  const Result<std::int64_t> known = connection.query_integer(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'checkpoint'");
  if (!known) return known.error();
  if (*known == 0) return envelopes;
  Result<sqlite::Statement> select =
      connection.prepare("SELECT envelope FROM checkpoint WHERE run = ?1 ORDER BY number");
  if (!select) return select.error();
  select->bind(1, run_number);
  for (;;) {
    const Result<sqlite::Statement::Step> stepped = select->step();
    if (!stepped) return stepped.error();
    if (*stepped == sqlite::Statement::Step::done) return envelopes;
    envelopes.emplace_back(select->text(0));
  }
}

Result<std::string> read_chain_at(sqlite::Connection& connection, std::int64_t run_number,
                                  std::int64_t sequence) {
  Result<sqlite::Statement> select =
      connection.prepare("SELECT lower(hex(chain)) FROM event WHERE run = ?1 AND sequence = ?2");
  if (!select) return select.error();
  select->bind(1, run_number);
  select->bind(2, sequence);
  const Result<sqlite::Statement::Step> stepped = select->step();
  if (!stepped) return stepped.error();
  return *stepped == sqlite::Statement::Step::row ? std::string(select->text(0)) : std::string();
}

}  // namespace kiln
