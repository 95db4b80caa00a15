#include "bmc/firmware.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <random>
#include <utility>

#include "base/nearest.h"
#include "bmc/power.h"
#include "bmc/redfish_error.h"

namespace kiln {
namespace {

constexpr Nanoseconds kTaskPoll{1'000'000'000};
constexpr Nanoseconds kLongestTaskPoll{10'000'000'000};
/// A manager that restarts during an update is away for some minutes; the task is then asked for again.
constexpr std::int64_t kManagerAway = 300'000'000'000;  // ns: bounded grace after an update's reset

bool is_one_of(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&word](std::string_view one) { return boost::algorithm::iequals(word, one); });
}

std::string message_of(const JsonView& task) {
  std::string last;
  for (const JsonView& message : task["Messages"].elements()) {
    const std::string text = message["Message"].text_or_empty();
    const std::string id = message["MessageId"].text_or_empty();
    if (!text.empty()) {
      last = text;
    } else if (!id.empty()) {
      last = id;
    }
  }
  return last;
}

bool mentions(const JsonView& task, std::string_view word) {
  for (const JsonView& message : task["Messages"].elements()) {
    if (message["MessageId"].text_or_empty().find(word) != std::string::npos) return true;
  }
  return false;
}

/// Dell names inventory entries "Installed-<id>-<version>__<part>" and lists, beside what runs, what ran
/// before ("Previous-") and what could be had ("Available-"); OpenBMC lists the other of two images as
/// standby.
bool is_other_image(const std::string& id, const std::string& state) {
  return id.starts_with("Previous-") || id.starts_with("Available-") ||
         is_one_of(state, {"StandbyOffline", "StandbySpare"});
}

/// Without what changes with every version.
std::string lasting_id(const std::string& id) {
  const std::size_t part = id.find("__");
  return id.starts_with("Installed-") && part != std::string::npos && part + 2 < id.size()
             ? id.substr(part + 2)
             : id;
}

bool names_a_bios(const std::string& id) {
  return boost::algorithm::icontains(id, "BIOS") || boost::algorithm::icontains(id, "UEFI");
}

}  // namespace

MultipartBody update_form(const std::string& parameters_json, const std::string& image_name,
                          const std::string& image) {
  // RFC 2046 5.1.1: the boundary must not occur in any part.
  std::mt19937_64 random{std::random_device{}()};
  std::string boundary;
  do {
    boundary = fmt::format("kiln-{:016x}{:016x}", random(), random());
  } while (image.find(boundary) != std::string::npos || parameters_json.find(boundary) != std::string::npos);
  std::string name;
  for (const char c : image_name) {
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) name += c;
  }
  MultipartBody form;
  form.content_type = "multipart/form-data; boundary=" + boundary;
  form.body = fmt::format(
      "--{0}\r\nContent-Disposition: form-data; name=\"UpdateParameters\"\r\nContent-Type: "
      "application/json\r\n\r\n{1}\r\n"
      "--{0}\r\nContent-Disposition: form-data; name=\"UpdateFile\"; filename=\"{2}\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n",
      boundary, parameters_json, name.empty() ? "image" : name);
  form.body += image;
  form.body += fmt::format("\r\n--{}--\r\n", boundary);
  return form;
}

TaskVerdict task_verdict(const std::string& task_state, const std::string& task_status) {
  // Task v1.7.4 TaskState and Job v1.2 JobState; "Failed" and "Aborted" are not in the standard and seen all
  // the same.
  if (is_one_of(task_state, {"Completed", "CompletedOK"})) {
    return task_status.empty() || is_one_of(task_status, {"OK"}) ? TaskVerdict::succeeded
                                                                 : TaskVerdict::failed;
  }
  if (is_one_of(task_state,
                {"Killed", "Exception", "Cancelled", "Failed", "Aborted", "CompletedWithErrors", "Error"})) {
    return TaskVerdict::failed;
  }
  return TaskVerdict::working;
}

boost::asio::awaitable<Result<std::vector<FirmwareItem>>> FirmwareReader::inventory(const Ctx& ctx) {
  std::vector<FirmwareItem> items;
  Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "UpdateService");
  if (!service) co_return std::move(service.error()).while_doing("reading the firmware inventory");
  bool has_bios = false;
  if (*service) {
    Result<std::shared_ptr<const Platform>> platform = co_await tree_.platform(ctx);
    if (!platform) co_return std::move(platform.error()).while_doing("reading the firmware inventory");
    const bool lists_others = (*platform)->has(Quirk::inventory_lists_other_images);
    const JsonView link = (*service)->body["FirmwareInventory"];
    Result<MemberList> list = co_await tree_.follow(ctx, **service, link);
    if (!list) co_return std::move(list.error()).while_doing("reading the firmware inventory");
    for (const RedfishResource& member : list->members) {
      FirmwareItem item;
      item.id = member.id();
      item.version = member.body["Version"].text_or_empty();
      item.updateable = member.body["Updateable"].boolean();
      item.state = state_of(member.body);
      item.uri = member.uri;
      if (lists_others) {
        const bool other = is_other_image(item.id, item.state);
        if (other) tree_.client().note_quirk(Quirk::inventory_lists_other_images, item.uri);
        if (other) continue;
        item.id = lasting_id(item.id);
      }
      has_bios = has_bios || names_a_bios(item.id) || names_a_bios(member.body["Name"].text_or_empty());
      items.push_back(std::move(item));
    }
    for (const MemberList::Unread& unread : list->unread) {
      FirmwareItem item;
      const std::string path = without_trailing_slash(unread.uri);
      item.id = path.substr(path.rfind('/') + 1);
      item.uri = unread.uri;
      items.push_back(std::move(item));
    }
  }
  if (has_bios) co_return items;
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  std::vector<FirmwareItem> bios;
  std::vector<std::string> owners;
  for (const RedfishResource& system : systems->members) {
    FirmwareItem item;
    item.id = "BiosVersion";
    item.version = system.body["BiosVersion"].text_or_empty();
    item.uri = system.uri;
    if (item.version.empty()) continue;
    owners.push_back(system.id());
    tree_.client().note_quirk(Quirk::bios_only_in_system, system.uri);
    bios.push_back(std::move(item));
  }
  for (std::size_t i = 0; i < bios.size(); ++i) {
    if (bios.size() > 1) bios[i].id = fmt::format("{}/BiosVersion", owners[i]);
    items.push_back(std::move(bios[i]));
  }
  co_return items;
}

boost::asio::awaitable<Result<UpdateOutcome>> FirmwareReader::poll_task(
    const Ctx& ctx, std::string task_uri, std::function<void(const UpdateProgress&)> on_progress) {
  UpdateOutcome outcome;
  outcome.task_uri = task_uri;
  std::optional<std::int64_t> away_since_ns;
  UpdateProgress last;
  for (;;) {
    Result<RedfishResource> task = co_await tree_.client().get(ctx, outcome.task_uri);
    Nanoseconds pause = kTaskPoll;
    if (task) {
      away_since_ns.reset();
      const JsonView body = task->body;
      UpdateProgress progress;
      progress.task_state = body["TaskState"].text().value_or(body["JobState"].text_or_empty());
      progress.task_status = body["TaskStatus"].text().value_or(body["JobStatus"].text_or_empty());
      progress.message = message_of(body);
      const std::optional<std::int64_t> percent = body["PercentComplete"].integer();
      if (percent && *percent >= 0 && *percent <= 100) progress.percent = static_cast<int>(*percent);
      const bool changed = progress.task_state != last.task_state || progress.percent != last.percent ||
                           progress.message != last.message;
      last = progress;
      if (changed && on_progress) on_progress(last);
      outcome.task_state = last.task_state;
      outcome.message = last.message;
      outcome.awaits_activation = mentions(body, "AwaitToActivate");
      // XCC ends its task by handing over to a job.
      const std::optional<std::string> job = body["Links"]["Job"].link();
      if (job && mentions(body, "OperationTransitionedToJob")) {
        tree_.client().note_quirk(Quirk::task_becomes_job, outcome.task_uri);
        outcome.task_uri = *job;
        Status rested = co_await ctx.sleep_for(kTaskPoll);  // jobs that hand over in a circle are not hurried
        if (!rested) co_return std::move(rested.error()).while_doing("waiting for the update");
        continue;
      }
      const TaskVerdict verdict = task_verdict(last.task_state, last.task_status);
      if (verdict != TaskVerdict::working) {
        outcome.task_ok = verdict == TaskVerdict::succeeded;
        co_return outcome;
      }
    } else if (task.error().code == "bmc.not_found") {
      outcome.task_vanished = true;
      outcome.message = task.error().message;
      co_return outcome;
    } else if (task.error().code == "bmc.no_content") {
      // A task monitor that is done answers as the request itself would have (DSP0266 12.2).
      outcome.task_ok = true;
      outcome.message = task.error().message;
      co_return outcome;
    } else if (task.error().code.starts_with("ctx.")) {
      co_return std::move(task.error())
          .while_doing(fmt::format("waiting for the update, last seen {} {}%", last.task_state,
                                   last.percent.value_or(0)));
    } else {
      const std::int64_t now_ns = ctx.now().monotonic_ns;
      if (!away_since_ns) away_since_ns = now_ns;
      if (now_ns - *away_since_ns > kManagerAway)
        co_return std::move(task.error()).while_doing("waiting for the update");
      tree_.client().note_disturbance(
          fmt::format("the update's task could not be read: {}", task.error().message));
      pause = kLongestTaskPoll;
    }
    Status slept = co_await ctx.sleep_for(pause);
    if (!slept) {
      co_return std::move(slept.error())
          .while_doing(fmt::format("waiting for the update, last seen {} {}%", last.task_state,
                                   last.percent.value_or(0)));
    }
  }
}

boost::asio::awaitable<Result<UpdateOutcome>> FirmwareReader::update(
    const Ctx& ctx, const Permit& permit, UpdateRequest request,
    std::function<void(const UpdateProgress&)> on_progress) {
  const Status good = check_permit(permit, Energy::flash);
  if (!good) co_return good.error();
  Result<std::vector<FirmwareItem>> items = co_await inventory(ctx);
  if (!items) co_return items.error();
  std::vector<std::string> names;
  const FirmwareItem* target = nullptr;
  for (const FirmwareItem& item : *items) {
    names.push_back(item.id);
    if (item.id == request.component) target = &item;
  }
  if (target == nullptr) {
    co_return Error("firmware.unknown_component",
                    fmt::format("the BMC at {} has no firmware component '{}'{}", tree_.client().base_url(),
                                request.component, did_you_mean(request.component, names)),
                    "Name a component of the firmware inventory.", Blame::recipe);
  }
  if (target->updateable && !*target->updateable) {
    co_return Error("firmware.not_updateable",
                    fmt::format("{} says it is not updateable ({})", target->id, target->uri),
                    "Update it the way its vendor describes.", Blame::recipe);
  }
  Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "UpdateService");
  if (!service) co_return service.error();
  if (!*service) co_return unsupported(tree_.client(), "has no update service");
  const RedfishResource updates = **service;
  const std::optional<std::int64_t> largest = updates.body["MaxImageSizeBytes"].integer();
  if (largest && *largest > 0 && static_cast<std::uint64_t>(*largest) < request.image.size()) {
    co_return Error("firmware.image_too_large",
                    fmt::format("the image {} has {} bytes, the BMC takes {}", request.image_name,
                                request.image.size(), *largest),
                    "Check that this is the right image.", Blame::recipe);
  }
  if (updates.body["ServiceEnabled"].boolean() == std::optional<bool>(false)) {
    co_return unsupported(tree_.client(), "has its update service disabled");
  }
  const std::optional<std::string> multipart = tree_.path_of(updates, updates.body["MultipartHttpPushUri"]);
  const std::optional<std::string> plain = tree_.path_of(updates, updates.body["HttpPushUri"]);
  if (!multipart && !plain) co_return unsupported(tree_.client(), "takes no firmware over HTTP push");
  std::string content_type = "application/octet-stream";
  std::string body;
  if (multipart) {
    boost::json::object parameters;
    boost::json::array targets;
    targets.emplace_back(target->uri);
    parameters["Targets"] = std::move(targets);
    parameters["@Redfish.OperationApplyTime"] = "Immediate";
    const JsonView offered =
        updates.body["MultipartHttpPushUri@Redfish.OperationApplyTimeSupport"]["SupportedValues"];
    const std::vector<JsonView> times = offered.elements();
    const bool immediate = std::any_of(
        times.begin(), times.end(), [](const JsonView& time) { return time.text_or_empty() == "Immediate"; });
    if (!times.empty() && !immediate)
      parameters["@Redfish.OperationApplyTime"] = times.front().text_or_empty();
    MultipartBody form = update_form(boost::json::serialize(parameters), request.image_name, request.image);
    content_type = std::move(form.content_type);
    body = std::move(form.body);
  } else {
    body = std::move(request.image);
  }
  std::function<Status()> still_wanted = [&permit] { return check_permit(permit, Energy::flash); };
  Result<RedfishAnswer> answer =
      co_await tree_.client().post(ctx, multipart ? *multipart : *plain, std::move(content_type),
                                   std::move(body), Repeat::if_not_executed, std::move(still_wanted));
  if (!answer)
    co_return std::move(answer.error())
        .while_doing(fmt::format("sending the image for {}", request.component));
  const std::optional<std::string> location = answer->header("Location");
  std::optional<std::string> task = answer->body()["@odata.id"].verbatim();
  // A task monitor (Location) may answer 202 and later something else; the Task itself says more.
  if (!task || task->find("Task") == std::string::npos) task = location;
  if (!task) {
    UpdateOutcome outcome;
    outcome.task_ok = answer->status == 200 || answer->status == 204;
    outcome.message = fmt::format("the BMC answered {} and named no task", answer->status);
    co_return outcome;
  }
  const std::optional<std::string> first_wait = answer->header("Retry-After");
  int seconds = 0;
  if (first_wait) std::from_chars(first_wait->data(), first_wait->data() + first_wait->size(), seconds);
  if (seconds > 0) {
    Status slept =
        co_await ctx.sleep_for(std::min<Nanoseconds>(std::chrono::seconds(seconds), kLongestTaskPoll));
    if (!slept) co_return slept.error();
  }
  Result<UpdateOutcome> outcome = co_await poll_task(ctx, *task, std::move(on_progress));
  co_return outcome;
}

}  // namespace kiln
