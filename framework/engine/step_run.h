#pragma once
// StepRun: the real StepContext, for one attempt of one step (or one monitor) on one DUT. Internal to the
// engine.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/dut_run.h"
#include "engine/step_bmc.h"

namespace kiln {

struct StepBinding {
  std::string path;
  std::string use;
  Step* step = nullptr;
  const Parameters* with = nullptr;
  const std::vector<MeasurementDeclaration>* measurements = nullptr;
  Nanoseconds every{0};
  bool monitor = false;
  bool teardown = false;
  std::vector<std::string> rack_duts;  ///< of a rack step: those present; of a rack's monitor: all
};

class StepRun final : public StepContext {
 public:
  StepRun(RunState& state, DutRun& dut, StepBinding binding, Ctx ctx, int iteration, int attempt);

  const Ctx& ctx() const override { return ctx_; }
  const Inventory& inventory() const override { return state_.plan.inventory; }
  const Dut& dut() const override { return dut_.dut; }
  std::vector<const Dut*> duts() const override;
  const Parameters& with() const override { return *binding_.with; }
  int attempt() const override { return where_.attempt; }
  Nanoseconds every() const override { return binding_.every; }
  Result<Bmc*> bmc() override;
  Result<Shell*> shell() override;
  Result<Bmc*> bmc_of(const std::string& dut) override;
  Result<Shell*> shell_of(const std::string& dut) override;
  ProcessLauncher& processes() override { return state_.devices.processes(); }
  Result<std::unique_ptr<HttpClient>> model_server(const ServingAccess* written,
                                                   std::size_t at_once) override;
  boost::asio::awaitable<Result<BuildingReport>> building(Nanoseconds settle, Nanoseconds patience) override;
  Switched switched(const std::string& dut) const override;
  boost::asio::awaitable<Result<Outcome>> record(Reading reading) override;
  boost::asio::awaitable<Status> sample(std::string name, std::string part, std::string unit,
                                        std::optional<double> value) override;
  boost::asio::awaitable<Status> seen(PartSeen part) override;
  boost::asio::awaitable<Status> diagnose(Diagnosed diagnosis) override;
  boost::asio::awaitable<Status> disturbance(Disturbance disturbance) override;
  boost::asio::awaitable<Status> note(std::string text) override;
  boost::asio::awaitable<Status> attach(std::string name, std::string media_type, std::string bytes) override;
  void progress(std::string text) override;
  Result<Permit> permit(Energy energy, const std::string& reason) override;
  Result<Permit> permit_of(const std::string& dut, Energy energy, const std::string& reason) override;
  boost::asio::awaitable<Status> flash(
      FirmwareWrite component, Nanoseconds budget,
      std::function<boost::asio::awaitable<Status>(Ctx&, Bmc&)> write) override;
  boost::asio::awaitable<Result<int>> open_guard(Undo undo) override;
  boost::asio::awaitable<Status> close_guard(int guard) override;
  boost::asio::awaitable<Status> release_guard(int guard, std::string why) override;
  boost::asio::awaitable<Status> mask_detector(std::string part) override;
  std::optional<MaskReport> masked_detector() const override;
  boost::asio::awaitable<Status> unmask_detector() override;
  boost::asio::awaitable<Status> begin_silence(const Ctx& ctx, Nanoseconds longest) override;
  boost::asio::awaitable<Status> end_silence(const Ctx& ctx) override;
  std::optional<Nanoseconds> planned_silence() const override;
  Status still_permitted(Energy energy) const override;
  void watch_armed(bool armed) override;
  boost::asio::awaitable<Status> trip(Hazard hazard) override;
  boost::asio::awaitable<Result<PromptAnswer>> prompt(PromptRequest request) override;
  std::int64_t run_begun_utc_ns() const override { return state_.recorder.memory().begun_utc_ns(); }
  std::vector<StepWindow> windows() const override { return state_.recorder.memory().windows(where_.dut); }
  std::optional<Value> earlier(const std::string& name, const std::string& part) const override {
    return state_.recorder.memory().last(where_.dut, name, part);
  }
  const std::vector<LogAllowance>& allowed_log_entries() const override {
    return state_.plan.allowed_log_entries;
  }

  /// Undoes what the step left open, writes buffered samples and what the connections reported. Runs to its
  /// end whatever was stopped. An Error: an undo failed.
  boost::asio::awaitable<Status> finish();

  [[nodiscard]] bool any_fail() const { return any_fail_; }
  /// Every required cell of this step on this DUT was recorded with pass or marginal, and nothing failed.
  [[nodiscard]] bool all_required_passed() const;

 private:
  using SeriesKey = std::tuple<std::string, std::string, std::string>;  // name, part, unit
  boost::asio::awaitable<Status> flush_samples(SeriesKey key);
  boost::asio::awaitable<Status> record_permits();
  boost::asio::awaitable<Status> record_opening(const Undo& undo);
  boost::asio::awaitable<Status> report_connection(Bmc& bmc);
  /// The BMC as a step may use it; `dut` is the one behind it.
  Bmc* for_step(Bmc& bmc, DutRun& dut);
  void note_use(BmcAbility ability) const;
  /// Of a step that uses the fabric: the DUT at a far end that this run took down since the step began.
  std::optional<std::string> far_end_down() const;
  Result<Permit> permit_for(const Dut& dut, Energy energy, const std::string& reason);
  const MeasurementDeclaration* declaration(const std::string& name) const;

  RunState& state_;
  DutRun& dut_;
  StepBinding binding_;
  Ctx ctx_;
  Where where_;
  std::int64_t begun_ns_;
  bool any_fail_ = false;
  std::set<std::pair<std::string, std::string>> good_;
  std::map<SeriesKey, std::vector<std::pair<double, double>>> samples_;
  std::vector<PermitGranted> permits_to_record_;
  std::map<Bmc*, std::unique_ptr<StepBmc>> step_bmcs_;
  std::unique_ptr<NotedBmc> flash_bmc_;  ///< of the write under way, or the last one
};

}  // namespace kiln
