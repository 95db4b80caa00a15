#pragma once
// One libcurl multi handle on the loop, for at most 64 peers: removing a transfer costs curl time in
// proportion to the connections of its multi handle, so thousands of peers are spread over many. Private to
// io/. Loop thread only.

#include <curl/curl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "io/completion.h"

namespace kiln::detail {

/// How a transfer ended; CURLE_OK is a complete exchange of any HTTP status.
using CurlDone = Completion<CURLcode>;

class CurlMulti : public std::enable_shared_from_this<CurlMulti> {
 public:
  static constexpr int kPeers = 64;

  static std::shared_ptr<CurlMulti> open(boost::asio::io_context& io);
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;
  ~CurlMulti();

  /// Starts a transfer. `done` is completed later, after `easy` has left the multi handle. `done`
  /// must live until then, or until remove().
  Status add(CURL* easy, const CurlDone& done);
  /// Breaks a transfer off; its `done` is not completed.
  void remove(CURL* easy);

  int peers = 0;  ///< clients that share this handle; kept by the engine

 private:
  explicit CurlMulti(boost::asio::io_context& io);
  // Called by curl from inside its functions: they only note what is wanted (calling back in is forbidden).
  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* self, void* known);
  static int on_close(void* self, curl_socket_t socket);
  static int on_timer(CURLM* multi, long milliseconds, void* self);

  /// Sets what the epoll set tells of a socket; 0: nothing any more.
  void tell_of(curl_socket_t socket, std::uint32_t events);
  void watch_sockets();
  void serve_sockets();
  void serve_timer();
  void arm_timer();
  void post_kick();
  struct Ended {
    CurlDone done;
    CURLcode code;
  };
  std::optional<Ended> take_ended();
  void collect();

  boost::asio::io_context& io_;
  // curl's sockets sit in an epoll set of their own, of which the loop sees one descriptor: cheaper than one
  // Asio object per socket, and curl may close sockets without telling Asio.
  boost::asio::posix::stream_descriptor sockets_;
  struct Watched {
    std::uint32_t events = 0;  ///< as the epoll set has them; 0: the socket is not in it
    bool idle = false;  ///< nobody waits for it: an answer has come over it, and it is kept for the next
  };
  /// By number. A connection that is kept stays in the set, because the next request wants the same of it;
  /// curl tells when it closes one (on_close). What has not yet carried an answer leaves the set at once:
  /// curl closes those without a word, and their numbers may be others' by then.
  std::vector<Watched> watched_;
  boost::asio::steady_timer timer_;  // real time even under a simulated loop: the peers are real
  using TimePoint = std::chrono::steady_clock::time_point;
  std::optional<TimePoint> wanted_;
  std::optional<TimePoint> armed_;
  bool kick_posted_ = false;
  bool adding_ = false;  ///< add() does at once what curl wants at once
  CURLM* multi_ = nullptr;
};

}  // namespace kiln::detail
