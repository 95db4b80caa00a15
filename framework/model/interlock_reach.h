#pragma once
// How far an interlock reaches. Used by everybody who cuts, so that no two of them can disagree. Pure.

#include <cstddef>

#include "model/inventory.h"

namespace kiln {

/// A tray's detector concerns the tray; a CDU's or the rack's own, or two DUTs with a leak, concern every DUT
/// of the rack. `tray_leak_cuts_rack`: the floor rules or the recipe want it wider.
inline bool concerns_whole_rack(Role origin, std::size_t leaking_duts, bool tray_leak_cuts_rack) {
  return (tray_leak_cuts_rack && leaking_duts >= 1) || origin == Role::cdu || origin == Role::rack ||
         leaking_duts >= 2;
}

/// Every DUT of the rack depends on these.
inline bool serves_all(Role role) {
  return role == Role::power_shelf || role == Role::cdu || role == Role::rack;
}

/// CDUs and power shelves serve the others: to switch them off is no cut of a DUT.
inline bool can_be_cut(Role role, bool has_bmc) {
  return has_bmc && role != Role::cdu && role != Role::power_shelf;
}

}  // namespace kiln
