#pragma once
// What a Linux host says about its own parts, read from what its tools print. Pure functions.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::host_health {

/// One part as the host sees it. `other_name` is a second, longer name that is as good ("P0 CHANNEL A/DIMM
/// 0").
struct HostPart {
  std::string name, other_name, serial, model;
};

/// All parts of one kind from one source.
struct PartList {
  std::vector<HostPart> parts;
  std::string source;      ///< the command
  std::string unreadable;  ///< why the source says nothing; empty = it was read
};

/// `lscpu --parse=CPU,CORE,SOCKET` (util-linux): sockets as "socket0".
struct CpuFacts {
  int sockets = 0, cores = 0, threads = 0;
};
PartList read_cpus(const std::string& printed, CpuFacts& facts);

/// `dmidecode --type memory`: SMBIOS 3.7 type 17, populated slots only, by Locator.
PartList read_dimms(const std::string& printed);

/// `lsblk --json --nodeps --output NAME,TYPE,SERIAL,MODEL`: disks that are hardware.
PartList read_drives(const std::string& printed);

/// Lines "eth0 52:54:00:12:34:56" and "end": interfaces with a device behind them; the serial is the MAC
/// address.
PartList read_nics(const std::string& printed);

/// Where an expected part was found: by its serial first (names of drives and interfaces move), then by name.
struct Found {
  const HostPart* part = nullptr;
  bool ambiguous = false;  ///< several parts have that name
};
Found find_part(const PartList& list, const Component& expected);
/// The same among all of a kind. Sockets are only numbered: where the rack file calls no CPU "socketN", but
/// all as their BMC does, the first of them is the first socket.
Found find_among(const PartList& list, const std::vector<const Component*>& all, const Component& expected);
/// Whether the host can tell this part at all: of an adapter it knows the MAC address, and a rack file that
/// has another serial number for it means what BMC and network.ports read.
bool host_tells(const Component& expected);
bool same_serial(const std::string& a, const std::string& b);

/// Error counts of one memory controller ("mc0") or one of its DIMMs ("mc0/dimm3"), as EDAC has them.
struct EdacCounter {
  std::string label;  ///< of a DIMM, as its driver calls it; may be empty
  std::optional<std::int64_t> correctable, uncorrectable;
};
/// nullopt when the text was cut short. Empty: the kernel has no memory controller under EDAC.
std::optional<std::map<std::string, EdacCounter>> read_edac(const std::string& printed);
/// The command whose output read_edac reads.
extern const char* const kEdacCommand;

}  // namespace kiln::host_health
