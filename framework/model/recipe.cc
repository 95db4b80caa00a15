#include "model/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "model/enum_words.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<Purpose>, 5> kPurposes{{{Purpose::bring_up, "bring-up"},
                                                      {Purpose::burn_in, "burn-in"},
                                                      {Purpose::field, "field"},
                                                      {Purpose::survey, "survey"},
                                                      {Purpose::triage, "triage"}}};

constexpr std::array<EnumWord<ResumePolicy>, 4> kResumePolicies{{{ResumePolicy::keep, "continue"},
                                                                 {ResumePolicy::verify, "verify"},
                                                                 {ResumePolicy::restart, "restart"},
                                                                 {ResumePolicy::manual, "manual"}}};

}  // namespace

std::string Place::text() const {
  if (line <= 0) return file;
  if (column <= 0) return fmt::format("{}:{}", file, line);
  return fmt::format("{}:{}:{}", file, line, column);
}

std::string_view to_string(Purpose purpose) { return word_of(kPurposes, purpose); }
std::optional<Purpose> purpose_from(std::string_view word) { return value_of(kPurposes, word); }
std::vector<std::string> purpose_names() { return words_of(kPurposes); }

std::string_view to_string(ResumePolicy policy) { return word_of(kResumePolicies, policy); }
std::optional<ResumePolicy> resume_policy_from(std::string_view word) {
  return value_of(kResumePolicies, word);
}
std::vector<std::string> resume_policy_names() { return words_of(kResumePolicies); }

bool Selector::is_rack_scope() const {
  return !all && !roles.empty() &&
         std::all_of(roles.begin(), roles.end(), [](Role r) { return r == Role::rack; });
}

// Every given criterion must hold; inside one criterion any of its values will do.
bool Selector::matches(const Dut& dut) const {
  if (all) return true;
  if (roles.empty() && ids.empty() && !slot_from && !slot_to && labels.empty()) return false;
  if (!roles.empty() && std::find(roles.begin(), roles.end(), dut.role) == roles.end()) return false;
  if (!ids.empty() && std::find(ids.begin(), ids.end(), dut.id) == ids.end()) return false;
  if (slot_from || slot_to) {
    if (!dut.slot) return false;
    if (slot_from && *dut.slot < *slot_from) return false;
    if (slot_to && *dut.slot > *slot_to) return false;
  }
  return std::all_of(labels.begin(), labels.end(), [&dut](const auto& wanted) {
    const auto found = dut.labels.find(wanted.first);
    return found != dut.labels.end() && found->second == wanted.second;
  });
}

}  // namespace kiln
