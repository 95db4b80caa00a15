#pragma once
// What a run energised and how that ended, as its record tells it: leaves given, undos opened and closed, and
// what may still be on. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/report_format.h"

namespace kiln {

struct SafetyPermit {
  std::string dut, step, energy;
  double at_s = 0;  ///< seconds since the run began
};

struct SafetyUndo {
  std::string dut, step, undo;
  double opened_s = 0, closed_s = 0;  ///< seconds since the run began
  bool closed = false;                ///< false: the record has no end of it
  bool done = false;
  std::string message;  ///< "not needed: …", "by the warden: …", why it failed
};

struct SafetyCut {
  std::string dut, code, message;
  double detected_s = 0;  ///< seconds since the run began
  /// Seconds from the detection until it was read back; nullopt: it was not confirmed.
  std::optional<double> load_stopped_after_s, off_after_s;
};

/// What a BMC would have done about a leak by itself, as its policy said; empty: not read.
struct SafetyPolicy {
  std::string dut, before, after;
};

/// A leak detector that was masked for its functional test.
struct SafetyMask {
  std::string dut, part;
  double from_s = 0;           ///< seconds since the run began
  std::optional<double> to_s;  ///< nullopt: the record has no end of it
  std::string message;         ///< what the warden saw of it, and why it ended
};

struct RunSafety {
  std::vector<SafetyCut> cuts;         ///< in order
  std::vector<SafetyPermit> permits;   ///< in order
  std::vector<SafetyUndo> undos;       ///< in order of opening
  std::vector<std::string> may_be_on;  ///< "C02: stop gpu_burn on C02 (why)"
  std::vector<std::string> wet;        ///< DUTs with a leak that was read, each once
  std::vector<SafetyPolicy> policies;  ///< by DUT, in the order of reading
  std::vector<SafetyMask> masks;       ///< in order
  [[nodiscard]] bool empty() const {
    return cuts.empty() && permits.empty() && undos.empty() && wet.empty() && policies.empty() &&
           masks.empty();
  }
};

RunSafety make_safety(const ReportInput& input);
/// "load stopped after 221 ms, off confirmed after 230 ms", each from the detection; or that it was not
/// confirmed.
std::string cut_times_sentence(const Interlocked& cut);
/// One sentence: what is still on as far as this record goes.
std::string safety_sentence(const RunSafety& safety);
/// One sentence about the policies; empty when none was read.
std::string policy_sentence(const RunSafety& safety);

}  // namespace kiln
