// kiln review: what a person who signs must have seen, exceptions first, and their signature.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <iostream>

#include "base/rfc3339.h"
#include "common/report_format.h"
#include "seal/dsse.h"
#include "station/commands/commands.h"
#include "station/reports_on_disk.h"
#include "station/review_sheet.h"
#include "station/reviews.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"
#include "station/station_key.h"
#include "station/verdict_block.h"
#include "store/audit_trail.h"

namespace kiln {
namespace {

namespace json = boost::json;

int refuse_review(const CommandLine& line, const Error& error) {
  if (line.json) {
    json::object problem{{"place", ""}, {"code", error.code}, {"message", error.sentence()}};
    std::cout << json::serialize(json::object{{"problems", json::array{std::move(problem)}}}) << std::endl;
  }
  std::cerr << "kiln: " << printable(error.sentence(), true) << " [" << error.code << "]\n";
  return error.blame == Blame::operator_ ? 2 : 4;
}

Error not_reviewed(const std::string& why, const std::string& cure = "") {
  return {"review.refused", "nothing was signed: " + why, cure, Blame::operator_};
}

/// "C03:nic.slow:NIC_1"; a part may have colons itself, a DUT and a code have none.
Result<Waiver> failure_from(const std::string& text) {
  const std::size_t first = text.find(':');
  if (first == std::string::npos || first == 0 || first + 1 >= text.size())
    return not_reviewed(fmt::format("'{}' names no failure", text),
                        "write DUT:CODE or DUT:CODE:PART, as kiln review prints it");
  const std::size_t second = text.find(':', first + 1);
  Waiver waiver;
  waiver.dut = text.substr(0, first);
  waiver.code = text.substr(first + 1, second == std::string::npos ? second : second - first - 1);
  if (second != std::string::npos) waiver.part = text.substr(second + 1);
  return waiver;
}

/// The end of a day in UTC, or a moment.
Result<std::int64_t> expiry_from(const std::string& text) {
  const Result<std::int64_t> moment = parse_rfc3339(text.size() == 10 ? text + "T23:59:59Z" : text);
  if (!moment)
    return not_reviewed(fmt::format("--expires '{}' is neither a day nor a moment", text),
                        "write 2027-01-31 (UTC), or 2027-01-31T12:00:00+01:00");
  return moment;
}

std::string message_of(const RunVerdict& verdict, const Waiver& waiver) {
  const DutVerdict* dut = verdict.find(waiver.dut);
  if (dut == nullptr) return {};
  for (const Reason& reason : dut->reasons) {
    if (reason.outcome == Outcome::fail && reason.code == waiver.code && reason.fru == waiver.part)
      return reason.message;
  }
  return {};
}

/// What is going to be signed, or why it may not be.
Result<ReviewStatement> statement_for(const CommandLine& line, const ReportInput& input, ReviewAct act,
                                      std::int64_t now) {
  ReviewStatement statement;
  statement.act = to_string(act);
  statement.run = input.run.id;
  statement.rack = input.run.about.rack;
  if (input.verdict.decision) statement.decision = std::string(to_string(*input.verdict.decision));
  statement.operator_name = input.run.about.operator_name;
  statement.events = input.run.events;
  statement.chain_head = input.run.chain_head;
  statement.recipe_sha256 = input.run.about.recipe_sha256;
  statement.limits_sha256 = input.run.about.limits_sha256;
  statement.signer = line.by;
  statement.reason = line.reason;
  statement.at = format_utc(now);
  if (statement.reason.empty() && act != ReviewAct::countersign && act != ReviewAct::approve)
    return not_reviewed(fmt::format("to {} needs a reason", to_string(act)), "say why with --reason");
  if (act == ReviewAct::withdraw) {
    const auto known =
        std::find_if(input.reviews.entries.begin(), input.reviews.entries.end(),
                     [&line](const ReviewEntry& one) { return one.trail == 0 && one.number == line.entry; });
    if (known == input.reviews.entries.end())
      return not_reviewed(fmt::format("there is no entry {} of this station about this run", line.entry),
                          "kiln review RUN lists them; what was written down elsewhere (\"3 of st-04\") is "
                          "withdrawn there");
    if (!same_person(known->signer, line.by))
      return not_reviewed(
          fmt::format("entry {} is {}'s: only they can withdraw it", line.entry, known->signer));
    statement.withdraws = line.entry;
  }
  if (act == ReviewAct::waive) {
    Result<Waiver> waiver = failure_from(line.failure);
    if (!waiver) return waiver.error();
    const Result<std::int64_t> expires = expiry_from(line.expires);
    if (!expires) return expires.error();
    waiver->reason = line.reason;
    waiver->evidence = line.evidence;
    waiver->requested_by = line.requested_by;
    waiver->approved_by = line.by;
    waiver->expires_utc_ns = *expires;
    if (const auto why = why_not_waived(*waiver, input.verdict, input.run.about.operator_name, now))
      return not_reviewed(*why);
    statement.waiver = {
        waiver->dut,      waiver->code,         waiver->part,        message_of(input.verdict, *waiver),
        waiver->evidence, waiver->requested_by, format_utc(*expires)};
  }
  return statement;
}

/// Nobody signs a record that is not what the station wrote.
std::optional<Error> why_record_does_not_hold(const RunView& view, const std::string& run,
                                              const ReviewTrust& trust, const RunReviews& reviews) {
  const Result<Verification> verification = verify_record(view, run, stations_about(view, run, trust));
  if (!verification) return verification.error();
  for (const SealFinding& finding : verification->findings) {
    if (!finding.holds)
      return not_reviewed(fmt::format("the record does not hold: {}: {}", finding.what, finding.detail),
                          "kiln verify RUN tells more; kiln report RUN signs the end of a run that died");
  }
  if (!reviews.problems.empty())
    return not_reviewed("the audit trail does not hold: " + reviews.problems.front(),
                        "kiln verify RUN tells more");
  return std::nullopt;
}

Result<AuditRow> write_down(const RunView& view, const SigningKey& key, const ReviewStatement& statement,
                            const std::string& text, const std::string& signature, std::int64_t now) {
  AuditRow row;
  row.run = statement.run;
  row.statement = text;
  row.signature = signature;
  row.recorded_utc_ns = now;
  const SignAuditRow attest = [&key](const AuditRow& entry) -> Result<std::string> {
    const AuditAttestation said{entry.number, entry.run, entry.chain, entry.recorded_utc_ns};
    const Result<Envelope> envelope = seal(key, std::string(kAuditType), to_json(said));
    if (!envelope) return envelope.error();
    return to_json(*envelope);
  };
  return add_audit_entry(view.database(), std::move(row), statement.previous, attest);
}

struct Reviewed {
  std::unique_ptr<RunView> view;
  ReportInput input;
};

Result<Reviewed> read_for_review(const CommandLine& line, const Paths& paths, const ReviewTrust& trust) {
  Reviewed reviewed;
  Result<std::unique_ptr<RunView>> view = RunView::open(database_path(line, paths));
  if (!view) return view.error();
  const Result<std::string> run = (*view)->find_run(line.run);
  if (!run) return run.error();
  RunReviews reviews = read_reviews(**view, *run, trust, SystemClock().now().utc_ns);
  Result<ReportInput> input = read_report_input(**view, *run, std::move(reviews));
  if (!input) return input.error();
  reviewed.view = std::move(*view);
  reviewed.input = std::move(*input);
  return reviewed;
}

/// Signs and writes down; the number of the entry.
Result<std::int64_t> sign_review(const CommandLine& line, const Paths& paths, const Reviewed& reviewed,
                                 const ReviewTrust& trust, ReviewAct act) {
  const ReportInput& input = reviewed.input;
  const std::int64_t now = SystemClock().now().utc_ns;
  if (line.by.empty() || line.key_file.empty())
    return not_reviewed("who signs, and with which key?", "--as NAME --key FILE");
  if (const Status trusted = check_allowed_signers(trust.allowed_signers, input.verdict.simulated); !trusted)
    return trusted.error();
  const std::string& ran_it = input.run.about.operator_name;
  const std::vector<ReviewEntry>& entries = input.reviews.entries;
  if (const auto why = why_not(act, line.by, "", input.verdict, ran_it, entries)) return not_reviewed(*why);
  if (const auto why = why_record_does_not_hold(*reviewed.view, input.run.id, trust, input.reviews))
    return *why;
  Result<ReviewStatement> statement = statement_for(line, input, act, now);
  if (!statement) return statement.error();
  const Result<std::vector<AuditRow>> trail = reviewed.view->audit();
  if (!trail) return trail.error();
  statement->previous = trail->empty() ? std::string(kNoAuditYet) : trail->back().chain;
  const Result<SigningKey> station = station_key(paths.state);
  if (!station) return station.error();
  const std::string text = to_json(*statement), purpose(purpose_of(*statement));
  if (!line.json) std::cout << "You sign:\n  " << printable(text.substr(0, text.size() - 1), true) << "\n";
  const Result<std::string> signature = trust.signatures->sign(line.key_file, purpose, text);
  if (!signature) return signature.error();
  const std::int64_t recorded = SystemClock().now().utc_ns;
  const Result<std::string> key =
      trust.signatures->verify(trust.allowed_signers, line.by, purpose, text, *signature, recorded);
  if (!key)
    return not_reviewed(fmt::format("{} does not let {} sign this with that key: {}", trust.allowed_signers,
                                    line.by, key.error().message));
  if (const auto why = why_not(act, line.by, *key, input.verdict, ran_it, entries)) return not_reviewed(*why);
  const Result<AuditRow> row = write_down(*reviewed.view, *station, *statement, text, *signature, recorded);
  if (!row) return row.error();
  return row->number;
}

}  // namespace

int review_command(const CommandLine& line, const Paths& paths) {
  const std::unique_ptr<PersonalSignatures> signatures = make_ssh_signatures();
  const ReviewTrust trust = review_trust(paths.state, line.allowed_signers, *signatures);
  Result<Reviewed> reviewed = read_for_review(line, paths, trust);
  if (!reviewed) return refuse_review(line, reviewed.error());
  const bool unicode = verdict_style("auto").unicode;
  if (line.act.empty()) {
    if (line.json) std::cout << review_json(reviewed->input, 0, {}) << std::endl;
    if (!line.json) std::cout << printable_lines(review_sheet(reviewed->input), unicode);
    return 0;
  }
  const Result<std::int64_t> number =
      sign_review(line, paths, *reviewed, trust, review_act_from(line.act).value_or(ReviewAct::reject));
  if (!number) return refuse_review(line, number.error());
  // The reports beside the record tell of it from now on.
  const std::string& database = reviewed->view->database();
  const std::string directory =
      database.substr(0, database.rfind('/')) + "/reports/" + reviewed->input.run.id;
  const WrittenReports reports = write_reports(paths.state, database, reviewed->input.run.id, directory,
                                               formats_there(directory), line.allowed_signers);
  reviewed = read_for_review(line, paths, trust);
  if (!reviewed) return refuse_review(line, reviewed.error());
  if (line.json) {
    std::cout << review_json(reviewed->input, *number, reports.files) << std::endl;
  } else {
    std::cout << "Written down as entry " << *number << " of the audit trail.\n"
              << printable_lines(sign_off_lines(reviewed->input), unicode) << "reports: " << directory
              << "\n";
  }
  for (const Error& failure : reports.failures)
    std::cerr << "kiln: " << printable(failure.sentence(), true) << " [" << failure.code << "]\n";
  return reports.failures.empty() ? 0 : 4;
}

}  // namespace kiln
