#include "bmc/event_service.h"

#include <utility>

namespace kiln {
namespace {

std::string path_on(const ServiceTree& tree, const std::optional<std::string>& link) {
  if (!link) return {};
  return tree.client().local_path(*link).value_or(std::string{});
}

}  // namespace

boost::asio::awaitable<Result<EventServiceLinks>> read_event_service(const Ctx& ctx, ServiceTree& tree) {
  Result<std::optional<RedfishResource>> found = co_await tree.service(ctx, "EventService");
  if (!found) co_return std::move(found.error()).while_doing("looking for events");
  EventServiceLinks links;
  if (!*found) co_return links;
  const JsonView& body = (*found)->body;
  if (body["ServiceEnabled"].boolean().value_or(true)) {
    links.stream_uri = path_on(tree, body["ServerSentEventUri"].link());
    links.subscriptions_uri = path_on(tree, body["Subscriptions"].link());
  }
  links.test_uri = path_on(tree, body.at({"Actions", "#EventService.SubmitTestEvent", "target"}).verbatim());
  co_return links;
}

}  // namespace kiln
