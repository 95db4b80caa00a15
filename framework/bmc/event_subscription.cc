#include "bmc/event_subscription.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/algorithm/string/replace.hpp>
#include <boost/json.hpp>
#include <utility>

#include "base/keyed_hash.h"
#include "bmc/event_service.h"
#include "bmc/redfish_error.h"

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

constexpr const char* kContextPrefix = "kiln-";
constexpr Nanoseconds kUnsubscribe = std::chrono::seconds(5);
constexpr int kMostDeaths = 3;  // in a row, of subscriptions that delivered nothing

Error undelivered(const std::string& base_url, const std::string& why) {
  return Error("bmc.no_events", fmt::format("the BMC at {} delivers no events: {}", base_url, why), "",
               Blame::peer);
}

/// A refusal may quote the Destination: whoever knows its path can post events of his own.
Error without_path(Error error, const Secret& destination) {
  const std::string& url = destination.expose();
  const std::size_t authority = url.find("://");
  const std::size_t slash = authority == std::string::npos ? 0 : url.find('/', authority + 3);
  if (slash == std::string::npos || slash + 1 >= url.size()) return error;
  const std::string path = url.substr(slash + 1);
  for (std::string* text : {&error.message, &error.action})
    boost::algorithm::ireplace_all(*text, path, "...");
  for (std::string& text : error.chain) boost::algorithm::ireplace_all(text, path, "...");
  return error;
}

std::string new_context() {
  std::string text = kContextPrefix;
  for (const char byte : random_bytes(8)) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

}  // namespace

struct EventSubscription::Delivery {
  OnEvent on_event;
  EventMemory memory;
  int max_depth = 64;
  std::uint64_t posts = 0;

  void take(const std::string& body) {
    ++posts;
    for (const BmcEvent& event : read_bmc_events(body, max_depth)) {
      if (memory.is_new(event)) on_event(event);
    }
  }
  void tell_missed(std::string why) const {
    BmcEvent missed;
    missed.fact = BmcEvent::Fact::missed;
    missed.entry.message = std::move(why);
    on_event(missed);
  }
};

awaitable<int> EventSubscription::end_left(const Ctx& ctx, std::string collection) {
  int ended = 0;
  if (!kept_) co_return ended;
  RedfishClient& client = tree_.client();
  std::vector<OpenSession> left = kept_->left(client.base_url());
  std::erase_if(left, [](const OpenSession& one) { return one.context.empty(); });
  if (left.empty()) co_return ended;
  const Result<MemberList> there = co_await tree_.read_all(ctx, std::move(collection));
  if (!there) co_return ended;
  for (const OpenSession& one : left) {
    // By its Context, not its address: a service that was reset gives addresses anew.
    const auto found = std::find_if(
        there->members.begin(), there->members.end(),
        [&one](const RedfishResource& member) { return member.body["Context"].text() == one.context; });
    if (found == there->members.end()) {
      if (there->unread.empty()) kept_->settled(one);
      continue;
    }
    const std::string uri = found->uri;
    const Status removed = co_await client.remove(ctx, uri);
    if (!removed) continue;
    kept_->settled(one);
    client.note_oddity(uri, "", "a subscription that a station had left here was deleted");
    ++ended;
  }
  co_return ended;
}

awaitable<Result<std::string>> EventSubscription::ask_once(const Ctx& ctx, std::string collection,
                                                           std::string context, Secret destination,
                                                           bool as_of_old) {
  RedfishClient& client = tree_.client();
  json::object asked{{"Destination", destination.expose()}, {"Protocol", "Redfish"}, {"Context", context}};
  // EventDestination before v1.3 demands them; later ones call them deprecated.
  if (as_of_old)
    asked["EventTypes"] =
        json::array{"StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert"};
  std::string body = json::serialize(asked);
  std::string type = "application/json";
  // Once: a repetition would be noted with what the BMC said. Who listens asks again.
  const Result<RedfishAnswer> answer =
      co_await client.post(ctx, collection, std::move(type), std::move(body), Repeat::never);
  if (!answer) co_return without_path(answer.error(), destination);
  std::optional<std::string> location = answer->header("Location");
  if (!location) location = answer->body().link();
  const std::optional<std::string> path = location ? client.local_path(*location) : std::nullopt;
  if (path) co_return *path;
  // Made, but where? Its Context tells.
  const Result<MemberList> there = co_await tree_.read_all(ctx, collection);
  if (!there) co_return there.error();
  for (const RedfishResource& member : there->members) {
    if (member.body["Context"].text() == context) co_return member.uri;
  }
  co_return Error("bmc.no_subscription",
                  fmt::format("POST {} was accepted, but no subscription is there", collection));
}

awaitable<Result<std::string>> EventSubscription::subscribe(const Ctx& ctx, std::string collection,
                                                            std::string context, Secret destination) {
  Result<std::string> made = co_await ask_once(ctx, collection, context, destination, false);
  if (made || is_exchange_error(made.error())) co_return made;
  Result<std::string> again =
      co_await ask_once(ctx, std::move(collection), std::move(context), std::move(destination), true);
  if (again) co_return again;
  co_return made;
}

/// `uri`: empty when nobody knows whether it was made, and where.
awaitable<Status> EventSubscription::remove_by_context(Ctx& ctx, ServiceTree& tree, OpenSession noted,
                                                       std::string uri) {
  if (!uri.empty()) {
    Status removed = co_await tree.client().remove(ctx, std::move(uri));
    co_return removed;
  }
  const Result<MemberList> there = co_await tree.read_all(ctx, noted.uri);
  if (!there) co_return there.error();
  for (const RedfishResource& member : there->members) {
    if (member.body["Context"].text() != noted.context) continue;
    Status removed = co_await tree.client().remove(ctx, member.uri);
    co_return removed;
  }
  co_return success();
}

awaitable<Status> EventSubscription::unsubscribe(const Ctx& ctx, OpenSession noted, std::string uri) {
  ServiceTree* tree = &tree_;
  std::function<awaitable<Status>(Ctx&)> remove = [tree, noted, uri](Ctx& own) {
    return remove_by_context(own, *tree, noted, uri);
  };
  Status removed = co_await shielded(ctx, "deleting the subscription", kUnsubscribe, std::move(remove));
  if (removed && kept_) kept_->ended(noted);
  if (!removed) {
    tree_.client().note_oddity(uri.empty() ? noted.uri : uri, "",
                               "the subscription could not be deleted: " + removed.error().message);
  }
  co_return removed;
}

awaitable<Result<std::optional<bool>>> EventSubscription::prove(const Ctx& ctx,
                                                                std::shared_ptr<Delivery> delivery,
                                                                std::string test_uri) {
  if (test_uri.empty()) co_return std::optional<bool>();
  const std::uint64_t before = delivery->posts;
  std::string type = "application/json";
  std::string body = kTestEventRequest;
  const Ctx limited = ctx.child_within("test event", times_.answer);
  const Result<RedfishAnswer> asked = co_await tree_.client().post(
      limited, std::move(test_uri), std::move(type), std::move(body), Repeat::never);
  const Status going = ctx.check();
  if (!going) co_return going.error();
  if (!asked) co_return std::optional<bool>();
  const std::int64_t until = ctx.now().monotonic_ns + times_.answer.count();
  while (delivery->posts == before && ctx.now().monotonic_ns < until) {
    const Status waited = co_await ctx.sleep_for(std::chrono::milliseconds(100));
    if (!waited) co_return waited.error();
  }
  co_return std::optional<bool>(delivery->posts != before);
}

awaitable<Result<std::string>> EventSubscription::hear(const Ctx& ctx, std::shared_ptr<Delivery> delivery,
                                                       std::string uri, std::string test_uri) {
  while (true) {
    const Result<std::optional<bool>> proved = co_await prove(ctx, delivery, test_uri);
    if (!proved) co_return proved.error();
    if (*proved == std::optional<bool>(false)) co_return std::string("a test event was not delivered");
    std::uint64_t before = delivery->posts;
    do {
      before = delivery->posts;
      const Status waited = co_await ctx.sleep_for(times_.silence);
      if (!waited) co_return waited.error();
    } while (delivery->posts != before);
    const Result<RedfishResource> there = co_await tree_.client().get(ctx, uri);
    const Status going = ctx.check();
    if (!going) co_return going.error();
    if (!there && !is_exchange_error(there.error())) co_return std::string("the BMC no longer knows it");
  }
}

awaitable<Status> EventSubscription::listen(const Ctx& ctx, OnEvent on_event) {
  RedfishClient& client = tree_.client();
  const auto delivery = std::make_shared<Delivery>();
  delivery->on_event = std::move(on_event);
  delivery->max_depth = client.options().max_depth;
  Nanoseconds pause = times_.first_pause;
  int deaths = 0;
  bool first = true;
  while (true) {
    Result<EventServiceLinks> service = co_await read_event_service(ctx, tree_);
    Status going = ctx.check();
    if (!going) co_return going;
    if (service && service->subscriptions_uri.empty())
      co_return undelivered(client.base_url(), "its EventService has no subscriptions");
    if (service) {
      const std::string collection = service->subscriptions_uri;
      const int ended = co_await end_left(ctx, collection);
      (void)ended;  // each is told
      const std::unique_ptr<PostListener::Place> place =
          listener_->open([delivery](const std::string& body) { delivery->take(body); });
      // Before it is asked for: a station that dies meanwhile leaves it. It is found by its Context.
      const OpenSession noted{client.base_url(), collection, client.options().user, "", new_context()};
      if (kept_) kept_->opened(noted);
      const Result<std::string> made = co_await subscribe(ctx, collection, noted.context, place->url());
      going = ctx.check();
      if (made) {
        if (!std::exchange(first, false)) delivery->tell_missed("the subscription was made again");
        const std::uint64_t posts = delivery->posts;
        const Result<std::string> died = co_await hear(ctx, delivery, *made, service->test_uri);
        const Status deleted = co_await unsubscribe(ctx, noted, *made);
        (void)deleted;  // it is told, and the next station finds it
        if (!died) co_return died.error();
        deaths = delivery->posts == posts ? deaths + 1 : 1;
        client.note_disturbance(
            fmt::format("the subscription to events is dead: {}; polling goes on", *died));
        if (deaths >= kMostDeaths) co_return undelivered(client.base_url(), *died);
      } else {
        const std::string nowhere;
        const Status cleared = co_await unsubscribe(ctx, noted, nowhere);
        (void)cleared;
        if (!going) co_return going;
        if (!is_exchange_error(made.error())) co_return undelivered(client.base_url(), made.error().message);
      }
    }
    const Status waited = co_await ctx.sleep_for(pause);
    if (!waited) co_return waited;
    pause = std::min(pause * 2, times_.longest_pause);
  }
}

}  // namespace kiln
