#pragma once
// The Fuse counts every moment at which a station can die, and lets it die at one of them; the StationLoop
// gives the station time through it. A dead station's coroutines run on in the void to their end: every door
// asks dead() first and then has no effect any more. A frozen one (SIGSTOP) holds still wherever it stands,
// until it is woken or killed after all. Loop thread only; one of each per run.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "io/completion.h"
#include "io/ctx.h"
#include "io/loop.h"

namespace kiln::kills {

class Fuse;

/// The station's face of the simulated loop that it shares with rack and warden: each of its waits that ends
/// is a point, and while it is frozen nothing of it runs.
class StationLoop final : public Loop {
 public:
  StationLoop(Loop& shared, Fuse& fuse) : shared_(shared), fuse_(fuse) {}
  [[nodiscard]] const Clock& clock() const override { return shared_.clock(); }
  TimerId call_at(std::int64_t monotonic_ns, std::function<void()> callback) override;
  void cancel(TimerId id) override { shared_.cancel(id); }
  void post(std::function<void()> callback) override;
  boost::asio::io_context& native() override { return shared_.native(); }
  void run(std::function<boost::asio::awaitable<void>(Ctx&)> /*main*/,
           std::function<void(int)> /*on_signal*/) override {}
  /// Coroutines that were resumed; several may lie between two points.
  [[nodiscard]] int resumed() const { return resumed_; }
  /// What was held back while it was frozen runs now.
  void thaw();

 protected:
  void hold_changed(int /*by*/) override {}

 private:
  void deliver(std::function<void()> callback);
  Loop& shared_;
  Fuse& fuse_;
  int resumed_ = 0;
  std::vector<std::function<void()>> held_;
};

class Fuse {
 public:
  /// At which point the station dies; 0: never. `freezes`: it is stopped first, until wake() or die().
  Fuse(int fatal_point, bool freezes) : fatal_point_(fatal_point), freezes_(freezes) {}

  /// A point outside coroutines.
  void reach(const std::string& name);
  /// A point of a coroutine of the station. Returns only when the station runs, or is dead: see dead().
  boost::asio::awaitable<void> at(StationLoop& loop, std::string name);
  /// A frozen station is killed; or goes on as if nothing had been.
  void die();
  void wake() { frozen_ = false; }

  [[nodiscard]] bool dead() const { return dead_; }
  [[nodiscard]] bool frozen() const { return frozen_; }
  [[nodiscard]] int points() const { return points_; }
  [[nodiscard]] const std::string& fatal_name() const { return fatal_name_; }

  std::function<void()> on_strike;            ///< the fatal point is reached
  std::function<void()> on_death;             ///< it is dead: at once, or by die()
  std::vector<std::string>* names = nullptr;  ///< where every point is written down; may be null

 private:
  int fatal_point_;
  bool freezes_;
  int points_ = 0;
  bool struck_ = false, frozen_ = false, dead_ = false;
  std::string fatal_name_;
};

inline StationLoop::TimerId StationLoop::call_at(std::int64_t monotonic_ns, std::function<void()> callback) {
  return shared_.call_at(monotonic_ns, [this, callback = std::move(callback)] {
    fuse_.reach("a wait has ended");
    deliver(callback);
  });
}

inline void StationLoop::post(std::function<void()> callback) {
  shared_.post([this, callback = std::move(callback)] {
    ++resumed_;
    deliver(callback);
  });
}

inline void StationLoop::deliver(std::function<void()> callback) {
  if (fuse_.frozen()) {
    held_.push_back(std::move(callback));
  } else {
    callback();
  }
}

inline void StationLoop::thaw() {
  for (const auto& callback : std::exchange(held_, {})) shared_.post(callback);
}

inline void Fuse::reach(const std::string& name) {
  if (struck_) return;
  ++points_;
  if (names != nullptr) names->push_back(name);
  if (points_ != fatal_point_) return;
  struck_ = true;
  frozen_ = freezes_;
  fatal_name_ = name;
  if (on_strike) on_strike();
  if (!freezes_) die();
}

inline void Fuse::die() {
  if (dead_) return;
  dead_ = true;
  frozen_ = false;
  if (on_death) on_death();
}

inline boost::asio::awaitable<void> Fuse::at(StationLoop& loop, std::string name) {
  reach(name);
  if (!frozen()) co_return;
  const Completion<bool> thawed;
  loop.post([thawed] { thawed.complete(true); });  // held until it is woken or killed
  const Ctx unstoppable(loop, "frozen");
  const Result<bool> waited = co_await thawed.wait(unstoppable);
  (void)waited;
}

}  // namespace kiln::kills
