#include "quality/run_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

constexpr std::size_t kMostSamples = 4096;

/// Of two outcomes of one check the one that stays: a fail is never taken back by a later pass.
int badness(Outcome outcome) {
  switch (outcome) {
    case Outcome::fail:
      return 3;
    case Outcome::marginal:
      return 2;
    case Outcome::pass:
      return 1;
    case Outcome::unset:
    case Outcome::skipped:
    case Outcome::informational:
      return 0;
  }
  return 0;
}

std::string reason_line(const Reason& reason) {
  return fmt::format("{}{}{}{}{}", reason.code, reason.fru.empty() ? "" : " ", reason.fru,
                     reason.message.empty() ? "" : ": ", reason.message);
}

}  // namespace

const DutPicture* RunPicture::find(const std::string& dut) const {
  const auto found = duts.find(dut);
  return found == duts.end() ? nullptr : &found->second;
}

RunPictureReader::RunPictureReader(std::string run, std::int64_t begun_utc_ns) {
  picture_.run = std::move(run);
  picture_.begun_utc_ns = begun_utc_ns;
}

void RunPictureReader::take(const Event& event, const Measured& measured) {
  PictureValue& kept = picture_.duts[event.dut].values[{measured.name, measured.part, event.step}];
  if (kept.sequence == 0 || badness(measured.outcome) >= badness(kept.outcome)) {
    kept.sequence = event.sequence;
    kept.value = measured.value;
    kept.unit = measured.unit;
    kept.limit_text = measured.limit_text;
    kept.kind = measured.kind;
    kept.outcome = measured.outcome;
  }
  const std::optional<double> number = as_number(measured.value);
  if (number && std::isfinite(*number)) kept.repeats.push_back(*number);
}

void RunPictureReader::take(const Event& event, const SeriesChunk& chunk) {
  Thinned& kept = series_[event.dut][{chunk.name, chunk.part}];
  kept.series.unit = chunk.unit;
  std::vector<double>& values = kept.series.values;
  for (const auto& [time, value] : chunk.samples) {
    if (!std::isfinite(value)) continue;
    if (kept.seen++ % kept.stride != 0) continue;
    values.push_back(value);
    if (values.size() < kMostSamples) continue;
    for (std::size_t at = 0; 2 * at < values.size(); ++at) values[at] = values[2 * at];
    values.resize((values.size() + 1) / 2);
    kept.stride *= 2;
  }
}

void RunPictureReader::add(const Event& event) {
  verdict_.add(event);
  if (const auto* begun = std::get_if<RunBegun>(&event.body); begun != nullptr && !begun_) {
    picture_.about = *begun;
    begun_ = true;
  } else if (const auto* planned = std::get_if<DutPlanned>(&event.body)) {
    DutPicture& dut = picture_.duts[event.dut];
    dut.role = planned->role;
    dut.slot = planned->slot;
    dut.serial = planned->serial.empty() ? planned->expected_serial : planned->serial;
  } else if (const auto* seen = std::get_if<PartSeen>(&event.body)) {
    picture_.duts[event.dut].parts[{seen->kind, seen->part}] = *seen;
  } else if (const auto* given = std::get_if<PopulationGiven>(&event.body)) {
    picture_.population = given->id;
  } else if (const auto* measured = std::get_if<Measured>(&event.body)) {
    take(event, *measured);
  } else if (const auto* chunk = std::get_if<SeriesChunk>(&event.body)) {
    take(event, *chunk);
  }
}

Result<RunPicture> RunPictureReader::finish() {
  if (!begun_)
    return Error("picture.no_beginning", fmt::format("the record of {} has no beginning", picture_.run),
                 "see kiln runs", Blame::operator_);
  for (auto& [dut, series] : series_) {
    for (auto& [name, kept] : series) picture_.duts[dut].series[name] = std::move(kept.series);
  }
  series_.clear();
  // Events of the run itself belong to the rack.
  const std::string rack = picture_.about.rack.empty() ? "rack" : picture_.about.rack;
  if (auto own = picture_.duts.extract(std::string()); !own.empty()) {
    DutPicture& kept = picture_.duts[rack];
    kept.values.merge(own.mapped().values);
    kept.series.merge(own.mapped().series);
    kept.parts.merge(own.mapped().parts);
  }
  const RunVerdict verdict = verdict_.verdict();
  picture_.decision = verdict.decision;
  for (const DutVerdict& judged : verdict.duts) {
    DutPicture& dut = picture_.duts[judged.id];
    if (judged.id == rack) dut.role = Role::rack;
    dut.decision = judged.decision;
    if (!judged.reasons.empty()) dut.first_reason = reason_line(judged.reasons.front());
    for (const CellVerdict& cell : judged.cells) {
      if (cell.state == CellState::not_run)
        dut.not_run[{cell.cell.measurement, cell.cell.part, cell.cell.step}] =
            fmt::format("{}: {}", cell.code, cell.message);
    }
  }
  for (auto& [id, dut] : picture_.duts) {
    dut.id = id;
    const auto itself = dut.parts.find({ComponentKind::whole_dut, ""});
    if (dut.serial.empty() && itself != dut.parts.end()) dut.serial = itself->second.serial;
  }
  return std::move(picture_);
}

}  // namespace kiln
