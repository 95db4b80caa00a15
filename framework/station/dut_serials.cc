#include "station/dut_serials.h"

#include <utility>

#include "io/scope.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kAsk = std::chrono::seconds(5);
constexpr Nanoseconds kLogoutAfterSerial = std::chrono::seconds(3);

awaitable<void> read_one(Ctx& ctx, Devices& devices, const Dut& dut, DutSerials& serials) {
  const Result<std::unique_ptr<Bmc>> bmc = devices.open_bmc(dut);
  if (!bmc) co_return;  // whoever energises it will say why
  const Result<BmcIdentity> identity = co_await (*bmc)->identity(ctx);
  if (identity && !identity->serial.empty()) serials[dut.id] = identity->serial;
  Bmc* door = bmc->get();
  const Status out = co_await shielded(ctx, "logout", kLogoutAfterSerial,
                                       [door](Ctx& leave) { return door->logout(leave); });
  (void)out;
}

}  // namespace

awaitable<DutSerials> read_dut_serials(const Ctx& ctx, Devices& devices, const Plan& plan) {
  DutSerials serials;
  Ctx limited = ctx.child_within("serial numbers", kAsk);
  Scope all(limited);
  for (const std::string& id : plan.duts) {
    const Dut* dut = plan.inventory.find(id);
    if (dut == nullptr || !dut->bmc) continue;
    all.start(id, [dut, &devices, &serials](Ctx& task) { return read_one(task, devices, *dut, serials); });
  }
  const Status joined = co_await all.join();
  (void)joined;  // who did not answer is missing
  co_return serials;
}

}  // namespace kiln
