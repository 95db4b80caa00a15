#pragma once
// HazardReadings over values that the test bends. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "safety/hazard_readings.h"

namespace kiln {

struct FakeHazards {
  std::map<std::pair<HazardKind, std::string>, std::optional<double>> values;
  Nanoseconds takes{0};          ///< before each answer
  std::optional<Error> refuses;  ///< every reading
  std::string not_seen;
  std::function<std::string()> read_at;  ///< of every reading; may be empty
  int reads = 0, looked_anew = 0;
  std::function<void()> on_read;  ///< may be empty

  void put(HazardKind kind, const std::string& part, std::optional<double> value) {
    values[{kind, part}] = value;
  }
};

class FakeHazardReadings final : public HazardReadings {
 public:
  explicit FakeHazardReadings(std::shared_ptr<FakeHazards> hazards) : hazards_(std::move(hazards)) {}
  boost::asio::awaitable<Result<HazardLook>> read(const Ctx& ctx, std::set<HazardKind> kinds,
                                                  bool look_anew) override {
    ++hazards_->reads;
    if (hazards_->on_read) hazards_->on_read();
    if (look_anew) ++hazards_->looked_anew;
    const Status waited = co_await ctx.sleep_for(hazards_->takes);
    if (!waited) co_return waited.error();
    if (hazards_->refuses) co_return *hazards_->refuses;
    HazardLook look;
    look.not_seen = hazards_->not_seen;
    for (const auto& [key, value] : hazards_->values) {
      if (!kinds.contains(key.first)) continue;
      HazardReading reading;
      reading.kind = key.first;
      reading.part = key.second;
      reading.value = value;
      if (!value) reading.why = "it has no value";
      if (hazards_->read_at) reading.read_at = hazards_->read_at();
      look.readings.push_back(std::move(reading));
    }
    co_return look;
  }

 private:
  std::shared_ptr<FakeHazards> hazards_;
};

}  // namespace kiln
