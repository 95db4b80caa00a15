#include "station/file_hash.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>

#include "base/sha256.h"

namespace kiln {
namespace {

Error not_readable(const std::string& path, const std::string& why) {
  return {"file.not_readable", fmt::format("{}: {}", path, why), "see that it is there and can be read",
          Blame::operator_};
}

/// Neither follows a link nor waits for a pipe.
Result<std::uint64_t> read_pieces(const std::string& path,
                                  const std::function<bool(std::string_view)>& take) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return not_readable(path, std::strerror(errno));
  struct stat found {};
  std::string wrong;
  std::uint64_t bytes = 0;
  if (::fstat(descriptor, &found) != 0 || !S_ISREG(found.st_mode)) wrong = "no regular file";
  std::array<char, 64 * 1024> piece{};
  while (wrong.empty()) {
    const ssize_t got = ::read(descriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) wrong = std::strerror(errno);
    if (got <= 0) break;
    bytes += static_cast<std::uint64_t>(got);
    if (!take({piece.data(), static_cast<std::size_t>(got)})) wrong = "larger than it may be";
  }
  ::close(descriptor);
  if (!wrong.empty()) return not_readable(path, wrong);
  return bytes;
}

}  // namespace

Result<FileHash> hash_of_file(const std::string& path) {
  Sha256 sum;
  const Result<std::uint64_t> bytes = read_pieces(path, [&sum](std::string_view piece) {
    sum.add(piece);
    return true;
  });
  if (!bytes) return bytes.error();
  return FileHash{*bytes, sum.hex()};
}

Result<std::string> text_of_file(const std::string& path, std::uint64_t most) {
  std::string text;
  const Result<std::uint64_t> bytes = read_pieces(path, [&text, most](std::string_view piece) {
    text += piece;
    return text.size() <= most;
  });
  if (!bytes) return bytes.error();
  return text;
}

}  // namespace kiln
