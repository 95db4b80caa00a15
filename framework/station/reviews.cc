#include "station/reviews.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/rfc3339.h"
#include "base/time.h"
#include "seal/dsse.h"
#include "seal/manifest.h"
#include "station/carried_reviews.h"
#include "station/import_mark.h"
#include "station/station_key.h"

namespace kiln {
namespace {

/// Firmware by DUT and part, as a run has seen it.
using SeenFirmware = std::map<std::pair<std::string, std::string>, std::string>;

std::optional<std::string> why_attestation_does_not_hold(const AuditRow& row,
                                                         const std::vector<VerifyingKey>& stations) {
  const Result<Envelope> envelope = read_envelope(row.envelope);
  if (!envelope) return envelope.error().message;
  const bool signed_by_one =
      std::any_of(stations.begin(), stations.end(),
                  [&envelope](const VerifyingKey& key) { return holds(*envelope, key, kAuditType); });
  if (!signed_by_one) return "no station that is known here has signed that it was written down";
  const Result<AuditAttestation> said = read_audit_attestation(envelope->payload);
  if (!said) return said.error().message;
  const bool same = said->number == row.number && said->run == row.run && said->chain == row.chain &&
                    said->recorded_utc_ns == row.recorded_utc_ns;
  if (!same) return "the station has signed another entry";
  return std::nullopt;
}

/// What is wrong with the chain, by entry; of a whole trail.
std::map<std::int64_t, std::string> misfits_of(const std::vector<AuditRow>& rows,
                                               const std::vector<VerifyingKey>& stations) {
  std::map<std::int64_t, std::string> wrong;
  std::string before(kNoAuditYet);
  std::int64_t expected = 1;
  for (const AuditRow& row : rows) {
    if (row.number != expected) wrong[row.number] = fmt::format("entry {} is missing before it", expected);
    if (wrong.count(row.number) == 0 && audit_hash(before, row) != row.chain)
      wrong[row.number] = "it was changed, or moved from where it stood";
    if (wrong.count(row.number) == 0) {
      if (const auto why = why_attestation_does_not_hold(row, stations)) wrong[row.number] = *why;
    }
    before = row.chain;
    expected = row.number + 1;
  }
  return wrong;
}

ReviewEntry entry_from(const AuditRow& row, const ReviewStatement& statement) {
  ReviewEntry entry;
  entry.number = row.number;
  entry.signer = statement.signer;
  entry.operator_name = statement.operator_name;
  entry.decision = statement.decision;
  entry.reason = statement.reason;
  entry.withdraws = statement.withdraws;
  entry.recorded_utc_ns = row.recorded_utc_ns;
  entry.statement = row.statement;
  entry.signature = row.signature;
  if (const auto act = review_act_from(statement.act)) entry.act = *act;
  if (statement.waiver) {
    Waiver waiver;
    waiver.dut = statement.waiver->dut;
    waiver.code = statement.waiver->code;
    waiver.part = statement.waiver->part;
    waiver.reason = statement.reason;
    waiver.evidence = statement.waiver->evidence;
    waiver.requested_by = statement.waiver->requested_by;
    waiver.approved_by = statement.signer;
    if (const Result<std::int64_t> expires = parse_rfc3339(statement.waiver->expires))
      waiver.expires_utc_ns = *expires;
    entry.waiver = std::move(waiver);
  }
  return entry;
}

/// Empty: signature, key and what it is bound to hold.
std::string why_entry_does_not_hold(const AuditRow& row, const ReviewStatement& statement,
                                    const std::string& before, const RunSummary& run, const RunView& view,
                                    const ReviewTrust& trust, ReviewEntry& entry) {
  if (!review_act_from(statement.act)) return fmt::format("'{}' is no act of a review", statement.act);
  if (statement.run != row.run) return fmt::format("it was signed for run {}", statement.run);
  if (statement.previous != before) return "it was signed for another place in the audit trail";
  const Result<std::string> hash = view.chain_at(row.run, statement.events);
  if (!hash || *hash != statement.chain_head) return "it was signed for another record of this run";
  if (statement.operator_name != run.about.operator_name) return "it names another operator than the record";
  if (const Status trusted = check_allowed_signers(trust.allowed_signers, run.about.simulated); !trusted)
    return trusted.error().message;
  Result<std::string> key =
      trust.signatures->verify(trust.allowed_signers, statement.signer, std::string(purpose_of(statement)),
                               row.statement, row.signature, row.recorded_utc_ns);
  if (!key) return key.error().message;
  entry.key = std::move(*key);
  return {};
}

/// `misfit`: what is wrong with its place in the trail; `before`: the hash before it there.
ReviewEntry checked_entry(const AuditRow& row, const std::string& misfit, const std::string& before,
                          const RunSummary& run, const RunView& view, const ReviewTrust& trust) {
  const Result<ReviewStatement> statement = read_review_statement(row.statement);
  ReviewEntry entry;
  entry.number = row.number;
  entry.recorded_utc_ns = row.recorded_utc_ns;
  if (!statement) {
    entry.invalid_because = statement.error().message;
    return entry;
  }
  entry = entry_from(row, *statement);
  entry.invalid_because =
      misfit.empty() ? why_entry_does_not_hold(row, *statement, before, run, view, trust, entry) : misfit;
  return entry;
}

/// Which trails there are, by the hashes after their entries: two that share one are one, because a hash
/// tells all that was before it.
class Trails {
 public:
  explicit Trails(const std::vector<AuditRow>& own) {
    trails_.emplace_back();
    for (const AuditRow& row : own) trails_.front().insert(row.chain);
  }
  /// 0: this record's own. `joins`: whether it may be one of those that are known.
  int number_of(const CarriedReviews& one, bool joins) {
    for (std::size_t trail = 0; joins && trail < trails_.size(); ++trail) {
      for (const AuditRow& row : one.entries) {
        if (trails_[trail].contains(row.chain)) return static_cast<int>(trail);
      }
    }
    trails_.emplace_back();
    return static_cast<int>(trails_.size()) - 1;
  }
  /// False: it is there already.
  bool add(int trail, const AuditRow& row) {
    return trails_[static_cast<std::size_t>(trail)].insert(row.chain).second;
  }

 private:
  std::vector<std::set<std::string>> trails_;
};

/// What people had signed where the run was recorded. Each entry is checked by itself: what the person has
/// signed names the hash before it.
void add_carried(const std::vector<CarriedReviews>& carried, const std::vector<AuditRow>& rows,
                 const RunView& view, const RunSummary& run, const ReviewTrust& trust, RunReviews& reviews) {
  const std::vector<VerifyingKey> stations = stations_about(view, run.id, trust);
  Trails trails(rows);
  std::map<std::pair<int, std::int64_t>, std::string> places;  // a trail that went two ways has two entries
  for (const AuditRow& row : rows) places[{0, row.number}] = row.chain;
  const auto is_known = [&stations](const CarriedReviews& one) {
    return std::any_of(stations.begin(), stations.end(), [&one](const VerifyingKey& key) {
      return holds(one.envelope, key, kCarriedReviewsType);
    });
  };
  std::vector<std::pair<const CarriedReviews*, bool>> in_order;  // what nobody stands for comes last
  for (const bool known : {true, false}) {
    for (const CarriedReviews& one : carried)
      if (is_known(one) == known) in_order.emplace_back(&one, known);
  }
  for (const auto& [one, known] : in_order) {
    const int trail = trails.number_of(*one, known);
    for (const AuditRow& row : one->entries) {
      // What this station wrote down itself and came back: its own trail has it, and what was said since.
      if (!trails.add(trail, row)) continue;
      const auto [place, is_free] = places.try_emplace({trail, row.number}, row.chain);
      if (!is_free && place->second != row.chain)
        reviews.problems.push_back(fmt::format("the audit trail of {} went two ways: it has two entries {}",
                                               one->station, row.number));
      const Result<ReviewStatement> statement = read_review_statement(row.statement);
      const std::string before = statement ? statement->previous : std::string();
      std::string misfit;
      if (!known) {
        misfit = fmt::format(
            "no station that is known here has signed that it was written down; it names key {} ({}): import "
            "the bundle again with --station-key FILE",
            one->envelope.key_id.substr(0, 16), one->station);
      } else if (one->run != run.id) {
        misfit = "it was signed for run " + one->run;
      } else if (audit_hash(before, row) != row.chain) {
        misfit = "it was changed";
      } else if (const auto why = why_attestation_does_not_hold(row, stations)) {
        misfit = *why;
      }
      ReviewEntry entry = checked_entry(row, misfit, before, run, view, trust);
      entry.trail = trail;
      entry.station = one->station;
      reviews.entries.push_back(std::move(entry));
    }
  }
}

/// Whether a valid entry did what a person may not do: the command refuses it, a record made by another
/// program may not have.
void refuse_own_work(std::vector<ReviewEntry>& entries, const std::string& operator_name) {
  std::map<std::pair<int, std::int64_t>, const ReviewEntry*> by_number;
  for (const ReviewEntry& entry : entries) by_number[{entry.trail, entry.number}] = &entry;
  for (ReviewEntry& entry : entries) {
    if (!entry.invalid_because.empty()) continue;
    if (!operator_name.empty() && same_person(entry.signer, operator_name))
      entry.invalid_because = fmt::format("{} has run it", operator_name);
    if (entry.act != ReviewAct::withdraw) continue;
    const auto withdrawn = by_number.find({entry.trail, entry.withdraws});
    const bool own = withdrawn != by_number.end() && withdrawn->second->number < entry.number &&
                     same_person(withdrawn->second->signer, entry.signer);
    if (!own) entry.invalid_because = fmt::format("entry {} is not one of theirs", entry.withdraws);
  }
}

/// What checkpoints of all runs say of the trail: its end may have been signed with another run.
std::optional<std::string> why_anchors_differ(const RunView& view, const std::vector<AuditRow>& rows,
                                              const std::vector<VerifyingKey>& stations,
                                              const std::optional<VerifyingKey>& own) {
  const Result<std::vector<RunSummary>> runs = view.runs();
  if (!runs) return runs.error().message;
  for (const RunSummary& run : *runs) {
    // Of a run from elsewhere they tell of the trail where it was recorded, unless this station signed them.
    const auto mark = read_import_mark(view.database(), run.id);
    std::int64_t number = 0;
    const Result<std::vector<std::string>> checkpoints = view.checkpoints(run.id);
    if (!checkpoints) return checkpoints.error().message;
    for (const std::string& text : *checkpoints) {
      const Result<Envelope> envelope = read_envelope(text);
      const bool came_with_it = mark && ++number <= mark->checkpoints;
      if (!envelope || came_with_it) continue;
      const bool known = std::any_of(stations.begin(), stations.end(), [&envelope](const VerifyingKey& key) {
        return holds(*envelope, key, kCheckpointType);
      });
      const Result<Checkpoint> checkpoint = read_checkpoint(envelope->payload);
      if (!known || !checkpoint) continue;
      if (mark && !(own && holds(*envelope, *own, kCheckpointType))) continue;
      if (auto why = why_audit_differs(rows, checkpoint->audit_entries, checkpoint->audit_head)) return why;
    }
  }
  return std::nullopt;
}

Result<SeenFirmware> firmware_of(const RunView& view, const std::string& run) {
  SeenFirmware seen;
  const Result<std::optional<RecordBreak>> read = view.for_each_event(run, 1, [&seen](Event&& event) {
    if (const auto* part = std::get_if<PartSeen>(&event.body)) {
      if (!part->firmware.empty()) seen[{event.dut, part->part}] = part->firmware;
    }
    return true;
  });
  if (!read) return read.error();
  return seen;
}

}  // namespace

ReviewTrust review_trust(const std::string& state, const std::string& named_signers,
                         PersonalSignatures& signatures) {
  ReviewTrust trust;
  trust.allowed_signers = find_allowed_signers(named_signers);
  trust.signatures = &signatures;
  if (Result<std::vector<VerifyingKey>> keys = trusted_station_keys(state, {}))
    trust.stations = std::move(*keys);
  if (!trust.stations.empty()) trust.own = trust.stations.front();
  return trust;
}

std::vector<VerifyingKey> stations_about(const RunView& view, const std::string& run,
                                         const ReviewTrust& trust) {
  std::vector<VerifyingKey> stations = trust.stations;
  const auto mark = read_import_mark(view.database(), run);
  if (!mark) return stations;
  std::vector<std::string> pems = mark->more_keys;
  if (!mark->key_pem.empty()) pems.push_back(mark->key_pem);
  for (const std::string& pem : pems) {
    if (Result<VerifyingKey> key = VerifyingKey::from_pem(pem)) stations.push_back(std::move(*key));
  }
  return stations;
}

RunReviews read_reviews(const RunView& view, const std::string& run, const ReviewTrust& trust,
                        std::int64_t now_utc_ns) {
  RunReviews reviews;
  reviews.now_utc_ns = now_utc_ns;
  const Result<std::vector<AuditRow>> rows = view.audit();
  if (!rows) {
    reviews.problems.push_back("the audit trail cannot be read: " + rows.error().message);
    return reviews;
  }
  const Result<std::vector<CarriedReviews>> carried = carried_reviews(view.database(), run);
  if (!carried) {
    reviews.problems.push_back(carried.error().message);
    return reviews;
  }
  const auto of_run = [&run](const AuditRow& row) { return row.run == run; };
  if (carried->empty() && std::none_of(rows->begin(), rows->end(), of_run)) return reviews;
  const Result<RunSummary> summary = view.run(run);
  if (!summary) {
    reviews.problems.push_back(summary.error().message);
    return reviews;
  }
  add_carried(*carried, *rows, view, *summary, trust, reviews);
  const std::map<std::int64_t, std::string> wrong = misfits_of(*rows, trust.stations);
  std::string before(kNoAuditYet);
  for (const AuditRow& row : *rows) {
    if (of_run(row)) {
      const auto misfit = wrong.find(row.number);
      reviews.entries.push_back(
          checked_entry(row, misfit == wrong.end() ? "" : misfit->second, before, *summary, view, trust));
    }
    before = row.chain;
  }
  refuse_own_work(reviews.entries, summary->about.operator_name);
  for (const auto& [number, why] : wrong)
    reviews.problems.push_back(fmt::format("audit entry {} does not hold: {}", number, why));
  if (auto why = why_anchors_differ(view, *rows, trust.stations, trust.own))
    reviews.problems.push_back(std::move(*why));
  reviews.changed_since = changed_since(view, *summary);
  return reviews;
}

std::vector<std::string> changed_since(const RunView& view, const RunSummary& run) {
  std::vector<std::string> changes;
  const Result<std::vector<RunSummary>> runs = view.runs();
  if (!runs) return changes;
  // Newest first: what is newest of the rack is what would be shipped.
  for (const RunSummary& later : *runs) {
    if (later.id == run.id) break;
    const bool of_the_rack = later.about.rack == run.about.rack && later.about.product == run.about.product &&
                             later.about.simulated == run.about.simulated;
    if (!of_the_rack || later.begun.utc_ns < run.begun.utc_ns) continue;
    if (later.about.recipe == run.about.recipe && later.about.recipe_sha256 != run.about.recipe_sha256)
      changes.push_back(fmt::format("recipe {} was changed ({} in {})", run.about.recipe,
                                    later.about.recipe_version, later.id));
    if (!later.about.limits_sha256.empty() && later.about.limits_sha256 != run.about.limits_sha256)
      changes.push_back(fmt::format("the limits of {} were changed (revision {} in {}, {} then)",
                                    run.about.product, later.about.limits_revision, later.id,
                                    run.about.limits_revision));
    const Result<SeenFirmware> then = firmware_of(view, run.id), now = firmware_of(view, later.id);
    if (!then || !now) break;
    for (const auto& [part, version] : *now) {
      const auto before = then->find(part);
      if (before != then->end() && before->second != version)
        changes.push_back(fmt::format("firmware of {} {} became {} ({} in {})", part.first, part.second,
                                      version, before->second, later.id));
      if (changes.size() > 5) break;
    }
    break;
  }
  return changes;
}

void verify_audit(const RunView& view, const std::string& run, const ReviewTrust& trust,
                  std::vector<SealFinding>& findings) {
  const Result<std::vector<AuditRow>> rows = view.audit();
  if (!rows) {
    findings.push_back({false, "audit", rows.error().message});
    return;
  }
  if (const auto why = why_anchors_differ(view, *rows, trust.stations, trust.own))
    findings.push_back({false, "audit", *why});
  const std::map<std::int64_t, std::string> wrong = misfits_of(*rows, trust.stations);
  for (const auto& [number, why] : wrong)
    findings.push_back({false, fmt::format("audit entry {}", number), why});
  if (wrong.empty() && !rows->empty())
    findings.push_back(
        {true, "audit", fmt::format("{} entries, head {}…", rows->size(), rows->back().chain.substr(0, 12))});
  if (const Result<std::vector<CarriedReviews>> carried = carried_reviews(view.database(), run); !carried)
    findings.push_back({false, "reviews", carried.error().message});
  const RunReviews reviews = read_reviews(view, run, trust, SystemClock().now().utc_ns);
  for (const ReviewEntry& entry : reviews.entries) {
    const std::string what = fmt::format("review {} ({})", review_number(entry), to_string(entry.act));
    const bool good = entry.invalid_because.empty();
    findings.push_back({good, what,
                        good ? fmt::format("signed by {} with {}, written down {}", entry.signer, entry.key,
                                           format_utc(entry.recorded_utc_ns))
                             : entry.invalid_because});
  }
}

}  // namespace kiln
