// Event logs: the SEL of the DUT, and the XID log of each GPU.

#include <fmt/format.h>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

json::object log_service(const Bmc& bmc, const std::string& uri, std::string_view id, std::string_view name,
                         std::string_view type) {
  json::object body = resource(uri, "LogService.v1_2_0", id, name);
  body["LogEntryType"] = type;
  body["OverWritePolicy"] = "WrapsWhenFull";
  body["MaxNumberOfRecords"] = 4096;
  body["ServiceEnabled"] = true;
  body["DateTime"] = bmc.now_text();
  body["DateTimeLocalOffset"] = "+00:00";
  body["Status"] = status("Enabled");
  body["Entries"] = link(uri + "/Entries");
  return body;
}

json::object entry_resource(Bmc& bmc, const std::string& uri, const EventEntry& event) {
  json::object body = resource(uri, "LogEntry.v1_13_0", std::to_string(event.id), "System Event Log Entry");
  body["EntryType"] = "Event";
  body["Created"] = date_time(event.utc_ns);
  body["Severity"] = event.severity;
  body["Message"] = event.message;
  body["MessageId"] = event.message_id;
  body["MessageArgs"] = json::value_from(event.arguments);
  const std::string origin = origin_uri(bmc.dut, event);
  if (!origin.empty()) {
    json::object entry_links;
    entry_links["OriginOfCondition"] = link(origin);
    body["Links"] = std::move(entry_links);
  }
  return body;
}

const EventEntry* find_event(const Dut& dut, const std::string& id) {
  for (const EventEntry& event : dut.events) {
    if (std::to_string(event.id) == id) return &event;
  }
  return nullptr;
}

/// "HGX_GPU_2" → the GPU whose Xid log hangs under that chassis.
Gpu* gpu_of_chassis(Bmc& bmc, const std::string& chassis) {
  const bool module = bmc.dut.face.has_baseboard() && chassis.starts_with("HGX_");
  return module ? present_gpu(bmc.dut, chassis.substr(4)) : nullptr;
}

json::object xid_entry(Bmc& bmc, const std::string& uri, const Gpu& gpu, std::size_t index) {
  const XidEvent& xid = gpu.xids[index];
  json::object body = resource(uri, "LogEntry.v1_13_0", std::to_string(index + 1), "XID Log Entry");
  body["EntryType"] = "Event";
  body["Created"] = date_time(bmc_utc_ns(bmc.rack, bmc.dut, xid.monotonic_ns));
  body["Severity"] = "Critical";
  body["Message"] = fmt::format("XID {} {}", xid.number, xid.text);
  body["MessageId"] = "ResourceEvent.1.0.ResourceErrorsDetected";
  body["MessageArgs"] = json::array{json::value(gpu.name + " Driver Event Message"),
                                    json::value(fmt::format("XID {} {}", xid.number, xid.text))};
  json::object entry_links;
  entry_links["OriginOfCondition"] = link(fmt::format("{}/Chassis/{}", kRoot, gpu_chassis(bmc.dut, gpu)));
  body["Links"] = std::move(entry_links);
  return body;
}

void add_event_log(Router& router, const std::string& services) {
  router.get(services, [](Bmc&, const Address& a) {
    return std::optional(
        collection(a.uri, "LogServiceCollection", "Log Service Collection", {a.uri + "/SEL"}));
  });
  router.get(services + "/SEL", [](Bmc& bmc, const Address& a) {
    json::object body = log_service(bmc, a.uri, "SEL", "System Event Log", "Event");
    json::object clear;
    clear["target"] = a.uri + "/Actions/LogService.ClearLog";
    json::object actions;
    actions["#LogService.ClearLog"] = std::move(clear);
    body["Actions"] = std::move(actions);
    return std::optional(std::move(body));
  });
  router.post(services + "/SEL/Actions/LogService.ClearLog",
              [](Bmc& bmc, const Address&, const HttpRequest&) {
                bmc.dut.events.clear();
                return no_content();
              });
  router.get(services + "/SEL/Entries", [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const EventEntry& event : bmc.dut.events) members.push_back(fmt::format("{}/{}", a.uri, event.id));
    json::object body = collection(a.uri, "LogEntryCollection", "Log Entry Collection", members);
    // Entries come whole, as BMCs list them; the count of the page is cut by the pipeline.
    json::array whole;
    for (const EventEntry& event : bmc.dut.events) {
      whole.push_back(entry_resource(bmc, fmt::format("{}/{}", a.uri, event.id), event));
    }
    body["Members"] = std::move(whole);
    return std::optional(std::move(body));
  });
  router.get(services + "/SEL/Entries/{}", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const EventEntry* event = find_event(bmc.dut, a[0]);
    if (event == nullptr) return std::nullopt;
    return entry_resource(bmc, a.uri, *event);
  });
}

}  // namespace

void add_log_routes(Router& router, const Dut& dut) {
  add_event_log(router, log_services_uri(dut));
  if (!dut.computes()) return;
  const std::string services = "/redfish/v1/Chassis/{}/LogServices";
  router.get(services, [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (gpu_of_chassis(bmc, a[0]) == nullptr) return std::nullopt;
    return collection(a.uri, "LogServiceCollection", "Log Service Collection", {a.uri + "/XID"});
  });
  router.get(services + "/XID", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    if (gpu_of_chassis(bmc, a[0]) == nullptr) return std::nullopt;
    return log_service(bmc, a.uri, "XID", "XID Log", "Event");
  });
  router.get(services + "/XID/Entries", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const Gpu* gpu = gpu_of_chassis(bmc, a[0]);
    if (gpu == nullptr) return std::nullopt;
    json::array whole;
    for (std::size_t i = 0; i < gpu->xids.size(); ++i) {
      whole.push_back(xid_entry(bmc, fmt::format("{}/{}", a.uri, i + 1), *gpu, i));
    }
    json::object body = collection(a.uri, "LogEntryCollection", "XID Log Entries", {});
    body["Members@odata.count"] = whole.size();
    body["Members"] = std::move(whole);
    return body;
  });
  router.get(services + "/XID/Entries/{}", [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
    const Gpu* gpu = gpu_of_chassis(bmc, a[0]);
    if (gpu == nullptr) return std::nullopt;
    for (std::size_t i = 0; i < gpu->xids.size(); ++i) {
      if (std::to_string(i + 1) == a[1]) return xid_entry(bmc, a.uri, *gpu, i);
    }
    return std::nullopt;
  });
}

}  // namespace kiln::virtual_rack
