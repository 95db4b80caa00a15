#pragma once
// A firmware baseline: which firmware the roles of a product are to run, and how it gets there. Written by
// whoever releases a bundle, named by rack.yaml. Floor 2; blocks on the disk; any thread. The grammar is
// described for editors in recipes/firmware.schema.json and for people in docs/firmware.md.

#include <map>
#include <string>
#include <vector>

#include "files/problem.h"
#include "model/inventory.h"

namespace kiln {

struct FirmwareBaselineFile {
  FirmwareBaseline about;
  std::map<Role, std::vector<FirmwareTarget>> targets;  ///< by role, in the file's order
};

/// Problems: those of the file and of YAML, and firmware.name, firmware.duplicate, firmware.version,
/// firmware.image, firmware.route, firmware.activation, firmware.time, firmware.empty. Images come back as
/// paths, relative ones taken from the baseline's folder; whether they are there is not looked at (a rack may
/// be compared without them).
Parsed<FirmwareBaselineFile> read_firmware_baseline(const std::string& path);
/// The same from text; `file` names it in messages. The baseline's name must be the file's without ".yaml".
Parsed<FirmwareBaselineFile> parse_firmware_baseline(const std::string& text, const std::string& file);

/// Gives every DUT of `inventory` what its role is to run: targets, and the components that must be there. A
/// component that the rack file expects at another version is the problem firmware.contradiction, at
/// `place`.
void apply_firmware_baseline(const FirmwareBaselineFile& baseline, const Place& place, Inventory& inventory,
                             std::vector<Problem>& problems);

/// The word of a version that nobody has filled in yet; a baseline that is used may not hold it.
inline constexpr const char* kSiteToFill = "site to fill";

}  // namespace kiln
