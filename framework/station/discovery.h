#pragma once
// Looking for BMCs: which address has one, whose certificate it shows, what it says it is. A password is sent
// only over a connection whose certificate is the one that was seen at first, and never to an address whose
// certificate is another than before. Reads only. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bmc/bmc.h"
#include "io/certificate.h"
#include "model/inventory.h"
#include "station/real_devices.h"

namespace kiln {

/// Where to look, and what is known already.
struct DiscoveryTarget {
  Dut dut;  ///< with a BMC: its address and credential; id and host when a rack file has them, else empty
  bool trusted = false;    ///< its trust is given (rack file): nothing is to be seen first
  std::string known_pin;   ///< of the last scan; empty: never seen
  std::string other_ways;  ///< other_ways() of the last scan
};

/// discover.other_certificate. `other_ways`: see other_ways() of last_scan.h.
Error other_certificate(const std::string& url, const std::string& shown, const std::string& known,
                        const std::string& other_ways);

struct DiscoveredBmc {
  enum class State { nobody, other_certificate, unreadable, read };
  State state = State::nobody;
  Dut dut;                      ///< as asked, with the pin that was seen
  std::string why;              ///< of anything but read: a sentence
  std::string code;             ///< its code
  bool first_seen = false;      ///< its certificate was never seen before: a person has to compare it
  PeerCertificate certificate;  ///< empty where trust was given
  BmcIdentity identity;
  std::vector<Part> parts;
  std::vector<FirmwareItem> firmware;
  std::string host_key;  ///< of its host, as it shows it; empty: none asked for, or no answer

  [[nodiscard]] std::map<std::string, int> part_counts() const;
  [[nodiscard]] Role role() const;
};

/// All targets, 16 at a time, each within a minute. `progress` is called with each that is done. `on_trusted`
/// is told whose certificate was taken on sight, before a password goes there: one that cannot be kept is
/// sent none. Both may be empty.
boost::asio::awaitable<Status> discover(const Ctx& ctx, RealDevices& devices,
                                        std::vector<DiscoveryTarget> targets,
                                        std::vector<DiscoveredBmc>& found,
                                        std::function<void(const DiscoveredBmc&)> progress,
                                        std::function<Status(const BmcAccess&)> on_trusted);

/// The rack file that would describe what was found: `known`'s words where a DUT is in it, ids by role and
/// place for the others. Only what was read.
Inventory proposed_inventory(const std::vector<DiscoveredBmc>& found, const Inventory& known);

/// Sentences of what does not fit together: a serial number at two addresses, a BMC whose serial is not the
/// rack file's, parts that the rack file expects and nobody has.
std::vector<std::string> contradictions(const std::vector<DiscoveredBmc>& found);

}  // namespace kiln
