#pragma once
// The sessions that this station has open at BMCs, in a file of its own below the state directory:
//
//   <state>/sessions/<process id>-<n>.json   mode 0600, locked (flock) while the program lives
//
// One JSON object per line: {"opened":{"bmc":…,"uri":…,"user":…,"created":…}} or {"ended":{…}} with the same
// keys; a subscription to events has "context" as well. "bmc" of one behind a jump host names that, too
// (sessions_by_way.h); what older builds noted of such a one names its URL alone and is left to time out. A
// file that nobody holds is of a station that is dead; what it leaves open is what was left at its BMCs. A
// file goes with its last session; after 30 days it is deleted, for BMCs that nobody asks again. No token or
// password stands there. Files of others, or that others could write, are not looked at. Loop thread;
// blocking, some lines.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "bmc/open_sessions.h"

namespace kiln {

class SessionsOnDisk final : public OpenSessions {
 public:
  /// `clock` outlives it. Errors "sessions.not_writable" with path and cause.
  static Result<std::shared_ptr<SessionsOnDisk>> open(const std::string& state_directory, const Clock& clock);
  ~SessionsOnDisk() override;
  SessionsOnDisk(const SessionsOnDisk&) = delete;
  SessionsOnDisk& operator=(const SessionsOnDisk&) = delete;

  void opened(const OpenSession& session) override;
  void ended(const OpenSession& session) override;
  /// A line that cannot be read loses that session only.
  [[nodiscard]] std::vector<OpenSession> left(const std::string& bmc) const override;
  void settled(const OpenSession& session) override;

 private:
  SessionsOnDisk(std::string directory, const Clock& clock)
      : directory_(std::move(directory)), clock_(clock) {}
  /// Every file of a station that is dead, held while `look` has it.
  void each_left(const std::function<void(int descriptor, const std::string& path)>& look) const;
  bool make_own_file();

  std::string directory_;
  const Clock& clock_;
  std::string own_path_;
  int own_ = -1;  ///< made with the first session
  std::vector<OpenSession> open_;
};

}  // namespace kiln
