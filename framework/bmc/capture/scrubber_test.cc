#include "bmc/capture/scrubber.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <random>

namespace kiln {
namespace {

namespace json = boost::json;

constexpr const char* kKey = "a key that only tests know";

struct Scrubbed {
  explicit Scrubbed(std::vector<std::string> bodies, std::set<ScrubKind> keep = {}, std::string key = kKey)
      : scrubber(std::move(keep), std::move(key)) {
    for (const std::string& body : bodies) scrubber.learn(body);
    for (const std::string& body : bodies) out.push_back(scrubber.scrub(body));
  }
  Scrubber scrubber;
  std::vector<std::string> out;
};

std::string scrubbed(const std::string& body, std::set<ScrubKind> keep = {}) {
  return Scrubbed({body}, std::move(keep)).out.front();
}

std::string value_of(const std::string& body, const char* name) {
  return std::string(json::parse(body).at(name).as_string());
}

/// 'a' for a letter, 'A' for a capital, '0' for a digit.
std::string form(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c >= '0' && c <= '9' ? '0' : c >= 'a' && c <= 'z' ? 'a' : c >= 'A' && c <= 'Z' ? 'A' : c;
  }
  return out;
}

TEST(Scrubber, PropertiesAreKnownByTheirNames) {
  for (const char* name : {"Password", "SNMPPassword", "AuthToken", "X-Auth-Token", "CommunityString",
                           "IPMILan.1.CommunityName", "ReadCommunities", "PrivateKey", "LicenseKey",
                           "SharedSecret", "AuthenticationKey", "KerberosKeytab", "Passphrase"})
    EXPECT_EQ(kind_of_property(name), ScrubKind::secret) << name;
  for (const char* name :
       {"SerialNumber", "serial_number", "FRUSerialNumber", "TraySerialNumber", "ServiceTag", "serial"})
    EXPECT_EQ(kind_of_property(name), ScrubKind::serial) << name;
  for (const char* name : {"MACAddress", "PermanentMACAddress", "mac_address", "NodeGUID", "WWPN"})
    EXPECT_EQ(kind_of_property(name), ScrubKind::mac) << name;
  for (const char* name : {"HostName", "FQDN", "NameServers", "NTPServers", "DomainName"})
    EXPECT_EQ(kind_of_property(name), ScrubKind::host) << name;
  for (const char* name : {"UserName", "Username", "user_name"})
    EXPECT_EQ(kind_of_property(name), ScrubKind::user) << name;
  EXPECT_EQ(kind_of_property("AssetTag"), ScrubKind::asset);
  EXPECT_EQ(kind_of_property("UUID"), ScrubKind::uuid);
  for (const char* name :
       {"Id", "Name", "PartNumber", "Model", "SerialConsole", "PasswordExpiration", "PasswordChangeRequired",
        "LangKey", "Password@Redfish.AllowableValues", "@odata.id", "Voltage", "KeySequence", "TokenStatus"})
    EXPECT_FALSE(kind_of_property(name)) << name;
}

TEST(Scrubber, WhatIsFoundKeepsItsLengthAndForm) {
  const std::string body =
      R"({"SerialNumber":"AB12-cd34","AssetTag":"Rack 7/U21","UUID":"4C4C4544-0042-3310-8057-b7c04f4d4c32",
          "MACAddress":"A0:88:C2:0f:12:9E","Address":"10.42.7.129","IPv6":"fd00:1234::a288:c2ff:fe0f:129e",
          "HostName":"node17.dc3.example.com","UserName":"j.doe7"})";
  const std::string out = scrubbed(body);
  const json::object before = json::parse(body).as_object();
  const json::object after = json::parse(out).as_object();
  for (const auto& [name, value] : after) {
    const std::string was(before.at(name).as_string()), is(value.as_string());
    EXPECT_NE(was, is) << name;
    EXPECT_EQ(was.size(), is.size()) << was << " " << is;
  }
  EXPECT_EQ(form(value_of(out, "SerialNumber")), "AA00-aa00");
  EXPECT_EQ(form(value_of(out, "AssetTag")), "Aaaa 0/A00");
  EXPECT_EQ(form(value_of(out, "Address")), "00.00.0.000");
  EXPECT_TRUE(value_of(out, "HostName").ends_with(".com"));
  EXPECT_EQ(value_of(out, "UUID")[14], '3') << "the version stays";
  std::uint32_t groups[8] = {};
  EXPECT_TRUE(ipv6_groups(value_of(out, "IPv6"), groups)) << out;
  EXPECT_TRUE(value_of(out, "IPv6").find("::") == 9);
}

TEST(Scrubber, SecretsBecomeOneWordWhateverTheirLength) {
  const std::string out = scrubbed(
      R"({"Password":"hunter2","CommunityStrings":["private-ro","x"],"Oem":{"LicenseKey":"ABCDE-FGHIJ"},
          "Authentication":{"Token":"t0k3n"},"KeyString":"ssh-rsa AAAAB3","PasswordPolicy":"Strong","Key":null,"Pin":1234})");
  EXPECT_EQ(
      out,
      R"({"Password":"scrubbed","CommunityStrings":["scrubbed","scrubbed"],"Oem":{"LicenseKey":"scrubbed"},
          "Authentication":{"Token":"scrubbed"},"KeyString":"scrubbed","PasswordPolicy":"Strong","Key":null,"Pin":1234})");
}

TEST(Scrubber, SecretsAreFoundByTheirFormToo) {
  const std::string out = scrubbed(
      R"({"a":"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N","b":"https://bob:hunter2@10.1.2.3:8443/x",
  "c":"-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabcd+/==\n-----END RSA PRIVATE KEY-----\n","d":"sent Authorization: Basic cm9vdDpodW50ZXIy",
  "e":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8y0Cw3J8Zr3mS1yqkFQb2pXcLm1v0 root","f":"set password=hunter2, retry","g":"Basic authentication is used"})");
  for (const char* secret :
       {"eyJ", "hunter2", "bob", "MIIEowIBAAKCAQEA", "cm9vdDpodW50ZXIy", "AAAAC3Nz", "10.1.2.3"})
    EXPECT_EQ(out.find(secret), std::string::npos) << secret << " in " << out;
  EXPECT_NE(out.find(R"(-----BEGIN RSA PRIVATE KEY-----\n)"), std::string::npos);
  EXPECT_NE(out.find(R"(+/==\n-----END RSA PRIVATE KEY-----\n)"), std::string::npos) << out;
  EXPECT_NE(out.find(", retry"), std::string::npos);
  EXPECT_NE(out.find("Basic authentication is used"), std::string::npos);
}

TEST(Scrubber, TheSameValueBecomesTheSameEverywhere) {
  const Scrubbed all(
      {R"({"SerialNumber":"1654922006001","MACAddress":"a0:88:c2:0f:12:9e","HostName":"node17.lab.example.com"})",
       R"({"Id":"SN1654922006001","Message":"NIC A088C20F129E on node17 is up, A0-88-C2-0F-12-9E",
                      "@odata.id":"/redfish/v1/Chassis/Tray_1654922006001/NIC/a0%3A88%3Ac2%3A0f%3A12%3A9e"})"});
  const std::string serial = value_of(all.out[0], "SerialNumber"), mac = value_of(all.out[0], "MACAddress");
  EXPECT_EQ(value_of(all.out[1], "Id"), "SN" + serial);
  std::string bare, dashed = mac;
  for (const char c : mac) bare += c == ':' ? "" : std::string(1, static_cast<char>(std::toupper(c)));
  std::replace(dashed.begin(), dashed.end(), ':', '-');
  for (char& c : dashed) c = static_cast<char>(std::toupper(c));
  const std::string host = value_of(all.out[0], "HostName");
  EXPECT_EQ(value_of(all.out[1], "Message"),
            "NIC " + bare + " on " + host.substr(0, host.find('.')) + " is up, " + dashed);
  std::string percent;
  for (const char c : mac) percent += c == ':' ? "%3A" : std::string(1, c);
  EXPECT_EQ(value_of(all.out[1], "@odata.id"), "/redfish/v1/Chassis/Tray_" + serial + "/NIC/" + percent);
  Scrubbed again({R"({"SerialNumber":"1654922006001"})"});
  EXPECT_EQ(value_of(again.out[0], "SerialNumber"), serial) << "the key decides";
  Scrubbed other({R"({"SerialNumber":"1654922006001"})"}, {}, "");
  EXPECT_NE(value_of(other.out[0], "SerialNumber"), serial) << "another key, another stand-in";
  EXPECT_EQ(all.out[1].find("1654922006001"), std::string::npos);
}

TEST(Scrubber, AnAddressBecomesWhatItBecomesInABody) {
  const std::string body =
      R"({"@odata.id":"/redfish/v1/Managers/bmc-CZ12345678/IP/10.9.8.7","SerialNumber":"CZ12345678"})";
  Scrubbed one({body});
  EXPECT_EQ(one.scrubber.scrub_line("/redfish/v1/Managers/bmc-CZ12345678/IP/10.9.8.7"),
            value_of(one.out.front(), "@odata.id"));
}

TEST(Scrubber, EscapesAreReadAndOthersStay) {
  // \u0041 is A; the slash, the line break and the umlaut keep their spelling.
  const Scrubbed all(
      {R"({"SerialNumber":"ABC12345"})", R"({"m":"S\u0041\/\u0041BC12345\n10.\u0031.2.3\u00e4 \"x\""})"});
  const std::string serial = value_of(all.out[0], "SerialNumber");
  EXPECT_EQ(all.out[1].find("12345"), std::string::npos) << all.out[1];
  EXPECT_NE(all.out[1].find(R"(S\u0041\/)" + serial + R"(\n)"), std::string::npos) << all.out[1];
  EXPECT_TRUE(all.out[1].ends_with(R"(\u00e4 \"x\""})")) << all.out[1];
  EXPECT_NO_THROW((void)json::parse(all.out[1]));
}

TEST(Scrubber, NothingButStringValuesChanges) {
  const std::string body =
      "{ \"SerialNumber\" :\t\"AB123456\",\r\n \"AB123456\": 1.50e+03, \"n\":[1.0, "
      "-0.0,1E5,123456789012345678901234567890],\n"
      " \"SerialNumber\": \"AB123456\", \"x\" : true , \"y\":null,\"10.1.2.3\":{} }\n\n";
  const std::string out = scrubbed(body);
  const std::size_t at = out.find("AB123456\"");
  ASSERT_NE(at, std::string::npos) << "a name stays";
  std::string back = out;
  const std::string stand_in = back.substr(back.find(":\t\"") + 3, 8);
  for (std::size_t i = back.find(stand_in); i != std::string::npos; i = back.find(stand_in))
    back.replace(i, 8, "AB123456");
  EXPECT_EQ(back, body);
}

TEST(Scrubber, WhatManyDevicesSayStays) {
  const std::string body =
      R"x({"SerialNumber":"N/A","AssetTag":"","UUID":"00000000-0000-0000-0000-000000000000","MACAddress":"00:00:00:00:00:00",
"HostName":"localhost","Address":"0.0.0.0","SubnetMask":"255.255.255.0","Loop":"127.0.0.1","Six":"::1","Password":"********","Token":null,
"FirmwareVersion":"10.1.2.3","Text":"firmware 4.40.10.7 loaded","@odata.type":"#Chassis.v1_21_0.Chassis","MessageId":"Base.1.13.Success",
"Pci":"0000:3b:00.0","Time":"2026-01-01T12:34:56+01:00","Schema":"http://redfish.dmtf.org/schemas/v1/Chassis.json","Std":"std::vector",
"Ports":"1:2:3","Bios":"U30 v2.36 (07/16/2020)","Sdk":"v1.2.3.4"})x";
  EXPECT_EQ(scrubbed(body), body);
}

TEST(Scrubber, AddressesOfOneSubnetStayInOne) {
  const std::string out = scrubbed(
      R"({"a":"10.42.7.1","b":"10.42.7.200","c":"10.42.99.1","d":"fd00:9::1:2","e":"fd00:9::1:3","f":"fe80::1234"})");
  const std::string a = value_of(out, "a"), b = value_of(out, "b"), c = value_of(out, "c");
  const auto net = [](const std::string& text, char sign) { return text.substr(0, text.rfind(sign)); };
  EXPECT_EQ(net(a, '.'), net(b, '.'));
  EXPECT_EQ(net(net(a, '.'), '.'), net(net(c, '.'), '.'));
  EXPECT_NE(net(a, '.'), net(c, '.'));
  EXPECT_NE(a.substr(0, 3), "10.");
  EXPECT_EQ(net(value_of(out, "d"), ':'), net(value_of(out, "e"), ':'));
  EXPECT_NE(value_of(out, "d"), value_of(out, "e"));
  EXPECT_TRUE(value_of(out, "f").starts_with("fe80::"));
}

TEST(Scrubber, TwoOriginalsHaveTwoStandIns) {
  std::vector<std::string> bodies;
  std::set<std::string> originals, stand_ins;
  for (int i = 0; i < 300; ++i) {
    originals.insert(fmt::format("Z{:03}AB", i));
    bodies.push_back(fmt::format(R"({{"SerialNumber":"Z{:03}AB"}})", i));
  }
  const Scrubbed all(bodies);
  for (const std::string& out : all.out) stand_ins.insert(value_of(out, "SerialNumber"));
  EXPECT_EQ(stand_ins.size(), 300U);
  for (const std::string& stand_in : stand_ins) EXPECT_FALSE(originals.contains(stand_in));
}

TEST(Scrubber, ASecondTimeChangesNothing) {
  Scrubbed all(
      {R"({"SerialNumber":"AB123456","MACAddress":"a0:88:c2:0f:12:9e","Address":"10.42.7.1","b":"192.168.1.20","Six":"fd00:9::1:2",
    "HostName":"node17.lab.example.com","UserName":"jdoe","UUID":"4C4C4544-0042-3310-8057-b7c04f4d4c32","AssetTag":"R7-1234","Password":"x1y2z3",
    "m":"bob@example.com said password=hunter2 at https://node17.lab.example.com/x"})"});
  EXPECT_EQ(all.scrubber.scrub(all.out.front()), all.out.front());
}

TEST(Scrubber, KeepsWhatItIsToldTo) {
  const std::string body =
      R"({"SerialNumber":"AB123456","MACAddress":"a0:88:c2:0f:12:9e","Address":"10.42.7.1","Password":"hunter2","Text":"AB123456"})";
  const std::string out = scrubbed(body, {ScrubKind::serial, ScrubKind::address, ScrubKind::secret});
  EXPECT_NE(out.find(R"("SerialNumber":"AB123456")"), std::string::npos);
  EXPECT_NE(out.find(R"("Text":"AB123456")"), std::string::npos);
  EXPECT_NE(out.find("10.42.7.1"), std::string::npos);
  EXPECT_EQ(out.find("a0:88:c2"), std::string::npos);
  EXPECT_EQ(out.find("hunter2"), std::string::npos) << "secrets are never kept";
}

TEST(Scrubber, WhatIsNotJsonIsSearchedAsText) {
  Scrubber scrubber({}, kKey);
  const std::string broken =
      R"({"SerialNumber": "AB123456", "Password": "hunter2", "Address": "10.42.7.1", "x": [1,2)";
  const std::string xml =
      "<Entry><SerialNumber>AB123456</SerialNumber><Pass Password=\"hunter2\"/>a0:88:c2:0f:12:9e</Entry>";
  scrubber.learn(broken);
  scrubber.learn(xml);
  for (const std::string& body : {broken, xml}) {
    const std::string out = scrubber.scrub(body);
    for (const char* gone : {"AB123456", "hunter2", "10.42.7.1", "a0:88"})
      EXPECT_EQ(out.find(gone), std::string::npos) << gone << " in " << out;
  }
  EXPECT_TRUE(scrubber.scrub(broken).ends_with(R"("x": [1,2)"));
}

TEST(Scrubber, WhatWeKnowOurselvesIsFoundEverywhere) {
  Scrubber scrubber({}, kKey);
  scrubber.learn_secret(Secret("correct horse"));
  scrubber.learn_value(ScrubKind::user, "techie");
  const std::string out = scrubber.scrub(R"({"a":"techie logged in with correct horse","b":"techies"})");
  EXPECT_EQ(out.find("techie logged"), std::string::npos);
  EXPECT_EQ(out.find("correct horse"), std::string::npos);
  EXPECT_NE(out.find("\"techies\""), std::string::npos) << "another word";
}

TEST(Scrubber, CountsWhatItReplacedByKind) {
  const Scrubbed all(
      {R"({"SerialNumber":"AB123456","Text":"AB123456 at 10.42.7.1 and 10.42.7.2","Password":"x9"})"});
  EXPECT_EQ(all.scrubber.replaced().at(ScrubKind::serial), 2U);
  EXPECT_EQ(all.scrubber.replaced().at(ScrubKind::address), 2U);
  EXPECT_EQ(all.scrubber.replaced().at(ScrubKind::secret), 1U);
}

TEST(Scrubber, BigAndHostileBodiesTakeTimeInProportion) {
  const auto repeated = [](const std::string& piece, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += piece;
    return text;
  };
  constexpr std::size_t kBig = 1'000'000;
  for (const char* piece : {"a.", "a-", "1.", "a:", "user=", "eyJ-", "-----BEGIN ", "x@", "::", "\\u0041",
                            "%41", "\"", "Basic a-"}) {
    Scrubber scrubber({}, kKey);
    const std::string body = repeated(piece, kBig);
    scrubber.learn(body);
    const std::string out = scrubber.scrub(body);
    EXPECT_FALSE(out.empty());
  }
  std::string list = "[";
  for (int i = 0; i < 30'000; ++i)
    list += fmt::format(R"({{"SerialNumber":"S{:08}","Reading":{}.50}},)", i, i);
  list.back() = ']';
  Scrubbed all({list});
  EXPECT_EQ(all.out.front().size(), list.size());
  EXPECT_EQ(all.scrubber.replaced().at(ScrubKind::serial), 30'000U);
}

TEST(Scrubber, RandomBytesNeitherCrashNorGrowAnything) {
  std::mt19937 random(7);  // NOLINT: the same every time
  const std::string signs = "{}[]\":,\\u0041 10.2aA-:/%@=.<>x\n";
  for (int round = 0; round < 3'000; ++round) {
    std::string body;
    for (auto i = random() % 120; i > 0; --i) body += signs[random() % signs.size()];
    Scrubber scrubber({}, kKey);
    scrubber.learn(body);
    const std::string out = scrubber.scrub(body);
    EXPECT_EQ(scrubber.scrub(out), out) << body;
  }
}

}  // namespace
}  // namespace kiln
