#pragma once
// The words that a capture is scrubbed by: which property names hold what, which values say nothing of a
// site, which hosts everybody knows. Names are compared in small letters without '_', '-' and blanks, so that
// "SerialNumber", "serial_number" and "Serial Number" are one. Pure.

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

enum class ScrubKind { secret, serial, asset, mac, address, host, user, uuid };
inline constexpr std::array<ScrubKind, 8> kScrubKinds{ScrubKind::secret, ScrubKind::serial,  ScrubKind::asset,
                                                      ScrubKind::mac,    ScrubKind::address, ScrubKind::host,
                                                      ScrubKind::user,   ScrubKind::uuid};

/// "secrets", "serials", "assets", "macs", "addresses", "hosts", "users", "uuids".
std::string_view to_string(ScrubKind kind);
std::optional<ScrubKind> scrub_kind_from(std::string_view word);

/// What a property of this name holds; nullopt: nothing by its name. Annotations ("…@odata.count") hold
/// nothing.
std::optional<ScrubKind> kind_of_property(std::string_view name);
/// Its text is a version: four numbers with dots in it are no address.
bool is_version_property(std::string_view name);

/// Empty, "N/A", "Unknown", "Enabled", all zeros: what many devices say, and a developer wants to see.
bool says_nothing(std::string_view value);
/// Where a secret would stand: nothing, "****", "Enabled".
bool is_no_secret(std::string_view value);
/// "root", "admin": accounts that devices are shipped with.
bool is_shipped_account(std::string_view name);
/// "localhost".
bool is_common_host(std::string_view host);
/// Where standards and their schemas are published: "redfish.dmtf.org".
bool is_public_host(std::string_view host);
/// A last label that does not tell one site from another: "com", "local", "de".
bool is_common_domain(std::string_view label);
/// Of those the ones that hardly end anything but a host's name; two letters are not among them.
bool is_long_domain(std::string_view label);

}  // namespace kiln
