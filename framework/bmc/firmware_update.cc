#include "bmc/firmware_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <random>
#include <utility>

#include "base/nearest.h"
#include "bmc/large_body.h"
#include "bmc/power.h"
#include "bmc/redfish_error.h"

namespace kiln {
namespace {

constexpr Nanoseconds kTaskPoll{1'000'000'000};
constexpr Nanoseconds kLongestTaskPoll{10'000'000'000};
/// A manager that restarts during an update is away for some minutes; the task is then asked for again.
constexpr std::int64_t kManagerAway = 300'000'000'000;  // ns: bounded grace after an update's reset
/// A task that nobody finishes: a bundle of a GB200 tray stands at one percentage for minutes, not for ten.
constexpr std::int64_t kForgotten = 600'000'000'000;  // ns
/// How long somebody else's reservation is waited for, and how often it is looked at.
constexpr Nanoseconds kReservedFor{60'000'000'000};
constexpr Nanoseconds kReservationPoll{2'000'000'000};
/// Of one image; the write's own deadline is shorter.
constexpr Nanoseconds kLongestUpload = std::chrono::hours(2);
constexpr Nanoseconds kReleaseBudget{10'000'000'000};

bool is_task_word(const std::string& word, std::initializer_list<std::string_view> words) {
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

std::vector<std::string> message_ids_of(const JsonView& task) {
  std::vector<std::string> ids;
  for (const JsonView& message : task["Messages"].elements()) {
    const std::string id = message["MessageId"].text_or_empty();
    if (!id.empty()) ids.push_back(id);
  }
  return ids;
}

bool mentions(const JsonView& task, std::string_view word) {
  const std::vector<std::string> ids = message_ids_of(task);
  return std::any_of(ids.begin(), ids.end(),
                     [word](const std::string& id) { return id.find(word) != std::string::npos; });
}

bool is_update_task(const JsonView& task) {
  const std::vector<std::string> ids = message_ids_of(task);
  const bool by_message =
      std::any_of(ids.begin(), ids.end(), [](const std::string& id) { return id.starts_with("Update."); });
  const std::string went_to = task["Payload"]["TargetUri"].text_or_empty();
  const std::string name = task["Name"].text_or_empty();
  return by_message || boost::algorithm::icontains(went_to, "UpdateService") ||
         boost::algorithm::icontains(name, "update") || boost::algorithm::icontains(name, "firmware");
}

std::string state_word(const JsonView& task) {
  return task["TaskState"].text().value_or(task["JobState"].text_or_empty());
}
std::string status_word(const JsonView& task) {
  return task["TaskStatus"].text().value_or(task["JobStatus"].text_or_empty());
}

/// "https://host/file" → "HTTPS", as UpdateService's TransferProtocol words it.
std::string protocol_of(const std::string& uri) {
  const std::size_t scheme = uri.find("://");
  if (scheme == std::string::npos) return {};
  std::string word = uri.substr(0, scheme);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return word;
}

boost::json::array json_list(const std::vector<std::string>& texts) {
  boost::json::array list;
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

std::string reservation(bool taken, const std::vector<std::string>& targets) {
  boost::json::object body;
  body["HttpPushUriTargetsBusy"] = taken;
  body["HttpPushUriTargets"] = json_list(targets);
  return boost::json::serialize(body);
}

}  // namespace

boost::asio::awaitable<Result<MultipartBody>> update_form(const Ctx& ctx, std::string parameters_json,
                                                          std::string oem_json, std::string image_name,
                                                          const std::string& image) {
  // RFC 2046 5.1.1: the boundary must not occur in any part.
  std::mt19937_64 random{std::random_device{}()};
  std::string boundary;
  for (bool occurs = true; occurs;) {
    boundary = fmt::format("kiln-{:016x}{:016x}", random(), random());
    std::string wanted = boundary;
    const Result<bool> in_image = co_await occurs_in_slices(ctx, image, std::move(wanted));
    if (!in_image) co_return in_image.error();
    occurs = *in_image || parameters_json.find(boundary) != std::string::npos ||
             oem_json.find(boundary) != std::string::npos;
  }
  std::string name;
  for (const char c : image_name) {
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) name += c;
  }
  const auto json_part = [&boundary](const char* part, const std::string& json) {
    return fmt::format(
        "--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\nContent-Type: application/json\r\n\r\n{}\r\n",
        boundary, part, json);
  };
  MultipartBody form;
  form.content_type = "multipart/form-data; boundary=" + boundary;
  form.body = json_part("UpdateParameters", parameters_json);
  if (!oem_json.empty()) form.body += json_part("OemParameters", oem_json);
  form.body += fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"UpdateFile\"; filename=\"{}\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\n",
      boundary, name.empty() ? "image" : name);
  const std::string end = fmt::format("\r\n--{}--\r\n", boundary);
  form.body.reserve(form.body.size() + image.size() + end.size());
  const Status copied = co_await append_in_slices(ctx, form.body, image);
  if (!copied) co_return copied.error();
  form.body += end;
  co_return form;
}

TaskVerdict task_verdict(const std::string& task_state, const std::string& task_status) {
  // Task v1.7.4 TaskState and Job v1.2 JobState; "Failed" and "Aborted" are not in the standard and seen all
  // the same.
  if (is_task_word(task_state, {"Completed", "CompletedOK"})) {
    return task_status.empty() || is_task_word(task_status, {"OK"}) ? TaskVerdict::succeeded
                                                                    : TaskVerdict::failed;
  }
  if (is_task_word(task_state, {"Killed", "Exception", "Cancelled", "Failed", "Aborted",
                                "CompletedWithErrors", "Error"})) {
    return TaskVerdict::failed;
  }
  return TaskVerdict::working;
}

boost::asio::awaitable<Result<UpdateOutcome>> FirmwareUpdater::poll_task(
    const Ctx& ctx, std::string task_uri, bool may_be_forgotten,
    std::function<void(const UpdateProgress&)> on_progress) {
  UpdateOutcome outcome;
  outcome.task_uri = task_uri;
  std::optional<std::int64_t> away_since_ns;
  std::int64_t changed_ns = ctx.now().monotonic_ns;
  UpdateProgress last;
  for (;;) {
    Result<RedfishResource> task = co_await tree_.client().get(ctx, outcome.task_uri);
    Nanoseconds pause = kTaskPoll;
    if (task) {
      away_since_ns.reset();
      const JsonView body = task->body;
      UpdateProgress progress;
      progress.task_state = state_word(body);
      progress.task_status = status_word(body);
      progress.message = message_of(body);
      const std::optional<std::int64_t> percent = body["PercentComplete"].integer();
      if (percent && *percent >= 0 && *percent <= 100) progress.percent = static_cast<int>(*percent);
      const bool changed = progress.task_state != last.task_state || progress.percent != last.percent ||
                           progress.message != last.message;
      last = progress;
      if (changed) changed_ns = ctx.now().monotonic_ns;
      if (changed && on_progress) on_progress(last);
      outcome.task_state = last.task_state;
      outcome.message = last.message;
      outcome.message_ids = message_ids_of(body);
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
      if (may_be_forgotten && ctx.now().monotonic_ns - changed_ns > kForgotten) {
        co_return Error(
            "firmware.update_under_way",
            fmt::format("the update task {} of {} has told nothing new for 10 minutes", outcome.task_uri,
                        tree_.client().base_url()),
            "see whether somebody still writes; if nobody does, delete the task or restart the BMC");
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

// ---------------------------------------------------------------- updates of somebody

boost::asio::awaitable<Result<std::vector<std::string>>> FirmwareUpdater::update_tasks(const Ctx& ctx) {
  std::vector<std::string> uris;
  Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "Tasks");
  if (!service) co_return std::move(service.error()).while_doing("looking for updates under way");
  if (!*service) co_return uris;
  const JsonView link = (*service)->body["Tasks"];
  Result<MemberList> list = co_await tree_.follow(ctx, **service, link);
  if (!list) co_return std::move(list.error()).while_doing("looking for updates under way");
  if (list->whole) co_return std::move(list->whole->error).while_doing("looking for updates under way");
  for (const MemberList::Unread& unread : list->unread) {
    if (unread.error.code == "bmc.not_found") continue;  // it was deleted meanwhile
    Error why = unread.error;
    co_return std::move(why).while_doing("looking for updates under way");
  }
  for (const RedfishResource& task : list->members) {
    if (task_verdict(state_word(task.body), status_word(task.body)) != TaskVerdict::working) continue;
    if (is_update_task(task.body)) uris.push_back(task.uri);
  }
  co_return uris;
}

boost::asio::awaitable<Result<std::size_t>> FirmwareUpdater::under_way(const Ctx& ctx) {
  const Result<std::vector<std::string>> uris = co_await update_tasks(ctx);
  if (!uris) co_return uris.error();
  co_return uris->size();
}

boost::asio::awaitable<Result<std::vector<UpdateOutcome>>> FirmwareUpdater::wait_for_updates(
    const Ctx& ctx, std::function<void(const UpdateProgress&)> on_progress) {
  const Result<std::vector<std::string>> uris = co_await update_tasks(ctx);
  if (!uris) co_return uris.error();
  std::vector<UpdateOutcome> ended;
  for (const std::string& uri : *uris) {
    std::function<void(const UpdateProgress&)> tell = on_progress;
    Result<UpdateOutcome> outcome = co_await poll_task(ctx, uri, true, std::move(tell));
    if (!outcome) co_return outcome.error();
    ended.push_back(std::move(*outcome));
  }
  co_return ended;
}

// ---------------------------------------------------------------- the service as ours

boost::asio::awaitable<Status> FirmwareUpdater::reserve(const Ctx& ctx, const RedfishResource& service,
                                                        std::vector<std::string> targets,
                                                        std::function<Status()> still_wanted) {
  const Ctx waiting = ctx.child_within("reservation of the update service", kReservedFor);
  for (;;) {
    Result<RedfishResource> now = co_await tree_.client().get(ctx, service.uri);
    if (!now) co_return std::move(now.error()).while_doing("reserving the update service");
    if (now->body["HttpPushUriTargetsBusy"].boolean() != std::optional<bool>(true)) break;
    // Our own, of a run that died: nobody else would reserve just this and then write nothing.
    std::vector<std::string> theirs;
    for (const JsonView& uri : now->body["HttpPushUriTargets"].elements())
      theirs.push_back(uri.text_or_empty());
    if (!targets.empty() && theirs == targets) {
      const Result<std::vector<std::string>> running = co_await update_tasks(ctx);
      if (running && running->empty()) {
        tree_.client().note_disturbance(
            "the update service was still reserved for this, and nothing wrote: taken over");
        break;
      }
    }
    const Status waited = co_await waiting.sleep_for(kReservationPoll);
    if (waited) continue;
    if (ctx.stopped()) co_return waited.error();
    co_return Error(
        "firmware.reserved",
        fmt::format(
            "the update service of {} is reserved by somebody else ({})", tree_.client().base_url(),
            theirs.empty() ? std::string("for no target") : fmt::format("{}", fmt::join(theirs, ", "))),
        "let their update end; if there is none, set HttpPushUriTargetsBusy of the UpdateService to false");
  }
  std::string body = reservation(true, targets);
  Status taken = co_await tree_.client().patch(ctx, service.uri, std::move(body), std::move(still_wanted));
  if (!taken) co_return std::move(taken.error()).while_doing("reserving the update service");
  co_return success();
}

boost::asio::awaitable<Status> FirmwareUpdater::release(Ctx& ctx, std::string uri) {
  std::string body = reservation(false, {});
  std::function<Status()> always;
  Status released = co_await tree_.client().patch(ctx, uri, std::move(body), std::move(always));
  if (!released) {
    // A BMC that restarts has forgotten it by itself.
    tree_.client().note_disturbance(
        fmt::format("the update service could not be released: {}", released.error().message));
  }
  co_return success();
}

boost::asio::awaitable<Result<FirmwareItem>> FirmwareUpdater::updateable_item(const Ctx& ctx,
                                                                              std::string component) {
  Result<std::vector<FirmwareItem>> items = co_await reader_.inventory(ctx);
  if (!items) co_return items.error();
  std::vector<std::string> names;
  for (FirmwareItem& item : *items) {
    names.push_back(item.id);
    if (item.id != component) continue;
    if (item.updateable && !*item.updateable) {
      co_return Error("firmware.not_updateable",
                      fmt::format("{} says it is not updateable ({})", item.id, item.uri),
                      "Update it the way its vendor describes.", Blame::recipe);
    }
    co_return std::move(item);
  }
  co_return Error("firmware.unknown_component",
                  fmt::format("the BMC at {} has no firmware component '{}'{}", tree_.client().base_url(),
                              component, did_you_mean(component, names)),
                  "Name a component of the firmware inventory.", Blame::recipe);
}

// ---------------------------------------------------------------- one update

struct FirmwareUpdater::Sending {
  std::string component, uri, content_type, body;
  std::function<Status()> still_wanted;
};

boost::asio::awaitable<Result<UpdateOutcome>> FirmwareUpdater::send_and_follow(
    const Ctx& ctx, Sending& sending, std::function<void(const UpdateProgress&)> on_progress) {
  std::optional<Nanoseconds> timeout = std::min<Nanoseconds>(ctx.remaining(), kLongestUpload);
  std::function<Status()> still_wanted = sending.still_wanted;
  Result<RedfishAnswer> answer =
      co_await tree_.client().post(ctx, sending.uri, std::move(sending.content_type), std::move(sending.body),
                                   Repeat::if_not_executed, std::move(still_wanted), timeout);
  if (!answer) {
    co_return std::move(answer.error())
        .while_doing(fmt::format("sending the image for {}", sending.component));
  }
  const std::optional<std::string> location = answer->header("Location");
  std::optional<std::string> task = answer->body()["@odata.id"].verbatim();
  // A task monitor (Location) may answer 202 and later something else; the Task itself says more.
  if (!task || task->find("Task") == std::string::npos) task = location;
  if (!task) {
    UpdateOutcome outcome;
    outcome.task_ok = answer->status == 200 || answer->status == 204;
    outcome.task_vanished = answer->status == 202;  // accepted, and nobody tells how it goes on
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
  Result<UpdateOutcome> outcome = co_await poll_task(ctx, *task, false, std::move(on_progress));
  co_return outcome;
}

namespace {

using PreparedUpdate = std::pair<std::string, MultipartBody>;

/// The address and body of one update, from what the service offers; the image is taken out of `request`.
boost::asio::awaitable<Result<PreparedUpdate>> request_for(const Ctx& ctx, ServiceTree& tree,
                                                           const RedfishResource& updates,
                                                           std::vector<std::string> targets,
                                                           UpdateRequest& request) {
  if (!request.uri.empty()) {
    const JsonView action = updates.body.at({"Actions", "#UpdateService.SimpleUpdate"});
    const std::optional<std::string> target = action["target"].verbatim();
    const std::optional<std::string> path = target ? tree.client().local_path(*target) : std::nullopt;
    if (!path) co_return unsupported(tree.client(), "fetches no firmware by itself (SimpleUpdate)");
    const std::string protocol = protocol_of(request.uri);
    std::vector<std::string> offered;
    for (const JsonView& word : action["TransferProtocol@Redfish.AllowableValues"].elements())
      offered.push_back(word.text_or_empty());
    if (!offered.empty() && std::find(offered.begin(), offered.end(), protocol) == offered.end()) {
      co_return unsupported(tree.client(), fmt::format("fetches no firmware by {} (it offers {})", protocol,
                                                       fmt::join(offered, ", ")));
    }
    boost::json::object body;
    body["ImageURI"] = request.uri;
    body["TransferProtocol"] = protocol;
    if (!targets.empty()) body["Targets"] = json_list(targets);
    MultipartBody asked{"application/json", boost::json::serialize(body)};
    PreparedUpdate by_itself(*path, std::move(asked));
    co_return by_itself;
  }
  std::optional<std::string> multipart = tree.path_of(updates, updates.body["MultipartHttpPushUri"]);
  // MegaRAC of SR635 and SR655 keeps it among its own.
  if (!multipart) {
    multipart = tree.path_of(updates, updates.body.at({"Oem", "AMIUpdateService", "MultipartHttpPushUri"}));
  }
  const std::optional<std::string> plain = tree.path_of(updates, updates.body["HttpPushUri"]);
  if (!multipart && !plain) co_return unsupported(tree.client(), "takes no firmware over HTTP push");
  if (!multipart) {
    MultipartBody as_it_is{"application/octet-stream", std::move(request.image)};
    PreparedUpdate plainly(*plain, std::move(as_it_is));
    co_return plainly;
  }
  boost::json::object parameters;
  parameters["Targets"] = json_list(targets);
  parameters["@Redfish.OperationApplyTime"] = "Immediate";
  const JsonView offered =
      updates.body["MultipartHttpPushUri@Redfish.OperationApplyTimeSupport"]["SupportedValues"];
  const std::vector<JsonView> times = offered.elements();
  const bool immediate = std::any_of(
      times.begin(), times.end(), [](const JsonView& time) { return time.text_or_empty() == "Immediate"; });
  if (!times.empty() && !immediate) parameters["@Redfish.OperationApplyTime"] = times.front().text_or_empty();
  std::string oem_json;
  if (!request.image_type.empty()) {
    boost::json::object oem;
    oem["ImageType"] = request.image_type;
    oem_json = boost::json::serialize(oem);
  }
  std::string json = boost::json::serialize(parameters);
  std::string image_name = request.image_name;
  Result<MultipartBody> form =
      co_await update_form(ctx, std::move(json), std::move(oem_json), std::move(image_name), request.image);
  if (!form) co_return form.error();
  request.image = std::string();
  PreparedUpdate in_parts(*multipart, std::move(*form));
  co_return in_parts;
}

}  // namespace

boost::asio::awaitable<Result<UpdateOutcome>> FirmwareUpdater::update(
    const Ctx& ctx, const Permit& permit, UpdateRequest request,
    std::function<void(const UpdateProgress&)> on_progress) {
  const Status good = check_permit(permit, Energy::flash);
  if (!good) co_return good.error();
  const Result<FirmwareItem> item = co_await updateable_item(ctx, request.component);
  if (!item) co_return item.error();
  Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "UpdateService");
  if (!service) co_return service.error();
  if (!*service) co_return unsupported(tree_.client(), "has no update service");
  const RedfishResource updates = **service;
  const std::optional<std::int64_t> largest = updates.body["MaxImageSizeBytes"].integer();
  if (request.check_size && largest && *largest > 0 &&
      static_cast<std::uint64_t>(*largest) < request.image.size()) {
    co_return Error("firmware.image_too_large",
                    fmt::format("the image {} has {} bytes, the BMC takes {}", request.image_name,
                                request.image.size(), *largest),
                    "Check that this is the right image.", Blame::recipe);
  }
  if (updates.body["ServiceEnabled"].boolean() == std::optional<bool>(false)) {
    co_return unsupported(tree_.client(), "has its update service disabled");
  }
  const std::vector<std::string> targets =
      request.targets ? *request.targets : std::vector<std::string>{item->uri};
  std::vector<std::string> named = targets;
  Result<PreparedUpdate> prepared = co_await request_for(ctx, tree_, updates, std::move(named), request);
  if (!prepared) co_return prepared.error();
  Sending sending;
  sending.component = request.component;
  sending.uri = std::move(prepared->first);
  sending.content_type = std::move(prepared->second.content_type);
  sending.body = std::move(prepared->second.body);
  sending.still_wanted = [&permit] { return check_permit(permit, Energy::flash); };
  const bool can_reserve = updates.body["HttpPushUriTargetsBusy"].boolean().has_value();
  if (can_reserve) {
    std::function<Status()> still_wanted = sending.still_wanted;
    const Status ours = co_await reserve(ctx, updates, targets, std::move(still_wanted));
    if (!ours) co_return ours.error();
  }
  Result<UpdateOutcome> outcome = co_await send_and_follow(ctx, sending, std::move(on_progress));
  if (can_reserve) {
    const std::string uri = updates.uri;
    std::function<boost::asio::awaitable<Status>(Ctx&)> work = [this, uri](Ctx& inner) {
      return release(inner, uri);
    };
    const Status released =
        co_await shielded(ctx, "release the update service", kReleaseBudget, std::move(work));
    (void)released;  // noted by release()
  }
  co_return outcome;
}

}  // namespace kiln
