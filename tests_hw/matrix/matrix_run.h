#pragma once
// One run of the product on a rack in this process, in virtual time: the plugins as they ship, the recipes
// and limits as they ship, the station's Runner and Redfish client, the warden's own watch and cuts beside
// it, and the verdict of roll_up(). What is missing of the real thing is what a program is made of:
// processes, sockets, TLS, SSH and the disk.
//
// Blocking: each call makes a loop, runs it to its end and gives what came out.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/verdict.h"
#include "rack_in_process.h"

namespace kiln::matrix {

struct Order {
  std::string product;                          ///< whose limits judge; empty: the virtual rack's own
  std::string recipe;                           ///< under share/recipes: "gb300-nvl72/l11-rack"
  std::map<std::string, std::string> settings;  ///< as --set
  RackWishes wishes;
  std::vector<std::string> faults;  ///< as --fault
  bool judges_reports = false;      ///< keeps the record but for samples, and renders what programs read
};

struct Ran {
  std::string refused;  ///< why nothing was run; empty: there is a verdict
  RunVerdict verdict;
  std::int64_t virtual_ns = 0;
  double took_s = 0;
  std::uint64_t events = 0, requests = 0, commands = 0;
  int disturbances = 0;
  std::string wrong_reports;  ///< what is wrong with them, where the order wanted it; empty: nothing

  [[nodiscard]] std::string decision() const;
  [[nodiscard]] bool says(const std::string& dut, const std::string& code, const std::string& part) const;
  /// The worst reasons, for a person who must find out.
  [[nodiscard]] std::string why(std::size_t most = 4) const;
};

/// A recipe of a whole rack is cut to the size of this one: `requires.roles`, the quorum of its link census,
/// and steps for DUTs of which this rack has none (power shelves) with the watch of their bus bar. Nothing
/// else is changed.
Ran run(const Order& order);

/// The rack that such wishes give, as it is before anything happens.
std::unique_ptr<virtual_rack::RackModel> rack_of(const RackWishes& wishes);

/// The names of the parts of that kind which the rack file lists for a DUT.
std::vector<std::string> parts_of(const virtual_rack::RackModel& rack, const std::string& dut,
                                  const std::string& kind);

}  // namespace kiln::matrix
