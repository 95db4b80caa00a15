#pragma once
// NVLink ports and their counters: the same shape on a GPU and on a switch chip.

#include <string>

#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {

/// A link as far as Port and PortMetrics show it.
struct PortView {
  std::string name;
  bool up = false;
  bool powered = false;
  int lanes = 0;
  double speed_gbps = 0;
  const LinkCounters* counters = nullptr;
};

[[nodiscard]] json::object nvlink_port(const std::string& uri, const PortView& port);
[[nodiscard]] json::object nvlink_metrics(const std::string& uri, const PortView& port);

}  // namespace kiln::virtual_rack
