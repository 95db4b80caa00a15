#include "files/inventory_file.h"

#include "files/credentials.h"
#include "files/problems_for_test.h"

namespace kiln {
namespace {

constexpr const char* kPin = "pin_sha256: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"";
constexpr const char* kHostKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBuX0bC0Q0m7mYb9n3m1u0c8k2l4xQ0v7z5yZr1s2t3u";

std::string dut(const std::string& more, const std::string& id = "C01", int port = 4101) {
  return "  - id: " + id +
         "\n    role: compute_tray\n    bmc: {url: \"https://127.0.0.1:" + std::to_string(port) +
         "\", credential: bmc, tls: {" + kPin + "}}\n" + more;
}
Parsed<Inventory> inventory_of(const std::string& duts,
                               const std::string& head = "rack: R01\nproduct: p\ncredentials: c.yaml\n") {
  return parse_inventory(head + "duts:\n" + duts, "racks/rack.yaml");
}

TEST(InventoryFile, ReadsARack) {
  const auto parsed = inventory_of(
      dut(std::string("    slot: 11\n    host: {address: 127.0.0.1, port: 4201, user: root, credential: "
                      "host, host_key: \"") +
          kHostKey +
          "\"}\n    labels: {row: a}\n"
          "    expect:\n      serial: \"SN1\"\n      gpus: 1\n      leak_detectors: 2\n      components:\n"
          "        - {kind: gpu, name: GPU_0, serial: \"G1\", firmware: \"96.00\"}\n"
          "        - {kind: leak_detector, name: LeakDetector_1}\n        - {kind: leak_detector, name: "
          "LeakDetector_2}\n"),
      "rack: R01\nproduct: virtual-x\nsimulated: true\ntime_scale: 20\ncredentials: rack.credentials.yaml\n");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  const Inventory& inventory = *parsed.value;
  EXPECT_EQ(inventory.rack, "R01");
  EXPECT_TRUE(inventory.simulated);
  EXPECT_EQ(inventory.time_scale, 20);
  EXPECT_EQ(inventory.credentials_file, "racks/rack.credentials.yaml");
  const Dut* found = inventory.find("C01");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->role, Role::compute_tray);
  EXPECT_EQ(found->slot, 11);
  EXPECT_EQ(found->bmc->tls.kind, TlsTrust::Kind::pin);
  EXPECT_EQ(found->host->port, 4201);
  EXPECT_EQ(found->host->host_key, kHostKey);
  EXPECT_EQ(found->expect.serial, "SN1");
  EXPECT_EQ(found->expect.of_kind(ComponentKind::leak_detector).size(), 2U);
  EXPECT_EQ(found->expect.counts.at(ComponentKind::gpu), 1);
  EXPECT_EQ(found->labels.at("row"), "a");
}

TEST(InventoryFile, ACountThatTheListedPartsContradictIsRefused) {
  const auto fewer = inventory_of(dut("    expect: {gpus: 4, components: [{kind: gpu, name: GPU_0}]}\n"));
  EXPECT_NE(find_problem(fewer.problems, "inventory.count").message.find("lists 1 of kind gpu"),
            std::string::npos);
  find_problem(inventory_of(dut("    expect: {gpus: 4}\n")).problems, "inventory.count");
}

TEST(InventoryFile, AJumpHostIsReadAsAHostIs) {
  const auto with_jump = [](const std::string& jump) {
    return inventory_of(
        std::string("  - {id: C01, role: server, bmc: {url: \"https://172.31.13.251\", tls: {") + kPin +
        "}, jump: {" + jump + "}}}\n");
  };
  const auto good =
      with_jump(std::string("address: 10.0.1.1, port: 2200, user: kiln, credential: jump, host_key: \"") +
                kHostKey + "\"");
  ASSERT_TRUE(good) << all_text(good.problems);
  const HostAccess& jump = good.value->duts.front().bmc->jump.value();
  EXPECT_EQ(jump.address, "10.0.1.1");
  EXPECT_EQ(jump.port, 2200);
  EXPECT_EQ(jump.user, "kiln");
  EXPECT_EQ(jump.credential, "jump");
  EXPECT_EQ(jump.host_key, kHostKey);
  find_problem(with_jump("address: 10.0.1.1, host_key: \"AAAA\"").problems, "inventory.host_key");
  EXPECT_FALSE(with_jump("address: 10.0.1.1")) << "without a key nobody knows whose machine it is";
  EXPECT_FALSE(with_jump(std::string("adress: 10.0.1.1, host_key: \"") + kHostKey + "\""));
}

TEST(InventoryFile, TheSameAddressBehindTwoJumpHostsIsTwoBmcs) {
  const auto behind = [](const std::string& id, const std::string& jump) {
    return "  - {id: " + id + ", role: server, bmc: {url: \"https://172.31.13.251\", tls: {" + kPin +
           "}, jump: {address: " + jump + ", host_key: \"" + kHostKey + "\"}}}\n";
  };
  const auto two = inventory_of(behind("C01", "10.0.1.1") + behind("C02", "10.0.1.2"));
  EXPECT_TRUE(two) << all_text(two.problems);
  find_problem(inventory_of(behind("C01", "10.0.1.1") + behind("C02", "10.0.1.1")).problems,
               "inventory.duplicate");
}

TEST(InventoryFile, AJumpHostIsNoDutOfTheRack) {
  const std::string key = std::string("host_key: \"") + kHostKey + "\"";
  const auto rack = [&key](const std::string& jump, const std::string& host) {
    return inventory_of(dut("    host: {address: " + host + ", " + key + "}\n", "C02", 4102) +
                        "  - {id: C01, role: server, bmc: {url: \"https://172.31.13.251\", tls: {" + kPin +
                        "}, jump: {address: " + jump + ", " + key + "}}}\n" +
                        dut("    host: {address: bastion-2, " + key + "}\n", "C03", 4103));
  };
  EXPECT_TRUE(rack("10.0.0.5", "10.0.1.11")) << "a bastion";
  const auto own = rack("10.0.1.11", "10.0.1.11");
  EXPECT_FALSE(own);
  const Problem found = find_problem(own.problems, "inventory.jump");
  EXPECT_NE(found.message.find("C02"), std::string::npos) << found.message;
  EXPECT_FALSE(rack("10.0.1.11, port: 2200", "10.0.1.11")) << "another port is the same machine";
  EXPECT_FALSE(rack("BASTION-2", "10.0.1.11")) << "a host that is listed later, in other letters";
  EXPECT_TRUE(rack("127.0.0.1, port: 2200", "127.0.0.1")) << "of a simulation";
  EXPECT_FALSE(rack("127.0.0.1", "127.0.0.1"));
}

TEST(InventoryFile, WhatMustBeUniqueIs) {
  const auto same_id = inventory_of(dut("") + dut("", "C01", 4102));
  EXPECT_EQ(find_problem(same_id.problems, "inventory.duplicate").place.line, 8);
  find_problem(inventory_of(dut("") + dut("", "C02", 4101)).problems, "inventory.duplicate");
  find_problem(inventory_of(dut("    slot: 3\n") + dut("    slot: 3\n", "C02", 4102)).problems,
               "inventory.duplicate");
  find_problem(
      inventory_of(dut("    expect: {serial: A}\n") + dut("    expect: {serial: A}\n", "C02", 4102)).problems,
      "inventory.duplicate");
  find_problem(
      inventory_of(dut("    expect: {components: [{kind: gpu, name: G}, {kind: gpu, name: G}]}\n")).problems,
      "inventory.duplicate");
  find_problem(
      inventory_of(dut("    expect: {components: [{kind: gpu, name: G, serial: S}, {kind: gpu, name: H, "
                       "serial: S}]}\n"))
          .problems,
      "inventory.duplicate");
  EXPECT_TRUE(inventory_of(dut("") + dut("", "C02", 4102)));
}

TEST(InventoryFile, TrustIsNamedExactlyOnce) {
  const auto tls = [](const std::string& text) {
    return inventory_of("  - {id: C01, role: server, bmc: {url: \"https://h\"" + text + "}}\n");
  };
  find_problem(tls("").problems, "files.missing_key");
  find_problem(tls(", tls: {}").problems, "inventory.trust");
  find_problem(tls(std::string(", tls: {insecure: \"lab\", ") + kPin + "}").problems, "inventory.trust");
  find_problem(tls(", tls: {pin_sha256: abc}").problems, "inventory.trust");
  find_problem(tls(", tls: {ca: none.pem}").problems, "inventory.trust");
  find_problem(tls(", tls: {insecure: \"\"}").problems, "inventory.trust");
  find_problem(tls(", tls: {insecure: true}").problems, "inventory.trust");
  const auto good = tls(", tls: {insecure: \"replay of a capture\"}");
  ASSERT_TRUE(good) << all_text(good.problems);
  EXPECT_EQ(good.value->duts[0].bmc->tls.value, "replay of a capture");
}

TEST(InventoryFile, AddressesAreCheckedForForm) {
  for (const char* url :
       {"http://h", "h:443", "https://", "https://user:pw@h", "https:///x", "https://h/a b", "https://h?x"}) {
    const auto parsed = inventory_of(std::string("  - {id: C01, role: server, bmc: {url: \"") + url +
                                     "\", tls: {insecure: \"x\"}}}\n");
    find_problem(parsed.problems, "inventory.url");
  }
  for (const char* key : {"AAAA", "ssh-ed25519", "ssh-ed25519 xyz", "ssh-rsa AAAA BBBB CCCC"}) {
    find_problem(inventory_of(std::string("  - {id: C01, role: server, host: {address: h, host_key: \"") +
                              key + "\"}}\n")
                     .problems,
                 "inventory.host_key");
  }
  find_problem(inventory_of("  - {id: C01, role: server, host: {address: h}}\n").problems,
               "files.missing_key");
  find_problem(inventory_of("  - {id: C01, role: server}\n").problems, "inventory.unreachable");
}

Parsed<Inventory> with_building(const std::string& building) {
  return inventory_of(dut(""), "rack: R01\nproduct: p\ncredentials: c.yaml\nbuilding:\n" + building);
}

TEST(InventoryFile, ABuildingIsRead) {
  const TemporaryFolder folder;
  const std::string ca = folder.write("ca.pem", "x", 0600);
  const auto parsed = with_building(
      "  broker: \"mqtts://bms.example\"\n  rack_location_id: 0017\n  integration: kiln\n"
      "  credential: bms\n  leak_points: [equipment]\n  tls: {ca: " +
      ca + "}\n  certificate: " + ca + "\n  filters: [\"BMS/+/PUB/Metadata/#\", \"BMS/+/PUB/Value/#\"]\n");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  ASSERT_TRUE(parsed.value->building);
  const BuildingAccess& building = *parsed.value->building;
  EXPECT_EQ(building.broker, "mqtts://bms.example");
  EXPECT_EQ(building.host, "bms.example");
  EXPECT_EQ(building.port, 8883);
  EXPECT_EQ(building.rack_location_id, "0017") << "as it is written, not as a number";
  EXPECT_EQ(building.integration, "kiln");
  EXPECT_EQ(building.credential, "bms");
  EXPECT_EQ(building.tls.kind, TlsTrust::Kind::certificate_authority);
  EXPECT_EQ(building.certificate, ca);
  EXPECT_FALSE(building.has_rack_leak);
  EXPECT_TRUE(building.has_equipment_leak);
  EXPECT_EQ(building.filters.size(), 2U);
  EXPECT_FALSE(inventory_of(dut("")).value->building);
  const auto loopback = with_building("  broker: \"mqtt://[::1]:1884\"\n  rack_location_id: L7\n");
  ASSERT_TRUE(loopback) << all_text(loopback.problems);
  EXPECT_EQ(loopback.value->building->host, "::1");
  EXPECT_EQ(loopback.value->building->port, 1884);
  EXPECT_EQ(loopback.value->building->tls.kind, TlsTrust::Kind::insecure);
}

TEST(InventoryFile, ABuildingThatCannotBeTrustedIsRefusedByLine) {
  const std::string id = "  rack_location_id: L7\n";
  const auto code_at = [](const std::string& building, const std::string& code, int line) {
    EXPECT_EQ(find_problem(with_building(building).problems, code).place.line, line) << building;
  };
  code_at(id + "  broker: \"mqtts://bms\"\n", "inventory.trust", 6);
  code_at(id + "  broker: \"mqtt://bms\"\n", "inventory.trust", 6);
  code_at(id + "  broker: \"mqtt://127.0.0.1.example\"\n", "inventory.trust", 6);
  code_at(id + "  broker: \"mqtt://localhost\"\n", "inventory.trust", 6);
  code_at(id + "  tls: {" + kPin + "}\n  broker: \"mqtts://bms\"\n", "inventory.trust", 6);
  code_at(id + "  tls: {ca: none.pem}\n  broker: \"mqtts://bms\"\n", "inventory.trust", 6);
  for (const char* url :
       {"bms", "mqtts://", "mqtts://:8883", "mqtts://bms:", "mqtts://bms:0", "mqtts://bms:65536",
        "mqtts://bms:8x", "mqtts://[::1", "mqtts://[::1]x", "mqtts://a b", "mqtts://u@bms"})
    code_at(id + "  broker: \"" + url + "\"\n", "inventory.url", 6);
  code_at(id + "  broker: \"mqtt://127.0.0.1\"\n  certificate: c.pem\n", "inventory.trust", 7);
  code_at(id + "  broker: \"mqtt://127.0.0.1\"\n  leak_points: []\n", "inventory.building", 5);
  code_at(id + "  broker: \"mqtt://127.0.0.1\"\n  leak_points: rope\n", "files.unknown_word", 7);
  code_at(id + "  broker: \"mqtt://127.0.0.1\"\n  integration: \"a/#\"\n", "inventory.building", 7);
  for (const char* filter : {"a#", "#/a", "a/b+", "+a/b"})
    code_at(id + "  broker: \"mqtt://127.0.0.1\"\n  filters: [\"" + std::string(filter) + "\"]\n",
            "inventory.building", 7);
  code_at("  broker: \"mqtt://127.0.0.1\"\n", "files.missing_key", 5);
}

TEST(InventoryFile, RealHardwareIsNeverAVirtualProduct) {
  find_problem(inventory_of(dut(""), "rack: R01\nproduct: virtual-x\ncredentials: c.yaml\n").problems,
               "inventory.virtual_product");
  find_problem(inventory_of(dut(""), "rack: R01\nproduct: x\ntime_scale: 5\ncredentials: c.yaml\n").problems,
               "inventory.time_scale");
}

TEST(InventoryFile, OddFormsAreProblemsWithPlaces) {
  find_problem(inventory_of(dut(""), "rack: R01\nproduct: p\n").problems, "inventory.no_credentials_file");
  find_problem(parse_inventory("rack: R01\nproduct: p\nduts: []\n", "r.yaml").problems, "inventory.empty");
  EXPECT_EQ(find_problem(inventory_of(dut("    rol: x\n")).problems, "files.unknown_key").suggestion,
            "did you mean 'role'?");
  EXPECT_EQ(find_problem(inventory_of(dut("    expect: {components: [{kind: gpuu, name: G}]}\n")).problems,
                         "files.unknown_word")
                .suggestion,
            "did you mean 'gpu'?");
  find_problem(
      inventory_of("  - {id: R02, role: rack, bmc: {url: \"https://h\", tls: {insecure: \"x\"}}}\n").problems,
      "files.unknown_word");
  find_problem(inventory_of(dut(""), "rack: R01\nproduct: p\nsimulated: yes\ncredentials: c.yaml\n").problems,
               "yaml.ambiguous_word");
  find_problem(inventory_of("  - just text\n").problems, "files.wrong_type");
}

TEST(Credentials, AreReadIntoSecrets) {
  const TemporaryFolder folder;
  folder.write("id_ed25519", "key", 0600);
  const auto file = folder.write(
      "c.yaml", "bmc: {user: admin, password: \"s3cret\"}\nhost: {user: root, key_file: id_ed25519}\n", 0600);
  const auto parsed = read_credentials(file);
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->at("bmc").user, "admin");
  EXPECT_EQ(parsed.value->at("bmc").password.expose(), "s3cret");
  EXPECT_EQ(parsed.value->at("host").key_file, folder.path() + "/id_ed25519");
}

TEST(Credentials, AFileThatOthersMayReadIsRefused) {
  const TemporaryFolder folder;
  for (const mode_t mode : {0644U, 0640U, 0604U, 0660U, 0601U}) {
    const auto parsed =
        read_credentials(folder.write("c.yaml", "bmc: {user: admin, password: \"s3cret\"}\n", mode));
    EXPECT_FALSE(parsed);
    EXPECT_NE(find_problem(parsed.problems, "files.permissions").suggestion.find("chmod 600"),
              std::string::npos);
  }
  EXPECT_TRUE(read_credentials(folder.write("c.yaml", "bmc: {user: admin, password: \"s3cret\"}\n", 0400)));
  folder.write("key", "key", 0644);
  find_problem(read_credentials(folder.write("d.yaml", "host: {user: root, key_file: key}\n", 0600)).problems,
               "files.permissions");
  find_problem(
      read_credentials(folder.write("e.yaml", "host: {user: root, key_file: none}\n", 0600)).problems,
      "files.missing");
}

TEST(Credentials, NoProblemQuotesTheFile) {
  const TemporaryFolder folder;
  for (const char* text :
       {"bmc: hunter2\n", "bmc: {user: admin, hunter2: x}\n", "bmc: {user: admin, passwort: hunter2}\n",
        "bmc: [hunter2]\n", "hunter2\n", "bmc: {user: admin, password: {a: hunter2}}\n",
        "bmc: {user: admin, password: hunter2, password: hunter2}\n",
        "bmc: {user: [hunter2], password: \"x\"}\n", "bmc: {user: a, password: \"hunter2\n",
        "hunter2 !: {user: a, password: b}\n", "bmc: {user: a, password: b, key_file: c}\n",
        "bmc: {user: a}\n", "a: {user: hunter2}\n", "b: &hunter2 {user: a, password: b}\n"}) {
    const auto parsed = read_credentials(folder.write("c.yaml", text, 0600));
    EXPECT_FALSE(parsed) << text;
    EXPECT_EQ(all_text(parsed.problems).find("hunter2"), std::string::npos) << all_text(parsed.problems);
  }
}

TEST(Credentials, AnApiKeyIsForAModelServerAndForNobodyElse) {
  const auto problems = [](const std::string& serving, const std::string& bmc) {
    const auto inventory = parse_inventory(
        "rack: R01\nproduct: p\ncredentials: c.yaml\nserving: {url: \"http://127.0.0.1:1\", credential: " +
            serving + "}\nduts: [{id: C01, role: server, bmc: {url: \"https://h\", credential: " + bmc +
            ", tls: {insecure: lab}}}]\n",
        "rack.yaml");
    Credentials credentials;
    credentials["login"].password = Secret("p");
    credentials["key"].api_key = Secret("k");
    return check_credential_names(*inventory.value, credentials);
  };
  EXPECT_TRUE(problems("key", "login").empty());
  EXPECT_EQ(problems("login", "login").size(), 1U);
  EXPECT_EQ(problems("key", "key").size(), 1U);
  EXPECT_EQ(problems("other", "login").front().code, "credentials.unknown");
}

TEST(Credentials, NamesTheInventoryUsesMustBeThere) {
  const auto inventory = inventory_of(dut(""));
  ASSERT_TRUE(inventory) << all_text(inventory.problems);
  Credentials credentials;
  credentials["bmcs"] = {};
  const auto problems = check_credential_names(*inventory.value, credentials);
  EXPECT_EQ(find_problem(problems, "credentials.unknown").suggestion, "did you mean 'bmcs'?");
  credentials["bmc"] = {};
  EXPECT_TRUE(check_credential_names(*inventory.value, credentials).empty());
  Inventory with_bms = *inventory.value;
  with_bms.building.emplace();
  EXPECT_TRUE(check_credential_names(with_bms, credentials).empty());
  with_bms.building->credential = "bms";
  find_problem(check_credential_names(with_bms, credentials), "credentials.unknown");
  credentials["bms"].key_file = "k.pem";
  find_problem(check_credential_names(with_bms, credentials), "credentials.incomplete");
  with_bms.building->certificate = "c.pem";
  EXPECT_TRUE(check_credential_names(with_bms, credentials).empty());
  credentials["bms"].key_file.clear();
  find_problem(check_credential_names(with_bms, credentials), "credentials.incomplete");
}

std::string cooltera_cdu(const std::string& bmc, const std::string& more = "",
                         const std::string& role = "cdu") {
  return "  - id: CDU01\n    role: " + role + "\n    bmc: {" + bmc + ", tls: {" + kPin + "}}\n" + more;
}

TEST(InventoryFile, ACduMayBeReadByItsStatusDocument) {
  for (const char* url : {"https://10.0.0.9", "https://10.0.0.9/", "https://10.0.0.9/status.xml"}) {
    const auto parsed = inventory_of(cooltera_cdu(std::string("protocol: cooltera, url: \"") + url + "\"",
                                                  "    expect: {components: [{kind: coolant_connector, name: "
                                                  "CDU/Secondary}, {kind: pump, name: Pump_1}]}\n"));
    ASSERT_TRUE(parsed) << all_text(parsed.problems);
    EXPECT_EQ(parsed.value->duts[0].bmc->url, "https://10.0.0.9/status.xml");
  }
  const auto plain =
      inventory_of(cooltera_cdu("protocol: redfish, url: \"https://10.0.0.9\", credential: bmc"));
  ASSERT_TRUE(plain) << all_text(plain.problems);
  EXPECT_EQ(plain.value->duts[0].bmc->url, "https://10.0.0.9");
}

TEST(InventoryFile, WhatAStatusDocumentCannotTellIsRefused) {
  const std::string bmc = "protocol: cooltera, url: \"https://10.0.0.9\"";
  const auto parts = [&bmc](const std::string& list) {
    const auto parsed = inventory_of(cooltera_cdu(bmc, "    expect: {components: [" + list + "]}\n"));
    return find_problem(parsed.problems, "inventory.protocol");
  };
  EXPECT_NE(parts("{kind: leak_detector, name: D1}").message.find("tells of no leak_detector ('D1')"),
            std::string::npos);
  EXPECT_NE(
      parts("{kind: coolant_connector, name: CDU/Secondari}").message.find("did you mean 'CDU/Secondary'"),
      std::string::npos)
      << parts("{kind: coolant_connector, name: CDU/Secondari}").message;
  parts("{kind: pump, name: Pump_4}");
  find_problem(inventory_of(cooltera_cdu(bmc, "", "compute_tray")).problems, "inventory.protocol");
  find_problem(inventory_of(cooltera_cdu(bmc + ", credential: bmc")).problems, "inventory.protocol");
  find_problem(inventory_of(cooltera_cdu("url: \"https://10.0.0.9/status.xml\"")).problems, "inventory.url");
  const Problem word =
      find_problem(inventory_of(cooltera_cdu("protocol: coolterra, url: \"https://10.0.0.9\"")).problems,
                   "files.unknown_word");
  EXPECT_NE(word.suggestion.find("cooltera"), std::string::npos) << word.suggestion;
}

TEST(InventoryFile, InstrumentsHaveACertificateAndADay) {
  const auto with = [](const std::string& instruments) {
    return inventory_of(dut(""), "rack: R01\nproduct: p\ncredentials: c.yaml\ninstruments:\n" + instruments);
  };
  const auto parsed = with(
      "  - {instrument: flow-meter-7, what: clamp-on, certificate: K-118, due: 2026-10-31, measures: "
      "[coolant.flow, coolant.*]}\n");
  ASSERT_TRUE(parsed) << (parsed.problems.empty() ? std::string() : parsed.problems.front().text());
  ASSERT_EQ(parsed.value->instruments.size(), 1U);
  const Instrument& meter = parsed.value->instruments.front();
  EXPECT_EQ(meter.name, "flow-meter-7");
  EXPECT_EQ(meter.certificate, "K-118");
  EXPECT_EQ(meter.due_utc_ns, 1'793'491'199'000'000'000) << "the whole of its last day, in UTC";
  EXPECT_EQ(meter.measures, (std::vector<std::string>{"coolant.flow", "coolant.*"}));

  const std::string good = "certificate: K, measures: coolant.flow";
  const auto code_of = [&with](const std::string& fields, const std::string& code) {
    EXPECT_EQ(find_problem(with("  - {" + fields + "}\n").problems, code).place.line, 5) << fields;
  };
  code_of("instrument: a, due: 2026-13-01, " + good, "inventory.instrument");
  code_of("instrument: a, due: 2026-10-31T10:00:00Z, " + good, "inventory.instrument");
  code_of("instrument: a, due: soon, " + good, "inventory.instrument");
  code_of("instrument: a, due: 2026-10-31, certificate: K, measures: flow", "inventory.instrument");
  code_of("instrument: a, due: 2026-10-31, certificate: K, measures: .*", "inventory.instrument");
  code_of("instrument: a, due: 2026-10-31, certificate: K, measures: Coolant.Flow", "inventory.instrument");
  code_of("instrument: a, due: 2026-10-31, measures: coolant.flow", "files.missing_key");
  code_of("instrument: a, certificate: K, measures: coolant.flow", "files.missing_key");
  code_of("instrument: a, due: 2026-10-31, serial: 7, " + good, "files.unknown_key");
  const std::string twice = "  - {instrument: a, due: 2026-10-31, " + good + "}\n";
  EXPECT_EQ(find_problem(with(twice + twice).problems, "inventory.duplicate").place.line, 6);
}

}  // namespace
}  // namespace kiln
