#pragma once
// LeakEvents: what a BMC says about its leak detectors by itself, between two polls. The real one listens to
// the server-sent events of the EventService (DSP0266 13.6); the fake is testing/fake_leak_detectors.h. An
// event only makes the warden faster: polling goes on beneath it. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "safety/redfish_line.h"

namespace kiln {

struct LeakEvent {
  bool wet = false;      ///< a leak, by its own words; otherwise something worth a look at the detectors
  std::string detector;  ///< last part of its address; empty when it names none
  std::string why;       ///< one clause: MessageId and severity
};

class LeakEvents {
 public:
  virtual ~LeakEvents() = default;
  /// Listens until the BMC ends the stream or `ctx` ends. Error codes: those of RedfishLine, warden.no_events
  /// (the BMC offers none).
  virtual boost::asio::awaitable<Status> listen(const Ctx& ctx,
                                                std::function<void(const LeakEvent&)> on_event) = 0;
};

std::unique_ptr<LeakEvents> make_redfish_leak_events(std::shared_ptr<RedfishLine> line);

/// The events about leak detectors in one Event payload (Event v1.x): those whose message is of the
/// Environmental registry's LeakDetected…/LeakDetector… kind, or that come from a place under LeakDetectors
/// (deployed tray BMCs report a leak as ResourceEvent…ResourceStatusChangedCritical). Wet: such an event of
/// severity Warning or Critical that is not about the detector's own failure. Anything that is no such
/// payload gives nothing.
std::vector<LeakEvent> read_leak_events(const std::string& payload);

}  // namespace kiln
