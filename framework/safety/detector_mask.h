#pragma once
// DetectorMask: the one leak detector that is left out of what is judged, because somebody is wetting it to
// see whether it works, and what it says meanwhile. Ends by itself. Pure; one thread.

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "safety/leak_detectors.h"
#include "safety/trip.h"

namespace kiln {

class DetectorMask {
 public:
  /// Nothing is masked. `now_ns` here and below: monotonic.
  DetectorMask() { report_.state = MaskReport::State::ended; }
  void begin(const std::string& dut, const std::string& part, std::int64_t now_ns);
  /// Does nothing when nothing is masked.
  void end(std::string why, std::int64_t now_ns);
  [[nodiscard]] bool is_on() const { return report_.state == MaskReport::State::on; }
  [[nodiscard]] bool is_on(const std::string& dut) const { return is_on() && report_.dut == dut; }
  [[nodiscard]] bool is_over(std::int64_t now_ns) const { return is_on() && now_ns >= until_ns_; }

  /// Takes the masked detector out of `expected` and `looks`, which were asked for at `asked_ns`: an answer
  /// to a question from before the end may still tell of the test. True: its word has changed.
  bool take_out(const std::string& dut, std::int64_t asked_ns, std::int64_t now_ns,
                std::vector<std::string>& expected, std::vector<DetectorLook>& looks);

  /// Of the last one; `part` is empty when there was none.
  [[nodiscard]] const MaskReport& report() const { return report_; }

 private:
  void see(const std::string& word, std::int64_t now_ns);
  MaskReport report_;
  std::int64_t until_ns_ = 0;
};

}  // namespace kiln
