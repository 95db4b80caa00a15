// A branch that gets less coolant than its like: a quick-disconnect that is not quite seated, a valve that is
// not quite open. Each passes its own lower limit; beside the others it stands out.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "cooling_steps.h"

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

/// Below it a median is one of the few values themselves. Ours.
constexpr std::size_t kLeastAlike = 4;

struct Branch {
  std::string dut, part, uri;
  double sum = 0;
  int count = 0;
  std::string why;  ///< it has no mean
};

/// Trays of one role with connections of one name are built alike.
using BranchesAlike = std::map<std::pair<Role, std::string>, std::vector<Branch>>;

std::vector<std::string> branches_of(const Dut& dut) {
  std::vector<std::string> names;
  if (dut.role != Role::compute_tray && dut.role != Role::switch_tray) return names;
  for (const Component* one : dut.expect.of_kind(ComponentKind::coolant_connector))
    names.push_back(one->name);
  return names;
}

std::optional<double> median_of(std::vector<double> values) {
  if (values.size() < kLeastAlike) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void add_sample(std::vector<Branch>& branches, const std::string& dut,
                const Result<std::vector<CoolantReading>>& read) {
  for (Branch& branch : branches) {
    if (branch.dut != dut) continue;
    if (!read) {
      branch.why = read.error().message;
      continue;
    }
    const auto found = std::find_if(read->begin(), read->end(),
                                    [&branch](const CoolantReading& one) { return one.name == branch.part; });
    if (found != read->end()) branch.uri = found->uri;
    if (found == read->end() || !found->flow) {
      branch.why = "the connection reports no flow";
      continue;
    }
    branch.sum += *found->flow;
    ++branch.count;
  }
}

}  // namespace

const StepDescription& FlowBalance::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.flow_balance";
    made.rack_scope = true;
    made.bmc = {{BmcAbility::coolant, true, "to read the flow of each connection"}};
    made.summary = "Each tray gets as much coolant as the others of its kind in this rack";
    made.measurements = {{"coolant.flow.share_of_median", "1", ComponentKind::coolant_connector, true,
                          "coolant.unbalanced",
                          "reseat this tray's quick-disconnects and look for a valve that is not quite open",
                          "mean flow over the median of the trays of the same kind"}};
    made.parameters = {{"samples", ParameterType::integer, "10", "readings to take the mean of"},
                       {"every", ParameterType::duration, "1s", "time between two readings"}};
    made.default_timeout = std::chrono::minutes(15);
    return made;
  }();
  return description;
}

std::vector<std::string> FlowBalance::parts(const MeasurementDeclaration& /*measurement*/,
                                            const Parameters& /*with*/, const Dut& dut) const {
  return branches_of(dut);
}

awaitable<Status> FlowBalance::run(StepContext& context) {
  BranchesAlike alike;
  for (const Dut* dut : context.duts()) {
    for (const std::string& name : branches_of(*dut)) {
      Branch branch;
      branch.dut = dut->id;
      branch.part = name;
      alike[{dut->role, name}].push_back(std::move(branch));
    }
  }
  const std::int64_t samples = context.with().integer("samples");
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    for (const Dut* dut : context.duts()) {
      if (branches_of(*dut).empty()) continue;
      const std::string id = dut->id;
      const Result<Bmc*> bmc = context.bmc_of(id);
      if (!bmc) co_return bmc.error();
      const Result<std::vector<CoolantReading>> read = co_await (*bmc)->coolant(context.ctx());
      const Status go_on = context.ctx().check();
      if (!go_on) co_return go_on;
      for (auto& [kind, branches] : alike) add_sample(branches, id, read);
    }
    if (sample + 1 == samples) break;
    const Status waited = co_await context.ctx().sleep_for(context.with().duration("every"));
    if (!waited) co_return waited;
  }
  for (const auto& [kind, branches] : alike) {
    std::vector<double> means;
    for (const Branch& branch : branches) {
      if (branch.why.empty() && branch.count > 0) means.push_back(branch.sum / branch.count);
    }
    const std::optional<double> median = median_of(means);
    for (const Branch& branch : branches) {
      Value share;
      const bool has_mean = branch.why.empty() && branch.count > 0;
      if (has_mean && median && *median > 0) share = branch.sum / branch.count / *median;
      Reading reading("coolant.flow.share_of_median", branch.dut + "/" + branch.part, share,
                      Source{"redfish", branch.uri});
      reading.reason =
          has_mean ? fmt::format("{} trays of this kind have a flow, and at least {} are needed to compare",
                                 means.size(), kLeastAlike)
                   : branch.why;
      const Result<Outcome> judged = co_await context.record(std::move(reading));
      if (!judged) co_return judged.error();
    }
  }
  co_return success();
}

}  // namespace kiln::cooling
