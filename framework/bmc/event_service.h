#pragma once
// Where one BMC's EventService (DSP0266 12) leads: read in one place for all that hear events of it. Loop
// thread only.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "bmc/service_tree.h"

namespace kiln {

/// Paths on the BMC; empty: it has none, or leads elsewhere. What is not enabled has neither a stream nor
/// subscriptions.
struct EventServiceLinks {
  std::string stream_uri;         ///< ServerSentEventUri
  std::string subscriptions_uri;  ///< Subscriptions, a collection of EventDestination
  std::string test_uri;           ///< the target of #EventService.SubmitTestEvent
};

/// A service without an EventService has none of them. Errors: those of the exchange.
boost::asio::awaitable<Result<EventServiceLinks>> read_event_service(const Ctx& ctx, ServiceTree& tree);

}  // namespace kiln
