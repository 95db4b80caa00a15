#include "files/file_text.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace kiln {
namespace {

Parsed<FileText> refused(const std::string& path, std::string code, std::string message,
                         std::string suggestion = {}) {
  Parsed<FileText> parsed;
  parsed.problems.push_back({{path, 0, 0}, std::move(code), std::move(message), std::move(suggestion)});
  return parsed;
}

/// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Parsed<FileText> read_file_text(const std::string& path) {
  // Non-blocking, so that a pipe put in place of a file cannot hold us; asked on the open descriptor, so that
  // the file that is judged is the file that is read.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) {
    const int reason = errno;
    if (reason == ENOENT) return refused(path, "files.missing", "there is no such file");
    return refused(path, "files.unreadable", fmt::format("cannot be opened: {}", std::strerror(reason)));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return refused(path, "files.unreadable", fmt::format("cannot be examined: {}", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) return refused(path, "files.not_a_file", "is not a regular file");
  const auto too_large = [&path] {
    return refused(path, "files.too_large", fmt::format("is larger than {} MB", kLargestFile / 1024 / 1024));
  };
  if (static_cast<std::size_t>(status.st_size) > kLargestFile) return too_large();

  FileText text;
  text.mode = static_cast<unsigned>(status.st_mode) & 07777U;
  text.owned_by_us_or_root = status.st_uid == ::geteuid() || status.st_uid == 0;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return refused(path, "files.unreadable", fmt::format("cannot be read: {}", std::strerror(errno)));
    if (got == 0) break;
    text.bytes.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.bytes.size() > kLargestFile) return too_large();
  }
  Parsed<FileText> parsed;
  parsed.value = std::move(text);
  return parsed;
}

std::string beside(const std::string& file, const std::string& path) {
  if (path.empty() || path.front() == '/') return path;
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? path : file.substr(0, slash + 1) + path;
}

}  // namespace kiln
