#include "cooling_steps.h"

namespace kiln::cooling {

std::string detector_word(const LeakVerdict& verdict) { return std::string(to_string(verdict.reading)); }

std::string detector_fault_code(const std::string& word) {
  if (word == "leak") return "leak.detected";
  if (word == "suspect") return "leak.suspected";
  if (word == "absent") return "leak_detector.absent";
  return "leak_detector.fault";
}

std::string detector_action(const std::string& word) {
  if (word == "leak")
    return "keep the tray off, isolate its coolant, find and mend the leak, dry and inspect before power";
  if (word == "suspect")
    return "keep the tray off and inspect for coolant: a faulty sensor may itself be wet";
  if (word == "absent") return "seat or replace the detector and its cable";
  return "replace the detector or its cable";
}

std::map<std::string, DetectorState> detector_states(const Dut& dut, const LeakCensus& census) {
  std::map<std::string, DetectorState> states;
  for (const Component* expected : dut.expect.of_kind(ComponentKind::leak_detector)) {
    states[expected->name] = {"absent", "not in the BMC's list of detectors", "", true};
  }
  for (const auto& detector : census.detectors) {
    DetectorState state{detector_word(detector.verdict), detector.verdict.reason, detector.uri,
                        detector.verdict.told};
    // Absent by its own word is told apart from broken, because the cure differs.
    const bool says_absent = detector.answer.detector_state == "Absent" || detector.answer.state == "Absent";
    if (state.word == "fault" && says_absent) state.word = "absent";
    states[detector.name] = std::move(state);
  }
  return states;
}

}  // namespace kiln::cooling
