#pragma once
// What one run measured and found, value by value, DUT by DUT, as its events tell it: for setting runs beside
// each other. Made from events alone, with the verdict of verdict.h. Plain data; one thread at a time per
// reader.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/event.h"
#include "model/verdict.h"

namespace kiln {

/// One measured quantity on one part by one step.
struct PictureKey {
  std::string measurement, part, step;
  auto operator<=>(const PictureKey&) const = default;
};

struct PictureValue {
  Value value;  ///< that decided: the newest, or a fail, which no later pass takes back
  std::string unit, limit_text;
  Outcome outcome = Outcome::informational;  ///< of that value
  ComponentKind kind = ComponentKind::whole_dut;
  std::int64_t sequence = 0;
  std::vector<double> repeats;  ///< every finite number that was recorded of it, with iterations and attempts
};

/// Samples of a series, thinned out evenly where there are more than a few thousand.
struct PictureSeries {
  std::string unit;
  std::vector<double> values;  ///< in order of time; none is NaN or infinite
};

struct DutPicture {
  std::string id;
  Role role = Role::server;
  std::optional<int> slot;
  std::string serial;  ///< as its BMC said it, else as the rack file expects it; empty: not on record
  Decision decision = Decision::incomplete;
  std::string first_reason;  ///< "gpu.hot GPU_3: …"; empty: none
  std::map<PictureKey, PictureValue> values;
  std::map<std::pair<std::string, std::string>, PictureSeries> series;  ///< name, part
  std::map<std::pair<ComponentKind, std::string>, PartSeen> parts;      ///< the newest of each
  std::map<PictureKey, std::string> not_run;  ///< required cells without a value: why
};

struct RunPicture {
  std::string run;
  std::int64_t begun_utc_ns = 0;
  RunBegun about;
  std::string population;  ///< id of what it was set against; empty: nothing
  std::optional<Decision> decision;
  std::map<std::string, DutPicture> duts;  ///< by id, with the rack

  [[nodiscard]] const DutPicture* find(const std::string& dut) const;
};

class RunPictureReader {
 public:
  RunPictureReader(std::string run, std::int64_t begun_utc_ns);
  /// In order of sequence.
  void add(const Event& event);
  /// Error "picture.no_beginning": the record has no run_begun event.
  [[nodiscard]] Result<RunPicture> finish();

 private:
  /// Every stride-th sample is kept.
  struct Thinned {
    PictureSeries series;
    std::size_t stride = 1, seen = 0;
  };
  void take(const Event& event, const Measured& measured);
  void take(const Event& event, const SeriesChunk& chunk);

  RunPicture picture_;
  bool begun_ = false;
  VerdictAccumulator verdict_;
  std::map<std::string, std::map<std::pair<std::string, std::string>, Thinned>> series_;  // by DUT
};

}  // namespace kiln
