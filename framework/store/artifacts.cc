#include "store/artifacts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <random>
#include <utility>

#include "base/sha256.h"
#include "store/chain.h"
#include "store/store_paths.h"

namespace kiln {
namespace fs = std::filesystem;
namespace {

Error not_stored(const std::string& path, int cause) {
  return {"artifact.not_stored", fmt::format("the file {} cannot be written: {}", path, errno_text(cause)),
          "free space there, or make it writable for this user", Blame::station};
}
Error not_read(const std::string& path, int cause) {
  return {"artifact.not_read",
          fmt::format("the file {} cannot be read: {}", path, errno_text(cause)),
          {},
          Blame::station};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

Status write_all(int descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return not_stored(path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return success();
}

/// Gives the bytes piece by piece; empty at the end.
using Pieces = std::function<Result<std::string_view>()>;

/// Writes to a temporary file beside the others, hashing on the way, then gives it the name of its hash.
Result<Attached> store(const std::string& directory, Attached attached, const Pieces& next) {
  const Status made = make_directories(directory);
  if (!made) return made.error();
  std::random_device random;
  const std::string temporary = fmt::format("{}/.incoming-{}-{:08x}", directory, ::getpid(), random());
  const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.get() < 0) return not_stored(temporary, errno);
  const auto give_up = [&temporary](Error cause) -> Error {
    ::unlink(temporary.c_str());
    return cause;
  };

  Sha256 digest;
  for (;;) {
    const Result<std::string_view> piece = next();
    if (!piece) return give_up(piece.error());
    if (piece->empty()) break;
    digest.add(*piece);
    const Status written = write_all(file.get(), *piece, temporary);
    if (!written) return give_up(written.error());
    attached.bytes += static_cast<std::int64_t>(piece->size());
  }
  if (::fsync(file.get()) != 0) return give_up(not_stored(temporary, errno));
  attached.sha256 = to_hex(digest.finish());

  const std::string path = artifact_path(directory, attached.sha256);
  const std::string parent = fs::path(path).parent_path().string();
  const Status prepared = make_directories(parent);
  if (!prepared) return give_up(prepared.error());
  // The same content under the same name: replacing it changes nothing, and repairs a file that was cut.
  if (::rename(temporary.c_str(), path.c_str()) != 0) return give_up(not_stored(path, errno));
  const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return not_stored(path, errno);
  return attached;
}

}  // namespace

Artifacts::Artifacts(std::string directory) : directory_(std::move(directory)) {}

Result<Attached> Artifacts::add_text(std::string name, std::string media_type,
                                     const std::string& bytes) const {
  Attached attached;
  attached.name = std::move(name);
  attached.media_type = std::move(media_type);
  bool given = false;
  return store(directory_, std::move(attached), [&]() -> Result<std::string_view> {
    return std::exchange(given, true) ? std::string_view() : std::string_view(bytes);
  });
}

Result<Attached> Artifacts::add_file(std::string name, std::string media_type,
                                     const std::string& path) const {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return not_read(path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return not_read(path, errno);
  if (!S_ISREG(status.st_mode)) return not_read(path, EINVAL);
  Attached attached;
  attached.name = std::move(name);
  attached.media_type = std::move(media_type);
  std::vector<char> buffer(1U << 18);
  return store(directory_, std::move(attached), [&]() -> Result<std::string_view> {
    ssize_t size = -1;
    do {
      size = ::read(file.get(), buffer.data(), buffer.size());
    } while (size < 0 && errno == EINTR);
    if (size < 0) return not_read(path, errno);
    return std::string_view(buffer.data(), static_cast<std::size_t>(size));
  });
}

}  // namespace kiln
