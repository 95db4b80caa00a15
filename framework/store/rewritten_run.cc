#include "store/rewritten_run.h"

#include <utility>

#include "store/migrations.h"

namespace kiln {
namespace {

constexpr std::size_t kGroup = 1024;  // rows of one commit, as the ledger's

}  // namespace

Result<RewrittenRun> RewrittenRun::create(const std::string& to, const std::string& run, Instant begun,
                                          const std::string& kiln_version) {
  Result<sqlite::Connection> connection = open_for_writing(to);
  if (!connection) return connection.error();
  Result<EventRows> rows = EventRows::begin_run(*std::move(connection), run, begun, kiln_version, false);
  if (!rows) return rows.error();
  return RewrittenRun(*std::move(rows));
}

Status RewrittenRun::add(Event&& event) {
  group_.push_back(std::move(event));
  if (group_.size() < kGroup) return success();
  const Status done = rows_.commit(group_);
  group_.clear();
  return done;
}

Status RewrittenRun::finish() {
  if (!group_.empty()) {
    const Status done = rows_.commit(group_);
    if (!done) return done;
  }
  rows_.close();
  return success();
}

}  // namespace kiln
