#include "html/front_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "common/local_words.h"
#include "html/escape.h"

namespace kiln {
namespace {

constexpr std::size_t kShortHash = 12;
constexpr std::size_t kListCharacters = 60;  // of one cause or list among the facts

std::string short_hash(const std::string& hash) {
  return hash.size() <= kShortHash ? hash : hash.substr(0, kShortHash) + "…";
}

/// "C01 NIC_1 failed; ": the parts with a measured fail, as many as a sentence bears.
std::string failing_parts(const RunVerdict& verdict) {
  constexpr std::size_t kNamed = 5;
  std::vector<std::string> parts;
  for (const DutVerdict& dut : verdict.duts) {
    for (const Reason& reason : dut.reasons) {
      if (reason.outcome != Outcome::fail) continue;
      const std::string part =
          shorten(reason.fru.empty() || reason.fru == dut.id ? dut.id : dut.id + " " + reason.fru, 60);
      if (std::find(parts.begin(), parts.end(), part) == parts.end()) parts.push_back(part);
    }
  }
  if (parts.empty()) return {};
  std::string words;
  for (std::size_t index = 0; index < std::min(parts.size(), kNamed); ++index)
    words += (index == 0 ? "" : ", ") + parts[index];
  if (const std::size_t more = parts.size() - std::min(parts.size(), kNamed); more > 0)
    words += fmt::format(" and {} more part{}", more, more > 1 ? "s" : "");
  return words + " failed. Of this rack, ";
}

/// What the decision means for the rack: a heading that has local words, and the figures.
struct DecisionSays {
  const char* word;
  std::string figures;
};

DecisionSays decision_says(const ReportInput& input) {
  const Counts& counts = input.verdict.counts;
  const std::string measured =
      fmt::format("{} of {} required checks were measured", counts.measured, counts.required);
  if (input.events.events.empty() || !input.verdict.decision)
    return {"Nothing was decided",
            input.events.events.empty() ? "the record holds nothing" : "this run only reads"};
  const bool is_cut = input.verdict.interlocked;
  switch (*input.verdict.decision) {
    case Decision::go:
      return {"Passed", measured + ", none failed"};
    case Decision::no_go:
      return {
          "Do not ship",
          fmt::format("{}{}, {} of them failed{}{}", failing_parts(input.verdict), measured, counts.failed,
                      counts.not_run > 0 ? fmt::format(", {} were not run", counts.not_run) : "",
                      is_cut ? "; a hazard was met and energy was removed" : "")};
    case Decision::incomplete:
      return {"Not decided",
              fmt::format("{}, {} were not{}. What was not measured is neither good nor bad", measured,
                          counts.not_run, is_cut ? "; energy was removed before the end" : "")};
    case Decision::conditional:
      return {"Hold for review",
              measured + "; what stands below needs a person's decision before this rack may ship"};
  }
  return {"Nothing was decided", ""};
}

/// How long each DUT was under load in one piece, at the longest; of these the shortest.
struct Soak {
  std::string dut;
  std::int64_t unbroken_ns = 0;
  std::map<std::string, std::int64_t> all;
};

std::optional<Soak> shortest_soak(const RunDocument& document) {
  std::map<std::string, std::int64_t> longest;
  for (const DocumentLoad& load : document.loads) {
    const auto planned = document.duts.find(load.dut);
    // A load of the rack as a whole is borne by its DUTs; it is not how long any of them was loaded.
    if (planned == document.duts.end() || planned->second.role == Role::rack) continue;
    const std::int64_t end = load.ended_ns == 0 ? document.ended_ns : load.ended_ns;
    longest[load.dut] = std::max(longest[load.dut], end - load.begun_ns);
  }
  if (longest.empty()) return std::nullopt;
  const auto shortest = std::min_element(longest.begin(), longest.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
  return Soak{shortest->first, shortest->second, longest};
}

std::string soak_words(const RunDocument& document) {
  const std::optional<Soak> soak = shortest_soak(document);
  const auto asked = document.about.parameters.find("soak");
  if (!soak && asked == document.about.parameters.end()) return {};
  std::string words;
  if (asked != document.about.parameters.end()) words = fmt::format("{} asked; ", asked->second);
  if (!soak) return words + "no DUT was under load";
  std::string never;
  std::size_t could = 0;
  for (const auto& [id, planned] : document.duts) {
    if (planned.role != Role::compute_tray && planned.role != Role::server) continue;
    ++could;
    if (soak->all.contains(id)) continue;
    never += (never.empty() ? "" : ", ") + id;
  }
  words +=
      fmt::format("{} of {} under load, the shortest of them {} in one piece ({})", soak->all.size(),
                  std::max(could, soak->all.size()),
                  format_duration(Nanoseconds(soak->unbroken_ns / 100'000'000 * 100'000'000)), soak->dut);
  return never.empty() ? words : words + "; never: " + shorten(never, kListCharacters);
}

/// The causes that stand for most of what was not run: which DUT, how many checks, why.
std::string not_run_words(const RunVerdict& verdict) {
  constexpr std::size_t kNamed = 2;
  std::vector<std::pair<const DutVerdict*, const Reason*>> causes;
  for (const DutVerdict& dut : verdict.duts) {
    for (const Reason& reason : dut.reasons) {
      const bool measured = reason.outcome == Outcome::fail || reason.outcome == Outcome::marginal ||
                            reason.outcome == Outcome::pass;
      if (!measured && reason.cells > 0) causes.emplace_back(&dut, &reason);
    }
  }
  if (verdict.counts.not_run == 0 || causes.empty()) return {};
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& a, const auto& b) { return a.second->cells > b.second->cells; });
  std::string words;
  for (std::size_t index = 0; index < std::min(causes.size(), kNamed); ++index) {
    const auto& [dut, reason] = causes[index];
    words += fmt::format("{}{} of {}: {}", index == 0 ? "" : "; ", reason->cells, dut->id,
                         shorten(reason->message, kListCharacters));
  }
  return causes.size() > kNamed ? words + "; …" : words;
}

class FactList {
 public:
  FactList(PageData& page, const std::string& language) : page_(page), language_(language) {}
  ~FactList() { page_.set("facts", rows_); }
  FactList(const FactList&) = delete;
  FactList& operator=(const FactList&) = delete;

  void add(const char* name, const std::string& value) {
    if (value.empty()) return;
    PageData row;
    row.set("name", std::string(name));
    row.set("local", page_text(std::string(local_word(language_, name))));
    row.set("value", value);
    rows_.push_back(row);
  }

 private:
  PageData& page_;
  std::string language_;
  PageData rows_ = page_list();
};

void set_facts(PageData& page, const ReportInput& input, const RunDocument& document) {
  const RunBegun& about = document.about;
  FactList facts(page, input.language);
  facts.add("Rack", (about.rack.empty() ? "not recorded" : about.rack) +
                        (about.product.empty() ? "" : ", product " + about.product));
  facts.add("Unit", about.scanned_serial.empty() ? "" : "serial " + about.scanned_serial + ", scanned");
  facts.add("Recipe", document.begun
                          ? fmt::format("{}@{}, for {}; SHA-256 {}", about.recipe, about.recipe_version,
                                        about.purpose, short_hash(about.recipe_sha256))
                          : "not recorded");
  facts.add("Station", about.station.empty() ? ""
                                             : fmt::format("{}, Kiln {}, build {}", about.station,
                                                           about.kiln_version, about.build_stamp));
  facts.add("Operator", about.operator_name.empty() ? "none (engineering run)" : about.operator_name);
  std::string run = input.run.id;
  if (input.bring_up.runs > 0) run += fmt::format(", run {} of this rack on record", input.bring_up.runs);
  if (!about.retest_of.empty()) run += ", retest of " + about.retest_of;
  facts.add("Run", run);
  facts.add("Time", input.events.events.empty()
                        ? "no event was recorded"
                        : fmt::format("{} – {}, {}", format_utc(document.begun_utc_ns),
                                      format_utc(document.ended_utc_ns),
                                      format_duration(Nanoseconds(document.ended_ns - document.begun_ns))));
  facts.add("Soak", soak_words(document));
  facts.add("Not run", not_run_words(input.verdict));
  facts.add("Record", input.run.chain_head.empty() ? ""
                                                   : fmt::format("{} events, SHA-256 {}", input.run.events,
                                                                 short_hash(input.run.chain_head)));
}

/// What the state means, for who has never seen it.
std::string_view sign_off_says(std::string_view state) {
  if (state == "signed") return "people have accepted this run";
  if (state == "rejected") return "a person has refused this run";
  if (state == "not-eligible") return "nobody may sign this run, whatever its result";
  return "nobody has accepted this run yet";
}

/// Who has decided, and who has put a name to it: page 1 has a line for each.
void set_sign_off(PageData& page, const ReportInput& input, const RunDocument& document) {
  const RunBegun& about = document.about;
  page.set("sign_off", input.verdict.sign_off);
  page.set("sign_off_says", std::string(sign_off_says(input.verdict.sign_off)));
  page.set("sign_off_local", page_text(std::string(local_word(input.language, input.verdict.sign_off))));
  std::string because;
  for (const auto& reason : input.verdict.not_eligible_because)
    because += (because.empty() ? "" : "; ") + reason;
  for (const auto& why : input.verdict.sign_off_because) because += (because.empty() ? "" : "; ") + why;
  page.set("has_because", !because.empty());
  page.set("because", because);
  std::string decided;
  if (document.begun && input.verdict.decision) {
    decided = fmt::format(
        "Kiln's rules, from measured values and the limits in {} revision {}. No person decided it",
        about.limits_file.empty() ? "no table" : about.limits_file.substr(about.limits_file.rfind('/') + 1),
        about.limits_revision);
  }
  page.set("decided_by", page_text(decided));
}

}  // namespace

std::string part_words(const DutVerdict& dut, const std::string& part, const RunDocument& document) {
  std::string role(to_string(dut.role));
  std::replace(role.begin(), role.end(), '_', ' ');
  std::string words = fmt::format("{} ({}{})", dut.id, role, dut.slot ? fmt::format(", U{}", *dut.slot) : "");
  if (!part.empty() && part != dut.id) words += " · " + part;
  std::string serial;
  std::string number;
  if (part.empty() || part == dut.id) {
    const auto planned = document.duts.find(dut.id);
    if (planned != document.duts.end())
      serial = planned->second.serial.empty() ? planned->second.expected_serial : planned->second.serial;
  } else {
    for (const auto& [where, seen] : document.parts) {
      if (where != dut.id || seen.part != part) continue;
      if (!seen.serial.empty()) serial = seen.serial;
      if (!seen.part_number.empty()) number = seen.part_number;
    }
  }
  if (!serial.empty()) words += " · serial " + serial;
  if (!number.empty()) words += " · part number " + number;
  return words;
}

void set_front_facts(PageData& page, const ReportInput& input, const RunDocument& document) {
  const std::string& language = input.language;
  const DecisionSays says = decision_says(input);
  page.set("says_word", std::string(says.word));
  page.set("says_figures", says.figures);
  page.set("says_local", page_text(std::string(local_word(language, says.word))));
  page.set("language", language);
  // The words of the template, by the names it has for them.
  constexpr std::array<std::pair<const char*, const char*>, 12> kTemplateWords{{
      {"local_simulated", "SIMULATED RACK – NOT HARDWARE"},
      {"local_required", "required"},
      {"local_measured", "measured"},
      {"local_failed", "failed"},
      {"local_marginal", "marginal"},
      {"local_waived", "waived"},
      {"local_not_run", "not run"},
      {"local_disturbances", "disturbances"},
      {"local_rack", "Rack"},
      {"local_why", "Why, which part, what to do"},
      {"local_decided", "Decided by"},
      {"local_sign_off", "Sign-off"},
  }};
  for (const auto& [name, english] : kTemplateWords)
    page.set(name, page_text(std::string(local_word(language, english))));
  page.set("local_do", page_text(std::string(local_word(language, "What to do"))));
  page.set("local_decision", page_text(std::string(local_word(language, decision_word(input)))));
  set_facts(page, input, document);
  set_sign_off(page, input, document);
}

}  // namespace kiln
