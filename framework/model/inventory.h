#pragma once
// The rack a person describes in rack.yaml: which DUTs there are, how to reach them, which parts they should
// have. Plain data. Credentials stay names here; their values live in the credentials file and in Secret.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/firmware_baseline.h"
#include "model/instrument.h"

namespace kiln {

/// What kind of thing gets a verdict.
enum class Role { compute_tray, switch_tray, cdu, power_shelf, server, rack };

std::string_view to_string(Role role);
/// Switch trays, CDUs and power shelves: what other DUTs depend on while they work.
bool serves_the_rack(Role role);
/// nullopt for an unknown word; names() lists the known ones for suggestions.
std::optional<Role> role_from(std::string_view word);
std::vector<std::string> role_names();

/// How a BMC's certificate is judged. Exactly one way; there is no fallback from one to another.
struct TlsTrust {
  enum class Kind { pin, certificate_authority, insecure };
  Kind kind = Kind::pin;
  std::string
      value;  ///< pin: base64 SHA-256 of the SPKI; CA: file path; insecure: the reason, shown in the report
};

/// A host that is reached by SSH.
struct HostAccess {
  std::string address;
  std::uint16_t port = 22;
  std::string user = "root";
  std::string credential;
  std::string host_key;  ///< "ssh-ed25519 AAAA…": the only key accepted
};

struct BmcAccess {
  std::string url;         ///< scheme, host, port, optional base path: "https://127.0.0.1:4101"
  std::string credential;  ///< name in the credentials file; empty = none
  TlsTrust tls;
  /// The host over which it is reached, where the station has no way to it; `url` is then as that host knows
  /// it.
  std::optional<HostAccess> jump = std::nullopt;
};

/// Kinds of parts that cells are counted over. `whole_dut` is the DUT itself (one cell, part name empty).
/// The words are closed: a recipe, an inventory and a step must mean the same part.
enum class ComponentKind {
  whole_dut,
  gpu,
  nvlink,
  nvswitch,
  leak_detector,
  coolant_connector,
  pump,
  fan,
  power_supply,
  cpu,
  memory,
  drive,
  nic,
  firmware,
  sensor
};

std::string_view to_string(ComponentKind kind);
std::optional<ComponentKind> component_kind_from(std::string_view word);
std::vector<std::string> component_kind_names();

/// One part the DUT must have. `name` is the address printed in the report: "GPU_0", "GPU_0/NVLink_3".
struct Component {
  ComponentKind kind = ComponentKind::whole_dut;
  std::string name;
  std::string serial;          ///< empty: not expected to match anything
  std::string firmware;        ///< empty: no expectation
  bool from_baseline = false;  ///< the rack's firmware baseline brought it, not the rack file itself
};

struct Expectation {
  std::string serial;
  std::vector<Component> components;
  /// Counts by kind as written ("gpus: 4"). The loader refuses a count that contradicts the listed
  /// components.
  std::map<ComponentKind, int> counts;

  [[nodiscard]] std::vector<const Component*> of_kind(ComponentKind kind) const;
};

struct Dut {
  std::string id;  ///< C01, S01, CDU01, P01, R01
  Role role = Role::server;
  std::optional<int> slot;  ///< rack unit, 1 at the bottom
  std::optional<BmcAccess> bmc;
  std::optional<HostAccess> host;
  Expectation expect;
  /// What its role is to run, in the order it is installed; empty without a baseline.
  std::vector<FirmwareTarget> firmware_targets;
  std::map<std::string, std::string> labels;
};

/// The building management system (BMS): where it speaks, who we are to it, and which of its racks is ours.
struct BuildingAccess {
  std::string broker;  ///< as it is written: "mqtts://bms.example:8883"
  std::string host;
  std::uint16_t port = 8883;
  std::string rack_location_id;  ///< of this rack in the BMS's metadata; agreed with the site
  std::string integration;       ///< our name there; empty: we only listen
  std::string credential;        ///< name in the credentials file; empty = none
  TlsTrust tls;                  ///< never pin; insecure: MQTT without TLS, for this reason
  std::string certificate;       ///< our own, a PEM file; its key is the credential's key_file; empty: none
  /// The leak points that the site has: the rack's own sensor, and those of what serves the rack. What is
  /// listed must read clear before anything is energised.
  bool has_rack_leak = true, has_equipment_leak = true;
  std::vector<std::string> filters;  ///< of MQTT, metadata before values; empty: those of the contract
};

/// Where the BMCs of a rack may deliver events when they have no stream of them.
struct EventListenerAccess {
  std::string address;           ///< numeric, of the station
  std::uint16_t port = 0;        ///< 0: any
  std::string told_as;           ///< host by which the BMCs reach it; empty: `address`
  std::string certificate, key;  ///< PEM files; empty: one that is made when the station starts
};

/// A server that serves a model on the rack, with the interface of OpenAI's.
struct ServingAccess {
  std::string url;         ///< "https://10.0.0.20:8000"
  std::string credential;  ///< name of an API key in the credentials file; empty = none
  TlsTrust tls;
};

struct Inventory {
  std::string rack;     ///< R01
  std::string product;  ///< picks limits/<product>.yaml
  bool simulated = false;
  double time_scale = 1.0;  ///< physics of a simulated rack runs this many times faster than real time
  std::string file;         ///< where it was read from
  std::string sha256;       ///< of the file's bytes
  std::string credentials_file;
  std::optional<BuildingAccess> building;
  std::optional<FirmwareBaseline> firmware_baseline;
  std::optional<EventListenerAccess> events;
  std::optional<ServingAccess> serving;
  std::vector<Instrument> instruments;
  std::vector<Dut> duts;  ///< in file order; the rack itself is not among them

  [[nodiscard]] const Dut* find(const std::string& id) const;
};

/// The DUTs at the far ends of a DUT's NVLinks: of a compute tray all switch trays of the rack, of a switch
/// tray all compute trays (which port leads where is not in the inventory).
std::vector<const Dut*> far_ends(const Inventory& inventory, const Dut& dut);

}  // namespace kiln
