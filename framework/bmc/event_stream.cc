#include "bmc/event_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bmc/event_service.h"
#include "bmc/redfish_error.h"
#include "io/scope.h"
#include "io/server_sent_events.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kLookEvery = std::chrono::seconds(1);  // how late silence is noticed, at most
constexpr Nanoseconds kOpened = std::chrono::milliseconds(300);
constexpr Nanoseconds kShortLife = std::chrono::seconds(5);
constexpr int kMostShortLives = 4;  // in a row, each with something delivered or proved before

Error no_events(const std::string& base_url, const std::string& why) {
  return Error("bmc.no_events", fmt::format("the BMC at {} gives no events: {}", base_url, why), "",
               Blame::peer);
}

}  // namespace

/// One stream, and what outlives it.
struct EventReader::Listening {
  OnEvent on_event;
  EventMemory memory;
  EventServiceLinks service;
  // Of this stream.
  ServerSentEvents format;
  std::optional<Ctx> own;  ///< stopped: the stream is closed
  std::int64_t heard_ns = 0;
  std::int64_t opened_ns = 0;
  bool any_line = false;  ///< a comment, a heartbeat or an event: it is a stream
  bool proved = false;    ///< the BMC answered something else beside it
  bool blocks = false;
  std::string died_of;
  // Of all.
  bool opened_before = false;
  bool told_silent = false;
  Nanoseconds silence{0};

  void take(const std::string& piece, std::int64_t now_ns, int max_depth) {
    heard_ns = now_ns;
    any_line = true;
    for (const ServerSentEvents::Event& one : format.take(piece)) {
      const bool gap = memory.leaves_a_gap(one.id);
      if (gap) tell_missed(fmt::format("events before {} did not arrive", one.id));
      for (const BmcEvent& event : read_bmc_events(one.data, max_depth)) {
        if (memory.is_new(event)) on_event(event);
      }
    }
  }
  void tell_missed(std::string why) const {
    BmcEvent missed;
    missed.fact = BmcEvent::Fact::missed;
    missed.entry.message = std::move(why);
    on_event(missed);
  }
};

awaitable<bool> EventReader::ask_for_test(const Ctx& ctx, std::string uri) {
  const Ctx limited = ctx.child_within("test event", times_.answer);
  std::string type = "application/json";
  std::string body = kTestEventRequest;
  const Result<RedfishAnswer> asked =
      co_await tree_.client().post(limited, std::move(uri), std::move(type), std::move(body), Repeat::never);
  co_return asked.has_value();
}

/// Beside one stream: that the BMC still answers others, then that the stream lives.
awaitable<void> EventReader::keep_alive(Ctx& ctx, EventReader& reader, std::shared_ptr<Listening> listening) {
  const EventStreamTimes& times = reader.times_;
  Status opened = co_await ctx.sleep_for(kOpened);
  if (!opened) co_return;
  const Ctx limited = ctx.child_within("a request beside the stream", times.beside);
  std::string root = kServiceRoot;
  const Result<RedfishResource> beside = co_await reader.tree_.client().get(limited, std::move(root), 0);
  if (ctx.stopped()) co_return;
  // What answers with an error answers.
  listening->proved = beside || !is_exchange_error(beside.error());
  if (!listening->proved) {
    listening->blocks = true;
    listening->died_of = beside.error().message;
    listening->own->request_stop(StopReason::sibling, "the BMC answers nobody else beside it");
    co_return;
  }
  while (!ctx.stopped()) {
    Status waited = co_await ctx.sleep_for(kLookEvery);
    if (!waited) co_return;
    const std::int64_t silent_since = listening->heard_ns;
    if (ctx.now().monotonic_ns - silent_since < listening->silence.count()) continue;
    const std::string test_uri = listening->service.test_uri;
    bool asked = false;
    if (!test_uri.empty()) asked = co_await reader.ask_for_test(ctx, test_uri);
    const std::int64_t until = ctx.now().monotonic_ns + times.answer.count();
    while (asked && listening->heard_ns == silent_since && ctx.now().monotonic_ns < until) {
      waited = co_await ctx.sleep_for(std::min(kLookEvery, times.answer));
      if (!waited) co_return;
    }
    if (listening->heard_ns != silent_since) continue;
    const std::string silent = format_duration(Nanoseconds(ctx.now().monotonic_ns - silent_since));
    listening->died_of =
        asked ? fmt::format("it was silent for {}, and a test event did not arrive", silent)
              : fmt::format("it was silent for {}, and no test event can be asked for", silent);
    if (!asked) listening->silence = std::min(listening->silence * 2, times.longest_silence);
    listening->own->request_stop(StopReason::sibling, "the stream is dead");
    co_return;
  }
}

awaitable<EventReader::Ended> EventReader::listen_once(const Ctx& ctx, std::shared_ptr<Listening> listening) {
  RedfishClient& client = tree_.client();
  const int max_depth = client.options().max_depth;
  listening->format = ServerSentEvents();
  listening->memory.forget_ids();
  listening->any_line = listening->proved = listening->blocks = false;
  listening->died_of.clear();
  listening->opened_ns = listening->heard_ns = ctx.now().monotonic_ns;
  listening->own.emplace(ctx.child("stream of events"));
  if (listening->opened_before) listening->tell_missed("the stream of events was opened again");
  listening->opened_before = true;

  Scope beside(ctx);
  beside.start("is the stream alive",
               [this, listening](Ctx& own) { return keep_alive(own, *this, listening); });
  Loop* loop = &ctx.loop();
  std::function<void(const std::string&)> on_piece = [listening, loop, max_depth](const std::string& piece) {
    listening->take(piece, loop->clock().now().monotonic_ns, max_depth);
  };
  const std::string uri = listening->service.stream_uri;
  const Result<HttpResponse> ended = co_await client.stream(*listening->own, uri, std::move(on_piece));
  const Status closed = co_await beside.stop_and_join(StopReason::sibling, "the stream has ended");
  if (!closed) listening->died_of = closed.error().message;
  if (listening->blocks) co_return Ended::blocks;
  if (listening->died_of.empty() && !ended) listening->died_of = ended.error().message;
  if (ended && (ended->status != 200 || !listening->any_line)) {
    listening->died_of = fmt::format("GET {} answered {}", uri, ended->status);
    // Gone for a moment, or asked too often.
    const bool passes =
        ended->status == 200 ? listening->any_line : ended->status == 429 || ended->status >= 500;
    if (!passes) co_return Ended::no_stream;
  }
  if (listening->died_of.empty()) listening->died_of = "the BMC ended it";
  co_return Ended::broke;
}

awaitable<Status> EventReader::listen(const Ctx& ctx, OnEvent on_event) {
  RedfishClient& client = tree_.client();
  const auto listening = std::make_shared<Listening>();
  listening->on_event = std::move(on_event);
  listening->silence = times_.silence;
  Nanoseconds pause = times_.first_pause;
  int short_lives = 0;
  while (true) {
    Status going = ctx.check();
    if (!going) co_return going;
    Result<EventServiceLinks> service = co_await read_event_service(ctx, tree_);
    if (!service && ctx.stopped()) co_return service.error();
    if (service && service->stream_uri.empty())
      co_return no_events(client.base_url(), "its EventService has no ServerSentEventUri");
    if (service) {
      listening->service = std::move(*service);
      const Ended how = co_await listen_once(ctx, listening);
      going = ctx.check();
      if (!going) co_return going;
      if (how == Ended::no_stream) co_return no_events(client.base_url(), listening->died_of);
      // One that never came about says nothing of the stream: the BMC is away.
      const bool came_about = listening->any_line || listening->proved;
      const bool short_life =
          came_about && ctx.now().monotonic_ns - listening->opened_ns < kShortLife.count();
      short_lives = short_life || how == Ended::blocks ? short_lives + 1 : 0;
      if (!short_life) pause = times_.first_pause;
      if (how == Ended::blocks && short_lives >= 2) {
        co_return no_events(client.base_url(),
                            fmt::format("it answers nobody else while it streams ({})", listening->died_of));
      }
      if (short_lives >= kMostShortLives) {
        co_return no_events(client.base_url(), fmt::format("its stream ended {} times at once ({})",
                                                           short_lives, listening->died_of));
      }
      const bool silent = listening->service.test_uri.empty();
      if (!silent || !listening->told_silent) {
        client.note_disturbance(
            fmt::format("the stream of events ended: {}; polling goes on, opened again in {}",
                        listening->died_of, format_duration(pause)));
      }
      listening->told_silent = listening->told_silent || silent;
    }
    Status waited = co_await ctx.sleep_for(pause);
    if (!waited) co_return waited;
    pause = std::min(pause * 2, times_.longest_pause);
  }
}

}  // namespace kiln
