#include "station/capture_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>
#include <utility>
#include <vector>

#include "store/store_paths.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kLongestSegment = 200;  // bytes; file systems take 255
constexpr std::size_t kLongestFolder = 1'000;
constexpr std::array<std::string_view, 5> kOurNames{"index.json", "index.xml", "headers.json", "capture.json",
                                                    "time.json"};

bool stands_in_a_name(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f && std::string_view("/\\\"<>|?*").find(c) == std::string_view::npos;
}

bool is_good_segment(const std::string& segment) {
  if (segment.empty() || segment.size() > kLongestSegment || segment == "." || segment == "..") return false;
  if (segment.back() == '.') return false;
  const std::string small = boost::algorithm::to_lower_copy(segment);
  if (std::find(kOurNames.begin(), kOurNames.end(), small) != kOurNames.end()) return false;
  return std::all_of(segment.begin(), segment.end(), stands_in_a_name);
}

/// The query as the end of a name.
std::string query_name(const std::string& query) {
  std::string name = "%3F";
  for (const char c : query) {
    const bool plain = stands_in_a_name(c) && c != '%';
    name += plain ? std::string(1, c)
                  : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }
  return name;
}

Error place_not_writable(const std::string& path, int number) {
  return Error("capture.not_writable", fmt::format("{} cannot be written: {}", path, errno_text(number)),
               "name another directory with --out", Blame::operator_);
}

Status write_file(const std::string& path, const std::string& bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) return Error("capture.write", fmt::format("{}: {}", path, errno_text(errno)));
  std::size_t done = 0;
  int failed = 0;
  while (done < bytes.size() && failed == 0) {
    const ssize_t written = ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno != EINTR) failed = errno;
    if (written > 0) done += static_cast<std::size_t>(written);
  }
  if (::close(descriptor) != 0 && failed == 0) failed = errno;
  if (failed != 0) {
    return Error("capture.write", fmt::format("{}: {}", path, errno_text(failed)),
                 "make room there, or name another directory with --out", Blame::operator_);
  }
  return success();
}

std::string header_of(const CapturedAnswer& answer, const std::string& name) {
  for (const auto& [key, value] : answer.headers) {
    if (key == name) return value;
  }
  return {};
}

bool is_xml(const CapturedAnswer& answer) {
  return header_of(answer, "Content-Type").find("xml") != std::string::npos ||
         answer.body.starts_with("<?xml");
}

std::string headers_text(const CapturedAnswer& answer, const CaptureLayout::Place& place) {
  json::object get;
  for (const auto& [name, value] : answer.headers) {
    json::value& kept = get[name];
    // Several of one name are one with commas (RFC 9110 5.2).
    kept = kept.is_string() ? std::string(kept.as_string()) + ", " + value : value;
  }
  json::object root;
  root["GET"] = std::move(get);
  if (answer.status != 200) root["status"] = answer.status;
  if (!place.says_itself) root["uri"] = answer.uri;
  return json::serialize(root) + "\n";
}

Status write_answer(const std::string& directory, CaptureLayout& layout, const CapturedAnswer& answer) {
  const CaptureLayout::Place place = layout.place(answer.uri);
  const std::string folder = directory + "/" + place.folder;
  if (const Status made = make_directories(folder); !made)
    return Error("capture.write", made.error().message, made.error().action, Blame::operator_);
  const Status body = write_file(folder + (is_xml(answer) ? "/index.xml" : "/index.json"), answer.body);
  const bool plain = answer.status == 200 && answer.headers.empty() && place.says_itself;
  if (!body || plain) return body;
  return write_file(folder + "/headers.json", headers_text(answer, place));
}

Status write_all(const std::string& directory, const std::vector<CapturedAnswer>& answers,
                 const std::string& manifest) {
  CaptureLayout layout;
  for (const CapturedAnswer& answer : answers) {
    const Status written = write_answer(directory, layout, answer);
    if (!written) return written;
  }
  const Status written = write_file(directory + "/capture.json", manifest);
  if (!written) return written;
  // On the disk before it has its name.
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::syncfs(descriptor) == 0;
  const int failed = synced ? 0 : errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) return Error("capture.write", fmt::format("{}: {}", directory, errno_text(failed)));
  return success();
}

/// Absolute, without a slash at its end.
fs::path settled(const std::string& directory) {
  std::error_code failed;
  fs::path path = fs::absolute(directory, failed).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path;
}

}  // namespace

bool CaptureLayout::claim(const std::string& folder) {
  if (folder.size() > kLongestFolder) return false;
  std::vector<std::pair<std::string, std::string>> added;
  for (std::size_t end = folder.find('/');; end = folder.find('/', end + 1)) {
    const std::string above = folder.substr(0, end);
    const std::string small = boost::algorithm::to_lower_copy(above);
    const auto known = spellings_.find(small);
    if (known != spellings_.end() && known->second != above) return false;
    if (known == spellings_.end()) added.emplace_back(small, above);
    if (end == std::string::npos) break;
  }
  if (!taken_.insert(folder).second) return false;
  spellings_.insert(added.begin(), added.end());
  return true;
}

CaptureLayout::Place CaptureLayout::place(const std::string& uri) {
  const std::size_t question = uri.find('?');
  const std::string path = without_trailing_slash(uri.substr(0, question));
  std::string folder = path.starts_with('/') ? path.substr(1) : std::string();
  bool good = folder.starts_with("redfish");
  for (std::size_t begin = 0; good && begin <= folder.size();) {
    const std::size_t end = std::min(folder.find('/', begin), folder.size());
    good = is_good_segment(folder.substr(begin, end - begin));
    begin = end + 1;
  }
  const bool says_itself = question == std::string::npos;
  if (good && !says_itself) {
    folder += query_name(uri.substr(question + 1));
    good = is_good_segment(folder.substr(folder.rfind('/') + 1));
  }
  if (good && claim(folder)) return {folder, says_itself};
  folder = fmt::format("elsewhere/{}", ++elsewhere_);
  return {folder, false};
}

Status check_capture_folder(const std::string& directory) {
  const fs::path path = settled(directory);
  std::error_code failed;
  const fs::file_status now = fs::symlink_status(path, failed);
  if (fs::exists(now)) {
    const bool is_empty = fs::is_directory(now) && fs::is_empty(path, failed) && !failed;
    if (!is_empty) {
      return Error("capture.not_empty",
                   fs::is_directory(now) ? fmt::format("{} is not empty", path.string())
                                         : fmt::format("{} is there, and no directory", path.string()),
                   "name a directory that is not there yet with --out", Blame::operator_);
    }
  }
  fs::path above = path.parent_path();
  while (above.has_relative_path() && !fs::exists(above, failed)) above = above.parent_path();
  if (!fs::is_directory(above, failed)) return place_not_writable(above.string(), ENOTDIR);
  if (::access(above.c_str(), W_OK | X_OK) != 0) return place_not_writable(above.string(), errno);
  return success();
}

Status write_capture(const std::string& directory, const std::vector<CapturedAnswer>& answers,
                     const std::string& manifest) {
  if (const Status good = check_capture_folder(directory); !good) return good;
  const fs::path path = settled(directory);
  const std::string above = path.parent_path().string();
  if (const Status made = make_directories(above); !made)
    return Error("capture.not_writable", made.error().message, made.error().action, Blame::operator_);
  std::string unfinished = fmt::format("{}/.{}.unfinished-XXXXXX", above, path.filename().string());
  if (::mkdtemp(unfinished.data()) == nullptr) return place_not_writable(above, errno);
  Status done = write_all(unfinished, answers, manifest);
  // Takes the place of nothing, or of an empty directory; of anything else it is refused.
  if (done && ::rename(unfinished.c_str(), path.c_str()) != 0)
    done = place_not_writable(path.string(), errno);
  if (done) return done;
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  return done;
}

}  // namespace kiln
