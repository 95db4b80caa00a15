// EventService with its stream of server-sent events: every entry of the event log, as it is written, and
// test events as they are asked for.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kStream = "/redfish/v1/EventService/SSE";
constexpr int kTestEvents = 1'000'000;  // above the ids of all that is logged
constexpr std::string_view kTest = "/redfish/v1/EventService/Actions/EventService.SubmitTestEvent";

std::optional<json::object> event_service(Bmc& bmc, const Address& address) {
  if (!has_event_service(bmc.rack, bmc.dut.role)) return std::nullopt;
  json::object body = resource(address.uri, "EventService.v1_10_0", "EventService", "Event Service");
  body["ServiceEnabled"] = true;
  body["ServerSentEventUri"] = kStream;
  // What tray BMCs list (OpenBMC): a leak is a ResourceEvent there, not an Environmental one.
  body["RegistryPrefixes"] = json::array{"Base", "OpenBMC", "TaskEvent", "ResourceEvent"};
  body["Status"] = status("Enabled");
  json::object test;
  test["target"] = kTest;
  json::object actions;
  actions["#EventService.SubmitTestEvent"] = std::move(test);
  body["Actions"] = std::move(actions);
  return body;
}

/// EventService v1.10.0, SubmitTestEvent: MessageId is required; what is not given, the service makes up.
HttpResponse submit_test_event(Bmc& bmc, const Address& address, const HttpRequest& request) {
  if (!has_event_service(bmc.rack, bmc.dut.role)) return not_found(address.uri);
  const std::optional<json::object> asked = parse_object(request.body);
  if (!asked) return error_response(400, "MalformedJSON", "The request body is not a JSON object.");
  const json::value* id = asked->if_contains("MessageId");
  if (id == nullptr) {
    return error_response(400, "ActionParameterMissing",
                          "The action SubmitTestEvent requires the parameter MessageId.",
                          {"SubmitTestEvent", "MessageId"});
  }
  EventEntry event;
  event.id = kTestEvents + ++bmc.test_events;
  event.utc_ns = bmc_utc_ns(bmc.rack, bmc.dut, bmc.now_ns());
  event.severity = "OK";
  event.message = "This is a test event.";
  for (const auto& [name, into] :
       {std::pair{"MessageId", &event.message_id}, std::pair{"Message", &event.message},
        std::pair{"Severity", &event.severity}, std::pair{"MessageSeverity", &event.severity}}) {
    const json::value* given = asked->if_contains(name);
    if (given == nullptr) continue;
    if (!given->is_string()) {
      return error_response(400, "ActionParameterValueTypeError",
                            fmt::format("The parameter {} of SubmitTestEvent is not a string.", name),
                            {name, "SubmitTestEvent"});
    }
    *into = std::string(given->as_string());
  }
  bmc.send_event(server_sent_event(bmc.dut, event));
  return no_content();
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
  router.post(kTest, submit_test_event);
  router.stream(kStream, [](Bmc& bmc, const Address& address, const HttpRequest&) {
    if (!has_event_service(bmc.rack, bmc.dut.role)) return not_found(address.uri);
    HttpResponse response;
    response.content_type = "text/event-stream";
    response.stream = bmc.open_event_stream();
    return response;
  });
}

}  // namespace kiln::virtual_rack
