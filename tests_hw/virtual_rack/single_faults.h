#pragma once
// Faults that one instrument, one register or one label tells of, and nothing else: a part that is not the
// one that was ordered, a counter that rises, a status that is not OK. They are rows of one table
// (single_faults.cc): what a kind strikes, and what its BMC, the driver or the operating system tells while
// it is there. faults.h is the only door to them. Thread: the rack's loop.

#include <boost/json/object.hpp>
#include <string_view>
#include <vector>

#include "tests_hw/virtual_rack/faults.h"

namespace pugi {
class xml_node;
}

namespace kiln::virtual_rack {

/// Their rows of the catalogue.
const std::vector<FaultInfo>& single_fault_catalogue();
bool is_single_fault(FaultKind kind);
/// Whether the kind can strike this DUT; false for kinds that are not of this table.
bool single_fault_applies(const Dut& dut, FaultKind kind);
/// Parts that more than one kind of part make up: everything of a DUT that has a serial number, or can be
/// missing.
std::vector<std::string> serial_parts(const Dut& dut);
std::vector<std::string> listed_parts(const Dut& dut);

/// What is changed once, and put back when the fault clears.
void begin_single_fault(RackModel& rack, Dut& dut, Fault& fault);
void end_single_fault(RackModel& rack, Dut& dut, const Fault& fault);
/// What holds as long as its fault does.
void set_single_faults(RackModel& rack);

/// Puts what the BMC tells otherwise into an answer, by its URI; false: it does not have that resource at the
/// moment.
bool tell_otherwise(const RackModel& rack, const Dut& dut, std::string_view uri, boost::json::object& body);
/// Likewise the driver, into nvidia-smi's element of a GPU.
void tell_otherwise(const RackModel& rack, const Dut& dut, const Gpu& gpu, pugi::xml_node element);

}  // namespace kiln::virtual_rack
