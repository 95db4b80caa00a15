#include "station/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <utility>

#include "bmc/ability_proof.h"
#include "io/scope.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr std::size_t kAtOnce = 16;
constexpr Nanoseconds kPerBmc = std::chrono::minutes(1);
constexpr Nanoseconds kHostKeyWithin = std::chrono::seconds(8);
constexpr int kNowhere = 1'000;   // a slot for sorting
constexpr int kHighestSlot = 99;  // as inventories take them
constexpr Nanoseconds kLogout = std::chrono::seconds(3);

struct Look {
  std::vector<DiscoveryTarget> targets;
  std::vector<DiscoveredBmc>* found = nullptr;
  std::function<void(const DiscoveredBmc&)> progress;
  std::function<Status(const BmcAccess&)> on_trusted;
  std::size_t next = 0;
};

void failed(DiscoveredBmc& bmc, DiscoveredBmc::State state, const Error& error) {
  bmc.state = state;
  bmc.why = error.sentence();
  bmc.code = error.code;
}

/// The pin to go on with; false: go no further.
awaitable<bool> settle_trust(const Ctx& ctx, const DiscoveryTarget& target, DiscoveredBmc& bmc) {
  if (target.trusted) co_return true;
  std::string url = target.dut.bmc->url;
  const Result<PeerCertificate> seen = co_await read_certificate(ctx, std::move(url));
  if (!seen) {
    // Only where nobody speaks TLS is nobody; what cannot be understood or came too late is somebody.
    const bool empty = seen.error().code == "http.connect";
    failed(bmc, empty ? DiscoveredBmc::State::nobody : DiscoveredBmc::State::unreadable, seen.error());
    co_return false;
  }
  bmc.certificate = *seen;
  bmc.first_seen = target.known_pin.empty();
  bmc.dut.bmc->tls = TlsTrust{TlsTrust::Kind::pin, seen->pin_sha256};
  if (target.known_pin.empty() || target.known_pin == seen->pin_sha256) co_return true;
  const Error changed =
      other_certificate(target.dut.bmc->url, seen->pin_sha256, target.known_pin, target.other_ways);
  failed(bmc, DiscoveredBmc::State::other_certificate, changed);
  co_return false;
}

awaitable<Status> read_bmc(const Ctx& ctx, Bmc& bmc, DiscoveredBmc& into) {
  Result<BmcIdentity> identity = co_await bmc.identity(ctx);
  if (!identity) co_return identity.error();
  into.identity = std::move(*identity);
  Result<std::vector<Part>> parts = co_await bmc.parts(ctx);
  if (!parts) co_return parts.error();
  into.parts = std::move(*parts);
  Result<std::vector<NvlinkReading>> links = co_await bmc.nvlinks(ctx);
  if (!links) co_return links.error();
  for (const NvlinkReading& link : *links) {
    Part part;
    part.kind = ComponentKind::nvlink;
    part.name = link.name;
    part.uri = link.uri;
    into.parts.push_back(std::move(part));
  }
  Result<std::vector<FirmwareItem>> firmware = co_await bmc.firmware(ctx);
  if (!firmware) co_return firmware.error();
  into.firmware = std::move(*firmware);
  // What is proposed is what every run will expect: a part that nobody could look at is no reason to expect
  // less.
  for (const Part& part : into.parts) {
    if (part.unread.empty()) continue;
    co_return Error("discover.parts_unread", fmt::format("{}: {}", part.uri, part.unread),
                    "look again; if it stays so, the BMC's firmware is at fault");
  }
  co_return success();
}

/// By OpenSSH's own ssh-keyscan: the strongest kind first.
awaitable<std::string> scan_host_key(const Ctx& ctx, RealDevices& devices, const HostAccess& host) {
  if (host.address.starts_with('-')) co_return std::string();  // no option of ssh-keyscan's
  const Ctx limited = ctx.child_within("host key", kHostKeyWithin);
  std::vector<std::string> argv{"ssh-keyscan",       "-T",        "5", "-p", std::to_string(host.port), "-t",
                                "ed25519,ecdsa,rsa", host.address};
  ProcessSpec scan(std::move(argv));
  const Result<CommandResult> printed = co_await devices.processes().run(limited, std::move(scan));
  if (!printed) co_return std::string();
  std::map<std::string, std::string> by_kind;
  std::istringstream lines(printed->out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, kind, key;
    if (line.starts_with('#') || !(words >> name >> kind >> key)) continue;
    by_kind[kind] = fmt::format("{} {}", kind, key);
  }
  for (const char* kind : {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ssh-rsa"}) {
    if (by_kind.count(kind) > 0) co_return by_kind[kind];
  }
  co_return std::string();
}

awaitable<void> look_at(Ctx& ctx, RealDevices& devices, const DiscoveryTarget& target,
                        std::function<Status(const BmcAccess&)> on_trusted, DiscoveredBmc& bmc) {
  bmc.dut = target.dut;
  const bool trusted = co_await settle_trust(ctx, target, bmc);
  if (!trusted) co_return;
  if (!target.trusted && on_trusted) {
    const Status kept = on_trusted(*bmc.dut.bmc);
    if (!kept) failed(bmc, DiscoveredBmc::State::unreadable, kept.error());
    if (!kept) co_return;
  }
  const Result<std::unique_ptr<Bmc>> opened = devices.open_bmc(bmc.dut);
  if (!opened) {
    failed(bmc, DiscoveredBmc::State::unreadable, opened.error());
    co_return;
  }
  Bmc* door = opened->get();
  const Status read = co_await read_bmc(ctx, *door, bmc);
  bmc.state = DiscoveredBmc::State::read;
  if (!read) failed(bmc, DiscoveredBmc::State::unreadable, read.error());
  const Status out =
      co_await shielded(ctx, "logout", kLogout, [door](Ctx& leave) { return door->logout(leave); });
  (void)out;  // it times out by itself
  if (bmc.dut.host) bmc.host_key = co_await scan_host_key(ctx, devices, *bmc.dut.host);
}

awaitable<void> look_around(Ctx& ctx, RealDevices& devices, std::shared_ptr<Look> look) {
  while (look->next < look->targets.size() && ctx.check()) {
    const std::size_t mine = look->next++;
    Ctx own = ctx.child_within(look->targets[mine].dut.bmc->url, kPerBmc);
    co_await look_at(own, devices, look->targets[mine], look->on_trusted, (*look->found)[mine]);
    if (look->progress) look->progress((*look->found)[mine]);
  }
}

std::string id_prefix(Role role) {
  switch (role) {
    case Role::switch_tray:
      return "S";
    case Role::cdu:
      return "CDU";
    case Role::power_shelf:
      return "P";
    default:
      return "C";
  }
}

bool is_there(const Part& part) {
  return part.kind != ComponentKind::whole_dut && part.unread.empty() && !part.name.empty() &&
         part.state != "Absent";
}

}  // namespace

std::map<std::string, int> DiscoveredBmc::part_counts() const {
  std::map<std::string, int> counts;
  for (const Part& part : parts) {
    if (is_there(part)) ++counts[std::string(to_string(part.kind))];
  }
  return counts;
}

Role DiscoveredBmc::role() const {
  std::map<ComponentKind, int> kinds;
  for (const Part& part : parts) {
    if (is_there(part)) ++kinds[part.kind];
  }
  return role_of(identity.platform, kinds);
}

awaitable<Status> discover(const Ctx& ctx, RealDevices& devices, std::vector<DiscoveryTarget> targets,
                           std::vector<DiscoveredBmc>& found,
                           std::function<void(const DiscoveredBmc&)> progress,
                           std::function<Status(const BmcAccess&)> on_trusted) {
  auto look = std::make_shared<Look>();
  look->targets = std::move(targets);
  look->found = &found;
  look->progress = std::move(progress);
  look->on_trusted = std::move(on_trusted);
  found.assign(look->targets.size(), DiscoveredBmc());
  Scope scope(ctx);
  for (std::size_t i = 0; i < std::min(kAtOnce, look->targets.size()); ++i) {
    scope.start(fmt::format("look {}", i),
                [&devices, look](Ctx& own) { return look_around(own, devices, look); });
  }
  Status joined = co_await scope.join();
  co_return joined;
}

Inventory proposed_inventory(const std::vector<DiscoveredBmc>& found, const Inventory& known) {
  Inventory proposed = known;
  proposed.duts.clear();
  // Names of files are beside the known file, which is not where the proposal will be.
  if (proposed.building) {
    BuildingAccess& building = *proposed.building;
    if (building.tls.kind == TlsTrust::Kind::certificate_authority)
      building.tls.value = std::filesystem::absolute(building.tls.value).string();
    if (!building.certificate.empty())
      building.certificate = std::filesystem::absolute(building.certificate).string();
  }
  std::set<std::string> ids;
  for (const Dut& dut : known.duts) ids.insert(dut.id);
  std::vector<const DiscoveredBmc*> read;
  for (const DiscoveredBmc& bmc : found) {
    if (bmc.state == DiscoveredBmc::State::read) read.push_back(&bmc);
  }
  // By role, from the bottom of the rack; who does not say where it sits comes last.
  std::stable_sort(read.begin(), read.end(), [](const DiscoveredBmc* a, const DiscoveredBmc* b) {
    return std::pair(a->role(), a->identity.slot.value_or(kNowhere)) <
           std::pair(b->role(), b->identity.slot.value_or(kNowhere));
  });
  std::set<int> slots;
  for (const Dut& dut : known.duts) {
    if (dut.slot) slots.insert(*dut.slot);
  }
  std::set<std::string> dut_serials;
  std::set<std::pair<ComponentKind, std::string>> serials;  // of all DUTs
  for (const DiscoveredBmc* bmc : read) {
    Dut dut = bmc->dut;
    if (dut.id.empty()) {
      dut.role = bmc->role();
      int number = 1;
      do {
        dut.id = fmt::format("{}{:02}", id_prefix(dut.role), number++);
      } while (!ids.insert(dut.id).second);
    }
    const int slot = bmc->identity.slot.value_or(0);
    if (!dut.slot && slot > 0 && slot <= kHighestSlot && slots.insert(slot).second) dut.slot = slot;
    if (dut.bmc->tls.kind == TlsTrust::Kind::certificate_authority)
      dut.bmc->tls.value = std::filesystem::absolute(dut.bmc->tls.value).string();
    if (dut.host && !bmc->host_key.empty() && dut.host->host_key.empty()) dut.host->host_key = bmc->host_key;
    dut.expect = Expectation();
    if (dut_serials.insert(bmc->identity.serial).second) dut.expect.serial = bmc->identity.serial;
    std::set<std::pair<ComponentKind, std::string>> names;
    for (const Part& part : bmc->parts) {
      if (!is_there(part) || !names.insert({part.kind, part.name}).second) continue;
      Component component{part.kind, part.name, "", ""};
      // Parts that print the same serial cannot be told apart by it.
      if (serials.insert({part.kind, part.serial}).second) component.serial = part.serial;
      dut.expect.components.push_back(std::move(component));
    }
    for (const FirmwareItem& item : bmc->firmware) {
      if (item.version.empty() || !names.insert({ComponentKind::firmware, item.id}).second) continue;
      Component component{ComponentKind::firmware, item.id, "", item.version};
      dut.expect.components.push_back(std::move(component));
    }
    proposed.duts.push_back(std::move(dut));
  }
  return proposed;
}

std::vector<std::string> contradictions(const std::vector<DiscoveredBmc>& found) {
  std::vector<std::string> said;
  std::map<std::string, std::string> at, uuid_at;  // serial, UUID → address
  for (const DiscoveredBmc& bmc : found) {
    if (bmc.state != DiscoveredBmc::State::read) continue;
    const std::string& serial = bmc.identity.serial;
    const std::string where =
        bmc.dut.id.empty() ? bmc.dut.bmc->url : bmc.dut.id + " (" + bmc.dut.bmc->url + ")";
    if (!serial.empty()) {
      const auto [known, fresh] = at.emplace(serial, where);
      if (!fresh)
        said.push_back(
            fmt::format("the serial number {} answers at {} and at {}", serial, known->second, where));
    }
    if (!bmc.identity.uuid.empty()) {
      const auto [known, fresh] = uuid_at.emplace(bmc.identity.uuid, where);
      const bool told = !serial.empty() && at.at(serial) == known->second;  // as one serial at two addresses
      if (!fresh && !told)
        said.push_back(
            fmt::format("the BMC with UUID {} answers at {} and at {}: one BMC at two addresses, or "
                        "two that were not told apart when they were made",
                        bmc.identity.uuid, known->second, where));
    }
    const Expectation& expect = bmc.dut.expect;
    if (!expect.serial.empty() && expect.serial != serial) {
      said.push_back(fmt::format("{}: the rack file expects serial {}, {} says {}", where, expect.serial,
                                 bmc.identity.serial_source.empty() ? "the BMC" : bmc.identity.serial_source,
                                 serial.empty() ? "none" : serial));
    }
    for (const Component& component : expect.components) {
      if (component.kind == ComponentKind::firmware) continue;  // a baseline, not a description
      const auto part = std::find_if(bmc.parts.begin(), bmc.parts.end(), [&component](const Part& one) {
        return one.kind == component.kind && one.name == component.name;
      });
      if (part == bmc.parts.end() || !is_there(*part)) {
        said.push_back(fmt::format("{}: the rack file expects {} {}, the BMC has none", where,
                                   to_string(component.kind), component.name));
      } else if (!component.serial.empty() && !part->serial.empty() && component.serial != part->serial) {
        said.push_back(fmt::format("{}: {} {} has serial {}, the rack file expects {} ({})", where,
                                   to_string(component.kind), component.name, part->serial, component.serial,
                                   part->uri));
      }
    }
  }
  return said;
}

Error other_certificate(const std::string& url, const std::string& shown, const std::string& known,
                        const std::string& other_ways) {
  return {"discover.other_certificate",
          fmt::format("{} shows another certificate than at the last scan: {}, before {}", url, shown, known),
          fmt::format("find out why{}; if it is right, --accept-certificate {}", other_ways, url)};
}

}  // namespace kiln
