#include "station/station_key.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/keyed_hash.h"
#include "base/log.h"
#include "base/sha256.h"
#include "station/reports_on_disk.h"

namespace kiln {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPrivateName = "station.key";
constexpr const char* kPublicName = "station.pub.pem";

Error unusable_key(const std::string& path, const std::string& why) {
  return {"station_key.not_usable", fmt::format("{}: {}", path, why),
          "put the station's key back, or move it away: the next run makes a new one, which must be made "
          "known again",
          Blame::station};
}

Result<std::string> pem_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return unusable_key(path, std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// Whole, also where several programs write it at once: each under a name of its own first.
Status put_whole(const std::string& path, const std::string& text) {
  const std::string fresh = fmt::format("{}.{}", path, sha256_hex(random_bytes(16)).substr(0, 16));
  const Status kept = write_whole(fresh, text);
  if (!kept) return kept;
  if (::rename(fresh.c_str(), path.c_str()) == 0) return success();
  const int cause = errno;
  ::unlink(fresh.c_str());
  return unusable_key(path, std::strerror(cause));
}

Result<SigningKey> read_key(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return unusable_key(path, std::strerror(errno));
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return Error(
        "station_key.not_safe",
        fmt::format("{} can be read by others: whoever has it can sign in this station's name", path),
        "chmod 0600 it if nobody can have taken it; else remove it and make the new one known",
        Blame::station);
  const Result<std::string> pem = pem_of_file(path);
  if (!pem) return pem.error();
  Result<SigningKey> key = SigningKey::from_pem(*pem);
  if (!key) return unusable_key(path, key.error().message);
  return key;
}

/// Under a name of its own first: of programs that begin together one link wins, and the others read it.
Result<SigningKey> make_key(const std::string& folder, const std::string& path) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (!failed) fs::permissions(folder, fs::perms::owner_all, failed);
  if (failed) return unusable_key(folder, failed.message());
  const Result<SigningKey> made = SigningKey::generate();
  if (!made) return made.error();
  const std::string fresh = fmt::format("{}.{}", path, sha256_hex(random_bytes(16)).substr(0, 16));
  const Status kept = write_whole(fresh, made->private_pem());
  if (!kept) return unusable_key(fresh, kept.error().message);
  const bool ours = ::link(fresh.c_str(), path.c_str()) == 0;
  const int cause = errno;
  ::unlink(fresh.c_str());
  if (!ours && cause != EEXIST) return unusable_key(path, std::strerror(cause));
  Result<SigningKey> key = read_key(path);
  if (key && ours) log_info("this station has a new key: {}", key->verifying_key().id());
  return key;
}

}  // namespace

Result<SigningKey> station_key(const std::string& state) {
  const std::string folder = state + "/keys", path = folder + "/" + kPrivateName;
  Result<SigningKey> key = ::access(path.c_str(), F_OK) == 0 ? read_key(path) : make_key(folder, path);
  if (!key) return key;
  const std::string open_half = folder + "/" + kPublicName;
  const Result<std::string> open_pem = pem_of_file(open_half);
  if (!open_pem || *open_pem != key->verifying_key().pem()) {
    const Status kept = put_whole(open_half, key->verifying_key().pem());
    if (!kept) return unusable_key(open_half, kept.error().message);
  }
  return key;
}

Result<std::vector<VerifyingKey>> trusted_station_keys(const std::string& state,
                                                       const std::vector<std::string>& files) {
  std::vector<VerifyingKey> keys;
  const std::string own = state + "/keys/" + kPrivateName;
  if (::access(own.c_str(), F_OK) == 0) {
    // From the private half: the file of the public one can be written over.
    const Result<SigningKey> key = read_key(own);
    if (!key) return key.error();
    keys.push_back(key->verifying_key());
  }
  for (const std::string& file : files) {
    const Result<std::string> pem = pem_of_file(file);
    if (!pem) return pem.error();
    Result<VerifyingKey> key = VerifyingKey::from_pem(*pem);
    if (!key)
      return Error("station_key.not_usable", file + ": " + key.error().message, key.error().action,
                   Blame::operator_);
    keys.push_back(std::move(*key));
  }
  return keys;
}

}  // namespace kiln
