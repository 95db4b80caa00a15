#include "safety/building_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "io/scope.h"

namespace kiln {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kFirstRetry = std::chrono::seconds(1);
constexpr Nanoseconds kLastRetry = std::chrono::seconds(30);
constexpr Nanoseconds kConnect = std::chrono::seconds(15);  // with both subscriptions
constexpr Nanoseconds kTick = std::chrono::seconds(1);
constexpr Nanoseconds kAcknowledged = std::chrono::seconds(5);  // then the request goes out again
constexpr Nanoseconds kGoodbye = std::chrono::seconds(2);
// Retained metadata comes with the SUBACK; so long it may take on a slow network.
constexpr Nanoseconds kMetadataPatience = std::chrono::seconds(2);

awaitable<Status> say_goodbye(MqttClient& client, Ctx& ctx) {
  co_await client.disconnect(ctx);
  co_return success();
}

}  // namespace

BuildingLine::BuildingLine(MqttClient& client, BuildingLineOptions options)
    : client_(client),
      options_(std::move(options)),
      building_(options_.rack_location_id, options_.integration) {}

awaitable<void> BuildingLine::run(const Ctx& ctx) {
  loop_ = &ctx.loop();
  client_.on_message([this](const MqttMessage& message) { heard(message); });
  Nanoseconds pause = kFirstRetry;
  while (!ctx.stopped()) {
    const Status opened = co_await open(ctx);
    if (opened) {
      pause = kFirstRetry;
      connected_ = true;
      look();
      const Error why = co_await serve(ctx);
      lose(why);
    } else {
      lose(opened.error());
    }
    const Status slept = co_await ctx.sleep_for(pause);
    if (!slept) break;
    pause = std::min(2 * pause, kLastRetry);
  }
  std::function<awaitable<Status>(Ctx&)> goodbye = [this](Ctx& inner) { return say_goodbye(client_, inner); };
  co_await shielded(ctx, "goodbye to the broker", kGoodbye, std::move(goodbye));
  client_.on_message({});
  loop_ = nullptr;
}

awaitable<Status> BuildingLine::open(const Ctx& ctx) {
  const Ctx limited = ctx.child_within("connecting to the building", kConnect);
  Status done = co_await client_.connect(limited);
  if (!done) co_return done;
  for (const std::string& filter : options_.filters) {
    done = co_await client_.subscribe(limited, filter, 1);
    if (!done) co_return done;
  }
  co_return success();
}

awaitable<Error> BuildingLine::serve(const Ctx& ctx) {
  Scope scope(ctx);
  scope.start("tick", [this](Ctx& inner) { return tick(inner); });
  scope.start("look", [this](Ctx& inner) { return look_when_told(inner); });
  Error why = co_await client_.lost(ctx);
  co_await scope.stop_and_join(StopReason::sibling, "the broker is gone");
  co_return why;
}

awaitable<void> BuildingLine::tick(Ctx& ctx) {
  while (!ctx.stopped()) {
    co_await beat(ctx);
    co_await tell(ctx);
    co_await ask(ctx);
    look();
    co_await ctx.sleep_for(kTick);
  }
}

/// What one turn of the loop brings is looked at once: a hall's metadata comes all together.
awaitable<void> BuildingLine::look_when_told(Ctx& ctx) {
  while (true) {
    const Completion<bool> told = told_;
    const Result<bool> waited = co_await told.wait(ctx);
    if (!waited) co_return;
    told_ = Completion<bool>();
    look();
  }
}

awaitable<void> BuildingLine::beat(const Ctx& ctx) {
  const Instant now = ctx.now();
  if (beat_ns_ != 0 && now.monotonic_ns - beat_ns_ < kBuildingHeartbeat.count()) co_return;
  const BuildingTopics topics = building_.topics();
  for (const std::string& topic : topics.heartbeat) {
    beat_ns_ = now.monotonic_ns;
    std::string payload = encode_building_value(now.utc_ns / 1'000'000, now.utc_ns);
    const Ctx limited = ctx.child_within("heartbeat", kTick);
    co_await client_.publish(limited, topic, std::move(payload), 0, false);  // a loss is told elsewhere
  }
}

void BuildingLine::tell_tray_leak(bool leaking) {
  if (leaking == tray_leak_) return;
  tray_leak_ = leaking;
  tray_told_ns_ = 0;
}

awaitable<void> BuildingLine::tell(const Ctx& ctx) {
  const Instant now = ctx.now();
  if (tray_told_ns_ != 0 && now.monotonic_ns - tray_told_ns_ < kBuildingRepublish.count()) co_return;
  const BuildingTopics topics = building_.topics();
  for (const std::string& topic : topics.tray_leak) {
    tray_told_ns_ = now.monotonic_ns;
    std::string payload = encode_building_value(tray_leak_ ? 1 : 0, now.utc_ns);
    const Ctx limited = ctx.child_within("leak of a tray", kTick);
    const Status told = co_await client_.publish(limited, topic, std::move(payload), 1, false);
    if (!told) tray_told_ns_ = 0;  // again at the next tick
  }
}

/// Both at once: one that is not acknowledged must not hold up the other.
awaitable<void> BuildingLine::ask(const Ctx& ctx) {
  const BuildingTopics topics = building_.topics();
  Scope scope(ctx);
  scope.start("liquid",
              [this, to = topics.liquid_isolation](Ctx& inner) { return speak(inner, liquid_, to); });
  scope.start("electrical",
              [this, to = topics.electrical_isolation](Ctx& inner) { return speak(inner, electrical_, to); });
  co_await scope.join();
}

awaitable<void> BuildingLine::speak(const Ctx& ctx, Request& request, std::vector<std::string> topics) {
  const Instant now = ctx.now();
  const bool fresh =
      request.asked_ns != 0 && now.monotonic_ns - request.asked_ns < kBuildingRepublish.count();
  if (!request.wanted || fresh || !connected_ || topics.empty()) co_return;
  request.asked_ns = now.monotonic_ns;
  for (const std::string& topic : topics) {
    std::string payload = encode_building_value(1, now.utc_ns);
    const Ctx limited = ctx.child_within("asking for isolation", kAcknowledged);
    const Status published = co_await client_.publish(limited, topic, std::move(payload), 1, false);
    if (!published) request.asked_ns = 0;  // again at the next tick
  }
}

void BuildingLine::heard(const MqttMessage& message) {
  const std::int64_t now_ns = loop_->clock().now().monotonic_ns;
  if (building_.take(message.topic, message.payload, message.retained, now_ns)) told_.complete(true);
}

void BuildingLine::lose(const Error& why) {
  connected_ = false;
  trouble_ = why;
  liquid_.asked_ns = electrical_.asked_ns = beat_ns_ = tray_told_ns_ = 0;
  building_.lose("the broker was lost (" + why.message + ")");
  look();
}

void BuildingLine::look() {
  const std::int64_t now_ns = loop_->clock().now().monotonic_ns;
  const BuildingTopics topics = building_.topics();
  Seen seen;
  seen.states = {building_.rack_leak(now_ns).state, building_.rack_leak_sensor_fault(now_ns).state,
                 building_.equipment_leak(now_ns).state, building_.liquid_isolation(now_ns).state,
                 building_.electrical_isolation(now_ns).state};
  seen.topics = topics.liquid_isolation.size() + topics.electrical_isolation.size() +
                topics.tray_leak.size() + topics.heartbeat.size();
  seen.connected = connected_;
  const std::vector<Completion<bool>> waiting = std::exchange(waiting_, {});
  for (const Completion<bool>& one : waiting) one.complete(true);
  if (seen == seen_) return;
  seen_ = seen;
  if (on_change_) on_change_();
}

/// Returns at the next look, or after a second: while there is no connection nobody looks.
awaitable<void> BuildingLine::news(const Ctx& ctx) {
  const Completion<bool> looked;
  waiting_.push_back(looked);
  const Ctx limited = ctx.child_within("reading the isolation back", kTick);
  co_await looked.wait(limited);
}

awaitable<Result<BuildingIsolation>> BuildingLine::isolate(const Ctx& ctx, bool liquid, bool electrical) {
  liquid_.wanted = liquid_.wanted || liquid;
  electrical_.wanted = electrical_.wanted || electrical;
  const std::int64_t patience_ns = ctx.now().monotonic_ns + kMetadataPatience.count();
  while (true) {
    const Status go_on = ctx.check();
    if (go_on && connected_) co_await ask(ctx);
    const std::int64_t now_ns = ctx.now().monotonic_ns;
    const BuildingTopics topics = building_.topics();
    BuildingIsolation read;
    if (liquid) read.liquid = building_.liquid_isolation(now_ns);
    if (electrical) read.electrical = building_.electrical_isolation(now_ns);
    const bool wet = liquid && read.liquid.state != BuildingState::tripped;
    const bool live = electrical && read.electrical.state != BuildingState::tripped;
    if (!wet && !live) co_return read;
    const bool may_come = (wet && !topics.liquid_isolation.empty()) ||
                          (live && !topics.electrical_isolation.empty()) || now_ns < patience_ns;
    if (!go_on || !may_come) co_return not_isolated(ctx, liquid, electrical);
    co_await news(ctx);
  }
}

Error BuildingLine::not_isolated(const Ctx& ctx, bool liquid, bool electrical) const {
  const std::int64_t now_ns = ctx.now().monotonic_ns;
  const BuildingTopics topics = building_.topics();
  std::string what;
  bool no_topic = false;
  const auto say = [&what, &no_topic](const char* name, const BuildingAnswer& read, bool asked) {
    const bool confirmed = read.state == BuildingState::tripped;
    if (!what.empty()) what += "; ";
    what += fmt::format("{} {}: {}", name, confirmed ? "is isolated" : "is not confirmed isolated", read.why);
    if (confirmed || asked) return;
    no_topic = true;
    what += ", and the BMS names no topic on which we may ask for it";
  };
  if (liquid) say("liquid", building_.liquid_isolation(now_ns), !topics.liquid_isolation.empty());
  if (electrical)
    say("electrical", building_.electrical_isolation(now_ns), !topics.electrical_isolation.empty());
  if (!connected_) what += "; there is no connection to the broker: " + trouble_.message;
  Error error(no_topic ? "building.no_request_topic" : "building.not_isolated",
              fmt::format("rack {}: {}", options_.rack_location_id, what),
              "isolate the rack by hand at its valves and its breaker, and call the site");
  const Status ended = ctx.check();
  if (!ended) return std::move(error).while_doing(ended.error().message);
  return error;
}

}  // namespace kiln
