#include "quality/dut_pairs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/nearest.h"

namespace kiln {
namespace {

/// A serial number that two DUTs of a run share names neither of them.
std::map<std::string, std::string> duts_by_serial(const RunPicture& run) {
  std::map<std::string, std::string> found;
  std::set<std::string> twice;
  for (const auto& [id, dut] : run.duts) {
    if (dut.serial.empty()) continue;
    if (!found.emplace(dut.serial, id).second) twice.insert(dut.serial);
  }
  for (const std::string& serial : twice) found.erase(serial);
  return found;
}

Result<const DutPicture*> find_dut(const RunPicture& run, const std::string& named) {
  if (const DutPicture* dut = run.find(named)) return dut;
  const auto serials = duts_by_serial(run);
  if (const auto found = serials.find(named); found != serials.end()) return run.find(found->second);
  std::vector<std::string> known;
  for (const auto& [id, dut] : run.duts) known.push_back(id);
  for (const auto& [serial, id] : serials) known.push_back(serial);
  return Error(
      "compare.dut", fmt::format("run {} has no DUT '{}'{}", run.run, named, did_you_mean(named, known)),
      fmt::format("its DUTs: {}",
                  fmt::join(std::vector<std::string>(
                                known.begin(), known.begin() + static_cast<std::ptrdiff_t>(run.duts.size())),
                            ", ")),
      Blame::operator_);
}

PairedDuts pair_of(const RunPicture& run_a, const DutPicture& a, const RunPicture& run_b, const DutPicture& b,
                   PairedDuts::By by) {
  PairedDuts pair;
  pair.a = a.id;
  pair.b = b.id;
  pair.role = b.role;
  pair.by = by;
  pair.serial_a = a.serial;
  pair.serial_b = b.serial;
  pair.decision_a = a.decision;
  pair.decision_b = b.decision;
  pair.first_reason_a = a.first_reason;
  pair.first_reason_b = b.first_reason;
  const bool both_known = !a.serial.empty() && !b.serial.empty();
  pair.other_unit = both_known ? a.serial != b.serial : run_a.run == run_b.run && a.id != b.id;
  return pair;
}

}  // namespace

Result<DutPairs> pair_duts(const RunPicture& a, const std::string& dut_a, const RunPicture& b,
                           const std::string& dut_b) {
  DutPairs out;
  const auto serials_a = duts_by_serial(a);
  const auto serials_b = duts_by_serial(b);
  const auto partner = [](const DutPicture& dut, const std::map<std::string, std::string>& others,
                          const RunPicture& run) -> std::pair<const DutPicture*, PairedDuts::By> {
    if (const auto found = others.find(dut.serial); !dut.serial.empty() && found != others.end())
      return {run.find(found->second), PairedDuts::By::serial};
    const DutPicture* same = run.find(dut.id);
    if (same == nullptr || same->role != dut.role) return {nullptr, PairedDuts::By::place};
    return {same, PairedDuts::By::place};
  };
  if (!dut_a.empty() || !dut_b.empty()) {
    const bool from_a = !dut_a.empty();
    const Result<const DutPicture*> first = from_a ? find_dut(a, dut_a) : find_dut(b, dut_b);
    if (!first) return first.error();
    if (!dut_a.empty() && !dut_b.empty()) {
      const Result<const DutPicture*> second = find_dut(b, dut_b);
      if (!second) return second.error();
      out.pairs.push_back(pair_of(a, **first, b, **second, PairedDuts::By::asked_for));
      return out;
    }
    const auto [other, by] = from_a ? partner(**first, serials_b, b) : partner(**first, serials_a, a);
    if (other == nullptr)
      return Error(
          "compare.no_partner",
          fmt::format("run {} has neither {} nor a DUT with its serial number {}", from_a ? b.run : a.run,
                      (*first)->id, (*first)->serial.empty() ? "(not on record)" : (*first)->serial),
          "name the DUT on both sides: RUN:DUT RUN:DUT", Blame::operator_);
    out.pairs.push_back(from_a ? pair_of(a, **first, b, *other, by) : pair_of(a, *other, b, **first, by));
    return out;
  }
  std::set<std::string> taken;
  std::vector<const DutPicture*> left;
  for (const auto& [id, dut] : a.duts) {
    const auto found = serials_b.find(dut.serial);
    const bool unique = serials_a.contains(dut.serial);
    if (dut.serial.empty() || !unique || found == serials_b.end()) {
      left.push_back(&dut);
      continue;
    }
    taken.insert(found->second);
    out.pairs.push_back(pair_of(a, dut, b, *b.find(found->second), PairedDuts::By::serial));
  }
  for (const DutPicture* dut : left) {
    // The racks themselves are set beside each other whatever they are called.
    const DutPicture* other = b.find(dut->id);
    if (other == nullptr && dut->role == Role::rack) other = b.find(b.about.rack);
    const bool fits = other != nullptr && other->role == dut->role && taken.insert(other->id).second;
    if (fits) out.pairs.push_back(pair_of(a, *dut, b, *other, PairedDuts::By::place));
    if (!fits) out.only_a.push_back(dut->id);
  }
  for (const auto& [id, dut] : b.duts) {
    const bool is_paired = std::any_of(out.pairs.begin(), out.pairs.end(),
                                       [&id = id](const PairedDuts& one) { return one.b == id; });
    if (!is_paired) out.only_b.push_back(id);
  }
  std::stable_sort(out.pairs.begin(), out.pairs.end(),
                   [](const PairedDuts& x, const PairedDuts& y) { return x.a < y.a; });
  return out;
}

std::string_view to_string(PairedDuts::By by) {
  switch (by) {
    case PairedDuts::By::asked_for:
      return "asked for";
    case PairedDuts::By::serial:
      return "serial number";
    case PairedDuts::By::place:
      return "place";
  }
  return "place";
}

}  // namespace kiln
