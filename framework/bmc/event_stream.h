#pragma once
// The events of one BMC, as they come: its stream of server-sent events (DSP0266 12.5), opened again with
// growing pauses when it ends, and proved to be alive where it says nothing. Polling goes on beneath it: what
// listens here is only made faster.
//
// A stream that gave no byte for `silence` (no event, no heartbeat, no comment) is asked for a test event
// (EventService.SubmitTestEvent). When none arrives, or none can be asked for, the stream counts as dead: it
// is closed, opened again, and that is a disturbance. After every break something may have been missed, and
// is told so (BmcEvent::Fact::missed). A BMC that answers nobody else while a stream is open, or that dies
// again and again of it, is left alone. Owned by the Bmc; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bmc/bmc_event.h"
#include "bmc/service_tree.h"

namespace kiln {

struct EventStreamTimes {
  Nanoseconds silence{60'000'000'000};             ///< without a byte; then a test event is asked for
  Nanoseconds answer{10'000'000'000};              ///< a test event has this long to arrive
  Nanoseconds longest_silence{3'600'000'000'000};  ///< where it can't be asked, silence is borne twice as
                                                   ///< long each time, up to this
  Nanoseconds first_pause{1'000'000'000};          ///< before the stream is opened again; doubles
  Nanoseconds longest_pause{60'000'000'000};
  Nanoseconds beside{3'000'000'000};  ///< another request must be answered while the stream is open
};

class EventReader {
 public:
  using OnEvent = std::function<void(const BmcEvent&)>;

  explicit EventReader(ServiceTree& tree, EventStreamTimes times = {}) : tree_(tree), times_(times) {}

  /// Until `ctx` ends, which is its Error, or "bmc.no_events": this BMC offers none, or none that can be
  /// borne. `on_event` is called for each event once, in the order of arrival.
  boost::asio::awaitable<Status> listen(const Ctx& ctx, OnEvent on_event);

 private:
  struct Listening;
  enum class Ended { broke, no_stream, blocks };
  boost::asio::awaitable<Ended> listen_once(const Ctx& ctx, std::shared_ptr<Listening> listening);
  static boost::asio::awaitable<void> keep_alive(Ctx& ctx, EventReader& reader,
                                                 std::shared_ptr<Listening> listening);
  boost::asio::awaitable<bool> ask_for_test(const Ctx& ctx, std::string uri);

  ServiceTree& tree_;
  EventStreamTimes times_;
};

}  // namespace kiln
