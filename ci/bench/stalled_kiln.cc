// kiln with a disk that can be made to stall: main.cc of the station over an SQLite VFS whose writes and
// syncs wait for as long as the file $KILN_BENCH_STALL exists. Built for tests and benchmarks only, never
// installed; what is shipped knows no such file.

#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

namespace {

constexpr unsigned kLookAgainMicroseconds = 2'000;

const char* stall_file() {
  static const char* const file = std::getenv("KILN_BENCH_STALL");
  return file;
}

void wait_while_stalled() {
  while (stall_file() != nullptr && ::access(stall_file(), F_OK) == 0) ::usleep(kLookAgainMicroseconds);
}

/// What SQLite's own files do, by their methods; each kind of file has one set of them.
std::map<const sqlite3_io_methods*, sqlite3_io_methods>& wrapped_methods() {
  static std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods;
  return methods;
}

/// The sets that stalled files carry, back to the original ones.
const sqlite3_io_methods& original_of(sqlite3_file* file) {
  for (const auto& [original, wrapped] : wrapped_methods()) {
    if (file->pMethods == &wrapped) return *original;
  }
  return *file->pMethods;
}

int stalled_write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
  wait_while_stalled();
  return original_of(file).xWrite(file, bytes, count, at);
}

int stalled_sync(sqlite3_file* file, int flags) {
  wait_while_stalled();
  return original_of(file).xSync(file, flags);
}

sqlite3_vfs* original_vfs() {
  static sqlite3_vfs* const found = sqlite3_vfs_find(nullptr);
  return found;
}

int open_stalled(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out) {
  const int code = original_vfs()->xOpen(original_vfs(), name, file, flags, out);
  if (code != SQLITE_OK || file->pMethods == nullptr) return code;
  auto [place, is_new] = wrapped_methods().try_emplace(file->pMethods, *file->pMethods);
  if (is_new) {
    place->second.xWrite = stalled_write;
    place->second.xSync = stalled_sync;
  }
  file->pMethods = &place->second;
  return code;
}

}  // namespace

/// SQLite asks for this once, before anything is opened (sqlite.org/c3ref/initialize.html); called before
/// main.
[[gnu::constructor]] static void register_stalled_vfs() {
  sqlite3_initialize();
  static sqlite3_vfs stalled = *original_vfs();
  stalled.zName = "stalled";
  stalled.xOpen = open_stalled;
  sqlite3_vfs_register(&stalled, 1);
}
