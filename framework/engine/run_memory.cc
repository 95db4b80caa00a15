#include "engine/run_memory.h"

#include <variant>

namespace kiln {

void RunMemory::take(const Event& event) {
  if (begun_utc_ns_ == 0) begun_utc_ns_ = event.at.utc_ns;
  if (const auto* begun = std::get_if<StepBegun>(&event.body)) {
    if (begun->monitor) return;
    std::vector<StepWindow>& windows = windows_[event.dut];
    const bool repeated = !windows.empty() && windows.back().step == event.step;
    if (repeated) {
      windows.back().ended_utc_ns.reset();
    } else {
      windows.push_back({event.step, event.at.utc_ns, std::nullopt});
    }
  } else if (std::holds_alternative<StepEnded>(event.body)) {
    const auto known = windows_.find(event.dut);
    if (known == windows_.end()) return;
    for (auto window = known->second.rbegin(); window != known->second.rend(); ++window) {
      if (window->step != event.step) continue;
      window->ended_utc_ns = event.at.utc_ns;
      break;
    }
  } else if (const auto* measured = std::get_if<Measured>(&event.body)) {
    values_[{event.dut, measured->name, measured->part}] = measured->value;
  }
}

std::vector<StepWindow> RunMemory::windows(const std::string& dut) const {
  const auto known = windows_.find(dut);
  return known == windows_.end() ? std::vector<StepWindow>() : known->second;
}

std::optional<Value> RunMemory::last(const std::string& dut, const std::string& name,
                                     const std::string& part) const {
  const auto known = values_.find({dut, name, part});
  if (known == values_.end()) return std::nullopt;
  return known->second;
}

}  // namespace kiln
