#pragma once
// What is spoken at the address of a BMC. Nearly all speak Redfish; a Cooltera coolant distribution unit
// serves one document instead, and its address says so: whoever has the address knows how to read it. Pure.

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

enum class BmcProtocol { redfish, cooltera };

std::string_view to_string(BmcProtocol protocol);
/// nullopt for an unknown word.
std::optional<BmcProtocol> bmc_protocol_from(std::string_view word);
inline constexpr std::array<std::string_view, 2> kBmcProtocolWords{"redfish", "cooltera"};

/// Where a Cooltera unit serves what it measures (Lenovo confluent,
/// plugins/hardwaremanagement/cooltera.py, 9ebb8f2).
inline constexpr std::string_view kCoolteraDocument = "/status.xml";
/// How its sides are called, in a rack file and wherever else: Redfish has ids for them, the document has
/// none. Pumps are Pump_1, Pump_2, …
inline constexpr std::string_view kCoolteraUnit = "CDU";
inline constexpr std::string_view kCoolteraPrimary = "CDU/Primary";
inline constexpr std::string_view kCoolteraSecondary = "CDU/Secondary";

/// Of "https://10.0.0.9/status.xml" cooltera, of every other address redfish.
BmcProtocol bmc_protocol_of(std::string_view url);
/// The address under which a BMC with that protocol is known, of what a person wrote.
std::string bmc_url_with(const std::string& url, BmcProtocol protocol);

}  // namespace kiln
