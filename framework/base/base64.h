#pragma once
// Base64 with padding and without line breaks (RFC 4648, section 4), by OpenSSL. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace kiln {

std::string base64_of(std::string_view bytes);
/// Nothing for what is no base64 of that form.
std::optional<std::string> bytes_of_base64(std::string_view text);

}  // namespace kiln
