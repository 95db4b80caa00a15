#pragma once
// One easy handle of one peer, kept from exchange to exchange with what curl points into: TLS sessions live
// on it, and what is the same for every exchange is told to curl once. A read like the one before tells it
// nothing at all. Private to io/. Loop thread only.

#include <curl/curl.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "io/curl_received.h"
#include "io/http.h"

namespace kiln::detail {

struct CurlListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, CurlListDeleter>;

void append(CurlList& list, const std::string& line);

class CurlHandle {
 public:
  /// `options` and `connect_to` (may be null) outlive it.
  CurlHandle(const HttpOptions& options, curl_slist* connect_to);
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;

  /// Tells curl of an exchange. `request` must live until end().
  void begin(const HttpRequest& request, std::function<void(const std::string&)> on_piece,
             std::size_t max_body, Nanoseconds timeout);
  /// After it has left the multi handle. Of a read without a user the address and the headers stay, a
  /// session's token among them; after anything else the handle forgets all, the password first.
  void end(const HttpRequest& request);

  /// To be thrown away: curl counts over the life of a handle how often a kept connection broke before the
  /// answer, and gives up at the sixth time, however well the peer is (docs/traps.md 40).
  [[nodiscard]] bool worn_out() const { return repeated_ >= kMostRepeated; }

  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  [[nodiscard]] Received& received() { return received_; }
  [[nodiscard]] const char* error_text() const { return error_text_.data(); }

 private:
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  void tell_peer();
  void tell_trust();
  void tell_method(const HttpRequest& request);
  void tell_headers(const HttpRequest& request, bool sends_body);

  static constexpr int kMostRepeated = 2;  // of 5; one request may meet with several
  const HttpOptions& options_;
  curl_slist* connect_to_;
  int repeated_ = 0;
  Received received_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  CurlList header_lines_;
  // What curl was told last.
  std::string url_;
  HttpHeaders headers_;
  long timeout_ms_ = -1;
  curl_off_t max_body_ = -1;
  std::unique_ptr<CURL, EasyDeleter> easy_;  ///< goes first: it points into the others
};

}  // namespace kiln::detail
