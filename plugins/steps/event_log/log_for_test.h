#pragma once
// Entries and work for tests of this plugin.

#include <cstdio>
#include <string>

#include "sdk/step.h"

namespace kiln {

inline constexpr const char* kSel = "/redfish/v1/Systems/System_0/LogServices/SEL";

/// The simulated clock begins at 2023-11-14T22:13:20Z.
inline std::string utc(int seconds) {
  const int minute = 13 + (20 + seconds) / 60;
  char text[32];
  std::snprintf(text, sizeof text, "2023-11-14T22:%02d:%02dZ", minute, (20 + seconds) % 60);
  return text;
}

inline LogEntry log_entry(
    const std::string& id, const std::string& created, const std::string& severity,
    const std::string& message_id = "ResourceEvent.1.0.ResourceErrorsDetected",
    const std::string& origin = "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_2") {
  LogEntry entry;
  entry.id = id;
  entry.created = created;
  entry.severity = severity;
  entry.message_id = message_id;
  entry.message = "Message " + id;
  entry.origin = origin;
  entry.uri = std::string(kSel) + "/Entries/" + id;
  return entry;
}

/// Waits, so that the BMC has time to write.
class WorkStep final : public Step {
 public:
  explicit WorkStep(Nanoseconds length = std::chrono::seconds(20)) : length_(length) {}
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "test.work";
      made.measurements = {{"work.done", "", ComponentKind::whole_dut, false, "", "", ""}};
      return made;
    }();
    return description;
  }
  boost::asio::awaitable<Status> run(StepContext& context) override {
    const Status waited = co_await context.ctx().sleep_for(length_);
    co_return waited;
  }

 private:
  Nanoseconds length_;
};

}  // namespace kiln
