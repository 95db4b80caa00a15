#pragma once
// Which sessions, and subscriptions to events, this station has open at BMCs, kept where the next station
// finds them when this one dies: a BMC holds about 16 (DSP0266 13.3.4 names no number), and one that nobody
// ends blocks a place until it times out. Behind this door lies a file (station/sessions_on_disk.h); tests
// have one in memory. Loop thread only; shared by all that log in.

#include <string>
#include <vector>

namespace kiln {

/// A session as its service told of it at the login.
struct OpenSession {
  std::string bmc;      ///< base URL, without a slash at the end
  std::string uri;      ///< path on the BMC; no secret: the token is never kept
  std::string user;     ///< whose it is
  std::string created;  ///< CreatedTime (Session v1.3.0) as printed; empty where the BMC does not say
  /// Not empty: it is a subscription (EventDestination), known by this Context; `uri` is the collection's.
  std::string context{};
  bool operator==(const OpenSession&) const = default;
};

class OpenSessions {
 public:
  virtual ~OpenSessions() = default;
  /// What cannot be kept is not an error: such a session times out.
  virtual void opened(const OpenSession& session) = 0;
  /// One of this station's is no more.
  virtual void ended(const OpenSession& session) = 0;
  /// Those that stations which are dead have left at this BMC.
  [[nodiscard]] virtual std::vector<OpenSession> left(const std::string& bmc) const = 0;
  /// One of those is no more, or is not theirs any more.
  virtual void settled(const OpenSession& session) = 0;
};

}  // namespace kiln
