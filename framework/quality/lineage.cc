#include "quality/lineage.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/nearest.h"

namespace kiln {
namespace {

struct AskedPlace {
  std::string rack, dut, part;
  bool whole_dut = true;

  [[nodiscard]] bool is_of(const Sighting& one) const {
    return (rack.empty() || one.rack == rack) && one.dut == dut;
  }
  [[nodiscard]] bool fits(const Sighting& one) const {
    return is_of(one) && (whole_dut ? one.part.empty() : one.part == part);
  }
};

AskedPlace asked_place(const std::string& asked) {
  AskedPlace place;
  const std::size_t colon = asked.find(':');
  place.dut = asked.substr(0, colon);
  place.whole_dut = colon == std::string::npos;
  if (!place.whole_dut) place.part = asked.substr(colon + 1);
  const std::size_t slash = place.dut.find('/');
  if (slash != std::string::npos) {
    place.rack = place.dut.substr(0, slash);
    place.dut = place.dut.substr(slash + 1);
  }
  return place;
}

/// The same place in two runs: a part belongs to its DUT wherever that stands.
std::tuple<std::string, ComponentKind, std::string> place_key(const Sighting& one, bool by_rack) {
  const bool is_part = !one.part.empty();
  const std::string whose =
      is_part && !by_rack && !one.dut_serial.empty() ? "serial " + one.dut_serial : one.rack + "/" + one.dut;
  return {whose, one.kind, one.part};
}

std::string seen_at(const Sighting& one) { return fmt::format("{} in {}", one.place(), one.run); }

/// `all` and `among` are ordered by time.
std::vector<Exchange> exchanges_among(const std::vector<Sighting>& among, const std::vector<Sighting>& all,
                                      bool by_rack) {
  std::map<std::tuple<std::string, ComponentKind, std::string>, const Sighting*> last;
  std::vector<Exchange> found;
  for (const Sighting& now : among) {
    const Sighting*& before = last[place_key(now, by_rack)];
    const Sighting* was = std::exchange(before, &now);
    if (was == nullptr || was->serial == now.serial || was->run == now.run) continue;
    Exchange one;
    one.rack = now.rack;
    one.dut = now.dut;
    one.part = now.part;
    one.kind = now.kind;
    one.from = was->serial;
    one.to = now.serial;
    one.run_before = was->run;
    one.run_after = now.run;
    one.before_utc_ns = was->begun_utc_ns;
    one.after_utc_ns = now.begun_utc_ns;
    one.dut_serial = now.dut_serial;
    one.with_its_dut = !now.part.empty() && was->dut_serial != now.dut_serial;
    one.simulated = now.simulated;
    for (const Sighting& other : all) {
      const bool later = other.begun_utc_ns >= now.begun_utc_ns;
      if (other.serial == one.from && later && one.went_to.empty()) one.went_to = seen_at(other);
      const bool elsewhere = other.run != now.run || other.place() != now.place();
      if (other.serial == one.to && other.begun_utc_ns < now.begun_utc_ns && elsewhere)
        one.came_from = seen_at(other);
    }
    found.push_back(std::move(one));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Exchange& x, const Exchange& y) { return x.after_utc_ns < y.after_utc_ns; });
  return found;
}

std::string short_reason(const Reason& reason) {
  return fmt::format("{}{}{}{}{}", reason.code, reason.fru.empty() ? "" : " ", reason.fru,
                     reason.message.empty() ? "" : ": ", reason.message);
}

/// The first reason that names the part, else the first of its DUT.
void take_reason(const DutVerdict& verdict, Sighting& one) {
  for (const Reason& reason : verdict.reasons) {
    const bool own = one.part.empty() || reason.fru == one.part || reason.fru.starts_with(one.part + "/");
    if (!own) continue;
    one.first_reason = short_reason(reason);
    one.reason_is_its_own = true;
    return;
  }
  if (!verdict.reasons.empty()) one.first_reason = short_reason(verdict.reasons.front());
}

std::vector<std::string> doubtful(const std::vector<Sighting>& sightings) {
  std::map<std::pair<std::string, std::string>, std::set<std::string>> places;  // serial, run
  for (const Sighting& one : sightings) places[{one.serial, one.run}].insert(one.place());
  std::vector<std::string> cautions;
  for (const auto& [key, where] : places) {
    if (where.size() > 1)
      cautions.push_back(fmt::format("{} was at {} places in {}: it does not tell parts apart there",
                                     key.first, where.size(), key.second));
  }
  return cautions;
}

}  // namespace

std::string Sighting::place() const {
  return fmt::format("{}/{}{}{}", rack, dut, part.empty() ? "" : " ", part);
}

void LineageReader::begin_run(std::string id, std::int64_t begun_utc_ns) {
  run_ = std::move(id);
  begun_utc_ns_ = begun_utc_ns;
  verdict_ = VerdictAccumulator();
  begun_.reset();
  duts_.clear();
  seen_.clear();
  measured_.clear();
}

void LineageReader::add(const Event& event) {
  verdict_.add(event);
  if (const auto* begun = std::get_if<RunBegun>(&event.body)) {
    begun_ = *begun;
  } else if (const auto* planned = std::get_if<DutPlanned>(&event.body)) {
    duts_[event.dut] = *planned;
  } else if (const auto* seen = std::get_if<PartSeen>(&event.body)) {
    if (!seen->serial.empty()) seen_[{event.dut, seen->kind, seen->part}] = *seen;
  } else if (const auto* measured = std::get_if<Measured>(&event.body)) {
    const auto* serial = std::get_if<std::string>(&measured->value);
    // "inventory.scanned_serial" is compared with the label; its value is the BMC's again.
    const bool names_one = measured->name.ends_with(".serial") && serial != nullptr && !serial->empty();
    if (!names_one) return;
    PartSeen found;
    found.kind = measured->kind;
    found.part = measured->part;
    found.serial = *serial;
    found.source = measured->source;
    measured_[{event.dut, measured->kind, measured->part}] = std::move(found);
  }
}

void LineageReader::end_run() {
  if (!begun_) return;
  for (auto& [place, seen] : measured_) seen_.try_emplace(place, std::move(seen));
  for (const auto& [id, planned] : duts_) {
    if (planned.serial.empty()) continue;
    PartSeen itself;
    itself.serial = planned.serial;
    itself.source = {"redfish", "before the run"};
    seen_.try_emplace({id, ComponentKind::whole_dut, ""}, std::move(itself));
  }
  const RunVerdict verdict = verdict_.verdict();
  for (const auto& [place, seen] : seen_) {
    const auto& [dut, kind, part] = place;
    Sighting one;
    one.serial = seen.serial;
    one.run = run_;
    one.begun_utc_ns = begun_utc_ns_;
    one.rack = begun_->rack;
    one.dut = dut.empty() ? begun_->rack : dut;
    one.part = part;
    one.kind = kind;
    if (const auto itself = seen_.find({dut, ComponentKind::whole_dut, ""}); itself != seen_.end())
      one.dut_serial = itself->second.serial;
    if (const auto planned = duts_.find(dut); planned != duts_.end()) {
      one.role = planned->second.role;
      one.slot = planned->second.slot;
    }
    one.part_number = seen.part_number;
    one.model = seen.model;
    one.firmware = seen.firmware;
    one.source = fmt::format("{} {}", seen.source.kind, seen.source.detail);
    one.station = begun_->station;
    one.recipe = begun_->recipe;
    one.operator_name = begun_->operator_name;
    one.simulated = begun_->simulated;
    one.retest_of = begun_->retest_of;
    if (const DutVerdict* judged = verdict.find(one.dut)) {
      if (verdict.decision) one.decision = judged->decision;
      take_reason(*judged, one);
    }
    sightings_.push_back(std::move(one));
  }
}

std::vector<Sighting> LineageReader::in_order() const {
  std::vector<Sighting> all = sightings_;
  std::stable_sort(all.begin(), all.end(), [](const Sighting& x, const Sighting& y) {
    return std::tie(x.begun_utc_ns, x.run, x.rack, x.dut, x.part) <
           std::tie(y.begun_utc_ns, y.run, y.rack, y.dut, y.part);
  });
  return all;
}

Result<LineageAnswer> LineageReader::ask(const std::string& asked) const {
  const std::vector<Sighting> all = in_order();
  LineageAnswer answer;
  answer.asked = asked;
  const AskedPlace place = asked_place(asked);
  std::vector<Sighting> at_place;
  for (const Sighting& one : all) {
    if (one.serial == asked) answer.sightings.push_back(one);
    if (place.fits(one)) at_place.push_back(one);
  }
  answer.is_serial = !answer.sightings.empty();
  if (answer.is_serial) {
    for (Exchange& one : exchanges_among(all, all, false)) {
      // Of a DUT also what was exchanged in it.
      const bool concerns =
          one.from == asked || one.to == asked || (!one.part.empty() && one.dut_serial == asked);
      if (concerns) answer.exchanges.push_back(std::move(one));
    }
    answer.cautions = doubtful(answer.sightings);
    return answer;
  }
  if (at_place.empty()) {
    std::set<std::string> known;
    for (const Sighting& one : all) {
      known.insert(one.serial);
      known.insert(one.part.empty() ? one.dut : fmt::format("{}:{}", one.dut, one.part));
    }
    const std::vector<std::string> names(known.begin(), known.end());
    return Error("history.unknown",
                 fmt::format("no run on record has found '{}'{}", asked, did_you_mean(asked, names)),
                 all.empty() ? "no run on record has read a serial number"
                             : "ask for a serial number, a DUT, or DUT:PART",
                 Blame::operator_);
  }
  if (place.whole_dut) {
    for (Exchange& one : exchanges_among(all, all, false)) {
      const bool concerns = one.dut == place.dut && (place.rack.empty() || one.rack == place.rack);
      if (concerns) answer.exchanges.push_back(std::move(one));
    }
  } else {
    answer.exchanges = exchanges_among(at_place, all, true);
  }
  answer.cautions = doubtful(at_place);
  answer.sightings = std::move(at_place);
  return answer;
}

}  // namespace kiln
