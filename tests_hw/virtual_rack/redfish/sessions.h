#pragma once
// How an account comes in: sessions with a cap and an idle time (DSP0266 13.3.5), and HTTP Basic. Used by the
// live BMCs and by served mockups alike. Thread: the rack's loop.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "tests_hw/virtual_rack/http_message.h"
#include "tests_hw/virtual_rack/redfish/accounts.h"

namespace kiln::virtual_rack {

struct Session {
  std::string id;
  std::string token;  ///< 32 random bytes, hexadecimal
  std::string user;
  std::string account;  ///< Id of the account, which may be gone meanwhile
  std::uint64_t created_ns = 0;
  std::uint64_t last_use_ns = 0;
};

class Sessions {
 public:
  static constexpr std::size_t kMaxSessions = 16;  ///< the usual cap of a BMC
  static constexpr std::uint64_t kIdleSeconds = 1800;

  explicit Sessions(Account first) : accounts(std::move(first)) {}

  /// The account behind a live session's X-Auth-Token or good Basic credentials; null when the request has
  /// neither. Renews the session.
  [[nodiscard]] const ManagerAccount* authenticate(const HttpRequest& request, std::uint64_t now_ns);

  /// A new session, or null when the cap is reached.
  [[nodiscard]] const Session* open(const ManagerAccount& account, std::uint64_t now_ns);
  [[nodiscard]] const Session* find(const std::string& id) const;
  bool close(const std::string& id);
  void close_all() { sessions_.clear(); }
  void drop_idle(std::uint64_t now_ns);
  [[nodiscard]] const std::map<std::string, Session>& all() const { return sessions_; }

  Accounts accounts;

 private:
  std::map<std::string, Session> sessions_;  // by id
  std::uint64_t next_id_ = 1;
};

}  // namespace kiln::virtual_rack
