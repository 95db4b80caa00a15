#include "bmc/dialect.h"

#include <algorithm>
#include <array>

#include "model/version.h"

namespace kiln {
namespace {

constexpr std::array<QuirkFacts, kQuirkCount> kQuirks{{
    {"basic_only", "it has no sessions that can be used: every request carries the password", true},
    {"bios_only_in_system",
     "its firmware inventory leaves the BIOS out: that version is read from the system", true},
    {"csrf_token",
     "its login gives a second token, which is sent back with everything that changes something", true},
    {"entity_tags_unreliable",
     "what it says changes under one entity tag, or it cannot be asked for what has changed: everything is "
     "read "
     "whole",
     true},
    {"expand_unreliable",
     "what it expands is not what it says of the same resource: members are read one by one", true},
    {"inventory_lists_other_images",
     "its firmware inventory also lists images that do not run: they are left out", false},
    {"power_state_in_oem",
     "its chassis has no PowerState: what the vendor's own property says, there or in its power supplies, is "
     "taken for it",
     false},
    {"root_without_navigation",
     "its service root leads nowhere: the standard's names of the collections are tried", true},
    {"task_becomes_job", "its update task ends by handing over to a job, which is followed", true},
}};

/// Without bounds, without a firmware, or where the two cannot be compared, the quirk holds: what it does is
/// harmless where it is not needed.
bool concerns(const KnownQuirk& quirk, const ServiceFacts& facts) {
  if (facts.managers.empty() || facts.managers.front().firmware.empty()) return true;
  const CanonicalVersion runs = canonical_version(facts.managers.front().firmware);
  const bool too_old = !quirk.from_firmware.empty() &&
                       compare(runs, canonical_version(quirk.from_firmware)) == std::partial_ordering::less;
  const std::partial_ordering end = compare(runs, canonical_version(quirk.before_firmware));
  const bool mended = !quirk.before_firmware.empty() &&
                      (end == std::partial_ordering::greater || end == std::partial_ordering::equivalent);
  return !too_old && !mended;
}

}  // namespace

const QuirkFacts& quirk_facts(Quirk quirk) { return kQuirks.at(static_cast<std::size_t>(quirk)); }

Platform::Platform(const Dialects& known, const ServiceFacts& facts) {
  Dialects matching;
  for (const std::shared_ptr<const Dialect>& dialect : known) {
    if (dialect->matches(facts)) matching.push_back(dialect);
  }
  std::stable_sort(matching.begin(), matching.end(),
                   [](const auto& a, const auto& b) { return a->layer() > b->layer(); });
  for (const std::shared_ptr<const Dialect>& dialect : matching) {
    // The standard itself is a dialect only where nothing else is spoken.
    if (dialect->layer() == DialectLayer::standard && !names_.empty()) continue;
    names_.push_back(dialect->name());
    for (KnownQuirk& quirk : dialect->quirks(facts)) {
      if (has(quirk.quirk) || !concerns(quirk, facts)) continue;
      quirks_.push_back(std::move(quirk));
      told_by_.push_back(dialect->name());
    }
  }
  if (names_.empty()) names_.emplace_back("generic");
}

std::string Platform::name() const {
  std::string all;
  for (const std::string& name : names_) all += (all.empty() ? "" : ", ") + name;
  return all;
}

const KnownQuirk* Platform::find(Quirk quirk) const {
  const auto found = std::find_if(quirks_.begin(), quirks_.end(),
                                  [quirk](const KnownQuirk& one) { return one.quirk == quirk; });
  return found == quirks_.end() ? nullptr : &*found;
}

std::string Platform::dialect_of(Quirk quirk) const {
  for (std::size_t i = 0; i < quirks_.size(); ++i) {
    if (quirks_[i].quirk == quirk) return told_by_[i];
  }
  return {};
}

}  // namespace kiln
