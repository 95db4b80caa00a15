#pragma once
// InterlockLatches: which DUTs were cut and not yet released, as files under the state directory that outlive
// every run and every station. Nothing is energised on a latched DUT. Blocking; loop thread or start.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/devices.h"
#include "engine/plan.h"
#include "model/event.h"
#include "station/dut_serials.h"

namespace kiln {

struct InterlockLatch {
  std::string dut, rack;
  /// The DUT itself, wherever it stands: the serial number that its BMC said, else the expected one, else the
  /// address of its BMC.
  std::string key;
  std::string bmc;  ///< where it is (model/bmc_place.h)
  std::string run, cause, code, part, message;
  bool read = true;  ///< the hazard was read
  std::int64_t utc_ns = 0;
  // Of a release.
  std::string released_by, reason, inspected_by, inspection;
  std::int64_t released_utc_ns = 0;
};

/// `serial`: as its BMC said it; empty: it did not.
std::string latch_key(const Dut& dut, const std::string& serial);
/// Of a cut, as the record tells it.
InterlockLatch latch_of(const Dut& dut, const std::string& serial, const std::string& rack,
                        const std::string& run, const Interlocked& cut, std::int64_t utc_ns);

class InterlockLatches {
 public:
  explicit InterlockLatches(const std::string& state_directory);

  /// Durable when it returns. The first cause of a DUT stays. Error latch.not_writable.
  [[nodiscard]] Status set(const InterlockLatch& latch) const;
  /// By the serial number that its BMC said, by the expected one, and by its address: while the BMC has not
  /// said who it is (`serial` empty), whatever was cut at that address may be it.
  [[nodiscard]] std::optional<InterlockLatch> find(const Dut& dut, const std::string& serial) const;
  [[nodiscard]] std::vector<InterlockLatch> all() const;
  /// Takes it off and keeps what was said, forever. Errors: latch.not_writable, latch.none.
  [[nodiscard]] Status release(const InterlockLatch& latch) const;
  /// latch.unreadable: what is latched cannot be known.
  [[nodiscard]] Status readable() const;
  /// interlock.latched: a DUT of the plan is, by name, with what to do.
  [[nodiscard]] Status refuse_latched(const Plan& plan, const DutSerials& serials) const;

 private:
  std::string directory_;
};

/// Tells `next` everything, and latches what was cut. What cannot be latched is left to `otherwise`, which
/// must see to it that the next run is refused.
class LatchingObserver final : public RunObserver {
 public:
  using Otherwise = std::function<void(const InterlockLatch& latch, const Interlocked& cut)>;
  /// All outlive it. `run`: its id.
  LatchingObserver(RunObserver& next, const InterlockLatches& latches, const Plan& plan, DutSerials serials,
                   std::string run, Otherwise otherwise);
  void on_event(const Event& event) override;
  void on_progress(const std::string& dut, const std::string& step, const std::string& text) override;
  /// Why something could not be latched; empty: everything was.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  RunObserver& next_;
  const InterlockLatches& latches_;
  const Plan& plan_;
  DutSerials serials_;
  std::string run_, trouble_;
  Otherwise otherwise_;
};

}  // namespace kiln
