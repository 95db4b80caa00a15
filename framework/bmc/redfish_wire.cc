#include "bmc/redfish_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
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
constexpr std::array<bool, 256> kAllowedInUrl = [] {
  std::array<bool, 256> allowed{};
  for (std::size_t byte = 0x21; byte < 0x7f; ++byte) allowed[byte] = true;
  for (const char c : {'"', '<', '>', '\\', '^', '`', '{', '|', '}'})
    allowed[static_cast<unsigned char>(c)] = false;
  return allowed;
}();

bool allowed_in_url(char c) { return kAllowedInUrl[static_cast<unsigned char>(c)]; }

bool is_encoded(const std::string& path) { return std::all_of(path.begin(), path.end(), allowed_in_url); }

std::string encoded(const std::string& path) {
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

bool begins_with(std::string_view text, std::string_view with, char then) {
  return text.size() > with.size() && text[with.size()] == then && text.starts_with(with);
}

bool has_dot_segment(std::string_view path) {
  path = path.substr(0, path.find('?'));
  for (std::size_t at = path.find("/."); at != std::string_view::npos; at = path.find("/.", at + 1)) {
    const std::string_view segment = path.substr(at + 1, path.find('/', at + 1) - at - 1);
    if (segment == "." || segment == "..") return true;
  }
  return false;
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
  std::string_view path(link);
  path = path.substr(0, path.find('#'));
  if (begins_with(path, origin_, '/')) path.remove_prefix(origin_.size());
  if (path.empty() || path.find("://") != std::string_view::npos || path.starts_with("//"))
    return std::nullopt;
  const bool relative_by_mistake = path.starts_with("redfish/");
  if (!relative_by_mistake && !path.starts_with('/')) return std::nullopt;
  std::string local;
  local.reserve(path.size() + 1);
  if (relative_by_mistake) local = '/';
  local += path;
  if (!prefix_.empty() && begins_with(local, prefix_, '/')) local.erase(0, prefix_.size());
  if (local.starts_with("//")) return std::nullopt;  // behind the prefix, too, it would name another host
  if (has_dot_segment(local)) return std::nullopt;
  return local;
}

std::string RedfishWire::url_of(const std::string& path) const {
  std::string url;
  url.reserve(base_url_.size() + path.size());
  url += base_url_;
  if (is_encoded(path)) {
    url += path;
  } else {
    url += encoded(path);
  }
  return url;
}

boost::asio::awaitable<Result<HttpResponse>> RedfishWire::send(const Ctx& ctx, HttpRequest request) {
  return exchange(ctx, std::move(request), nullptr);
}

boost::asio::awaitable<Result<HttpResponse>> RedfishWire::stream(
    const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
  return exchange(ctx, std::move(request), std::move(on_piece));
}

boost::asio::awaitable<Result<HttpResponse>> RedfishWire::exchange(
    const Ctx& ctx, HttpRequest request, std::function<void(const std::string&)> on_piece) {
  const std::string first_path = std::move(request.url);
  std::string path = first_path;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    request.url = url_of(path);
    ++requests_sent_;
    auto answering = on_piece ? client_->stream(ctx, request, on_piece) : client_->send_kept(ctx, request);
    Result<HttpResponse> response = co_await std::move(answering);
    if (!response) co_return error_for_transport(response.error(), path);
    const std::string* location = nullptr;
    for (auto& [name, value] : response->headers) {
      if (!same_header_name(name, "Location")) continue;
      // An address is ASCII (RFC 3986); the bytes some services put there would spoil whatever names it.
      if (!is_encoded(value)) value = encoded(value);
      if (location == nullptr) location = &value;
    }
    if (!is_redirect(response->status) || location == nullptr) co_return response;
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
  co_return Error("bmc.redirect", fmt::format("{} {} redirects in a circle", request.method, first_path));
}

}  // namespace kiln
