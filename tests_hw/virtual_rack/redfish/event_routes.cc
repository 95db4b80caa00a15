// EventService: every entry of the event log, as it is written, and test events as they are asked for leave
// for its subscriptions: open streams of server-sent events and receivers that were named.

#include <fmt/format.h>

#include <algorithm>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kService = "/redfish/v1/EventService";
constexpr std::string_view kStream = "/redfish/v1/EventService/SSE";
constexpr std::string_view kSubscriptions = "/redfish/v1/EventService/Subscriptions";
constexpr int kTestEvents = 1'000'000;  // above the ids of all that is logged
constexpr std::string_view kTest = "/redfish/v1/EventService/Actions/EventService.SubmitTestEvent";

/// Those of the events that are sent. A leak is a ResourceEvent, as on tray BMCs (OpenBMC), not an
/// Environmental one; what befalls a detector is.
const std::vector<std::string>& registry_prefixes() {
  static const std::vector<std::string> prefixes = {"Base", "Environmental", "ResourceEvent", "Update"};
  return prefixes;
}

bool served(const Bmc& bmc) { return has_event_service(bmc.rack, bmc.dut.role); }

std::optional<json::object> event_service(Bmc& bmc, const Address& address) {
  if (!served(bmc)) return std::nullopt;
  json::object body = resource(address.uri, "EventService.v1_10_0", "EventService", "Event Service");
  body["ServiceEnabled"] = true;
  body["ServerSentEventUri"] = kStream;
  body["Subscriptions"] = link(kSubscriptions);
  body["EventFormatTypes"] = json::array{"Event"};
  body["RegistryPrefixes"] = json::value_from(registry_prefixes());
  body["DeliveryRetryAttempts"] = Subscriptions::kAttempts;
  body["DeliveryRetryIntervalSeconds"] = Subscriptions::kAttemptSeconds;
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
  if (!served(bmc)) return not_found(address.uri);
  const std::optional<json::object> asked = parse_object(request.body);
  if (!asked) return malformed();
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
                            {std::string(json::to_string(given->kind())), name, "SubmitTestEvent"});
    }
    *into = std::string(given->as_string());
  }
  bmc.send_event(event);
  return no_content();
}

/// EventDestination v1.9.0.
json::object destination_resource(const Subscription& one) {
  json::object body = resource(fmt::format("{}/{}", kSubscriptions, one.id), "EventDestination.v1_9_0",
                               one.id, "Event Subscription");
  body["Context"] = one.context;
  body["Protocol"] = "Redfish";
  body["EventFormatType"] = "Event";
  body["SubscriptionType"] = one.is_stream() ? "SSE" : "RedfishEvent";
  body["RegistryPrefixes"] = json::value_from(one.registry_prefixes);
  body["Status"] = status("Enabled");
  if (!one.is_stream()) {
    body["Destination"] = one.destination;
    body["DeliveryRetryPolicy"] = "TerminateAfterRetries";
    body["VerifyCertificate"] = false;
  }
  return body;
}

HttpResponse subscribe(Bmc& bmc, const Address& address, const HttpRequest& request) {
  if (!served(bmc)) return not_found(address.uri);
  std::optional<RequestedProperties> wanted = RequestedProperties::read(request.body);
  if (!wanted) return malformed();
  for (const char* name : {"Destination", "Protocol"}) wanted->require(name);
  auto destination = wanted->text("Destination", 1, 1024);
  (void)wanted->choice("Protocol", {"Redfish"});
  (void)wanted->choice("EventFormatType", {"Event"});
  (void)wanted->choice("SubscriptionType", {"RedfishEvent"});
  (void)wanted->choice("DeliveryRetryPolicy", {"TerminateAfterRetries"});
  const auto context = wanted->text("Context");
  const auto prefixes = wanted->list("RegistryPrefixes");
  if (destination && !destination->starts_with("http://") && !destination->starts_with("https://")) {
    wanted->refuse("Destination", "PropertyValueError",
                   "Destination is no URI that begins with http:// or https://.", {"Destination"});
  }
  for (const std::string& prefix : prefixes.value_or(std::vector<std::string>{})) {
    const auto& known = registry_prefixes();
    if (std::find(known.begin(), known.end(), prefix) != known.end()) continue;
    wanted->refuse("RegistryPrefixes", "PropertyValueNotInList",
                   "RegistryPrefixes names a registry that the event service does not use.",
                   {prefix, "RegistryPrefixes"});
  }
  wanted->close({});
  if (!wanted->refused().empty()) return error_response(400, wanted->refused());
  const Subscription* one = bmc.subscriptions.add(std::move(*destination), context.value_or(""),
                                                  prefixes.value_or(std::vector<std::string>{}));
  if (one == nullptr) {
    return error_response(400, "EventSubscriptionLimitExceeded", "No more subscriptions can be made.");
  }
  return created(destination_resource(*one));
}

void patch_subscription(Bmc& bmc, const Address& address, RequestedProperties& wanted) {
  Subscription* one = bmc.subscriptions.find(address[0]);
  // The context of a stream is the service's own (DSP0266 12.5).
  if (one == nullptr || one->is_stream()) return;
  if (const auto context = wanted.text("Context")) one->context = *context;
}

HttpResponse open_stream(Bmc& bmc, const Address& address, const HttpRequest& request) {
  if (!served(bmc)) return not_found(address.uri);
  HttpResponse response;
  const std::string accept = request.header("Accept");
  const auto takes = [&accept](std::string_view type) { return accept.find(type) != std::string::npos; };
  if (!accept.empty() && !takes("text/event-stream") && !takes("text/*") && !takes("*/*")) {
    return error_response(406, "HeaderInvalid",
                          "The stream is text/event-stream, which Accept does not take.",
                          {"Accept: " + accept});
  }
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Allow", "GET, HEAD");
  if (request.method == "GET") response.stream = bmc.open_event_stream();
  return response;
}

json::object event_message(const Dut& dut, const EventEntry& event) {
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
  return body;
}

}  // namespace

bool has_event_service(const RackModel& rack, Role role) {
  return rack.event_service && role != Role::power_shelf;
}

void Bmc::send_event(const EventEntry& event) {
  std::string piece;
  for (const Subscription& one : subscriptions.all()) {
    if (!one.wants(event.message_id)) continue;
    json::object body = event_message(dut, event);
    if (const std::shared_ptr<HttpStream> stream = one.stream.lock()) {
      if (piece.empty()) piece = fmt::format("id: {}\ndata: {}\n\n", event.id, json::serialize(body));
      stream->put(piece);
    } else if (deliver_event) {
      body["Context"] = one.context;
      deliver_event(one.destination, json::serialize(body),
                    [this, id = one.id] { (void)subscriptions.remove(id); });
    }
  }
}

void add_event_routes(Router& router) {
  router.get(kService, event_service);
  router.post(kTest, submit_test_event);
  router.stream(kStream, open_stream);
  router.get(kSubscriptions, [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (!served(bmc)) return std::nullopt;
    std::vector<std::string> members;
    for (const Subscription& one : bmc.subscriptions.all()) {
      members.push_back(fmt::format("{}/{}", a.uri, one.id));
    }
    return collection(a.uri, "EventDestinationCollection", "Event Subscriptions Collection", members);
  });
  add_creator(router, kSubscriptions, subscribe);
  const std::string one = std::string(kSubscriptions) + "/{}";
  router.get(one, [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const Subscription* subscription = served(bmc) ? bmc.subscriptions.find(a[0]) : nullptr;
    if (subscription == nullptr) return std::nullopt;
    return destination_resource(*subscription);
  });
  router.patch(one, patch_subscription, [](Bmc& bmc, const Address& a) {
    const Subscription* subscription = bmc.subscriptions.find(a[0]);
    return subscription != nullptr && !subscription->is_stream();
  });
  router.remove(one, [](Bmc& bmc, const Address& a, const HttpRequest&) {
    return bmc.subscriptions.remove(a[0]) ? no_content() : not_found(a.uri);
  });
}

}  // namespace kiln::virtual_rack
