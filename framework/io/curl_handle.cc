#include "io/curl_handle.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "io/header_name.h"

namespace kiln::detail {
namespace {

long milliseconds(Nanoseconds duration) {
  const auto wanted = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  // 0 means "no limit" to curl.
  return static_cast<long>(std::clamp<std::int64_t>(wanted, 1, std::numeric_limits<int>::max()));
}

bool has_body(const HttpRequest& request) {
  return !request.body.empty() || request.method == "POST" || request.method == "PATCH" ||
         request.method == "PUT";
}

}  // namespace

void append(CurlList& list, const std::string& line) {
  curl_slist* const grown = curl_slist_append(list.get(), line.c_str());
  if (grown == nullptr) throw std::bad_alloc();
  (void)list.release();  // the old head is part of the grown list
  list.reset(grown);
}

CurlHandle::CurlHandle(const HttpOptions& options, curl_slist* connect_to)
    : options_(options), connect_to_(connect_to), easy_(curl_easy_init()) {
  if (!easy_) throw std::bad_alloc();
  tell_peer();
}

void CurlHandle::tell_peer() {
  CURL* const easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // not the environment's either
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(CURL_HTTP_VERSION_1_1));  // what DSP0266 requires
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);  // pruning it costs O(hosts) per transfer
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options_.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &received_);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &received_);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, &on_sending);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &received_);
  tell_trust();
  if (connect_to_ != nullptr) curl_easy_setopt(easy, CURLOPT_CONNECT_TO, connect_to_);
}

void CurlHandle::tell_trust() {
  CURL* const easy = easy_.get();
  const bool by_ca = options_.trust.kind == TlsTrust::Kind::certificate_authority;
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, by_ca ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, by_ca ? 2L : 0L);
  curl_easy_setopt(easy, CURLOPT_CAINFO, by_ca ? options_.trust.value.c_str() : nullptr);
  // The system's CA directory would be parsed for every connection, and is not who vouches for a BMC.
  curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  if (options_.trust.kind == TlsTrust::Kind::pin) {
    curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, ("sha256//" + options_.trust.value).c_str());
  }
}

void CurlHandle::begin(const HttpRequest& request, std::function<void(const std::string&)> on_piece,
                       std::size_t max_body, Nanoseconds timeout) {
  CURL* const easy = easy_.get();
  const bool endless = static_cast<bool>(on_piece);
  received_ = Received();
  received_.on_piece = std::move(on_piece);
  received_.max_body = max_body;
  received_.may_be_repeated = request.method != "POST" && request.method != "PATCH";
  error_text_.front() = '\0';
  if (request.url != url_) {
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    url_ = request.url;
  }
  if (endless) {
    // Nothing may come for hours; probes tell a quiet peer from one that is gone (10 s, then 9 times 3 s).
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 10L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 3L);
  }
  const long timeout_ms = endless ? 0L : milliseconds(timeout);
  if (timeout_ms != timeout_ms_) curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
  timeout_ms_ = timeout_ms;
  const bool bounded = !endless && request.method != "HEAD";
  const auto most = static_cast<curl_off_t>(bounded ? max_body : 0);
  if (most != max_body_) curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, most);
  max_body_ = most;
  tell_method(request);
  if (!request.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, request.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, request.password.expose().c_str());
  }
}

void CurlHandle::tell_method(const HttpRequest& request) {
  CURL* const easy = easy_.get();
  const bool sends_body = has_body(request);
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (sends_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  // A handle does GET by itself, and what it is told here stays until it forgets all.
  const bool by_itself = request.method == "GET" && !sends_body;
  if (request.method != "HEAD" && !by_itself)
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  tell_headers(request, sends_body);
}

void CurlHandle::tell_headers(const HttpRequest& request, bool sends_body) {
  if (!sends_body && request.headers == headers_) return;
  CurlList lines;
  bool typed = false;
  std::string line;
  for (const auto& [name, value] : request.headers) {
    typed = typed || same_header_name(name, "Content-Type");
    line = name;
    if (value.empty()) {
      line += ';';
    } else {
      line.append(": ").append(value);
    }
    append(lines, line);
  }
  if (sends_body) {
    append(lines, "Expect:");  // many BMCs never answer "100 Continue", and curl would wait a second
    if (!typed) append(lines, "Content-Type:");
  }
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, lines.get());
  header_lines_ = std::move(lines);
  headers_ = request.headers;
}

void CurlHandle::end(const HttpRequest& request) {
  const bool plain_read =
      request.method == "GET" && request.user.empty() && !has_body(request) && !received_.on_piece;
  if (received_.sendings > 1) repeated_ += received_.sendings - 1;
  received_ = Received();
  if (plain_read) return;
  curl_easy_reset(easy_.get());
  header_lines_.reset();
  url_.clear();
  headers_.clear();
  timeout_ms_ = max_body_ = -1;
  tell_peer();
}

}  // namespace kiln::detail
