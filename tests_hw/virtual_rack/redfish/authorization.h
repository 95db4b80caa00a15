#pragma once
// Which operation needs which privilege (DSP0266 13.3.10 and 13.3.11), after DMTF's base privilege registry.
// Pure.

#include "tests_hw/virtual_rack/http_message.h"
#include "tests_hw/virtual_rack/redfish/reply.h"
#include "tests_hw/virtual_rack/redfish/sessions.h"

namespace kiln::virtual_rack {

/// Whether `account` may do what is asked.
[[nodiscard]] bool may(const ManagerAccount& account, const Sessions& sessions, const HttpRequest& request);

/// What an account may still do whose password must be changed first (DSP0266 13.3.7): read its own resource
/// and patch it.
[[nodiscard]] bool serves_password_change(const ManagerAccount& account, const HttpRequest& request);
/// What everything else is answered with, and a log-in says.
[[nodiscard]] Message password_change_message(const ManagerAccount& account);

}  // namespace kiln::virtual_rack
