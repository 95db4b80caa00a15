#pragma once
// LeakDetectors over answers that the test bends. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/completion.h"
#include "safety/leak_detectors.h"
#include "safety/leak_events.h"

namespace kiln {

struct FakeDetectors {
  std::vector<DetectorLook> looks;
  Nanoseconds takes{0};          ///< before each answer
  std::optional<Error> refuses;  ///< every reading
  int reads = 0;

  /// One that is there and dry, or says something else.
  void put(const std::string& id, const std::string& detector_state = "OK",
           const std::string& state = "Enabled") {
    std::erase_if(looks, [&id](const DetectorLook& look) { return look.id == id; });
    DetectorLook look;
    look.id = id;
    look.place = "Chassis_0";
    look.answer.detector_state = detector_state;
    look.answer.state = state;
    look.verdict = read_leak_detector(look.answer);
    looks.push_back(std::move(look));
  }
};

class FakeLeakDetectors final : public LeakDetectors {
 public:
  explicit FakeLeakDetectors(std::shared_ptr<FakeDetectors> detectors) : detectors_(std::move(detectors)) {}
  boost::asio::awaitable<Result<std::vector<DetectorLook>>> read(const Ctx& ctx) override {
    ++detectors_->reads;
    const Status waited = co_await ctx.sleep_for(detectors_->takes);
    if (!waited) co_return waited.error();
    if (detectors_->refuses) co_return *detectors_->refuses;
    co_return detectors_->looks;
  }

 private:
  std::shared_ptr<FakeDetectors> detectors_;
};

/// A stream that the test speaks into and ends.
struct FakeEventStream {
  std::optional<Error> refuses;
  std::function<void(const LeakEvent&)> say;  ///< empty while nobody listens
  std::optional<Completion<bool>> listener;
  int listened = 0;

  void wet(const std::string& detector) {
    LeakEvent event;
    event.wet = true;
    event.detector = detector;
    event.why = "ResourceEvent.1.0.ResourceStatusChangedCritical (Critical)";
    if (say) say(event);
  }
  void end() {
    if (listener) listener->complete(true);
  }
};

class FakeLeakEvents final : public LeakEvents {
 public:
  explicit FakeLeakEvents(std::shared_ptr<FakeEventStream> stream) : stream_(std::move(stream)) {}
  boost::asio::awaitable<Status> listen(const Ctx& ctx,
                                        std::function<void(const LeakEvent&)> on_event) override {
    ++stream_->listened;
    if (stream_->refuses) co_return *stream_->refuses;
    const Completion<bool> ended;
    stream_->listener = ended;
    stream_->say = std::move(on_event);
    const Result<bool> waited = co_await ended.wait(ctx);
    stream_->say = nullptr;
    stream_->listener.reset();
    if (!waited) co_return waited.error();
    co_return success();
  }

 private:
  std::shared_ptr<FakeEventStream> stream_;
};

}  // namespace kiln
