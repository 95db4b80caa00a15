// EventService with its stream of server-sent events: every entry of the event log, as it is written.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kStream = "/redfish/v1/EventService/SSE";

std::optional<json::object> event_service(Bmc& bmc, const Address& address) {
  if (!has_event_service(bmc.rack, bmc.dut.role)) return std::nullopt;
  json::object body = resource(address.uri, "EventService.v1_10_0", "EventService", "Event Service");
  body["ServiceEnabled"] = true;
  body["ServerSentEventUri"] = kStream;
  // What tray BMCs list (OpenBMC): a leak is a ResourceEvent there, not an Environmental one.
  body["RegistryPrefixes"] = json::array{"Base", "OpenBMC", "TaskEvent", "ResourceEvent"};
  body["Status"] = status("Enabled");
  return body;
}

}  // namespace

bool has_event_service(const RackModel& rack, Role role) {
  return rack.event_service && role != Role::power_shelf;
}

std::string server_sent_event(const Dut& dut, const EventEntry& event) {
  json::object one;
  one["EventType"] = "Event";
  one["EventId"] = std::to_string(event.id);
  one["MemberId"] = "0";
  one["EventTimestamp"] = date_time(event.utc_ns);
  one["MessageId"] = event.message_id;
  one["Message"] = event.message;
  one["MessageArgs"] = json::value_from(event.arguments);
  one["MessageSeverity"] = event.severity;
  const std::string origin = origin_uri(dut, event);
  if (!origin.empty()) one["OriginOfCondition"] = link(origin);
  json::object body;
  body["@odata.type"] = "#Event.v1_7_0.Event";
  body["Id"] = std::to_string(event.id);
  body["Name"] = "Event Log";
  body["Events"] = json::array{std::move(one)};
  return fmt::format("id: {}\ndata: {}\n\n", event.id, json::serialize(body));
}

void add_event_routes(Router& router) {
  router.get("/redfish/v1/EventService", event_service);
  router.stream(kStream, [](Bmc& bmc, const Address& address, const HttpRequest&) {
    if (!has_event_service(bmc.rack, bmc.dut.role)) return not_found(address.uri);
    HttpResponse response;
    response.content_type = "text/event-stream";
    response.stream = bmc.open_event_stream();
    return response;
  });
}

}  // namespace kiln::virtual_rack
