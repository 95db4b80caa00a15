// UpdateService, FirmwareInventory, TaskService. Push an image by multipart (DSP0266 12.6.2) or name one with
// SimpleUpdate; both answer 202 with a Task. Written images run after the reset their component needs.

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "tests_hw/virtual_rack/redfish/bmc.h"
#include "tests_hw/virtual_rack/redfish/multipart.h"
#include "tests_hw/virtual_rack/redfish/requested_properties.h"
#include "tests_hw/virtual_rack/redfish/routes.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::string_view kPush = "/redfish/v1/UpdateService/update-multipart";
constexpr std::int64_t kMaxImageBytes = 32LL * 1024 * 1024;  // real ones take 200 MB and more

std::string monitor_uri(const UpdateTask& task) {
  return fmt::format("{}/TaskService/TaskMonitors/{}", kRoot, task.id);
}

json::object task_resource(const Bmc& bmc, const UpdateTask& task) {
  json::object body = resource(fmt::format("{}/TaskService/Tasks/{}", kRoot, task.id), "Task.v1_7_4", task.id,
                               fmt::format("Update of {}", task.component));
  body["TaskMonitor"] = monitor_uri(task);
  body["TaskState"] = task.state;
  body["TaskStatus"] = task.health;
  body["PercentComplete"] = task.percent;
  body["StartTime"] = date_time(bmc_utc_ns(bmc.rack, bmc.dut, task.start_ns));
  if (task.end_ns != 0) body["EndTime"] = date_time(bmc_utc_ns(bmc.rack, bmc.dut, task.end_ns));
  json::object message;
  message["@odata.type"] = "#Message.v1_1_2.Message";
  message["MessageId"] = task.message_id;
  message["Message"] = task.message;
  message["MessageArgs"] = json::value_from(task.arguments);
  message["MessageSeverity"] = task.health;
  message["Resolution"] = task.state == "Exception"   ? "Check the image and try again."
                          : task.state == "Completed" ? "Reset the component to activate the image."
                                                      : "None.";
  body["Messages"] = json::array{std::move(message)};
  return body;
}

HttpResponse start_update(Bmc& bmc, const FirmwareImage& image, const std::vector<std::string>& targets) {
  FirmwareItem* item = find_firmware(bmc.dut, image.component);
  if (item == nullptr) {
    return error_response(
        400, "Update.1.0.VerificationFailed",
        fmt::format("The image is for '{}', which this device does not have.", image.component),
        {image.version, image.component});
  }
  if (!item->updateable) {
    return error_response(400, "Update.1.0.ApplyFailed",
                          fmt::format("'{}' cannot be updated.", image.component),
                          {image.version, image.component});
  }
  const std::string own = fmt::format("{}/UpdateService/FirmwareInventory/{}", kRoot, item->name);
  for (const std::string& target : targets) {
    // A target may be the inventory entry, or the chassis, system or part that holds it.
    const bool inventory = target.starts_with("/redfish/v1/UpdateService/FirmwareInventory/");
    if (inventory ? target != own : !bmc.read(target)) {
      return error_response(400, "PropertyValueFormatError",
                            fmt::format("Target '{}' does not take an image for '{}'.", target, item->name),
                            {target, "Targets"});
    }
  }
  if (bmc.tasks.busy()) {
    HttpResponse busy = error_response(503, "Update.1.0.UpdateInProgress", "An update is in progress.");
    busy.headers.emplace_back("Retry-After", "2");
    return busy;
  }
  const UpdateTask& task = bmc.tasks.start(bmc.rack, image, bmc.now_ns());
  HttpResponse response = json_response(202, task_resource(bmc, task));
  response.headers.emplace_back("Location", monitor_uri(task));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

/// A task's monitor: 202 while it runs, then what its operation would have answered by itself (DSP0266 12.2).
HttpResponse task_monitor(Bmc& bmc, const Address& address, const HttpRequest&) {
  bmc.tasks.advance(bmc.rack, bmc.dut, bmc.now_ns());
  const UpdateTask* task = bmc.tasks.find(address[0]);
  if (task == nullptr) return not_found(address.uri);
  HttpResponse response;
  if (task->state == "Exception") {
    response = error_response(500, task->message_id, task->message, task->arguments);
  } else {
    response = json_response(task->end_ns == 0 ? 202 : 200, task_resource(bmc, *task));
  }
  response.headers.emplace_back("Allow", "GET, HEAD");
  if (task->end_ns == 0) {
    response.headers.emplace_back("Location", monitor_uri(*task));
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

HttpResponse no_targets(const json::value& given) {
  return error_response(400, "PropertyValueTypeError", "Targets is not an array of URIs.",
                        {std::string(json::to_string(given.kind())), "Targets"});
}

/// Targets of UpdateParameters or SimpleUpdate; an error answer when they have the wrong shape.
std::optional<HttpResponse> read_targets(const json::object& body, std::vector<std::string>& targets) {
  const json::value* list = body.if_contains("Targets");
  if (list == nullptr) return std::nullopt;
  if (!list->is_array()) {
    return no_targets(*list);
  }
  for (const json::value& target : list->as_array()) {
    if (!target.is_string()) {
      return no_targets(target);
    }
    targets.emplace_back(target.as_string());
  }
  return std::nullopt;
}

HttpResponse push_multipart(Bmc& bmc, const Address&, const HttpRequest& request) {
  const std::optional<std::vector<FormPart>> parts =
      parse_multipart(request.header("Content-Type"), request.body);
  if (!parts) {
    return error_response(415, "MissingOrMalformedPart",
                          "The request is not well-formed multipart/form-data.");
  }
  const auto part = [&](std::string_view name) {
    const auto found =
        std::find_if(parts->begin(), parts->end(), [&](const FormPart& p) { return p.name == name; });
    return found == parts->end() ? nullptr : &*found;
  };
  const FormPart* parameters = part("UpdateParameters");
  const FormPart* file = part("UpdateFile");
  if (parameters == nullptr || file == nullptr) {
    const char* missing = parameters == nullptr ? "UpdateParameters" : "UpdateFile";
    return error_response(400, "MissingOrMalformedPart", fmt::format("The part {} is missing.", missing));
  }
  if (static_cast<std::int64_t>(file->body.size()) > kMaxImageBytes) {
    return error_response(413, "PayloadTooLarge",
                          fmt::format("The image is larger than {} bytes.", kMaxImageBytes));
  }
  const std::optional<json::object> settings = parse_object(parameters->body);
  if (!settings) return error_response(400, "MalformedJSON", "UpdateParameters is not a JSON object.");
  std::vector<std::string> targets;
  if (std::optional<HttpResponse> wrong = read_targets(*settings, targets)) return std::move(*wrong);
  if (const json::value* when = settings->if_contains("@Redfish.OperationApplyTime")) {
    if (!when->is_string() || (when->as_string() != "Immediate" && when->as_string() != "OnReset")) {
      return error_response(400, "PropertyValueNotInList",
                            "@Redfish.OperationApplyTime is neither Immediate nor OnReset.",
                            {json::serialize(*when), "@Redfish.OperationApplyTime"});
    }
  }
  const std::optional<FirmwareImage> image = parse_firmware_image(file->body);
  if (!image) {
    return error_response(400, "Update.1.0.VerificationFailed",
                          "The image is not intact or not for this device.", {file->file_name, bmc.dut.id});
  }
  return start_update(bmc, *image, targets);
}

/// "http://host/any/UEFI-1.05.0.fw" → UEFI, 1.05.0; none for any other shape.
std::optional<FirmwareImage> image_of_uri(std::string_view uri) {
  constexpr std::string_view kEnding = ".fw";
  const std::size_t scheme = uri.find("://");
  if (scheme == std::string_view::npos ||
      (uri.substr(0, scheme) != "http" && uri.substr(0, scheme) != "https")) {
    return std::nullopt;
  }
  const std::string_view path = uri.substr(scheme + 3);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || !path.ends_with(kEnding)) return std::nullopt;
  std::string_view name = path.substr(slash + 1);
  name.remove_suffix(kEnding.size());
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  return FirmwareImage{std::string(name.substr(0, dash)), std::string(name.substr(dash + 1))};
}

/// Takes component and version from the image's name, ".../<component>-<version>.fw": nothing is fetched.
HttpResponse simple_update(Bmc& bmc, const Address&, const HttpRequest& request) {
  const std::optional<json::object> body = parse_object(request.body);
  if (!body) return malformed();
  const json::value* uri = body->if_contains("ImageURI");
  if (uri == nullptr || !uri->is_string()) {
    return error_response(400, "ActionParameterMissing", "ImageURI is required.",
                          {"SimpleUpdate", "ImageURI"});
  }
  if (const json::value* protocol = body->if_contains("TransferProtocol")) {
    if (!protocol->is_string() || (protocol->as_string() != "HTTP" && protocol->as_string() != "HTTPS")) {
      return error_response(400, "ActionParameterValueNotInList",
                            "TransferProtocol is neither HTTP nor HTTPS.",
                            {json::serialize(*protocol), "TransferProtocol", "SimpleUpdate"});
    }
  }
  std::vector<std::string> targets;
  if (std::optional<HttpResponse> wrong = read_targets(*body, targets)) return std::move(*wrong);
  const std::string text(uri->as_string());
  const std::optional<FirmwareImage> image = image_of_uri(text);
  if (!image) {
    return error_response(
        400, "Update.1.0.TransferFailed",
        fmt::format("There is no image at '{}'; this device takes <component>-<version>.fw.", text),
        {text, bmc.dut.id});
  }
  return start_update(bmc, *image, targets);
}

json::object update_service(Bmc& bmc, const Address& a) {
  json::object body = resource(a.uri, "UpdateService.v1_11_0", "UpdateService", "Update Service");
  body["ServiceEnabled"] = true;
  body["Status"] = status("Enabled");
  body["FirmwareInventory"] = link(a.uri + "/FirmwareInventory");
  body["MultipartHttpPushUri"] = kPush;
  body["MaxImageSizeBytes"] = kMaxImageBytes;
  body["HttpPushUriTargetsBusy"] = bmc.settings.update_reserved;
  body["HttpPushUriTargets"] = json::value_from(bmc.settings.update_targets);
  json::object simple;
  simple["target"] = a.uri + "/Actions/UpdateService.SimpleUpdate";
  simple["TransferProtocol@Redfish.AllowableValues"] = json::array{"HTTP", "HTTPS"};
  json::object actions;
  actions["#UpdateService.SimpleUpdate"] = std::move(simple);
  body["Actions"] = std::move(actions);
  return body;
}

void patch_update_service(Bmc& bmc, const Address&, RequestedProperties& wanted) {
  constexpr std::size_t kMostTargets = 32;
  if (const auto reserved = wanted.flag("HttpPushUriTargetsBusy")) bmc.settings.update_reserved = *reserved;
  const auto targets = wanted.texts("HttpPushUriTargets", bmc.settings.update_targets, kMostTargets);
  if (targets) bmc.settings.update_targets = *targets;
}

/// The part of the tree an inventory entry is about.
std::optional<std::string> related_item(Bmc& bmc, const FirmwareItem& item) {
  for (const Gpu& gpu : bmc.dut.gpus) {
    if (item.component == gpu.name) {
      if (!gpu.present) return std::nullopt;
      return gpu_uri(bmc.dut, gpu);
    }
  }
  for (const SwitchChip& chip : bmc.dut.switches) {
    if (item.component == chip.name)
      return fmt::format("{}/Fabrics/HGX_NVLinkFabric_0/Switches/{}", kRoot, chip.name);
  }
  for (const Nic& nic : bmc.dut.nics) {
    if (item.component == nic.name) {
      return fmt::format("{}/Chassis/{}/NetworkAdapters/{}", kRoot, main_chassis(bmc.dut), nic.name);
    }
  }
  const BmcFace& face = bmc.dut.face;
  if (item.name == "HGX_FW_BMC_0") return fmt::format("{}/Managers/{}", kRoot, face.baseboard_manager);
  if (item.name.starts_with("HGX_")) return fmt::format("{}/Chassis/{}", kRoot, face.baseboard_chassis);
  if (item.activation == FirmwareActivation::bmc_reset)
    return fmt::format("{}/Managers/{}", kRoot, face.manager);
  if (!face.system.empty()) return fmt::format("{}/Systems/{}", kRoot, face.system);
  return fmt::format("{}/Chassis/{}", kRoot, main_chassis(bmc.dut));
}

}  // namespace

void add_update_routes(Router& router) {
  router.get("/redfish/v1/UpdateService",
             [](Bmc& bmc, const Address& a) { return std::optional(update_service(bmc, a)); });
  router.patch("/redfish/v1/UpdateService", patch_update_service);
  router.post(kPush, push_multipart);
  router.post("/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate", simple_update);
  router.get("/redfish/v1/UpdateService/FirmwareInventory", [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const FirmwareItem& item : bmc.dut.firmware)
      members.push_back(fmt::format("{}/{}", a.uri, item.name));
    return std::optional(
        collection(a.uri, "SoftwareInventoryCollection", "Firmware Inventory Collection", members));
  });
  router.get("/redfish/v1/UpdateService/FirmwareInventory/{}",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               const FirmwareItem* item = find_firmware(bmc.dut, a[0]);
               if (item == nullptr) return std::nullopt;
               json::object body = resource(a.uri, "SoftwareInventory.v1_4_0", item->name, item->name);
               body["SoftwareId"] = item->name;
               body["Version"] = item->version;
               body["Updateable"] = item->updateable;
               body["Status"] = status("Enabled");
               const std::optional<std::string> related = related_item(bmc, *item);
               body["RelatedItem"] = related ? links({*related}) : json::array{};
               return body;
             });
}

void add_task_routes(Router& router) {
  router.get("/redfish/v1/TaskService", [](Bmc& bmc, const Address& a) {
    json::object body = resource(a.uri, "TaskService.v1_1_4", "TaskService", "Task Service");
    body["ServiceEnabled"] = true;
    body["DateTime"] = bmc.now_text();
    body["CompletedTaskOverWritePolicy"] = "Oldest";
    body["LifeCycleEventOnTaskStateChange"] = false;
    body["Status"] = status("Enabled");
    body["Tasks"] = link(a.uri + "/Tasks");
    return std::optional(std::move(body));
  });
  router.get("/redfish/v1/TaskService/Tasks", [](Bmc& bmc, const Address& a) {
    std::vector<std::string> members;
    for (const auto& [id, task] : bmc.tasks.all()) members.push_back(fmt::format("{}/{}", a.uri, id));
    return std::optional(collection(a.uri, "TaskCollection", "Task Collection", members));
  });
  router.get("/redfish/v1/TaskService/Tasks/{}",
             [](Bmc& bmc, const Address& a) -> std::optional<json::object> {
               bmc.tasks.advance(bmc.rack, bmc.dut, bmc.now_ns());
               const UpdateTask* task = bmc.tasks.find(a[0]);
               if (task == nullptr) return std::nullopt;
               return task_resource(bmc, *task);
             });
  router.stream("/redfish/v1/TaskService/TaskMonitors/{}", task_monitor);
  router.remove("/redfish/v1/TaskService/Tasks/{}", [](Bmc& bmc, const Address& a, const HttpRequest&) {
    const UpdateTask* task = bmc.tasks.find(a[0]);
    if (task == nullptr) return not_found(a.uri);
    if (task->end_ns == 0) return error_response(409, "ResourceInUse", "The task is running.");
    bmc.tasks.remove(a[0]);
    return no_content();
  });
}

}  // namespace kiln::virtual_rack
