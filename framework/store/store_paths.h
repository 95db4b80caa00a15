#pragma once
// Where things lie: the database, and beside it the lock files and artifacts.
//
//   <dir>/kiln.db                       mode 0600, SQLite makes -wal and -shm alike
//   <dir>/runs/<run id>.lock            held (flock) while the run's program lives
//   <dir>/runs/<run id>.reserve         space kept for parking and the report
//   <dir>/runs/<run id>.broken          why and after which event the ledger failed
//   <dir>/runs/<run id>.after           what happened after that, one JSON object per line
//   <dir>/artifacts/ab/cdef…            see store/artifacts.h
//
// Directories that are made get mode 0700.

#include <string>

#include "base/result.h"

namespace kiln {

/// $XDG_STATE_HOME/kiln/kiln.db, else $HOME/.local/state/kiln/kiln.db (XDG Base Directory Specification 0.8;
/// a relative XDG_STATE_HOME is ignored, as it says). Error "ledger.no_directory" when neither is set.
Result<std::string> default_database();

/// `database`, or the default one when empty; absolute.
Result<std::string> resolve_database(const std::string& database);

std::string runs_directory(const std::string& database);
std::string artifacts_directory(const std::string& database);
/// <directory>/ab/cdef… of a hexadecimal SHA-256.
std::string artifact_path(const std::string& directory, const std::string& sha256);
std::string lock_file(const std::string& database, const std::string& run);
std::string reserve_file(const std::string& database, const std::string& run);
std::string broken_file(const std::string& database, const std::string& run);
std::string after_break_file(const std::string& database, const std::string& run);

/// Makes the directory and its missing parents with mode 0700. Error "ledger.not_writable" with path and
/// cause.
Status make_directories(const std::string& directory);

/// "the cause" of errno: strerror's text.
std::string errno_text(int number);

}  // namespace kiln
