#include "image.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string_view>

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

constexpr std::uintmax_t kLargestImage = 512ULL << 20;  // bytes; beyond any BMC's MaxImageSizeBytes seen
constexpr Nanoseconds kImageTurn = std::chrono::milliseconds(1);

}  // namespace

awaitable<Result<std::string>> read_image(const Ctx& ctx, FirmwareTarget target) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(target.image, failed);
  if (failed) {
    co_return Error("firmware.no_image", fmt::format("{}: {}", target.image, failed.message()),
                    "put the vendor's image there under that name", Blame::operator_);
  }
  if (size == 0 || size > kLargestImage) {
    co_return Error(
        "firmware.image_size", fmt::format("{} has {} bytes", target.image, size),
        is_nvos(target.route) ? "give the switch a uri to fetch it from instead" : "is it the right file?",
        Blame::operator_);
  }
  std::ifstream stream(target.image, std::ios::binary);
  std::string bytes;
  bytes.reserve(size);
  std::string slice(kImageSlice, '\0');
  Sha256 sum;
  // One byte more than there should be, so that a file that grows is seen.
  while (stream && bytes.size() <= size) {
    stream.read(slice.data(), static_cast<std::streamsize>(slice.size()));
    const auto got = static_cast<std::size_t>(stream.gcount());
    const std::string_view piece(slice.data(), got);
    bytes.append(piece);
    sum.add(piece);
    const Status turn = co_await ctx.sleep_for(kImageTurn);
    if (!turn) co_return turn.error();
  }
  if (stream.bad() || bytes.size() != size) {
    co_return Error("firmware.no_image", fmt::format("{} cannot be read to its end", target.image), "",
                    Blame::operator_);
  }
  if (target.sha256.empty()) co_return bytes;
  const std::string hash = sum.hex();
  if (hash != target.sha256) {
    co_return Error("firmware.wrong_image",
                    fmt::format("{} has SHA-256 {}, the baseline says {}", target.image, hash, target.sha256),
                    "fetch the image again from the vendor and compare; nothing was written",
                    Blame::operator_);
  }
  co_return bytes;
}

FirmwareTarget target_without_baseline(const Inventory& inventory, const std::string& component,
                                       const std::string& version, const std::string& directory,
                                       Nanoseconds active_within) {
  namespace fs = std::filesystem;
  fs::path place = directory;
  if (place.is_relative()) place = fs::path(inventory.file).parent_path() / place;
  FirmwareTarget target;
  target.component = component;
  target.version = version;
  target.image = (place / fmt::format("{}-{}.fw", component, version)).string();
  target.downgrade = true;  // the rack file names one version: it is installed
  target.active_within = active_within;
  target.source = "the rack file";
  return target;
}

}  // namespace kiln::firmware
