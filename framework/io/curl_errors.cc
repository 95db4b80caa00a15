#include "io/curl_errors.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiln::detail {
namespace {

Error untrusted(const TlsTrust& trust, const std::string& url, const std::string& detail) {
  if (trust.kind == TlsTrust::Kind::pin) {
    return {"http.tls_untrusted",
            fmt::format("{}: the peer's key is not the one pinned in the inventory", url),
            "make sure this is the right device; if its certificate was renewed, put the new pin_sha256 into "
            "the inventory"};
  }
  return {"http.tls_untrusted",
          fmt::format("{}: the certificate is not vouched for by {} ({})", url, trust.value, detail),
          "check the CA file, and that the certificate names the address used in the URL"};
}

}  // namespace

std::string printable(const std::string& url) {
  const std::size_t authority = url.find("://");
  if (authority == std::string::npos) return url;
  const std::size_t start = authority + 3;
  const std::size_t end = std::min(url.find_first_of("/?#", start), url.size());
  const std::size_t at = url.rfind('@', end);
  if (at == std::string::npos || at < start || at >= end) return url;
  return url.substr(0, start) + url.substr(at + 1);
}

Error transfer_error(CURLcode code, const Received& received, const HttpOptions& options,
                     const HttpRequest& request, CURL* easy, const std::string& detail, std::size_t max_body,
                     Nanoseconds timeout) {
  const std::string url = printable(request.url);
  const std::string what = detail.empty() ? curl_easy_strerror(code) : detail;
  if (received.body_too_large) {
    return {"http.body_too_large", fmt::format("{}: the answer is larger than {} bytes", url, max_body)};
  }
  if (received.headers_too_large) {
    return {"http.protocol",
            fmt::format("{}: the answer's headers are larger than {} bytes", url, kMaxHeaderBytes)};
  }
  if (received.contradicts_itself) {
    return {"http.protocol", fmt::format("{}: the answer has two different Content-Length", url)};
  }
  switch (code) {
    case CURLE_OK:
      return {"http.connection_lost",
              fmt::format("{}: the connection broke within the answer's headers", url),
              "the device may have been reset; see its own log"};
    case CURLE_ABORTED_BY_CALLBACK:
      return {"http.connection_lost",
              fmt::format("{}: the connection broke before there was an answer; the {} may have been carried "
                          "out and was not sent again",
                          url, request.method),
              "the device may have been reset; see its own log"};
    case CURLE_FILESIZE_EXCEEDED:
      return {"http.body_too_large",
              fmt::format("{}: the answer says it is larger than {} bytes", url, max_body)};
    case CURLE_OUT_OF_MEMORY:  // what curl says when one line of the headers is beyond its own cap
      return {"http.protocol", fmt::format("{}: a line of the answer's headers is larger than {} bytes, or "
                                           "there is no memory left",
                                           url, CURL_MAX_HTTP_HEADER)};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {"http.resolve", fmt::format("{}: the host name is unknown ({})", url, what),
              "use a numeric address in the inventory, or check DNS"};
    case CURLE_COULDNT_CONNECT:
      return {"http.connect", fmt::format("{}: no connection ({})", url, what),
              "check power, cable and address of the device"};
    case CURLE_OPERATION_TIMEDOUT: {
      curl_off_t greeted = 0;  // stays 0 until TCP and TLS are both up
      curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &greeted);
      if (greeted == 0) {
        return {"http.timeout",
                fmt::format("{}: no connection within {} ({})", url,
                            format_duration(std::min(options.connect_timeout, timeout)), what),
                "check power, cable and address of the device"};
      }
      return {"http.timeout",
              fmt::format("{}: connected, but no complete answer within {}", url, format_duration(timeout)),
              "the device is slow or hangs; see its own log"};
    }
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return untrusted(options.trust, url, what);
    case CURLE_SSL_CACERT_BADFILE:
      return {"http.options",
              fmt::format("{}: the CA file {} cannot be used ({})", url, options.trust.value, what),
              "put the PEM certificate of the fleet's CA there", Blame::station};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_USE_SSL_FAILED:
      return {"http.tls", fmt::format("{}: no TLS connection ({})", url, what),
              "TLS 1.2 or newer is needed; check that the port speaks HTTPS"};
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
      return {"http.connection_lost",
              fmt::format("{}: the connection broke before the answer was complete ({})", url, what),
              "the device may have been reset; see its own log"};
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return {"http.request", fmt::format("{}: not a usable URL ({})", url, what),
              "write it as https://address:port/path, without a user name", Blame::recipe};
    default:
      return {"http.protocol", fmt::format("{}: {}", url, what)};
  }
}

}  // namespace kiln::detail
