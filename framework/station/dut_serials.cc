#include "station/dut_serials.h"

#include <fmt/format.h>

#include <boost/algorithm/string/case_conv.hpp>
#include <set>
#include <utility>

#include "io/scope.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

/// What boards are delivered with when nobody has written a serial number (SMBIOS defaults of several
/// makers).
bool says_nothing(const std::string& serial) {
  static const std::set<std::string> defaults{"",
                                              "0",
                                              "00000000",
                                              "0123456789",
                                              "none",
                                              "123456789",
                                              "default string",
                                              "to be filled by o.e.m.",
                                              "system serial number",
                                              "unknown",
                                              "not specified",
                                              "n/a"};
  return defaults.count(boost::algorithm::to_lower_copy(serial)) > 0;
}

constexpr Nanoseconds kAsk = std::chrono::seconds(5);
constexpr Nanoseconds kLogoutAfterSerial = std::chrono::seconds(3);

awaitable<void> read_one(Ctx& ctx, Devices& devices, const Dut& dut, DutIdentities& identities) {
  const Result<std::unique_ptr<Bmc>> bmc = devices.open_bmc(dut);
  if (!bmc) co_return;  // whoever energises it will say why
  const Result<BmcIdentity> identity = co_await (*bmc)->identity(ctx);
  if (identity) identities[dut.id] = *identity;
  Bmc* door = bmc->get();
  const Status out = co_await shielded(ctx, "logout", kLogoutAfterSerial,
                                       [door](Ctx& leave) { return door->logout(leave); });
  (void)out;
}

}  // namespace

awaitable<DutIdentities> read_dut_identities(const Ctx& ctx, Devices& devices, const Plan& plan) {
  DutIdentities identities;
  Ctx limited = ctx.child_within("serial numbers", kAsk);
  Scope all(limited);
  for (const std::string& id : plan.duts) {
    const Dut* dut = plan.inventory.find(id);
    if (dut == nullptr || !dut->bmc) continue;
    all.start(id,
              [dut, &devices, &identities](Ctx& task) { return read_one(task, devices, *dut, identities); });
  }
  const Status joined = co_await all.join();
  (void)joined;  // who did not answer is missing
  co_return identities;
}

DutSerials serials_of(const DutIdentities& identities) {
  DutSerials serials;
  for (const auto& [dut, identity] : identities) {
    if (!identity.serial.empty()) serials[dut] = identity.serial;
  }
  return serials;
}

Status refuse_same_bmc(const Plan& plan, const DutIdentities& identities) {
  std::map<std::string, std::string> first;  // serial → DUT
  for (const std::string& id : plan.duts) {
    const auto said = identities.find(id);
    if (said == identities.end() || says_nothing(said->second.serial)) continue;
    const auto [other, fresh] = first.emplace(said->second.serial, id);
    if (fresh) continue;
    const BmcIdentity& before = identities.at(other->second);
    const bool told_apart =
        !before.uuid.empty() && !said->second.uuid.empty() && before.uuid != said->second.uuid;
    if (told_apart) continue;
    const Dut* a = plan.inventory.find(other->second);
    const Dut* b = plan.inventory.find(id);
    return Error(
        "bmc.same",
        fmt::format("{} ({}) and {} ({}) lead to the same BMC: both say serial number {} ({}) and UUID {}",
                    a->id, a->bmc->url, b->id, b->bmc->url, said->second.serial, said->second.serial_source,
                    said->second.uuid.empty() ? std::string("none") : said->second.uuid),
        "correct the addresses in the rack file: what is meant for one would switch the other",
        Blame::operator_);
  }
  return success();
}

}  // namespace kiln
