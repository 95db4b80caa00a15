#pragma once
// How the station proves who it is to one BMC: a Redfish session (DSP0266 13.3.4) wherever the service has
// them, Basic only where it has none, nothing when no user is configured. One session per Bmc: BMCs hold
// about 16. What a dead station has left there is ended when this one leaves, when nobody waits for anything;
// and before a login that finds all places taken, by Basic. A refused password is remembered for 30 s, so
// that repeated work can't lock the account out.
// Owned by RedfishClient; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "bmc/dialect.h"
#include "bmc/open_sessions.h"
#include "bmc/redfish_wire.h"
#include "io/pool.h"

namespace kiln {

/// DSP0266 6.2: the one address a client may know.
inline const std::string kServiceRoot = "/redfish/v1/";

/// The way in of one account at one BMC: shared by all connections to it, so that they log in one after the
/// other and a password that was refused to one is not tried by the next. Loop thread only.
struct LoginDoor {
  Pool pool{"redfish login", 1};
  std::optional<Error> refused;
  std::int64_t refused_until_ns = 0;
  std::int64_t no_freeing_until_ns = 0;  ///< of places in a full table: it was tried just now
};

class RedfishSession {
 public:
  /// `note(uri, what)` records a fact worth keeping, such as Basic being used; `quirk` a deviation lived
  /// with. `wire` must outlive the session.
  /// `door`: null for one of its own. `kept`: where sessions are noted; null: nowhere.
  RedfishSession(RedfishWire& wire, std::string user, Secret password, int max_depth,
                 std::function<void(const std::string& uri, const std::string& what)> note,
                 std::function<void(Quirk quirk, const std::string& uri)> quirk,
                 std::shared_ptr<LoginDoor> door = nullptr, std::shared_ptr<OpenSessions> kept = nullptr);

  /// Logs in unless that was done after `stale_generation` was seen. Tasks that come at the same time wait
  /// for one login. Errors: bmc.login (user or password refused), bmc.sessions_full, and those of the
  /// exchange.
  boost::asio::awaitable<Status> ensure(const Ctx& ctx, std::uint64_t stale_generation);
  /// Grows with every login.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] bool ready() const { return ready_ || user_.empty(); }
  /// Puts the proof into a request.
  void sign(HttpRequest& request) const;
  /// Ends the session at the BMC. A session that is already gone is a success.
  boost::asio::awaitable<Status> logout(const Ctx& ctx);

 private:
  enum class Proof { none, token, basic };
  boost::asio::awaitable<Status> login(const Ctx& ctx);
  boost::asio::awaitable<Status> open_session(const Ctx& ctx, std::string uri);
  enum class Left { ended, stays, no_answer };
  /// Ends what dead stations have left here, within 2 s; how many places that freed.
  boost::asio::awaitable<int> end_left(const Ctx& ctx, std::string collection);
  [[nodiscard]] std::vector<OpenSession> sessions_left() const;
  boost::asio::awaitable<Left> end_one_left(const Ctx& ctx, const OpenSession& left);
  boost::asio::awaitable<int> free_places(const Ctx& ctx, std::string collection);
  static bool can_be_known_again(const OpenSession& session);
  void forget_session();
  boost::asio::awaitable<Result<HttpResponse>> post_login(const Ctx& ctx, std::string uri);
  boost::asio::awaitable<Result<std::string>> sessions_uri(const Ctx& ctx);
  void use_basic(const std::string& uri, const std::string& why);

  RedfishWire& wire_;
  std::string user_;
  Secret password_;
  int max_depth_;
  std::function<void(const std::string&, const std::string&)> note_;
  std::function<void(Quirk, const std::string&)> quirk_;
  std::shared_ptr<LoginDoor> door_;
  std::shared_ptr<OpenSessions> kept_;
  Proof proof_ = Proof::none;
  Secret token_;
  Secret csrf_token_;  ///< sent with what changes something; empty: this service has none
  std::string session_uri_, sessions_at_;
  std::optional<OpenSession> session_;  ///< as noted; nullopt: it is not
  std::uint64_t generation_ = 0;
  bool ready_ = false;
};

}  // namespace kiln
