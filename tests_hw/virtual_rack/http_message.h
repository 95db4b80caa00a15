#pragma once
// An HTTP request and its answer as plain values, so that everything above the server (Redfish, mockup,
// control) can be written and tested without a socket.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::virtual_rack {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The first value of a header, names compared without case (RFC 9110 section 5.1); empty when absent.
[[nodiscard]] std::string header_value(const HttpHeaders& headers, std::string_view name);

/// True when the two are equal but for ASCII case.
[[nodiscard]] bool same_word(std::string_view a, std::string_view b);

struct HttpRequest {
  std::string method;  ///< "GET", "POST", … as sent
  std::string path;    ///< percent-decoded, without query
  std::string query;   ///< after '?', still encoded
  HttpHeaders headers;
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const { return header_value(headers, name); }
};

/// A body without end: what is put in leaves at once, as one piece. Owned by both sides, so that whoever made
/// it sees by its weak pointer that the peer is gone. The loop's thread.
class HttpStream {
 public:
  void put(const std::string& piece) {
    waiting_ += piece;
    if (on_more) on_more();
  }
  /// The connection is closed once what waits has left.
  void end() {
    ended_ = true;
    if (on_more) on_more();
  }
  [[nodiscard]] bool ended() const { return ended_; }
  /// What has not left yet.
  [[nodiscard]] std::string take() { return std::exchange(waiting_, {}); }
  std::function<void()> on_more;  ///< set by the connection that sends it

 private:
  std::string waiting_;
  bool ended_ = false;
};

struct HttpResponse {
  unsigned status = 200;
  HttpHeaders headers;
  std::string content_type = "application/json";
  std::string body;
  /// The answer leaves no earlier than this after the request was complete.
  std::chrono::milliseconds delay{0};
  /// The connection is closed after the answer.
  bool close = false;
  /// Sent in place of `body`, in chunks, until the connection breaks.
  std::shared_ptr<HttpStream> stream;
};

/// Called on the loop's thread once the request is complete; must not block.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

/// Escapes taken out (RFC 3986, 2.1); none when one is malformed.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

/// Splits an HTTP request target into decoded path and raw query; false when an escape is malformed.
[[nodiscard]] bool split_target(std::string_view target, HttpRequest& request);

}  // namespace kiln::virtual_rack
