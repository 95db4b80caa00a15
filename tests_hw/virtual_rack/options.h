#pragma once
// The command line of kiln-virtual-rack.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kiln::virtual_rack {

struct ProgramOptions {
  std::string rack = "small";  // or "nvl72", "trays:N"
  std::string product;         ///< empty: the one the rack's own file names
  std::string mockup;          ///< directory of a captured tree; empty: a simulated rack
  std::string out;  ///< where inventory and credentials go; empty: a fresh directory under the temp path
  std::vector<std::string> faults;
  std::optional<std::uint64_t> seed;  ///< none: random; printed on stderr
  double time_scale = 0;              ///< 0: the rack's own
  std::uint16_t port_base = 0;        ///< 0: the system chooses every port
  int parent_pid = 0;                 ///< end when this process is gone
  bool exit_with_stdin = false;       ///< end when standard input closes
  bool powered_on = false;
  bool firmware_current = false;  ///< nothing to update, not even what the demo does
  bool firmware_behind = false;   ///< with a baseline to bring it to, and its images
  bool cooltera = false;          ///< the CDU serves status.xml in place of Redfish
  bool no_events = false;         ///< no BMC offers an event stream
  bool list_faults = false;
  bool json = false;
};

struct ParsedOptions {
  ProgramOptions options;
  std::optional<int>
      exit_code;  ///< set when the program has nothing left to do: help was printed, or usage is wrong
};

/// Prints help on stdout and usage errors on stderr.
[[nodiscard]] ParsedOptions parse_options(int argc, char** argv);

}  // namespace kiln::virtual_rack
