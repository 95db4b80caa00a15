#include "engine/flash.h"

#include <fmt/format.h>

#include <memory>

#include "engine/dut_run.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kEndingTakes = std::chrono::seconds(10);  // from a write's deadline to its end

/// Open from construction to destruction, so that a write that throws is over too.
class OpenFlash {
 public:
  OpenFlash(RunState& state, DutRun& dut, std::shared_ptr<Flash> flash)
      : state_(state), dut_(dut), flash_(std::move(flash)) {
    dut_.flash = flash_;
    state_.permits.set_flash_open(dut_.dut.id, flash_->component);
  }
  OpenFlash(const OpenFlash&) = delete;
  OpenFlash& operator=(const OpenFlash&) = delete;
  ~OpenFlash() {
    flash_->ctx = nullptr;
    forget_silence(state_, dut_);
    if (number_ != 0) state_.journal.end(number_, GuardEnd::not_needed, "the write has ended");
    dut_.flash.reset();
    state_.permits.set_flash_closed(dut_.dut.id);
    flash_->over.open();
  }
  /// Whoever finds the run dead waits for the write before it switches the DUT off.
  awaitable<Status> journal(const Ctx& ctx, std::string evidence) {
    JournaledUndo wait(
        UndoKind::firmware_write, dut_.dut.id,
        fmt::format("wait for the firmware write of {} on {}", flash_->component, dut_.dut.id));
    wait.step = flash_->where.step;
    wait.command = std::move(evidence);
    wait.budget = ctx.remaining() + kEndingTakes;
    const Result<int> number = co_await state_.journal.open(ctx, std::move(wait));
    if (!number) co_return number.error();
    number_ = *number;
    co_return success();
  }

 private:
  RunState& state_;
  DutRun& dut_;
  std::shared_ptr<Flash> flash_;
  int number_ = 0;  ///< in the guard journal; 0: it is not there
};

awaitable<Status> write_under(Flash& flash, Bmc& bmc, const FlashWork& write, Ctx& ctx) {
  flash.ctx = &ctx;
  Status done = co_await write(ctx, bmc);
  if (!done) flash.ended_by = ctx.stop_reason();
  flash.ctx = nullptr;
  co_return done;
}

awaitable<Status> record_interrupted(RunState& state, const Flash& flash) {
  Diagnosed diagnosis;
  diagnosis.code = "firmware.interrupted";
  diagnosis.part = flash.component;
  diagnosis.message =
      flash.ended_by == StopReason::interlock
          ? fmt::format("the update of {} was cut by an interlock: unknown until it is read again",
                        flash.component)
          : fmt::format("the update of {} did not end in its time: unknown until it is read again",
                        flash.component);
  diagnosis.action = fmt::format(
      "read the version of {} before anything else; if it does not answer, use the vendor's recovery path",
      flash.component);
  EventBody body = std::move(diagnosis);
  const Status recorded = co_await state.recorder.record_durable(flash.where, std::move(body));
  co_return recorded;
}

/// Some write that switching `dut` off would interrupt.
std::shared_ptr<Flash> flash_under(const RunState& state, const DutRun& dut) {
  if (dut.flash) return dut.flash;
  if (!PermitOffice::serves_all(dut.dut)) return nullptr;
  for (const auto& [id, other] : state.duts) {
    if (other->flash) return other->flash;
  }
  return nullptr;
}

awaitable<Status> wait_until_over(Flash& flash, Ctx& ctx) {
  const Status waited = co_await flash.over.wait(ctx);
  co_return waited;
}

}  // namespace

awaitable<Status> run_flash(RunState& state, DutRun& dut, Where where, FirmwareWrite component,
                            const Ctx& ctx, FlashWork write) {
  const Status going_on = ctx.check();  // a stop that came before the first byte wins
  if (!going_on) co_return going_on;
  // A permit may be older than another's write.
  if (const auto open = state.permits.flash_in_scope(dut.dut)) {
    co_return Error("permit.flash_open",
                    fmt::format("no flash on {} while firmware is being written ({})", dut.dut.id, *open),
                    "update one component after the other", Blame::recipe);
  }
  const Status judged = state.permits.all_judged(dut.dut);
  if (!judged) co_return judged;
  if (const auto load = load_in_scope(state, dut)) {
    co_return Error("permit.load_open", fmt::format("no firmware is written under load: {}", *load),
                    "end the load first: order the phases so that nothing runs beside the update",
                    Blame::recipe);
  }
  const Result<Bmc*> bmc = bmc_of(state, dut, "");
  if (!bmc) co_return bmc.error();
  std::string evidence = to_text(component);
  const auto flash = std::make_shared<Flash>(std::move(component.component), std::move(where));
  Status done = success();
  {
    OpenFlash open(state, dut, flash);
    const Status journaled = co_await open.journal(ctx, std::move(evidence));
    if (!journaled) co_return journaled;
    const Status still_going_on = ctx.check();
    if (!still_going_on) co_return still_going_on;
    Flash& the_flash = *flash;
    Bmc& the_bmc = **bmc;
    dut.switched.off_ns = ctx.now().monotonic_ns;  // a write may restart the DUT at any moment
    done = co_await shielded(
        ctx, "flash " + flash->component, ctx.remaining(),
        [&the_flash, &the_bmc, &write](Ctx& inner) { return write_under(the_flash, the_bmc, write, inner); });
    dut.switched.on_ns = ctx.now().monotonic_ns;
    // Before it leaves the journal: at no moment does nobody know of it.
    if (flash->ended_by != StopReason::none) {
      const Status recorded = co_await record_interrupted(state, *flash);
      if (!recorded) co_return recorded;
    }
  }
  co_return done;
}

void interrupt_flash(const DutRun& dut, const std::string& why) {
  const std::shared_ptr<Flash> flash = dut.flash;
  if (flash && flash->ctx != nullptr) flash->ctx->request_stop(StopReason::interlock, why);
}

awaitable<void> wait_for_flashes(RunState& state, DutRun& dut) {
  while (const std::shared_ptr<Flash> flash = flash_under(state, dut)) {
    const Nanoseconds left = flash->ctx == nullptr ? Nanoseconds::zero() : flash->ctx->remaining();
    Flash& open = *flash;
    const Status waited = co_await shielded(dut.ctx, "flash in scope", left + kEndingTakes,
                                            [&open](Ctx& ctx) { return wait_until_over(open, ctx); });
    if (!waited) co_return;  // it does not end, although its time is over: parking goes on without it
  }
}

}  // namespace kiln
