#pragma once
// The steps of the cooling plugin. One class per step, each in a file of its own.

#include <map>
#include <string>
#include <vector>

#include "sdk/step.h"

namespace kiln::cooling {

/// Every detector there that should be, and every one of them dry; with the tray still off.
class DetectorCensus final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// A person wets each detector; the warden must see it, and see it dry again. With the tray still off.
class DetectorTest final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Polls the detectors beside everything else and cuts on a leak, or when it can no longer tell.
class LeakWatch final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Coolant is moving, cool enough, and the pumps run: proves cooling before load.
class Flow final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// A CDU: no condensation, a reservoir that is full enough, clean filters, good coolant, no alarm of its own.
class Plant final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// The valves of the connections are open, and none has closed for a leak.
class Valves final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: what the building's management system says of it.
class BuildingCheck final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Beside a load, once for the rack: its whole heat, from the trays to the CDU.
class RackHeat final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Beside a load: what the coolant carries away against what the tray draws.
class HeatWatch final : public Step {
 public:
  const StepDescription& describe() const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack, everything off and a person at the CDU: the loop at rest under pressure loses nothing.
class PressureHold final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// The same with each pump in turn stopped: the others carry the rack.
class PumpRedundancy final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// Once for the rack: each tray has its share of the coolant, measured against its like.
class FlowBalance final : public Step {
 public:
  const StepDescription& describe() const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

/// open, closed, leak (closed for one), not_in_use, unknown; empty: the connection tells of no valve.
std::string valve_word(const CoolantReading& reading, bool is_expected);

/// How a reading of a cooling verb came here: by Redfish, or from the document of a CDU that has none.
Source cooling_source(const Dut& dut, std::string uri);

/// What one detector said, as a word for the record: dry, leak, suspect, fault, absent.
std::string detector_word(const LeakVerdict& verdict);
/// The reason code that belongs to the word.
std::string detector_fault_code(const std::string& word);
std::string detector_action(const std::string& word);

/// The reading of every expected detector by name; "absent" where the list lacks it. Detectors nobody
/// expected are added: one more leak is still a leak.
struct DetectorState {
  std::string word;
  std::string reason;
  std::string uri;
  bool told = true;  ///< false: what the BMC said of it could not be used; then `word` is no finding
};
std::map<std::string, DetectorState> detector_states(const Dut& dut, const LeakCensus& census);

}  // namespace kiln::cooling
