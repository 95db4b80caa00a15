#include "io/ctx.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "io/completion.h"

namespace kiln {

namespace {

/// now + budget without overflow; a negative budget is none at all.
std::int64_t due_after(std::int64_t now_ns, Nanoseconds budget) {
  const std::int64_t wanted = std::max<std::int64_t>(budget.count(), 0);
  return wanted > std::numeric_limits<std::int64_t>::max() - now_ns ? std::numeric_limits<std::int64_t>::max()
                                                                    : now_ns + wanted;
}

std::string joined(const std::string& crumbs, const std::string& crumb) {
  if (crumbs.empty()) return crumb;
  return crumb.empty() ? crumbs : crumbs + " | " + crumb;
}

}  // namespace

std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::none:
      return "none";
    case StopReason::deadline:
      return "deadline";
    case StopReason::operator_stop:
      return "operator_stop";
    case StopReason::interlock:
      return "interlock";
    case StopReason::gate:
      return "gate";
    case StopReason::sibling:
      return "sibling";
    case StopReason::shutdown:
      return "shutdown";
    case StopReason::parked:
      return "parked";
  }
  return "none";
}

/// One place in the tree. Children keep their parent alive; a parent knows its children only to hand a stop
/// down.
struct Ctx::Node : std::enable_shared_from_this<Ctx::Node> {
  struct Deadline {
    std::int64_t due_ns;
    Nanoseconds budget;  ///< as it was given, for the error's text
    std::string whose;   ///< crumbs of the Ctx that set it
  };

  Node(Loop& on, std::shared_ptr<Node> above, std::string path)
      : loop(&on), parent(std::move(above)), crumbs(std::move(path)) {
    if (parent) {
      deadline = parent->deadline;
      reason = parent->reason_now();
      message = parent->message;
      parent->children.push_back(this);
    }
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node() {
    if (parent) std::erase(parent->children, this);
  }

  [[nodiscard]] StopReason reason_now() const {
    if (reason != StopReason::none) return reason;
    if (deadline && loop->clock().now().monotonic_ns >= deadline->due_ns) return StopReason::deadline;
    return StopReason::none;
  }

  void limit(Nanoseconds budget) {
    const std::int64_t due = due_after(loop->clock().now().monotonic_ns, budget);
    if (!deadline || due < deadline->due_ns) deadline = Deadline{due, budget, crumbs};
  }

  void stop(StopReason why, const std::string& text) {
    if (reason != StopReason::none) return;
    reason = reason_now();  // a deadline that passed unnoticed was first
    if (reason == StopReason::none) {
      reason = why;
      message = text;
    }
    // Copies, because a callback may end subscriptions and children.
    const std::vector<std::weak_ptr<std::function<void()>>> listeners = std::exchange(subscriptions, {});
    for (const auto& listener : listeners) {
      if (const auto callback = listener.lock()) (*callback)();
    }
    std::vector<std::weak_ptr<Node>> below;
    below.reserve(children.size());
    for (Node* child : children) below.push_back(child->weak_from_this());
    for (const auto& child : below) {
      if (const auto node = child.lock()) node->stop(why, text);
    }
  }

  Loop* loop;
  std::shared_ptr<Node> parent;
  std::string crumbs;
  std::optional<Deadline> deadline;
  StopReason reason = StopReason::none;
  std::string message;
  std::vector<Node*> children;
  std::vector<std::weak_ptr<std::function<void()>>> subscriptions;
};

Ctx::Ctx(Loop& loop, std::string crumb) : node_(std::make_shared<Node>(loop, nullptr, std::move(crumb))) {}
Ctx::Ctx(std::shared_ptr<Node> node) : node_(std::move(node)) {}
Ctx::Ctx(Ctx&&) noexcept = default;
Ctx& Ctx::operator=(Ctx&&) noexcept = default;
Ctx::~Ctx() = default;

Ctx Ctx::child(std::string crumb) const {
  return Ctx(std::make_shared<Node>(*node_->loop, node_, joined(node_->crumbs, crumb)));
}

Ctx Ctx::child_within(std::string crumb, Nanoseconds budget) const {
  Ctx made = child(std::move(crumb));
  made.node_->limit(budget);
  return made;
}

Ctx Ctx::shield(std::string crumb, Nanoseconds budget) const {
  Ctx made(*node_->loop, joined(node_->crumbs, crumb));
  made.node_->limit(budget);
  return made;
}

void Ctx::request_stop(StopReason reason, std::string message) const {
  if (reason == StopReason::none) return;
  const std::shared_ptr<Node> node = node_;
  node->stop(reason, message);
}

StopReason Ctx::stop_reason() const { return node_->reason_now(); }

Status Ctx::check() const {
  const StopReason reason = node_->reason_now();
  if (reason == StopReason::none) return success();
  const std::string where = node_->crumbs.empty() ? std::string() : node_->crumbs + ": ";
  if (reason == StopReason::deadline) {
    std::string what = "out of time";
    if (node_->deadline) {
      what = fmt::format("not finished within {}", format_duration(node_->deadline->budget));
      if (node_->deadline->whose != node_->crumbs && !node_->deadline->whose.empty()) {
        what += fmt::format(" (the time given to {})", node_->deadline->whose);
      }
    }
    return Error("ctx.deadline", where + what, "", Blame::peer);
  }
  const Blame blame = reason == StopReason::operator_stop ? Blame::operator_ : Blame::station;
  return Error("ctx.stopped",
               fmt::format("{}stopped ({}){}{}", where, to_string(reason), node_->message.empty() ? "" : ": ",
                           node_->message),
               "", blame);
}

std::optional<std::int64_t> Ctx::deadline_ns() const {
  if (!node_->deadline) return std::nullopt;
  return node_->deadline->due_ns;
}

Nanoseconds Ctx::remaining() const {
  if (!node_->deadline) return Nanoseconds::max();
  return Nanoseconds(std::max<std::int64_t>(node_->deadline->due_ns - now().monotonic_ns, 0));
}

Loop& Ctx::loop() const { return *node_->loop; }
std::string Ctx::crumbs() const { return node_->crumbs; }

boost::asio::awaitable<Status> Ctx::sleep_for(Nanoseconds duration) const {
  const Ctx here(node_);  // the caller's Ctx object may be moved while we sleep
  Status go_on = here.check();
  if (!go_on) co_return go_on;
  const Completion<bool> woken;
  const Loop::TimerId timer =
      here.loop().call_at(due_after(here.now().monotonic_ns, duration), [woken] { woken.complete(true); });
  const Result<bool> slept = co_await woken.wait(here);
  here.loop().cancel(timer);
  if (!slept) co_return slept.error();
  co_return success();
}

Ctx::StopToken Ctx::on_stop(std::function<void()> callback) const {
  if (node_->reason != StopReason::none) {
    callback();
    return nullptr;
  }
  auto subscription = std::make_shared<std::function<void()>>(std::move(callback));
  std::erase_if(node_->subscriptions, [](const auto& known) { return known.expired(); });
  node_->subscriptions.push_back(subscription);
  return subscription;
}

boost::asio::awaitable<Status> shielded(const Ctx& ctx, std::string crumb, Nanoseconds budget,
                                        std::function<boost::asio::awaitable<Status>(Ctx&)> work) {
  Ctx inner = ctx.shield(std::move(crumb), budget);
  Status done = co_await work(inner);
  co_return done;
}

}  // namespace kiln
