#include "station/sessions_on_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>
#include <sstream>
#include <utility>

#include "base/log.h"
#include "store/store_paths.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::int64_t kKept = 30LL * 24 * 3600;  // seconds since the last line
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::size_t kLargestFile = 16U << 20;  // bytes; a line is some 200
constexpr int kMostNumbers = 1'000;

std::string text_in(const json::object& from, const char* name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

OpenSession session_in(const json::object& said) {
  return {text_in(said, "bmc"), text_in(said, "uri"), text_in(said, "user"), text_in(said, "created"),
          text_in(said, "context")};
}

std::string line_of(const char* what, const OpenSession& session) {
  json::object said{
      {"bmc", session.bmc}, {"uri", session.uri}, {"user", session.user}, {"created", session.created}};
  if (!session.context.empty()) said["context"] = session.context;
  return json::serialize(json::object{{what, said}}) + "\n";
}

std::string read_all(int descriptor) {
  std::string text;
  std::string piece(1U << 16, '\0');
  while (text.size() < kLargestFile) {
    const ssize_t got = ::pread(descriptor, piece.data(), piece.size(), static_cast<off_t>(text.size()));
    if (got <= 0) break;
    text.append(piece, 0, static_cast<std::size_t>(got));
  }
  return text;
}

/// One write: a program that dies leaves a whole line or none. A full disk loses the note, not the session.
void append(int descriptor, const std::string& line) {
  const ssize_t written = ::write(descriptor, line.data(), line.size());
  (void)written;
}

/// One of them: a service that counts anew gives an address twice.
bool strike(std::vector<OpenSession>& sessions, const OpenSession& session) {
  const auto found = std::find(sessions.begin(), sessions.end(), session);
  if (found == sessions.end()) return false;
  sessions.erase(found);
  return true;
}

/// What the lines leave open. A torn last line, or one of a newer build, is passed over.
std::vector<OpenSession> open_in(const std::string& text) {
  std::vector<OpenSession> open;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    boost::system::error_code failed;
    const json::value value = json::parse(line, failed);
    if (failed || !value.is_object()) continue;
    const json::value* opened = value.as_object().if_contains("opened");
    const json::value* ended = value.as_object().if_contains("ended");
    if (opened != nullptr && opened->is_object()) {
      OpenSession session = session_in(opened->as_object());
      if (!session.bmc.empty() && session.uri.starts_with('/')) open.push_back(std::move(session));
    } else if (ended != nullptr && ended->is_object()) {
      strike(open, session_in(ended->as_object()));
    }
  }
  return open;
}

}  // namespace

Result<std::shared_ptr<SessionsOnDisk>> SessionsOnDisk::open(const std::string& state_directory,
                                                             const Clock& clock) {
  const std::string directory = state_directory + "/sessions";
  const Status made = make_directories(directory);
  if (!made) return Error("sessions.not_writable", made.error().message, made.error().action, Blame::station);
  return std::shared_ptr<SessionsOnDisk>(new SessionsOnDisk(directory, clock));
}

SessionsOnDisk::~SessionsOnDisk() {
  if (own_ < 0) return;
  if (open_.empty()) ::unlink(own_path_.c_str());
  ::close(own_);
}

void SessionsOnDisk::each_left(const std::function<void(int, const std::string&)>& look) const {
  std::error_code failed;
  for (fs::directory_iterator entry(directory_, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string path = entry->path().string();
    if (entry->path().extension() != ".json" || path == own_path_) continue;
    const int descriptor = ::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    struct stat now {};
    const bool trusted = ::fstat(descriptor, &now) == 0 && S_ISREG(now.st_mode) &&
                         now.st_uid == ::geteuid() && (now.st_mode & 077U) == 0;
    // Locked: its station lives.
    const bool dead = trusted && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    const bool forgotten =
        clock_.now().utc_ns / kNanosecondsPerSecond - static_cast<std::int64_t>(now.st_mtim.tv_sec) > kKept;
    if (dead && forgotten) ::unlink(path.c_str());
    if (dead && !forgotten) look(descriptor, path);
    ::close(descriptor);
  }
}

bool SessionsOnDisk::make_own_file() {
  for (int number = 0; own_ < 0 && number < kMostNumbers; ++number) {
    own_path_ = fmt::format("{}/{}-{}.json", directory_, ::getpid(), number);
    own_ = ::open(own_path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (own_ < 0 && errno == EEXIST) continue;  // of a dead process with our number, or another one of ours
    if (own_ < 0) break;
    // Whoever looks through the directory may have it for a moment: then it stays his, empty.
    if (::flock(own_, LOCK_EX | LOCK_NB) == 0) break;
    ::close(own_);
    own_ = -1;
  }
  return own_ >= 0;
}

void SessionsOnDisk::opened(const OpenSession& session) {
  if (own_ < 0 && !make_own_file()) {
    log_warning("{} cannot be made: sessions that this program may leave at BMCs are not noted", own_path_);
    return;
  }
  open_.push_back(session);
  append(own_, line_of("opened", session));
}

void SessionsOnDisk::ended(const OpenSession& session) {
  if (strike(open_, session)) append(own_, line_of("ended", session));
}

std::vector<OpenSession> SessionsOnDisk::left(const std::string& bmc) const {
  std::vector<OpenSession> found;
  each_left([&found, &bmc](int descriptor, const std::string&) {
    for (OpenSession& one : open_in(read_all(descriptor))) {
      if (one.bmc == bmc) found.push_back(std::move(one));
    }
  });
  return found;
}

void SessionsOnDisk::settled(const OpenSession& session) {
  each_left([&session](int descriptor, const std::string& path) {
    std::vector<OpenSession> open = open_in(read_all(descriptor));
    if (!strike(open, session)) return;
    // Its last line may be torn.
    append(descriptor, "\n" + line_of("ended", session));
    if (open.empty()) ::unlink(path.c_str());
  });
}

}  // namespace kiln
