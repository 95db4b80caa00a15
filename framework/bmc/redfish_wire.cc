#include "bmc/redfish_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bmc/redfish_error.h"
#include "io/header_name.h"

namespace kiln {
namespace {

constexpr int kMaxRedirects = 5;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// RFC 3986: what may stand in a path and query as it is. '%' stays: the link was already encoded.
bool allowed_in_url(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte <= 0x20 || byte >= 0x7f) return false;
  return c != '"' && c != '<' && c != '>' && c != '\\' && c != '^' && c != '`' && c != '{' && c != '|' &&
         c != '}';
}

std::string encoded(const std::string& path) {
  if (std::all_of(path.begin(), path.end(), allowed_in_url)) return path;
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    if (allowed_in_url(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

}  // namespace

RedfishWire::RedfishWire(std::unique_ptr<HttpClient> client, std::string base_url)
    : client_(std::move(client)), base_url_(std::move(base_url)) {
  while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
  const std::size_t scheme = base_url_.find("://");
  const std::size_t slash = base_url_.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  origin_ = base_url_.substr(0, slash);
  if (slash != std::string::npos) prefix_ = base_url_.substr(slash);
}

std::optional<std::string> RedfishWire::local_path(const std::string& link) const {
  std::string path = link.substr(0, link.find('#'));
  if (path.starts_with(origin_ + "/")) path = path.substr(origin_.size());
  if (path.empty() || path.find("://") != std::string::npos || path.starts_with("//")) return std::nullopt;
  if (path.starts_with("redfish/")) path.insert(path.begin(), '/');  // relative by mistake
  if (!path.starts_with('/')) return std::nullopt;
  if (!prefix_.empty() && path.starts_with(prefix_ + "/")) path = path.substr(prefix_.size());
  if (path.starts_with("//")) return std::nullopt;  // behind the prefix, too, it would name another host
  const std::string segments = path.substr(0, path.find('?')) + "/";
  if (segments.find("/../") != std::string::npos || segments.find("/./") != std::string::npos)
    return std::nullopt;
  return path;
}

std::string RedfishWire::url_of(const std::string& path) const { return base_url_ + encoded(path); }

boost::asio::awaitable<Result<HttpResponse>> RedfishWire::send(const Ctx& ctx, HttpRequest request) {
  Result<HttpResponse> response = co_await exchange(ctx, std::move(request), nullptr);
  co_return response;
}

boost::asio::awaitable<Result<HttpResponse>> RedfishWire::stream(
    const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
  Result<HttpResponse> response = co_await exchange(ctx, std::move(request), std::move(on_piece));
  co_return response;
}

boost::asio::awaitable<Result<HttpResponse>> RedfishWire::exchange(
    const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
  std::string path = request.url;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    HttpRequest attempt = request;
    attempt.url = url_of(path);
    ++requests_sent_;
    Result<HttpResponse> response = Error("http.request", "not sent");
    if (on_piece) {
      response = co_await client_->stream(ctx, std::move(attempt), on_piece);
    } else {
      response = co_await client_->send(ctx, std::move(attempt));
    }
    if (!response) co_return error_for_transport(response.error(), path);
    // An address is ASCII (RFC 3986); the bytes some services put there would spoil whatever names it.
    for (auto& [name, value] : response->headers) {
      if (same_header_name(name, "Location")) value = encoded(value);
    }
    const std::optional<std::string> location = response->header("Location");
    if (!is_redirect(response->status) || !location) co_return response;
    const std::optional<std::string> next = local_path(*location);
    if (!next) {
      co_return Error(
          "bmc.redirect",
          fmt::format("{} {} redirects away from the BMC, to {}", request.method, path, *location),
          "Use the address it redirects to in the inventory if that is the BMC.");
    }
    if (response->status == 303) {
      request.method = "GET";
      request.body.clear();
    }
    path = *next;
  }
  co_return Error("bmc.redirect", fmt::format("{} {} redirects in a circle", request.method, request.url));
}

}  // namespace kiln
