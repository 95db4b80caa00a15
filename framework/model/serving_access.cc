#include "model/serving_access.h"

#include <algorithm>
#include <string_view>

namespace kiln {
namespace {

constexpr std::string_view kTls = "https://";
constexpr std::string_view kPlain = "http://";

std::string_view behind_scheme(std::string_view url) {
  for (const std::string_view scheme : {kTls, kPlain}) {
    if (url.starts_with(scheme)) return url.substr(scheme.size());
  }
  return {};
}

std::string_view host_of(std::string_view url) {
  const std::string_view rest = behind_scheme(url);
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    return end == std::string_view::npos ? std::string_view() : rest.substr(1, end - 1);
  }
  return rest.substr(0, rest.find_first_of(":/"));
}

}  // namespace

bool is_serving_url(const std::string& url) {
  if (host_of(url).empty()) return false;
  return std::none_of(url.begin(), url.end(), [](char c) {
    return c == '@' || c == '?' || c == '#' || c == '\\' || static_cast<unsigned char>(c) <= 0x20 ||
           static_cast<unsigned char>(c) >= 0x7f;
  });
}

std::string serving_base(const std::string& url) {
  std::string_view base = url;
  while (base.ends_with('/')) base.remove_suffix(1);
  if (base.ends_with("/v1")) base.remove_suffix(3);
  while (base.ends_with('/')) base.remove_suffix(1);
  return std::string(base);
}

bool is_plain_loopback(const std::string& url) {
  if (!url.starts_with(kPlain)) return false;
  const std::string_view host = host_of(url);
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "::1" || (host.starts_with("127.") && numeric);
}

std::string why_untrusted(const std::string& url, bool written, const TlsTrust& tls) {
  const bool insecure = written && tls.kind == TlsTrust::Kind::insecure;
  if (url.starts_with(kTls)) return written ? "" : "nobody is named who vouches for the server's certificate";
  if (written && !insecure) return "http:// is without TLS, so no certificate is verified";
  if (!written && !is_plain_loopback(url))
    return "without TLS anybody on the way can read the key and write the answers";
  return "";
}

}  // namespace kiln
