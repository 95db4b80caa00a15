#pragma once
// What the last scan has seen at each address, kept beside the station's database, so that the next can say
// what changed and whether a certificate is still the same. Blocking; no secrets in it.

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "station/discovery.h"

namespace kiln {

struct SeenBmc {
  std::string url, pin_sha256, serial, model, platform, host_key;
  std::map<std::string, int> parts;             ///< by kind
  std::map<std::string, std::string> firmware;  ///< by id
};

/// By address.
using LastScan = std::map<std::string, SeenBmc>;

/// Empty when there was none. Error: discover.last_scan (cannot be read or understood; nothing is lost).
Result<LastScan> read_last_scan(const std::string& state_directory);
/// Whole or not at all; 0600. Error: discover.last_scan.
Status write_last_scan(const std::string& state_directory, const LastScan& scan);

/// Keeps at once whose certificate is trusted at an address, before a password goes there: the next look
/// sends none to another. `bmc` with a pin; everything else that is known of the address stays. Error:
/// discover.last_scan.
Status remember_pin(const std::string& state_directory, const BmcAccess& bmc);

/// What another certificate at an address that is reached directly may come from: a BMC of the same address
/// behind a jump host, which is another one. In parentheses, for behind "find out why".
std::string other_ways(const LastScan& scan, const std::string& url);

/// What was read now, over what was seen before; addresses that did not answer stay as they were.
LastScan updated(LastScan before, const std::vector<DiscoveredBmc>& found);
/// Sentences: new, gone, moved, replaced, other firmware, other parts.
std::vector<std::string> changes(const LastScan& before, const std::vector<DiscoveredBmc>& found);

}  // namespace kiln
