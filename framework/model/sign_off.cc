#include "model/sign_off.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <utility>

#include "base/nearest.h"
#include "base/time.h"
#include "model/enum_words.h"

namespace kiln {
namespace {

constexpr std::array<EnumWord<ReviewAct>, 5> kReviewActs{{{ReviewAct::approve, "approve"},
                                                          {ReviewAct::countersign, "countersign"},
                                                          {ReviewAct::reject, "reject"},
                                                          {ReviewAct::waive, "waive"},
                                                          {ReviewAct::withdraw, "withdraw"}}};

/// "B. Nagy" and "b.nagy" are one: only letters and digits count, and anything beyond ASCII as it is.
std::string plain_name(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 'A' && byte <= 'Z') plain += static_cast<char>(byte - 'A' + 'a');
    if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte >= 0x80) plain += c;
  }
  return plain;
}

/// "B. Nagy" → b, nagy.
std::set<std::string> words_of_name(std::string_view name) {
  std::set<std::string> words;
  std::string word;
  for (const char c : name) {
    const std::string plain = plain_name(std::string_view(&c, 1));
    word += plain;
    if (!plain.empty()) continue;
    if (!word.empty()) words.insert(std::exchange(word, {}));
  }
  if (!word.empty()) words.insert(word);
  return words;
}

/// "nagy" is in "B. Nagy"; "qa" is too short to say that it is in "qa.lead".
bool all_words_in(const std::set<std::string>& few, const std::set<std::string>& many) {
  const bool tells =
      std::any_of(few.begin(), few.end(), [](const std::string& word) { return word.size() >= 4; });
  return tells && std::includes(many.begin(), many.end(), few.begin(), few.end());
}

std::string_view before_at(std::string_view name) { return name.substr(0, name.find('@')); }

/// Entries that count: their signature holds and nobody has withdrawn them.
std::vector<const ReviewEntry*> in_force(const std::vector<ReviewEntry>& entries) {
  std::set<std::pair<int, std::int64_t>> withdrawn;
  for (const ReviewEntry& entry : entries) {
    if (entry.act == ReviewAct::withdraw && entry.invalid_because.empty())
      withdrawn.emplace(entry.trail, entry.withdraws);
  }
  std::vector<const ReviewEntry*> counting;
  for (const ReviewEntry& entry : entries) {
    if (entry.invalid_because.empty() && !withdrawn.contains({entry.trail, entry.number}))
      counting.push_back(&entry);
  }
  std::stable_sort(counting.begin(), counting.end(), [](const ReviewEntry* a, const ReviewEntry* b) {
    return std::tuple(a->trail == 0, a->trail, a->number) < std::tuple(b->trail == 0, b->trail, b->number);
  });
  return counting;
}

bool same_signer(const ReviewEntry& entry, const std::string& signer, const std::string& key) {
  return same_person(entry.signer, signer) || (!key.empty() && entry.key == key);
}

std::string said(const ReviewEntry& entry, std::string_view verb) {
  return fmt::format("{} by {} at {}{}", verb, entry.signer, format_utc(entry.recorded_utc_ns),
                     entry.reason.empty() ? "" : ": " + entry.reason);
}

std::string decision_word(const RunVerdict& verdict) {
  return verdict.decision ? std::string(to_string(*verdict.decision)) : std::string();
}

bool may_ship(const RunVerdict& verdict) {
  return verdict.decision == Decision::go || verdict.decision == Decision::conditional;
}

/// Whether it was said later. Of two trails only the clocks tell; in doubt it was not.
bool comes_after(const ReviewEntry& entry, const ReviewEntry& other) {
  return entry.trail == other.trail ? entry.number > other.number
                                    : entry.recorded_utc_ns > other.recorded_utc_ns;
}

/// The approval that stands for what the run is now, and the second person's signature under it.
struct Signatures {
  const ReviewEntry* approval = nullptr;
  const ReviewEntry* second = nullptr;
  const ReviewEntry* outdated = nullptr;  ///< an approval of what the run was then
};

Signatures find_signatures(const RunVerdict& verdict, const std::string& operator_name,
                           const std::vector<const ReviewEntry*>& entries) {
  Signatures found;
  for (const ReviewEntry* entry : entries) {
    if (!operator_name.empty() && same_person(entry->signer, operator_name)) continue;
    if (entry->act == ReviewAct::approve) {
      const bool of_now = entry->decision == decision_word(verdict);
      if (of_now && found.approval == nullptr) found.approval = entry;
      if (!of_now) found.outdated = entry;
    }
  }
  if (found.approval == nullptr) return found;
  for (const ReviewEntry* entry : entries) {
    if (!operator_name.empty() && same_person(entry->signer, operator_name)) continue;
    const bool under_it = entry->act == ReviewAct::countersign && comes_after(*entry, *found.approval) &&
                          entry->decision == decision_word(verdict) &&
                          !same_signer(*found.approval, entry->signer, entry->key);
    if (under_it && found.second == nullptr) found.second = entry;
  }
  return found;
}

/// All failures of the run as waivers name them, for a suggestion.
std::vector<std::string> failures_of(const RunVerdict& verdict) {
  std::vector<std::string> names;
  for (const DutVerdict& dut : verdict.duts) {
    for (const Reason& reason : dut.reasons) {
      if (reason.outcome == Outcome::fail && reason.waiver.empty())
        names.push_back(
            fmt::format("{}:{}{}", dut.id, reason.code, reason.fru.empty() ? "" : ":" + reason.fru));
    }
  }
  return names;
}

}  // namespace

std::string_view to_string(ReviewAct act) { return word_of(kReviewActs, act); }
std::optional<ReviewAct> review_act_from(std::string_view word) { return value_of(kReviewActs, word); }

std::string review_sentence(const ReviewEntry& entry) {
  std::string what(to_string(entry.act));
  if (entry.waiver)
    what += fmt::format(" {}:{}{}", entry.waiver->dut, entry.waiver->code,
                        entry.waiver->part.empty() ? "" : ":" + entry.waiver->part);
  if (entry.withdraws != 0) what += fmt::format(" entry {}", entry.withdraws);
  std::string sentence = fmt::format("{} by {}{}", what, entry.signer.empty() ? "nobody known" : entry.signer,
                                     entry.reason.empty() ? "" : ": " + entry.reason);
  if (entry.waiver)
    sentence += fmt::format(" (evidence: {}; requested by {}; until {})", entry.waiver->evidence,
                            entry.waiver->requested_by, format_utc(entry.waiver->expires_utc_ns));
  return sentence;
}

std::string review_number(const ReviewEntry& entry) {
  return entry.trail == 0 ? fmt::format("{}", entry.number)
                          : fmt::format("{} of {}", entry.number, entry.station);
}

bool same_person(std::string_view one, std::string_view other) {
  const std::string a = plain_name(one), b = plain_name(other);
  if (a.empty() || b.empty()) return false;
  if (a == b || plain_name(before_at(one)) == plain_name(before_at(other))) return true;
  const std::set<std::string> first = words_of_name(before_at(one)), second = words_of_name(before_at(other));
  return all_words_in(first, second) || all_words_in(second, first);
}

bool needs_second_person(const RunVerdict& verdict) {
  return std::count_if(verdict.duts.begin(), verdict.duts.end(),
                       [](const DutVerdict& dut) { return dut.role != Role::rack; }) > 1;
}

std::vector<Waiver> waivers_in_force(const std::vector<ReviewEntry>& entries, std::int64_t now_utc_ns) {
  std::vector<Waiver> waivers;
  for (const ReviewEntry* entry : in_force(entries)) {
    if (entry->act != ReviewAct::waive || !entry->waiver) continue;
    Waiver waiver = *entry->waiver;
    waiver.approved_by = entry->signer;
    waiver.entry = review_number(*entry);
    const bool of_one_person = same_person(waiver.requested_by, waiver.approved_by) ||
                               same_person(entry->operator_name, waiver.approved_by);
    if (waiver.expires_utc_ns <= now_utc_ns || of_one_person) continue;
    if (why_never_waivable(waiver.code, "")) continue;
    waivers.push_back(std::move(waiver));
  }
  return waivers;
}

SignOff sign_off_of(const RunVerdict& verdict, const std::string& operator_name,
                    const std::vector<ReviewEntry>& entries, const std::vector<std::string>& changed_since) {
  SignOff result;
  const std::vector<const ReviewEntry*> counting = in_force(entries);
  const Signatures signatures = find_signatures(verdict, operator_name, counting);
  for (const ReviewEntry* entry : counting) {
    if (entry->act == ReviewAct::reject) {
      result.state = "rejected";
      result.because.push_back(said(*entry, "rejected"));
    }
  }
  if (signatures.approval != nullptr) result.because.push_back(said(*signatures.approval, "approved"));
  if (signatures.second != nullptr) result.because.push_back(said(*signatures.second, "countersigned"));
  if (!verdict.not_eligible_because.empty()) {
    result.state = "not-eligible";
    result.because.insert(result.because.begin(), verdict.not_eligible_because.begin(),
                          verdict.not_eligible_because.end());
    return result;
  }
  if (result.state == "rejected") return result;
  if (!changed_since.empty() && signatures.approval != nullptr) {
    for (const std::string& change : changed_since)
      result.because.push_back(fmt::format("open again: {} since it was signed", change));
    return result;
  }
  if (!may_ship(verdict)) {
    if (signatures.outdated != nullptr)
      result.because.push_back(fmt::format("{} when it was {}: it is {} now",
                                           said(*signatures.outdated, "approved"),
                                           signatures.outdated->decision, decision_word(verdict)));
    return result;
  }
  if (signatures.approval == nullptr) {
    if (signatures.outdated != nullptr)
      result.because.push_back(fmt::format("{} when it was {}: it is {} now",
                                           said(*signatures.outdated, "approved"),
                                           signatures.outdated->decision, decision_word(verdict)));
    result.because.emplace_back("nobody has approved it yet (kiln review)");
    return result;
  }
  if (needs_second_person(verdict) && signatures.second == nullptr) {
    result.because.emplace_back("a second person must countersign a rack");
    return result;
  }
  result.state = "signed";
  return result;
}

void put_sign_off(RunVerdict& verdict, const std::string& operator_name, const RunReviews& reviews) {
  SignOff sign_off = sign_off_of(verdict, operator_name, reviews.entries, reviews.changed_since);
  verdict.sign_off = std::move(sign_off.state);
  for (std::string& why : sign_off.because) {
    const auto& known = verdict.not_eligible_because;
    if (std::find(known.begin(), known.end(), why) == known.end())
      verdict.sign_off_because.push_back(std::move(why));
  }
  // A trail that does not hold can hide a rejection; so can an entry, when somebody takes its signer's key
  // away.
  if (!reviews.problems.empty() && verdict.sign_off == "signed") verdict.sign_off = "unsigned";
  for (const ReviewEntry& entry : reviews.entries) {
    if (entry.invalid_because.empty()) continue;
    if (verdict.sign_off == "signed") verdict.sign_off = "unsigned";
    verdict.sign_off_because.push_back(fmt::format("entry {} ({}) does not hold: {}", review_number(entry),
                                                   to_string(entry.act), entry.invalid_because));
  }
  for (const std::string& problem : reviews.problems) verdict.sign_off_because.push_back(problem);
}

std::optional<std::string> why_not(ReviewAct act, const std::string& signer, const std::string& key,
                                   const RunVerdict& verdict, const std::string& operator_name,
                                   const std::vector<ReviewEntry>& entries) {
  if (!operator_name.empty() && same_person(signer, operator_name))
    return fmt::format("{} has run it: who runs a rack does not review it", operator_name);
  if (!verdict.ended) return "the run has not ended: kiln resume it, or let it end";
  if (act == ReviewAct::reject || act == ReviewAct::withdraw) return std::nullopt;
  if (verdict.purpose == "survey") return "a survey decides nothing, so there is nothing to sign";
  if (act == ReviewAct::waive) return std::nullopt;  // why_not_waived
  if (!may_ship(verdict))
    return fmt::format(
        "it is {}: only GO and CONDITIONAL can be approved. A failure that may ship is waived by name first, "
        "what was not measured must be measured",
        decision_word(verdict));
  const std::vector<const ReviewEntry*> counting = in_force(entries);
  for (const ReviewEntry* entry : counting) {
    if (entry->act == ReviewAct::reject)
      return fmt::format("entry {} is a rejection by {}: they must withdraw it first{}",
                         review_number(*entry), entry->signer,
                         entry->trail == 0 ? "" : ", there, and a newer bundle must come from there");
  }
  const Signatures signatures = find_signatures(verdict, operator_name, counting);
  if (act == ReviewAct::approve && signatures.approval != nullptr)
    return fmt::format(
        "{} has approved it already{}", signatures.approval->signer,
        needs_second_person(verdict) && signatures.second == nullptr ? ": countersign it" : "");
  if (act == ReviewAct::countersign) {
    if (signatures.approval == nullptr) return "nobody has approved it: countersigning comes second";
    if (signatures.second != nullptr)
      return fmt::format("{} has countersigned it already", signatures.second->signer);
    if (same_signer(*signatures.approval, signer, key))
      return fmt::format("{} has approved it: a second person countersigns, with a key of their own",
                         signatures.approval->signer);
  }
  return std::nullopt;
}

std::optional<std::string> why_not_waived(const Waiver& waiver, const RunVerdict& verdict,
                                          const std::string& operator_name, std::int64_t now_utc_ns) {
  if (const auto never = why_never_waivable(waiver.code, ""))
    return fmt::format("{} is never waived: it stands for {}", waiver.code, *never);
  if (waiver.reason.empty() || waiver.evidence.empty())
    return "a waiver needs a reason and the evidence it rests on";
  if (waiver.requested_by.empty()) return "a waiver needs somebody who asks for it";
  if (same_person(waiver.requested_by, waiver.approved_by))
    return fmt::format("{} has asked for it: another person approves it", waiver.requested_by);
  if (same_person(operator_name, waiver.approved_by))
    return fmt::format("{} has run it: another person approves a waiver", operator_name);
  if (waiver.expires_utc_ns <= now_utc_ns)
    return fmt::format("it would have expired already, at {}", format_utc(waiver.expires_utc_ns));
  const std::string named =
      fmt::format("{}:{}{}", waiver.dut, waiver.code, waiver.part.empty() ? "" : ":" + waiver.part);
  const DutVerdict* dut = verdict.find(waiver.dut);
  if (dut != nullptr) {
    for (const Interlocked& cut : dut->interlocks) {
      if (cut.code == waiver.code && cut.part == waiver.part)
        return fmt::format("{} is never waived: an interlock has removed energy for it", waiver.code);
    }
    for (const Reason& reason : dut->reasons) {
      if (reason.outcome != Outcome::fail || reason.code != waiver.code || reason.fru != waiver.part)
        continue;
      if (!reason.waiver.empty()) return fmt::format("{} is waived already: {}", named, reason.waiver);
      if (!reason.never_waivable_because.empty())
        return fmt::format("{} is never waived: it stands for {}", named, reason.never_waivable_because);
      return std::nullopt;
    }
  }
  return fmt::format("there is no failure '{}' in it{}", named, did_you_mean(named, failures_of(verdict)));
}

}  // namespace kiln
