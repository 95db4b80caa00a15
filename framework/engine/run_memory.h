#pragma once
// RunMemory: what the record of this run says so far, for steps that look back: when it began, which step ran
// when, and what was measured last. Fed by the Recorder with each event it has taken, also with those from
// before a resume, so that a step needs no other memory. Internal to the engine; loop thread only.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/step_window.h"
#include "model/event.h"

namespace kiln {

class RunMemory {
 public:
  void take(const Event& event);

  [[nodiscard]] std::int64_t begun_utc_ns() const { return begun_utc_ns_; }
  /// Of one DUT, in the order of their beginning; monitors are left out. Repetitions of a step that nothing
  /// else came between are one.
  [[nodiscard]] std::vector<StepWindow> windows(const std::string& dut) const;
  [[nodiscard]] std::optional<Value> last(const std::string& dut, const std::string& name,
                                          const std::string& part) const;

 private:
  std::int64_t begun_utc_ns_ = 0;
  std::map<std::string, std::vector<StepWindow>> windows_;
  std::map<std::tuple<std::string, std::string, std::string>, Value> values_;  ///< by DUT, name, part
};

}  // namespace kiln
