#include "model/bmc_protocol.h"

#include <algorithm>

namespace kiln {

std::string_view to_string(BmcProtocol protocol) {
  return kBmcProtocolWords.at(protocol == BmcProtocol::cooltera ? 1 : 0);
}

std::optional<BmcProtocol> bmc_protocol_from(std::string_view word) {
  if (word == to_string(BmcProtocol::redfish)) return BmcProtocol::redfish;
  if (word == to_string(BmcProtocol::cooltera)) return BmcProtocol::cooltera;
  return std::nullopt;
}

BmcProtocol bmc_protocol_of(std::string_view url) {
  return url.ends_with(kCoolteraDocument) ? BmcProtocol::cooltera : BmcProtocol::redfish;
}

std::string bmc_url_with(const std::string& url, BmcProtocol protocol) {
  if (protocol != BmcProtocol::cooltera || url.empty()) return url;
  std::string whole = url;
  while (whole.ends_with('/')) whole.pop_back();
  if (bmc_protocol_of(whole) != BmcProtocol::cooltera) whole += kCoolteraDocument;
  return whole;
}

}  // namespace kiln
