#pragma once
// The generic tolerant Redfish implementation of Bmc: walks from the service root, guesses no ids, logs in
// with a session (Basic only when the service has no sessions, or all are taken and some of them are ours;
// then it is a recorded fact), survives what
// BMCs really say.

#include <functional>
#include <memory>
#include <string>

#include "base/secret.h"
#include "bmc/bmc.h"
#include "bmc/dialect.h"
#include "io/http.h"

namespace kiln {

struct BmcPeer;
struct LoginDoor;
class OpenSessions;
class PostListener;

struct RedfishOptions {
  std::string base_url;  ///< scheme://host:port[/prefix], no trailing slash
  std::string user;
  Secret password;
  std::shared_ptr<LoginDoor> login_door;  ///< of all connections with this account to this BMC; may be null
  std::shared_ptr<OpenSessions> open_sessions;  ///< where sessions are noted; may be null
  std::shared_ptr<BmcPeer> peer;                ///< of all connections to this BMC; null: one of its own
  Dialects dialects;                            ///< those there are
  /// Of reads, on 429, 502, 503, 504, lost connections and bodies that are not JSON (of the last at most 4).
  /// Eight make about 20 s, which outlasts a busy spell; the Ctx's deadline comes before.
  int retries = 8;
  Nanoseconds retry_delay{
      250'000'000};  ///< first pause, doubles up to 4 s; Retry-After wins (capped at 10 s)
  /// What a DUT is made of may be read by entity tag (entity_tags.h). For whoever looks around; not where a
  /// limit judges it.
  bool parts_by_tag = false;
  int survey_cap = 20'000;  ///< URIs
  int max_depth = 64;       ///< JSON nesting
  /// Where a BMC without a stream may post its events; null, or one that gives null: nowhere. Asked when it
  /// is needed.
  std::function<std::shared_ptr<PostListener>()> post_listener;
};

/// The client is owned by the Bmc.
std::unique_ptr<Bmc> make_redfish_bmc(std::unique_ptr<HttpClient> client, RedfishOptions options);

}  // namespace kiln
