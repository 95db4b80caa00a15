#include "safety/write_looks.h"

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/json.hpp>
#include <utility>

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

constexpr Nanoseconds kWriteLookEvery = std::chrono::seconds(1);
constexpr Nanoseconds kWriteLookTakes = std::chrono::seconds(30);
/// The inventory is some dozen requests.
constexpr Nanoseconds kInventoryEvery = std::chrono::seconds(10);
/// What member_links() keeps: of a list that may be longer nobody knows the rest.
constexpr std::size_t kMostTasks = 256;
constexpr std::size_t kLooksAtOnce = 2;  // a cut always finds a free place beside them

/// Task v1.7.4, TaskState: what is over; Failed and CompletedOK are words of Jobs and of Dell's.
bool is_over(const std::string& word) {
  constexpr std::array<std::string_view, 10> kOver{
      "Completed", "Killed",      "Exception",           "Cancelled", "Failed",
      "Aborted",   "CompletedOK", "CompletedWithErrors", "Error",     "Deleted"};
  return std::find(kOver.begin(), kOver.end(), word) != kOver.end();
}

bool is_update(const json::value& task) {
  const json::value* messages = json_at(task, {"Messages"});
  const bool by_message =
      messages != nullptr && messages->is_array() &&
      std::any_of(messages->as_array().begin(), messages->as_array().end(), [](const json::value& one) {
        return json_text_at(one, {"MessageId"}).starts_with("Update.");
      });
  const std::string name = json_text_at(task, {"Name"});
  return by_message ||
         boost::algorithm::icontains(json_text_at(task, {"Payload", "TargetUri"}), "UpdateService") ||
         boost::algorithm::icontains(name, "update") || boost::algorithm::icontains(name, "firmware");
}

class RedfishWriteLooks final : public WriteLooks {
 public:
  explicit RedfishWriteLooks(std::shared_ptr<RedfishLine> line) : line_(std::move(line)) {}

  awaitable<WriteLook> look(const Ctx& ctx, std::string component) override {
    WriteLook seen;
    const Result<json::value> root = co_await line_->get(ctx, "/redfish/v1");
    if (!root) co_return seen;
    std::string tasks = link_in(*root, {"Tasks"});
    seen.updates = co_await updates_under_way(ctx, std::move(tasks), seen.other_tasks);
    if (!seen.updates || component.empty()) co_return seen;
    std::string service = link_in(*root, {"UpdateService"});
    seen.version = co_await version_of(ctx, std::move(service), std::move(component));
    co_return seen;
  }

 private:
  awaitable<std::optional<std::size_t>> updates_under_way(const Ctx& ctx, std::string service,
                                                          std::size_t& others) {
    if (service.empty()) co_return std::size_t{0};
    const Result<json::value> tasks = co_await line_->get(ctx, std::move(service));
    if (!tasks) co_return std::nullopt;
    std::string list = link_in(*tasks, {"Tasks"});
    if (list.empty()) co_return std::size_t{0};
    const Result<json::value> listed = co_await line_->get(ctx, std::move(list));
    if (!listed) co_return std::nullopt;
    std::vector<std::string> links = member_links(*listed);
    const json::value* members = json_at(*listed, {"Members"});
    const bool all = members != nullptr && members->is_array() && members->as_array().size() == links.size();
    if (!all || links.size() >= kMostTasks || json_at(*listed, {"Members@odata.nextLink"}) != nullptr)
      co_return std::nullopt;
    const std::vector<Result<json::value>> bodies =
        co_await line_->get_all(ctx, std::move(links), kLooksAtOnce);
    std::size_t updates = 0;
    for (const Result<json::value>& task : bodies) {
      if (!task && task.error().code == "warden.not_found") continue;  // it was deleted meanwhile
      if (!task) co_return std::nullopt;
      if (is_over(json_text_at(*task, {"TaskState"}))) continue;
      ++(is_update(*task) ? updates : others);
    }
    co_return updates;
  }

  awaitable<std::optional<std::string>> version_of(const Ctx& ctx, std::string service,
                                                   std::string component) {
    if (service.empty()) co_return std::nullopt;
    const Result<json::value> updates = co_await line_->get(ctx, std::move(service));
    if (!updates) co_return std::nullopt;
    std::string list = link_in(*updates, {"FirmwareInventory"});
    if (list.empty()) co_return std::nullopt;
    const Result<json::value> listed = co_await line_->get(ctx, std::move(list));
    if (!listed) co_return std::nullopt;
    const std::vector<std::string> links = member_links(*listed);
    const auto found = std::find_if(links.begin(), links.end(), [&component](const std::string& link) {
      return last_segment_of(link) == component;
    });
    if (found == links.end()) co_return std::nullopt;
    std::string uri = *found;
    const Result<json::value> item = co_await line_->get(ctx, std::move(uri));
    if (!item) co_return std::nullopt;
    std::string version = json_text_at(*item, {"Version"});
    if (version.empty()) co_return std::nullopt;
    co_return version;
  }

  std::shared_ptr<RedfishLine> line_;
};

}  // namespace

std::unique_ptr<WriteLooks> make_redfish_write_looks(std::shared_ptr<RedfishLine> line) {
  return std::make_unique<RedfishWriteLooks>(std::move(line));
}

awaitable<std::string> wait_for_end_of_write(const Ctx& ctx, WriteLooks& looks,
                                             std::optional<FirmwareWrite> write, std::int64_t began_ns,
                                             std::function<void(const std::string&)> tell) {
  const std::string component = write ? write->component : std::string();
  WriteEnd end(std::move(write), began_ns);
  std::int64_t next_version_ns = 0;
  std::string told;
  while (!ctx.stopped()) {
    const std::int64_t asked_ns = ctx.now().monotonic_ns;
    const bool with_version = end.wants_version(asked_ns) && asked_ns >= next_version_ns;
    if (with_version) next_version_ns = asked_ns + kInventoryEvery.count();
    WriteLook seen;
    {
      const Ctx asking = ctx.child_within("look at a write", kWriteLookTakes);
      std::string whose = with_version ? component : std::string();
      seen = co_await looks.look(asking, std::move(whose));
    }
    end.see(seen, ctx.now().monotonic_ns);
    if (!end.shown_by().empty()) co_return end.shown_by();
    std::string what = end.waits_for();
    if (tell && what != told) tell(what);
    told = std::move(what);
    const Status waited = co_await ctx.sleep_for(kWriteLookEvery);
    (void)waited;
  }
  co_return std::string();
}

}  // namespace kiln
