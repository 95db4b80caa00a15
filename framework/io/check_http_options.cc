#include "io/check_http_options.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <string>
#include <utility>

namespace kiln {
namespace {

bool is_base64_sha256(const std::string& text) {
  constexpr const char* kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return text.size() == 44 && text.find_first_not_of(kBase64) == 43 && text.back() == '=';
}

}  // namespace

Status check_http_options(const HttpOptions& options) {
  const auto refuse = [](std::string message, std::string action) {
    return Error("http.options", std::move(message), std::move(action), Blame::station);
  };
  const TlsTrust& trust = options.trust;
  if (trust.kind == TlsTrust::Kind::pin && !is_base64_sha256(trust.value)) {
    return refuse(fmt::format("tls.pin_sha256 is not the base64 form of a SHA-256: \"{}\"", trust.value),
                  "it has 44 characters and ends with '='");
  }
  if (trust.kind == TlsTrust::Kind::insecure && trust.value.empty()) {
    return refuse("tls.insecure needs a reason",
                  "say why this device cannot be verified; the report prints it");
  }
  if (trust.kind == TlsTrust::Kind::certificate_authority) {
    std::error_code failed;
    if (!std::filesystem::is_regular_file(trust.value, failed)) {
      return refuse(fmt::format("tls.ca: there is no file {}", trust.value),
                    "give the path of the CA's PEM certificate");
    }
  }
  if (options.max_concurrent == 0) return refuse("max_concurrent is 0: no request could ever be sent", "");
  if (options.address_override && options.jump)
    return refuse("an address of its own, and a jump host that knows the addresses: one of them only", "");
  if (options.address_override) {
    boost::system::error_code failed;
    boost::asio::ip::make_address(*options.address_override, failed);
    if (failed) return refuse(fmt::format("not a numeric address: \"{}\"", *options.address_override), "");
  }
  return success();
}

}  // namespace kiln
