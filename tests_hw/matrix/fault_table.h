#pragma once
// tests_hw/virtual/fault_table.tsv as the walk over real wires reads it (fault_walk.py): what each fault must
// lead to.

#include <string>
#include <vector>

namespace kiln::matrix {

struct FaultRow {
  std::string fault;
  std::string delay;  ///< "-": from the start
  std::vector<std::string> decisions;
  std::string code;     ///< "-": none is demanded
  std::string part;     ///< kind of component, "-", "rack", "update", "CDU01/PART", "S01:nvswitch"
  std::string company;  ///< which other faults may meet the same run; "on": all that do not look like it
  std::string recipe;   ///< of demo/: "small", "power-chain", "host"
};

/// All rows; empty when the file cannot be read.
std::vector<FaultRow> read_fault_table();

}  // namespace kiln::matrix
