#include "bmc/capture/scrub_words.h"

#include <algorithm>
#include <vector>

namespace kiln {
namespace {

using Words = std::vector<std::string_view>;

std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return plain;
}

std::string small_letters(std::string_view text) {
  std::string small;
  for (const char c : text) small += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return small;
}

bool is_listed(const std::string& word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool ends_in_any(const std::string& word, const Words& ends) {
  return std::any_of(ends.begin(), ends.end(), [&word](std::string_view end) { return word.ends_with(end); });
}

bool contains_any(const std::string& word, const Words& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&word](std::string_view part) { return word.find(part) != std::string::npos; });
}

/// "PasswordExpiration" is about a password and holds none.
bool is_about(const std::string& name) {
  static const Words ends{"expiration", "changerequired", "length",     "policy",    "state",  "status",
                          "type",       "enabled",        "complexity", "count",     "time",   "date",
                          "age",        "timeout",        "threshold",  "retries",   "uri",    "actioninfo",
                          "name",       "access",         "protection", "supported", "format", "algorithm",
                          "mode",       "protocols"};
  return ends_in_any(name, ends);
}

bool names_secret(const std::string& name) {
  static const Words parts{"password",      "passwd", "passphrase", "passcode", "secret", "credential",
                           "authorization", "cookie", "privatekey", "keytab",   "bearer"};
  static const Words ends{"token",
                          "tokens",
                          "key",
                          "keys",
                          "keystring",
                          "keydata",
                          "community",
                          "licensestring",
                          "communitystring",
                          "communitystrings",
                          "certificatestring",
                          "communities"};
  static const Words exact{"pwd", "pin", "otp", "psk", "license", "licensestring", "authtoken", "apikey"};
  static const Words never{"hotkey", "langkey", "eventkey", "registrykey", "messagekey", "primarykey"};
  // "CommunityName" ends as what is only about a secret, and is one ("IPMILan.1.CommunityName", too).
  static const Words always{"communityname", "communitynames"};
  if (is_listed(name, exact) || ends_in_any(name, always)) return true;
  if (is_listed(name, never) || is_about(name)) return false;
  return contains_any(name, parts) || ends_in_any(name, ends);
}

bool names_serial(const std::string& name) {
  static const Words ends{"serialnumber",  "serial",     "serialno",   "serialnum",
                          "serialnumbers", "servicetag", "fingerprint"};
  static const Words exact{
      "sn",       "s/n",    "durablename", "entitlementid", "expressservicecode", "serviceidentification",
      "engineid", "barcode"};
  return ends_in_any(name, ends) || is_listed(name, exact);
}

bool names_mac(const std::string& name) {
  static const Words ends{"macaddress", "macaddresses",  "mac",  "macs",  "wwn",        "wwpn",
                          "wwnn",       "worldwidename", "guid", "guids", "physicalmac"};
  return ends_in_any(name, ends);
}

bool names_host(const std::string& name) {
  static const Words ends{"hostname",        "hostnames",        "fqdn",
                          "domainname",      "nameserver",       "nameservers",
                          "ntpserver",       "ntpservers",       "dnsserver",
                          "dnsservers",      "winsservers",      "serveraddress",
                          "serveraddresses", "serviceaddress",   "serviceaddresses",
                          "servername",      "searchdomain",     "searchdomains",
                          "domainsearch",    "syslogserver",     "syslogservers",
                          "commonname",      "nodename",         "machinename",
                          "computername",    "alternativenames", "distinguishednames",
                          "hostaddress",     "fromdomain",       "domainnames",
                          "smtpserver",      "trapdestination"};
  static const Words exact{"domain", "host", "dnsdomain", "dnsname"};
  return ends_in_any(name, ends) || is_listed(name, exact);
}

bool names_user(const std::string& name) {
  static const Words ends{"username",    "usernames",     "loginname",    "accountname", "remoteuser",
                          "remotegroup", "email",         "emailaddress", "fromaddress", "recipientaddress",
                          "syscontact",  "systemcontact", "contactname",  "loginuser",   "binddn"};
  static const Words exact{"user", "userid", "login"};
  return ends_in_any(name, ends) || is_listed(name, exact);
}

}  // namespace

std::string_view to_string(ScrubKind kind) {
  switch (kind) {
    case ScrubKind::secret:
      return "secrets";
    case ScrubKind::serial:
      return "serials";
    case ScrubKind::asset:
      return "assets";
    case ScrubKind::mac:
      return "macs";
    case ScrubKind::address:
      return "addresses";
    case ScrubKind::host:
      return "hosts";
    case ScrubKind::user:
      return "users";
    case ScrubKind::uuid:
      return "uuids";
  }
  return "";
}

std::optional<ScrubKind> scrub_kind_from(std::string_view word) {
  for (const ScrubKind kind : kScrubKinds) {
    if (to_string(kind) == word) return kind;
  }
  return std::nullopt;
}

std::optional<ScrubKind> kind_of_property(std::string_view name) {
  if (name.find('@') != std::string_view::npos) return std::nullopt;
  const std::string plain = plain_name(name);
  static const Words assets{"assettag", "assettags", "assetnumber", "inventorytag"};
  static const Words uuids{"uuid", "uuids"};
  if (names_secret(plain)) return ScrubKind::secret;
  if (names_serial(plain)) return ScrubKind::serial;
  if (ends_in_any(plain, assets)) return ScrubKind::asset;
  if (ends_in_any(plain, uuids)) return ScrubKind::uuid;
  if (names_mac(plain)) return ScrubKind::mac;
  if (names_user(plain)) return ScrubKind::user;
  if (names_host(plain)) return ScrubKind::host;
  return std::nullopt;
}

bool is_version_property(std::string_view name) {
  static const Words parts{"version", "revision", "release", "build"};
  return contains_any(plain_name(name), parts);
}

bool says_nothing(std::string_view value) {
  while (!value.empty() && static_cast<unsigned char>(value.front()) <= ' ') value.remove_prefix(1);
  while (!value.empty() && static_cast<unsigned char>(value.back()) <= ' ') value.remove_suffix(1);
  if (value.empty()) return true;
  // One sign again and again ("00:00:00", "********").
  const auto is_separator = [](char c) { return c == ':' || c == '-' || c == '.' || c == ' '; };
  std::string signs;
  std::copy_if(value.begin(), value.end(), std::back_inserter(signs),
               [&](char c) { return !is_separator(c); });
  static const std::string_view kFillers = "0fFxX*?#";
  const bool one_sign = std::all_of(signs.begin(), signs.end(), [&](char c) { return c == signs.front(); });
  if (signs.empty() || (one_sign && kFillers.find(signs.front()) != std::string_view::npos)) return true;
  static const Words words{"n/a",
                           "na",
                           "none",
                           "null",
                           "unknown",
                           "notspecified",
                           "notavailable",
                           "notset",
                           "default",
                           "defaultstring",
                           "enabled",
                           "disabled",
                           "enable",
                           "disable",
                           "true",
                           "false",
                           "yes",
                           "no",
                           "auto",
                           "installed",
                           "notinstalled",
                           "absent",
                           "empty",
                           "noassettag",
                           "assettag",
                           "systemserialnumber",
                           "chassisserialnumber",
                           "baseboardserialnumber",
                           "tobefilledbyo.e.m.",
                           "tobefilledbyoem",
                           "notapplicable",
                           "unspecified",
                           "scrubbed",
                           "required",
                           "optional",
                           "undefined",
                           "invalid",
                           "nosn",
                           "string"};
  return is_listed(plain_name(value), words);
}

bool is_no_secret(std::string_view value) {
  static const Words words{"none",  "null",     "enabled", "disabled", "true",
                           "false", "scrubbed", "notset",  "n/a"};
  return std::all_of(value.begin(), value.end(), [](char c) { return c == '*' || c == ' '; }) ||
         is_listed(plain_name(value), words);
}

bool is_shipped_account(std::string_view name) {
  static const Words words{"root",     "admin",     "administrator", "operator",  "user",     "userid",
                           "guest",    "service",   "readonly",      "anonymous", "system",   "default",
                           "test",     "none",      "host",          "bmc",       "bmcadmin", "hpeadmin",
                           "sysadmin", "adminuser", "hidden",        "sessions",  "redfish"};
  return is_listed(plain_name(name), words);
}

bool is_common_host(std::string_view host) {
  const std::string small = small_letters(host);
  return small == "localhost" || small == "localhost.localdomain" || small == "bmc" || small == "openbmc" ||
         small == "host" || small == "server";
}

bool is_public_host(std::string_view host) {
  static const Words hosts{
      "redfish.dmtf.org",    "www.dmtf.org",        "schemas.dmtf.org",         "docs.oasis-open.org",
      "www.w3.org",          "www.odata.org",       "json-schema.org",          "github.com",
      "redfish.snia.org",    "www.snia.org",        "schemas.microsoft.com",    "www.ietf.org",
      "schemas.xmlsoap.org", "www.opencompute.org", "raw.githubusercontent.com"};
  return is_listed(small_letters(host), hosts);
}

bool is_long_domain(std::string_view label) {
  static const Words words{"com",      "net",   "org",  "local",       "lan",  "internal",
                           "intranet", "corp",  "home", "localdomain", "edu",  "gov",
                           "mil",      "cloud", "info", "arpa",        "test", "example"};
  return is_listed(std::string(label), words);
}

bool is_common_domain(std::string_view label) {
  const bool two_letters = label.size() == 2 && std::all_of(label.begin(), label.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                           });
  return two_letters || is_long_domain(small_letters(label));
}

}  // namespace kiln
