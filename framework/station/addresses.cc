#include "station/addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <charconv>
#include <optional>

#include "model/bmc_place.h"

namespace kiln {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kMostAddresses = 4096;
constexpr unsigned kWidestNetwork = 20;  // prefix length: 4094 hosts

Error bad_address(const std::string& word, const std::string& why) {
  return {"discover.address", fmt::format("'{}' {}", word, why),
          "write 10.0.0.5, 10.0.0.5:8443, 10.0.0.5-20, 10.0.0.0/28, [fd00::5]:8443, a name, or https://…",
          Blame::operator_};
}

std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_port(std::string_view text) {
  const std::optional<unsigned> port = number_in(text);
  return port && *port > 0 && *port < 65'536;
}

/// "10.0.0.5-20"; nullopt: no range.
std::optional<Result<std::vector<std::string>>> range_of(const std::string& word) {
  const std::size_t dash = word.find('-');
  if (dash == std::string::npos) return std::nullopt;
  boost::system::error_code failed;
  const ip::address_v4 first = ip::make_address_v4(word.substr(0, dash), failed);
  if (failed) return std::nullopt;  // a name may have a dash
  const std::optional<unsigned> last = number_in(std::string_view(word).substr(dash + 1));
  if (!last || *last > 255 || *last < (first.to_uint() & 0xffU))
    return bad_address(word, "is no range: its last number must follow the first's, up to 255");
  std::vector<std::string> hosts;
  const unsigned network = first.to_uint() & ~0xffU;
  for (unsigned host = first.to_uint() & 0xffU; host <= *last; ++host)
    hosts.push_back(ip::address_v4(network | host).to_string());
  return hosts;
}

std::optional<Result<std::vector<std::string>>> network_of(const std::string& word) {
  if (word.find('/') == std::string::npos) return std::nullopt;
  boost::system::error_code failed;
  const ip::network_v4 network = ip::make_network_v4(word, failed);
  if (failed) return bad_address(word, "is no IPv4 network");
  if (network.prefix_length() < kWidestNetwork)
    return Error("discover.too_many", fmt::format("'{}' has more than {} addresses", word, kMostAddresses),
                 "name the networks of the racks, not of the site", Blame::operator_);
  std::vector<std::string> hosts;
  for (const ip::address_v4& host : network.hosts()) hosts.push_back(host.to_string());
  // RFC 3021: in a /31 both are hosts.
  if (network.prefix_length() >= 31) {
    hosts.clear();
    for (unsigned host = 0; host < (1U << (32U - network.prefix_length())); ++host)
      hosts.push_back(ip::address_v4(network.network().to_uint() + host).to_string());
  }
  return hosts;
}

Result<std::string> host_and_port(const std::string& word) {
  boost::system::error_code failed;
  const ip::address whole = ip::make_address(word, failed);
  if (!failed) return whole.is_v6() ? "[" + whole.to_string() + "]" : word;
  std::string host = word;
  if (word.starts_with('[')) {
    const std::size_t end = word.find(']');
    const std::string rest = end == std::string::npos ? "" : word.substr(end + 1);
    if (end == std::string::npos || (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))))
      return bad_address(word, "is no address with a port");
    ip::make_address_v6(word.substr(1, end - 1), failed);
    if (failed) return bad_address(word, "is no IPv6 address");
    return word;
  }
  const std::size_t colon = word.find(':');
  if (colon != std::string::npos) {
    if (!is_port(word.substr(colon + 1))) return bad_address(word, "has no usable port");
    host = word.substr(0, colon);
  }
  const bool name = !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
  const bool digits = host.find_first_not_of("0123456789.") == std::string::npos;
  if (digits) ip::make_address_v4(host, failed);
  if (!name || (digits && failed)) return bad_address(word, "is no address");
  return word;
}

}  // namespace

Result<std::vector<std::string>> bmc_addresses(const std::vector<std::string>& words) {
  std::vector<std::string> urls;
  const auto add = [&urls](const std::string& spelled) {
    const std::string url = bmc_address(spelled);
    if (std::find(urls.begin(), urls.end(), url) == urls.end()) urls.push_back(url);
  };
  for (const std::string& word : words) {
    if (word.starts_with("https://")) {
      const std::string rest = word.substr(8);
      if (rest.empty() || rest.front() == '/' || rest.find('@') != std::string::npos)
        return bad_address(word, "is no address of a BMC (and a password belongs into the credentials file)");
      add(word.back() == '/' ? word.substr(0, word.size() - 1) : word);
      continue;
    }
    if (word.find("://") != std::string::npos) return bad_address(word, "is not https");
    std::optional<Result<std::vector<std::string>>> many = network_of(word);
    if (!many) many = range_of(word);
    if (many && !*many) return many->error();
    if (!many) {
      Result<std::string> one = host_and_port(word);
      if (!one) return one.error();
      many = std::vector<std::string>{*one};
    }
    for (const std::string& host : **many) {
      if (urls.size() >= kMostAddresses)
        return Error("discover.too_many", fmt::format("more than {} addresses", kMostAddresses),
                     "look at the racks one after the other", Blame::operator_);
      add("https://" + host);
    }
  }
  return urls;
}

}  // namespace kiln
