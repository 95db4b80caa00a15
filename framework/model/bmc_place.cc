#include "model/bmc_place.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace kiln {
namespace {

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

/// As RFC 5952 has it; what is no IPv6 address stays what it is.
std::string canonical_v6(const std::string& address) {
  in6_addr bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_pton(AF_INET6, address.c_str(), &bytes) != 1) return address;
  if (::inet_ntop(AF_INET6, &bytes, text.data(), text.size()) == nullptr) return address;
  return text.data();
}

std::string way_of(const std::string& jump_address, std::uint16_t jump_port) {
  if (jump_address.empty()) return {};
  const std::string address = canonical_v6(in_small_letters(jump_address));
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format(" by {}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", jump_port);
}

}  // namespace

std::string bmc_address(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host_at = scheme == std::string::npos ? 0 : scheme + 3;
  const std::size_t slash = url.find('/', host_at);
  std::string host =
      in_small_letters(url.substr(host_at, slash == std::string::npos ? slash : slash - host_at));
  std::string path = slash == std::string::npos ? "" : url.substr(slash);
  while (!path.empty() && path.back() == '/') path.pop_back();
  if (host.ends_with(":443")) host.resize(host.size() - 4);
  const std::size_t end = host.find(']');
  if (host.starts_with('[') && end != std::string::npos)
    host = "[" + canonical_v6(host.substr(1, end - 1)) + "]" + host.substr(end + 1);
  return "https://" + host + path;
}

std::string bmc_way(const BmcAccess& bmc) {
  return bmc.jump ? way_of(bmc.jump->address, bmc.jump->port) : std::string();
}

std::string bmc_place(const BmcAccess& bmc) { return bmc_address(bmc.url) + bmc_way(bmc); }

std::string bmc_place(const std::string& url, const std::string& jump_address, std::uint16_t jump_port) {
  return bmc_address(url) + way_of(jump_address, jump_port);
}

}  // namespace kiln
