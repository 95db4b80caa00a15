#include "io/curl_received.h"

#include <curl/curl.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include "io/header_name.h"

namespace kiln::detail {
namespace {

constexpr std::size_t kUsualHeaders = 16;
constexpr std::size_t kReadAhead = 64;  // bytes; simdjson wants 32

bool says_another(const HttpHeaders& headers, std::string_view name, std::string_view value) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& known) {
    return same_header_name(known.first, name) && known.second != value;
  });
}

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::size_t on_body(const char* data, std::size_t size, std::size_t count, void* target) noexcept {
  auto& received = *static_cast<Received*>(target);
  const std::size_t bytes = size * count;
  if (received.on_piece && received.good) {
    try {
      received.on_piece(std::string(data, bytes));
    } catch (const std::exception&) {
      return CURL_WRITEFUNC_ERROR;
    }
    return bytes;
  }
  if (bytes > received.max_body - received.body.size()) {
    received.body_too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  try {
    // Most answers come in one piece. The blank behind it is what simdjson would otherwise copy it for.
    if (received.body.empty()) received.body.reserve(bytes + kReadAhead);
    received.body.append(data, bytes);
  } catch (const std::exception&) {
    received.body_too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  return bytes;
}

int on_sending(void* target, char* /*ours*/, char* /*theirs*/, int /*our_port*/,
               int /*their_port*/) noexcept {
  auto& received = *static_cast<Received*>(target);
  if (received.sendings > 0 && !received.may_be_repeated) return CURL_PREREQFUNC_ABORT;
  ++received.sendings;
  return CURL_PREREQFUNC_OK;
}

std::size_t on_header(const char* data, std::size_t size, std::size_t count, void* target) noexcept {
  auto& received = *static_cast<Received*>(target);
  const std::size_t bytes = size * count;
  received.header_bytes += bytes;
  if (received.header_bytes > kMaxHeaderBytes) {
    received.headers_too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  try {
    const std::string_view line(data, bytes);
    if (line.starts_with("HTTP/")) {
      received.headers.clear();  // those before belonged to a "100 Continue"
      received.headers_complete = false;
      received.good = line.find(" 200") == line.find(' ');
    } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
      const std::string_view name = trimmed(line.substr(0, colon));
      const std::string_view value = trimmed(line.substr(colon + 1));
      if (same_header_name(name, "Content-Length") && says_another(received.headers, name, value)) {
        received.contradicts_itself = true;  // RFC 9110 8.6: nobody knows where such an answer ends
        return CURL_WRITEFUNC_ERROR;
      }
      if (received.headers.empty()) received.headers.reserve(kUsualHeaders);
      received.headers.emplace_back(name, value);
    } else if (line == "\r\n" || line == "\n") {
      received.headers_complete = true;
    }
  } catch (const std::exception&) {
    received.headers_too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  return bytes;
}

}  // namespace kiln::detail
