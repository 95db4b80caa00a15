#include "station/reviews.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/rfc3339.h"
#include "base/time.h"
#include "seal/dsse.h"
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
    waiver.number = row.number;
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

/// Whether a valid entry did what a person may not do: the command refuses it, a record made by another
/// program may not have.
void refuse_own_work(std::vector<ReviewEntry>& entries, const std::string& operator_name) {
  std::map<std::int64_t, const ReviewEntry*> by_number;
  for (const ReviewEntry& entry : entries) by_number[entry.number] = &entry;
  for (ReviewEntry& entry : entries) {
    if (!entry.invalid_because.empty()) continue;
    if (!operator_name.empty() && same_person(entry.signer, operator_name))
      entry.invalid_because = fmt::format("{} has run it", operator_name);
    if (entry.act != ReviewAct::withdraw) continue;
    const auto withdrawn = by_number.find(entry.withdraws);
    const bool own = withdrawn != by_number.end() && withdrawn->second->number < entry.number &&
                     same_person(withdrawn->second->signer, entry.signer);
    if (!own) entry.invalid_because = fmt::format("entry {} is not one of theirs", entry.withdraws);
  }
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
  return trust;
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
  const auto of_run = [&run](const AuditRow& row) { return row.run == run; };
  if (std::none_of(rows->begin(), rows->end(), of_run)) return reviews;
  const Result<RunSummary> summary = view.run(run);
  if (!summary) {
    reviews.problems.push_back(summary.error().message);
    return reviews;
  }
  const std::map<std::int64_t, std::string> wrong = misfits_of(*rows, trust.stations);
  std::string before(kNoAuditYet);
  for (const AuditRow& row : *rows) {
    if (of_run(row)) {
      const Result<ReviewStatement> statement = read_review_statement(row.statement);
      ReviewEntry entry;
      entry.number = row.number;
      entry.recorded_utc_ns = row.recorded_utc_ns;
      if (statement) entry = entry_from(row, *statement);
      const auto misfit = wrong.find(row.number);
      if (!statement) {
        entry.invalid_because = statement.error().message;
      } else if (misfit != wrong.end()) {
        entry.invalid_because = misfit->second;
      } else {
        entry.invalid_because =
            why_entry_does_not_hold(row, *statement, before, *summary, view, trust, entry);
      }
      reviews.entries.push_back(std::move(entry));
    }
    before = row.chain;
  }
  refuse_own_work(reviews.entries, summary->about.operator_name);
  for (const auto& [number, why] : wrong)
    reviews.problems.push_back(fmt::format("audit entry {} does not hold: {}", number, why));
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
  if (rows->empty()) return;
  const std::map<std::int64_t, std::string> wrong = misfits_of(*rows, trust.stations);
  for (const auto& [number, why] : wrong)
    findings.push_back({false, fmt::format("audit entry {}", number), why});
  if (wrong.empty())
    findings.push_back(
        {true, "audit", fmt::format("{} entries, head {}…", rows->size(), rows->back().chain.substr(0, 12))});
  const RunReviews reviews = read_reviews(view, run, trust, SystemClock().now().utc_ns);
  for (const ReviewEntry& entry : reviews.entries) {
    const std::string what = fmt::format("review {} ({})", entry.number, to_string(entry.act));
    const bool good = entry.invalid_because.empty();
    findings.push_back({good, what,
                        good ? fmt::format("signed by {} with {}, written down {}", entry.signer, entry.key,
                                           format_utc(entry.recorded_utc_ns))
                             : entry.invalid_because});
  }
}

}  // namespace kiln
