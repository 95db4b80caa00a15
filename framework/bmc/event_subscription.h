#pragma once
// The events of one BMC that has no stream: it is asked to post them to a place of the station's listener
// (EventDestination, DSP0266 12.1). Polling goes on beneath it.
//
// The subscription is proved at once, and again after each silence, by a test event where the BMC can be
// asked for one; many accept subscriptions and never deliver. One that is gone (a BMC that was reset) is made
// again. It is deleted at the end, whatever happened; what a dead station has left is known by its Context,
// which is noted beside the sessions (open_sessions.h), and deleted before a new one is asked for. Owned by
// the Bmc; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "bmc/bmc_event.h"
#include "bmc/event_stream.h"
#include "bmc/open_sessions.h"
#include "bmc/service_tree.h"
#include "io/post_listener.h"

namespace kiln {

class EventSubscription {
 public:
  using OnEvent = std::function<void(const BmcEvent&)>;

  EventSubscription(ServiceTree& tree, std::shared_ptr<PostListener> listener,
                    std::shared_ptr<OpenSessions> kept, EventStreamTimes times = {})
      : tree_(tree), listener_(std::move(listener)), kept_(std::move(kept)), times_(times) {}

  /// As EventReader::listen.
  boost::asio::awaitable<Status> listen(const Ctx& ctx, OnEvent on_event);

 private:
  struct Delivery;
  /// Deletes what dead stations of ours have left; how many.
  boost::asio::awaitable<int> end_left(const Ctx& ctx, std::string collection);
  boost::asio::awaitable<Result<std::string>> subscribe(const Ctx& ctx, std::string collection,
                                                        std::string context, Secret destination);
  boost::asio::awaitable<Result<std::string>> ask_once(const Ctx& ctx, std::string collection,
                                                       std::string context, Secret destination,
                                                       bool as_of_old);
  boost::asio::awaitable<Status> unsubscribe(const Ctx& ctx, OpenSession noted, std::string uri);
  static boost::asio::awaitable<Status> remove_by_context(Ctx& ctx, ServiceTree& tree, OpenSession noted,
                                                          std::string uri);
  /// Until it is found out to be dead: why. Errors: of `ctx`.
  boost::asio::awaitable<Result<std::string>> hear(const Ctx& ctx, std::shared_ptr<Delivery> delivery,
                                                   std::string uri, std::string test_uri);
  /// True: something was delivered since it was asked for. nullopt: it can't be asked for.
  boost::asio::awaitable<Result<std::optional<bool>>> prove(const Ctx& ctx,
                                                            std::shared_ptr<Delivery> delivery,
                                                            std::string test_uri);

  ServiceTree& tree_;
  std::shared_ptr<PostListener> listener_;
  std::shared_ptr<OpenSessions> kept_;
  EventStreamTimes times_;
};

}  // namespace kiln
