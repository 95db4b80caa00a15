#pragma once
// RedfishLine: the warden's own line to one BMC: one session (DSP0266 13.3), shared by everything the warden
// does there, and as little code as that takes. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "io/http.h"
#include "io/pool.h"

namespace kiln {

class RedfishLine {
 public:
  /// `base_url` without the "/redfish/v1".
  RedfishLine(std::unique_ptr<HttpClient> http, std::string base_url, std::string user, Secret password);
  RedfishLine(const RedfishLine&) = delete;
  RedfishLine& operator=(const RedfishLine&) = delete;

  /// Does nothing while a session is open. Error codes: those of HttpClient, warden.login (refused for good:
  /// asking again locks accounts out), warden.bmc (an answer that makes no sense, or a BMC that is busy).
  boost::asio::awaitable<Status> log_in(const Ctx& ctx);
  /// Logs in, also once more when the session has ended. Any status is an answer.
  boost::asio::awaitable<Result<HttpResponse>> send(const Ctx& ctx, std::string method, std::string uri,
                                                    std::string body);
  /// A JSON object, or warden.not_found (404), or warden.bmc: another status than 200, or something that is
  /// no object. `status` of the answer, when it matters, is in the message only.
  boost::asio::awaitable<Result<boost::json::value>> get(const Ctx& ctx, std::string uri);
  /// `at_once` at a time, so that a cut always finds a free place beside them; one answer per address, in
  /// order.
  boost::asio::awaitable<std::vector<Result<boost::json::value>>> get_all(const Ctx& ctx,
                                                                          std::vector<std::string> uris,
                                                                          std::size_t at_once = 4);
  /// A stream of server-sent events: HttpClient::stream, within the session.
  boost::asio::awaitable<Result<HttpResponse>> stream(const Ctx& ctx, std::string uri,
                                                      std::function<void(const std::string&)> on_piece);
  /// Logs out; what fails ends by itself.
  boost::asio::awaitable<void> leave(const Ctx& ctx);

  [[nodiscard]] const std::string& base_url() const { return base_url_; }
  static Error refusal(const std::string& method, const std::string& uri, int status);

 private:
  [[nodiscard]] HttpRequest request(std::string method, const std::string& uri) const;
  boost::asio::awaitable<Result<HttpResponse>> send_once(const Ctx& ctx, std::string method, std::string uri,
                                                         std::string body);
  boost::asio::awaitable<Status> open_session(const Ctx& ctx);
  boost::asio::awaitable<void> take_turns(Ctx& task, const std::vector<std::string>& uris,
                                          std::vector<Result<boost::json::value>>& bodies, std::size_t& next);
  boost::asio::awaitable<Result<boost::json::value>> get_root(const Ctx& ctx);

  std::unique_ptr<HttpClient> http_;
  std::string base_url_, user_;
  Secret password_;
  Pool door_{"login", 1};  ///< two that find the session ended must not open two
  Secret token_;
  std::string session_;
  bool basic_ = false;
};

/// The BMC was there and has answered, if only with something useless.
bool bmc_answered(const Error& error);
/// What stands at the end of a path of names; nullptr when something on the way is missing or no object.
const boost::json::value* json_at(const boost::json::value& from,
                                  std::initializer_list<std::string_view> path);
/// The same as text; empty when it is none.
std::string json_text_at(const boost::json::value& from, std::initializer_list<std::string_view> path);
/// The local path of the link that stands there; empty when there is none.
std::string link_in(const boost::json::value& from, std::initializer_list<std::string_view> path);
/// Links are local paths; some BMCs write them as whole addresses (DSP0266 8.2 allows both).
std::string local_path_of(const std::string& link);
/// "LeakDetector_0" of "/redfish/…/LeakDetectors/LeakDetector_0".
std::string last_segment_of(std::string uri);
/// The "@odata.id" of the members of a collection, 256 at most.
std::vector<std::string> member_links(const boost::json::value& collection);

}  // namespace kiln
