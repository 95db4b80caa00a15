#pragma once
// A copy of a run without what tells whose it is: people, hosts, addresses, accounts, MACs, UUIDs, folders of
// the station, and every secret that a device may have let slip; serial numbers and asset tags too where that
// is asked for. What was planned, measured and decided stays: the copy must come to the same decision, or
// there is none. Equal originals get equal stand-ins, which only who has the station's key could draw again;
// so a second export of the run is the same. Blocking.

#include <cstdint>
#include <map>
#include <string>

#include "base/ed25519.h"
#include "base/result.h"
#include "store/artifacts.h"
#include "store/run_view.h"

namespace kiln {

struct Redaction {
  std::map<std::string, std::uint64_t>
      replaced;         ///< kind of what was replaced → places: "people and stations", "hosts", …
  std::string station;  ///< stands for the station's own name
};

/// Into the new file `to`; artifacts that are text are redacted, too, others are left out and stand there as
/// a line that says so: both are put into `artifacts`. `serials`: serial numbers and asset tags are replaced
/// as well; then nothing is found again by them. Errors: "export.redaction" (a name is a DUT's id too, or the
/// copy would come to another decision, or an event can no longer be read), "export.artifact", those of
/// RewrittenRun.
Result<Redaction> write_redacted(const RunView& view, const std::string& run, const SigningKey& key,
                                 bool serials, const std::string& to, const Artifacts& artifacts);

}  // namespace kiln
