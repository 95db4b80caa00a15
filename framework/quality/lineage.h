#pragma once
// Where each serial number was, run by run, and what took its place: read from what runs found, never from
// what a rack file expected. Made from events alone. Plain data; one thread at a time per reader.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "model/verdict.h"

namespace kiln {

/// One serial number at one place, as one run found it.
struct Sighting {
  std::string serial;
  std::string run;
  std::int64_t begun_utc_ns = 0;  ///< of the run
  std::string rack, dut, part;    ///< part empty: the DUT itself
  std::string dut_serial;         ///< of the DUT it was in; empty: not on record
  ComponentKind kind = ComponentKind::whole_dut;
  Role role = Role::server;
  std::optional<int> slot;
  std::string part_number, model, firmware, source;
  std::string station, recipe, operator_name;
  bool simulated = false;
  std::optional<Decision> decision;  ///< the run's on that DUT; none: a survey
  std::string first_reason;          ///< of this part where it has one, else of its DUT; empty: none
  bool reason_is_its_own = false;    ///< the reason names this part, or this is the DUT
  std::string retest_of;

  [[nodiscard]] std::string place() const;  ///< "R01/C04 GPU_3"
};

/// At one place one run found another serial number than the run before it.
struct Exchange {
  std::string rack, dut, part;
  ComponentKind kind = ComponentKind::whole_dut;
  std::string from, to;  ///< serial numbers
  std::string run_before, run_after;
  std::int64_t before_utc_ns = 0, after_utc_ns = 0;
  std::string dut_serial;     ///< of the DUT whose part it is
  bool with_its_dut = false;  ///< the whole DUT is another one
  bool simulated = false;
  std::string went_to, came_from;  ///< "R01/C07 GPU_1 in R-…"; empty: not seen again, not seen before
};

struct LineageAnswer {
  std::string asked;
  bool is_serial = false;           ///< else a place
  std::vector<Sighting> sightings;  ///< oldest first
  std::vector<Exchange> exchanges;  ///< oldest first
  std::vector<std::string> cautions;
};

class LineageReader {
 public:
  void begin_run(std::string id, std::int64_t begun_utc_ns);
  /// In order of sequence.
  void add(const Event& event);
  void end_run();

  /// `asked`: a serial number, or a place: DUT, RACK/DUT, DUT:PART, RACK/DUT:PART. Error "history.unknown"
  /// suggests the nearest. Runs may have been read in any order.
  [[nodiscard]] Result<LineageAnswer> ask(const std::string& asked) const;

 private:
  using PartPlace = std::tuple<std::string, ComponentKind, std::string>;  // DUT, kind, part

  [[nodiscard]] std::vector<Sighting> in_order() const;

  std::vector<Sighting> sightings_;

  // of the run that is being read
  std::string run_;
  std::int64_t begun_utc_ns_ = 0;
  VerdictAccumulator verdict_;
  std::optional<RunBegun> begun_;
  std::map<std::string, DutPlanned> duts_;
  std::map<PartPlace, PartSeen> seen_;
  std::map<PartPlace, PartSeen> measured_;  // serial numbers that were only measured
};

}  // namespace kiln
