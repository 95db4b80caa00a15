#pragma once
// What a CDU of the maker Cooltera serves in place of Redfish: status.xml, one tag for each value, and
// nothing else. Model FS600. Tags and units: Lenovo confluent, plugins/hardwaremanagement/cooltera.py,
// 9ebb8f2; the root's name and how many digits a value has are assumed. Pure.

#include <string>

#include "tests_hw/virtual_rack/http_message.h"
#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// The document of a DUT with a cooling unit, as it is now.
[[nodiscard]] std::string status_document(const RackModel& rack, const Dut& dut);

/// 200 with the document, 404 for every other address, 405 for every other method. No login.
[[nodiscard]] HttpResponse status_document_answer(const RackModel& rack, const Dut& dut,
                                                  const HttpRequest& request);

}  // namespace kiln::virtual_rack
