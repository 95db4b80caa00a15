#pragma once
// One write under way: what is written, by which leave, what ran before it and what runs now. Lives in
// install() until it is over. Loop thread only.

#include <optional>
#include <string>
#include <utility>

#include "running.h"
#include "sdk/step.h"

namespace kiln::firmware {

class Writing {
 public:
  Writing(StepContext& step, const Permit& leave, FirmwareTarget what, Running was)
      : context(step), flash(leave), target(std::move(what)), before(std::move(was)), after(before) {}
  StepContext& context;
  const Permit& flash;
  std::optional<Permit> power;  ///< when activating it restarts or switches the DUT
  bool host_was_on = false;
  bool saw_a_task = true;
  bool may_still_go = false;  ///< its BMC was asked to restart, and was not seen to go
  FirmwareTarget target;
  Running before, after;
  RestartEvidence restart;
  std::string image;
};

}  // namespace kiln::firmware
