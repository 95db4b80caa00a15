#pragma once
// The sessions that this station has open at BMCs, in a file of its own below the state directory:
//
//   <state>/sessions/<process id>-<n>.json   mode 0600, locked (flock) while the program lives
//
// One JSON object per line: {"opened":{"bmc":…,"uri":…,"user":…,"created":…}} or {"ended":{"bmc":…,"uri":…}}.
// A file that nobody holds is of a station that is dead; what it has open is what was left at its BMCs. The
// file goes with its last session, or after a day: no session lives longer unused. No token or password
// stands there. Loop thread; blocking, some lines.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bmc/open_sessions.h"

namespace kiln {

class SessionsOnDisk final : public OpenSessions {
 public:
  /// `utc_ns`: now, for what has timed out. Reads what dead stations have left and holds it: no other station
  /// ends it meanwhile. Errors
  /// "sessions.not_writable" with path and cause. A line that cannot be read loses that session only.
  static Result<std::shared_ptr<SessionsOnDisk>> open(const std::string& state_directory,
                                                      std::int64_t utc_ns);
  ~SessionsOnDisk() override;
  SessionsOnDisk(const SessionsOnDisk&) = delete;
  SessionsOnDisk& operator=(const SessionsOnDisk&) = delete;

  void opened(const OpenSession& session) override;
  void ended(const std::string& bmc, const std::string& uri) override;
  [[nodiscard]] std::vector<OpenSession> left(const std::string& bmc) const override;
  void settled(const std::string& bmc, const std::string& uri) override;
  /// At all BMCs.
  [[nodiscard]] std::vector<OpenSession> all_left() const;

 private:
  /// One file, held.
  struct Page {
    std::string path;
    int descriptor = -1;
    std::vector<OpenSession> open;
  };
  SessionsOnDisk() = default;
  static void append(const Page& page, const std::string& line);
  static bool strike(Page& page, const std::string& bmc, const std::string& uri);
  static void close(Page& page);
  Page own_;
  std::vector<Page> left_;
};

}  // namespace kiln
