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

#include "store/store_paths.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// SessionTimeout is 86,400 s at most (SessionService v1.1.9): an older one has ended by itself.
constexpr std::int64_t kLongestTimeout = 86'400;
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::size_t kLargestFile = 16U << 20;  // bytes; a line is some 200

std::string text_in(const json::object& from, const char* name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
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

void strike_from(std::vector<OpenSession>& sessions, const std::string& bmc, const std::string& uri) {
  std::erase_if(sessions, [&](const OpenSession& one) { return one.bmc == bmc && one.uri == uri; });
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
      const json::object& said = opened->as_object();
      OpenSession session{text_in(said, "bmc"), text_in(said, "uri"), text_in(said, "user"),
                          text_in(said, "created")};
      if (!session.bmc.empty() && session.uri.starts_with('/')) open.push_back(std::move(session));
    } else if (ended != nullptr && ended->is_object()) {
      strike_from(open, text_in(ended->as_object(), "bmc"), text_in(ended->as_object(), "uri"));
    }
  }
  return open;
}

std::string ended_line(const std::string& bmc, const std::string& uri) {
  return json::serialize(json::object{{"ended", json::object{{"bmc", bmc}, {"uri", uri}}}});
}

}  // namespace

Result<std::shared_ptr<SessionsOnDisk>> SessionsOnDisk::open(const std::string& state_directory,
                                                             std::int64_t utc_ns) {
  const std::string directory = state_directory + "/sessions";
  const Status made = make_directories(directory);
  if (!made) return Error("sessions.not_writable", made.error().message, made.error().action, Blame::station);
  std::shared_ptr<SessionsOnDisk> sessions(new SessionsOnDisk());
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, failed)) {
    if (entry.path().extension() != ".json") continue;
    Page page;
    page.path = entry.path().string();
    page.descriptor = ::open(page.path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (page.descriptor < 0) continue;
    struct stat now {};
    // Locked: its station lives, or another one sees to it.
    const bool ours = ::flock(page.descriptor, LOCK_EX | LOCK_NB) == 0 &&
                      ::fstat(page.descriptor, &now) == 0 && S_ISREG(now.st_mode) && now.st_nlink > 0;
    const bool timed_out = ours && utc_ns / kNanosecondsPerSecond - now.st_mtim.tv_sec > kLongestTimeout;
    if (ours && !timed_out) page.open = open_in(read_all(page.descriptor));
    if (!ours) {
      ::close(page.descriptor);
    } else if (page.open.empty()) {
      close(page);
    } else {
      sessions->left_.push_back(std::move(page));
    }
  }
  for (int number = 0;; ++number) {
    Page& own = sessions->own_;
    own.path = fmt::format("{}/{}-{}.json", directory, ::getpid(), number);
    own.descriptor = ::open(own.path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (own.descriptor < 0 && errno == EEXIST) continue;  // of a dead process with our number
    if (own.descriptor < 0) {
      return Error("sessions.not_writable", fmt::format("{} cannot be made: {}", own.path, errno_text(errno)),
                   "give the user write permission there", Blame::station);
    }
    // Another station that looks through the directory may have it for a moment, and take it away as empty.
    struct stat now {};
    if (::flock(own.descriptor, LOCK_EX) != 0 || ::fstat(own.descriptor, &now) != 0) {
      return Error("sessions.not_writable",
                   fmt::format("{} cannot be locked: {}", own.path, errno_text(errno)),
                   "put the state directory on a file system with locks", Blame::station);
    }
    if (now.st_nlink > 0) return sessions;
    ::close(own.descriptor);
    own.descriptor = -1;
  }
}

SessionsOnDisk::~SessionsOnDisk() {
  close(own_);
  for (Page& page : left_) close(page);
}

/// Without its lock; a file with nothing left in it goes.
void SessionsOnDisk::close(Page& page) {
  if (page.descriptor < 0) return;
  if (page.open.empty()) ::unlink(page.path.c_str());
  ::close(page.descriptor);
  page.descriptor = -1;
}

void SessionsOnDisk::append(const Page& page, const std::string& line) {
  const std::string whole = line + "\n";
  // One write: a program that dies leaves a whole line or none. A full disk loses the note, not the session.
  const ssize_t written = ::write(page.descriptor, whole.data(), whole.size());
  (void)written;
}

bool SessionsOnDisk::strike(Page& page, const std::string& bmc, const std::string& uri) {
  const std::size_t before = page.open.size();
  strike_from(page.open, bmc, uri);
  return page.open.size() != before;
}

void SessionsOnDisk::opened(const OpenSession& session) {
  own_.open.push_back(session);
  const json::object said{
      {"bmc", session.bmc}, {"uri", session.uri}, {"user", session.user}, {"created", session.created}};
  append(own_, json::serialize(json::object{{"opened", said}}));
}

void SessionsOnDisk::ended(const std::string& bmc, const std::string& uri) {
  if (strike(own_, bmc, uri)) append(own_, ended_line(bmc, uri));
}

std::vector<OpenSession> SessionsOnDisk::left(const std::string& bmc) const {
  std::vector<OpenSession> found = all_left();
  std::erase_if(found, [&bmc](const OpenSession& one) { return one.bmc != bmc; });
  return found;
}

std::vector<OpenSession> SessionsOnDisk::all_left() const {
  std::vector<OpenSession> found;
  for (const Page& page : left_) found.insert(found.end(), page.open.begin(), page.open.end());
  return found;
}

void SessionsOnDisk::settled(const std::string& bmc, const std::string& uri) {
  for (Page& page : left_) {
    if (!strike(page, bmc, uri)) continue;
    append(page, ended_line(bmc, uri));
    if (page.open.empty()) close(page);
  }
  std::erase_if(left_, [](const Page& page) { return page.descriptor < 0; });
}

}  // namespace kiln
