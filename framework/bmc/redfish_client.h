#pragma once
// The Redfish client of one BMC: login, repetition of reads, JSON, error bodies. It returns what was said,
// tells the two kinds of failure apart (redfish_error.h), and keeps a record of everything odd. Owned by the
// Bmc; loop thread only.
//
// What reads in bulk keeps to what the BMC bears, and spares one that does not answer (request_budget.h), as
// all connections to it have found out.
//
// Repetition: GET is repeated on 429, 502, 503, 504, lost connections and bodies that are not JSON, at most
// `RedfishOptions::retries` times and never beyond the Ctx's deadline: when the next pause does not fit, the
// last failure is returned at once. What changes something is repeated only as its `Repeat` says. A 401 logs
// in again, once; where that did not help it is not tried for 30 s, because each login takes one of the BMC's
// few places.

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bmc/bmc.h"
#include "bmc/bmc_peer.h"
#include "bmc/entity_tags.h"
#include "bmc/json_view.h"
#include "bmc/redfish_bmc.h"
#include "bmc/redfish_session.h"
#include "bmc/redfish_wire.h"

namespace kiln {

/// A resource as read. Members that a collection holds in full share its document.
class RedfishResource {
 public:
  RedfishResource() = default;
  RedfishResource(std::string address, JsonDocument document)
      : uri(std::move(address)), body(document.root()) {}
  RedfishResource(std::string address, JsonView inline_member)
      : uri(std::move(address)), body(std::move(inline_member)) {}

  std::string uri;  ///< verbatim, without fragment
  JsonView body;
  bool degraded = false;         ///< an error stood beside the resource, or the status was 5xx
  bool unchanged = false;        ///< not sent again: a 304 said that it is what it was
  std::string etag;              ///< empty when there was none
  std::size_t bytes = 0;         ///< of the answer's body; 0 for members of another's
  std::int64_t received_ns = 0;  ///< monotonic
  std::int64_t sent_ns = 0;      ///< monotonic

  /// Its Id, or the last segment of its address.
  [[nodiscard]] std::string id() const;
};

/// What anything but a GET was answered.
class RedfishAnswer {
 public:
  int status = 0;
  HttpHeaders headers;
  std::optional<JsonDocument> document;
  [[nodiscard]] JsonView body() const { return document ? document->root() : JsonView(); }
  [[nodiscard]] std::optional<std::string> header(const std::string& name) const;
};

/// never: once. if_not_executed: again on 429 and 503, which say that nothing was done. always: as a read;
/// for what may be asked twice without harm, such as switching off.
enum class Repeat { never, if_not_executed, always };

/// bulk: what reads a whole tree keeps to the budget and spares a silent BMC (request_budget.h). Everything
/// else is never held back: a cut, a watch and what they look for first must not wait for a survey's sake.
enum class Urgency { normal, bulk };

/// unless_changed: a 304 will do, where this BMC's tags can be believed. What may be read so: entity_tags.h.
enum class Freshness { fresh, unless_changed };

class RedfishClient {
 public:
  RedfishClient(std::unique_ptr<HttpClient> client, RedfishOptions options);

  /// One resource. `retries` replaces the option when given.
  boost::asio::awaitable<Result<RedfishResource>> get(const Ctx& ctx, std::string uri,
                                                      std::optional<int> retries = {},
                                                      Urgency urgency = Urgency::normal);
  /// As get(), but where this connection has read it before it asks only for what has changed since.
  boost::asio::awaitable<Result<RedfishResource>> get_unless_changed(const Ctx& ctx, std::string uri);
  /// What a GET is answered, whatever status and body: for whoever keeps answers instead of understanding
  /// them. Repeated as get() is; the last answer counts. An Error only when there was none.
  boost::asio::awaitable<Result<HttpResponse>> get_verbatim(const Ctx& ctx, std::string uri,
                                                            std::string media, int retries);
  /// Many, two at a time, in the order asked. An exchange error ends the whole and is returned as such; other
  /// failures stand in their places.
  boost::asio::awaitable<Result<std::vector<Result<RedfishResource>>>> get_all(
      const Ctx& ctx, std::vector<std::string> uris, Urgency urgency = Urgency::normal,
      Freshness freshness = Freshness::fresh);
  /// `still_wanted` is asked before every repetition; its Error ends it (a revoked permit). May be empty.
  /// `timeout` of one exchange, in place of the client's own: an upload needs more.
  boost::asio::awaitable<Result<RedfishAnswer>> post(const Ctx& ctx, std::string uri,
                                                     std::string content_type, std::string body,
                                                     Repeat repeat, std::function<Status()> still_wanted = {},
                                                     std::optional<Nanoseconds> timeout = {});
  /// Reads the ETag first and sends it as If-Match; a 412 reads it again, once. `still_wanted` is asked
  /// before each request that changes something.
  boost::asio::awaitable<Status> patch(const Ctx& ctx, std::string uri, std::string body,
                                       std::function<Status()> still_wanted = {});
  boost::asio::awaitable<Status> remove(const Ctx& ctx, std::string uri);
  boost::asio::awaitable<Status> logout(const Ctx& ctx) { return session_.logout(ctx); }

  [[nodiscard]] std::optional<std::string> local_path(const std::string& link) const {
    return wire_.local_path(link);
  }
  [[nodiscard]] const std::string& base_url() const { return wire_.base_url(); }
  /// Requests that left so far, logins and repetitions included.
  [[nodiscard]] std::uint64_t requests_sent() const { return wire_.requests_sent(); }
  [[nodiscard]] const RedfishOptions& options() const { return options_; }

  /// The same oddity of the same place is kept once until it is taken.
  void note_oddity(std::string uri, std::string property, std::string what);
  void note_disturbance(std::string what);
  /// Once per connection.
  void note_quirk(Quirk quirk, std::string uri);
  std::vector<Oddity> take_oddities();
  std::vector<std::string> take_disturbances();
  std::vector<AppliedQuirk> take_quirks();
  /// Forgets what conditional reads are compared with, and what is known of this BMC's tags.
  void forget_answers();
  /// Names the dialects of what was noted so far: before what is known of the platform is forgotten.
  void name_dialects();
  /// What all connections to this BMC know of it.
  [[nodiscard]] BmcPeer& peer() const { return *options_.peer; }

  /// An answer without end, such as a stream of server-sent events: HttpClient::stream, within the session.
  /// Never repeated.
  boost::asio::awaitable<Result<HttpResponse>> stream(const Ctx& ctx, std::string uri,
                                                      std::function<void(const std::string&)> on_piece);

 private:
  struct Batch;
  [[nodiscard]] bool login_may_help(const std::string& path, std::int64_t now_ns) const;
  /// With `on_piece`: of an answer without end.
  boost::asio::awaitable<Result<HttpResponse>> signed_exchange(
      const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece = {});
  boost::asio::awaitable<Status> pause_before_repeat(const Ctx& ctx, std::string what, int attempt,
                                                     Error last, std::optional<std::string> retry_after);
  void name_dialect(Quirk quirk, AppliedQuirk& applied) const;
  void note_unanswered(const Ctx& ctx, const Error& failure);
  boost::asio::awaitable<Status> wait_for_turn(const Ctx& ctx, std::string path);
  boost::asio::awaitable<Result<RedfishResource>> get_and_keep(const Ctx& ctx, std::string path);
  void distrust_tags(const std::string& path);
  Result<RedfishResource> resource_from(const HttpResponse& response, const std::string& uri);
  static boost::asio::awaitable<void> fetch_batch(Ctx& ctx, RedfishClient& client,
                                                  std::shared_ptr<Batch> batch);

  RedfishOptions options_;
  RedfishWire wire_;
  RedfishSession session_;
  std::map<std::string, std::int64_t> no_login_for_;  ///< path: until when (ns)
  std::int64_t no_login_until_ns_ = 0;                ///< unless the session has worked
  std::uint64_t worked_generation_ = 0;               ///< newest session with which something was answered
  TaggedAnswers answers_;
  std::vector<Oddity> oddities_;
  std::vector<std::string> disturbances_;
  std::size_t dropped_oddities_ = 0;
  std::set<Quirk> quirks_noted_;
  std::vector<std::pair<Quirk, AppliedQuirk>> quirks_;
};

/// Path without trailing slashes: two addresses that differ only so are one resource.
std::string without_trailing_slash(std::string uri);
/// "/redfish/v1/Chassis/HGX/" -> "HGX".
std::string last_segment(const std::string& uri);

}  // namespace kiln
