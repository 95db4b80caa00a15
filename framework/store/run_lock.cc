#include "store/run_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <random>
#include <utility>

#include "store/store_paths.h"

namespace kiln {

std::string make_run_id(std::int64_t utc_ns) {
  const time_t seconds = utc_ns / 1'000'000'000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::random_device random;
  return fmt::format("R-{:04}{:02}{:02}-{:02}{:02}{:02}-{:04x}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, random() & 0xffffU);
}

Result<RunLock> RunLock::take(const std::string& database, const std::string& run) {
  const std::string path = lock_file(database, run);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    const int cause = errno;
    if (cause == EEXIST)
      return Error("ledger.run_taken", fmt::format("the run id {} is taken", run), {}, Blame::station);
    return Error("ledger.not_writable",
                 fmt::format("the lock file {} cannot be made: {}", path, errno_text(cause)),
                 "give the user write permission there, or name another file with --db", Blame::station);
  }
  RunLock lock(descriptor, path);
  const std::string pid = fmt::format("{}\n", ::getpid());
  // A viewer may hold the fresh file for an instant to probe it: wait for that, do not fail.
  int locked = 0;
  do {
    locked = ::flock(descriptor, LOCK_EX);
  } while (locked != 0 && errno == EINTR);
  if (locked != 0 || ::write(descriptor, pid.data(), pid.size()) != static_cast<ssize_t>(pid.size())) {
    const int cause = errno;
    lock.release();
    return Error("ledger.not_writable",
                 fmt::format("the lock file {} cannot be used: {}", path, errno_text(cause)),
                 "keep the database on a local disk with free space", Blame::station);
  }
  return lock;
}

Result<RunLock> RunLock::take_over(const std::string& database, const std::string& run) {
  const std::string path = lock_file(database, run);
  constexpr int kTries = 1000;
  const auto not_writable = [&path](int cause) {
    return Error("ledger.not_writable",
                 fmt::format("the lock file {} cannot be used: {}", path, errno_text(cause)),
                 "give the user write permission there, or name another file with --db", Blame::station);
  };
  for (int tries = 0; tries < kTries; ++tries) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0) return not_writable(errno);
    RunLock lock(descriptor, path);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
      // Whoever ended in order meanwhile has removed the file that we hold.
      struct stat held {};
      struct stat named {};
      const bool same = ::fstat(descriptor, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
                        held.st_ino == named.st_ino && held.st_dev == named.st_dev;
      if (!same) continue;
      const std::string pid = fmt::format("{}\n", ::getpid());
      if (::ftruncate(descriptor, 0) != 0 ||
          ::pwrite(descriptor, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
        return not_writable(errno);
      return lock;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) return not_writable(errno);
    // A viewer holds it shared, and for an instant; a program that lives lets nobody share it.
    if (::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) break;
  }
  return Error("ledger.run_alive", fmt::format("run {} is still being driven by another program", run),
               fmt::format("join it: kiln watch {}", run), Blame::operator_);
}

RunLock::RunLock(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
RunLock::RunLock(RunLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}
RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RunLock::release() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  ::close(std::exchange(descriptor_, -1));
}

RunHolder run_holder(const std::string& database, const std::string& run) {
  RunHolder holder;
  const int descriptor = ::open(lock_file(database, run).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return holder;
  if (::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    holder.alive = true;
    std::array<char, 32> text{};
    const ssize_t size = ::read(descriptor, text.data(), text.size() - 1);
    if (size > 0) holder.pid = std::strtoll(text.data(), nullptr, 10);
  }
  ::close(descriptor);
  return holder;
}

}  // namespace kiln
