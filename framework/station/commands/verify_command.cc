// kiln verify: whether a record and its reports are what was signed. Exit code 0, or 6 when something
// differs.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <iostream>

#include "station/commands/commands.h"
#include "station/import_mark.h"
#include "station/reviews.h"
#include "station/run_json.h"
#include "station/screen/printable.h"
#include "station/station_key.h"
#include "station/verification.h"

namespace kiln {

namespace fs = std::filesystem;

namespace {

constexpr int kDiffers = 6;

int verification_told(const CommandLine& line, const Verification& verification);

/// A record that cannot be read any more is not what was signed; one that is not there, or of a newer
/// program, was asked for wrongly.
int refuse_to_verify(const CommandLine& line, const Error& error) {
  if (error.code == "view.not_readable" || error.code == "view.not_a_ledger")
    return verification_told(line, {"", {{false, "record", error.message}}});
  std::cerr << "kiln: " << error.sentence() << " [" << error.code << "]\n";
  return error.blame == Blame::operator_ ? 2 : 4;
}

void say_findings(const Verification& verification) {
  for (const SealFinding& finding : verification.findings) {
    std::cout << fmt::format("{:<8} {}{}{}\n", finding.holds ? "holds" : "DIFFERS",
                             printable(finding.what, true), finding.detail.empty() ? "" : ": ",
                             printable(finding.detail, true));
  }
  std::cout << fmt::format("{}{}\n", verification.run.empty() ? "" : verification.run + " ",
                           verification.holds() ? "is what was signed" : "IS NOT WHAT WAS SIGNED");
}

void say_findings_json(const Verification& verification) {
  boost::json::array findings;
  for (const SealFinding& finding : verification.findings) {
    boost::json::object one;
    one["holds"] = finding.holds;
    one["what"] = finding.what;
    one["detail"] = finding.detail;
    findings.push_back(std::move(one));
  }
  boost::json::object root;
  root["run"] = verification.run;
  root["holds"] = verification.holds();
  root["findings"] = std::move(findings);
  std::cout << boost::json::serialize(root) << std::endl;
}

int verification_told(const CommandLine& line, const Verification& verification) {
  line.json ? say_findings_json(verification) : say_findings(verification);
  return verification.holds() ? 0 : kDiffers;
}

}  // namespace

int verify_command(const CommandLine& line, const Paths& paths) {
  const Result<std::vector<VerifyingKey>> trusted = trusted_station_keys(paths.state, line.station_keys);
  if (!trusted) return refuse_to_verify(line, trusted.error());
  const Result<std::unique_ptr<RunView>> view = RunView::open(line.database);
  std::error_code failed;
  if (fs::is_directory(line.run, failed))
    return verification_told(line, verify_reports(line.run, *trusted, view ? view->get() : nullptr));
  if (!view) return refuse_to_verify(line, view.error());
  const Result<std::string> run = (*view)->find_run(line.run);
  if (!run) return refuse_to_verify(line, run.error());
  const std::string& database = (*view)->database();
  const std::unique_ptr<PersonalSignatures> signatures = make_ssh_signatures();
  ReviewTrust trust = review_trust(paths.state, line.allowed_signers, *signatures);
  trust.stations = *trusted;
  // Who imported it has said then whose key that is.
  trust.stations = stations_about(**view, *run, trust);
  const std::vector<VerifyingKey>& keys = trust.stations;
  const std::optional<ImportMark> mark = read_import_mark(database, *run);
  Result<Verification> verification = verify_record(**view, *run, keys);
  if (!verification) return refuse_to_verify(line, verification.error());
  if (mark) verification->findings.push_back({true, "origin", mark->sentence()});
  verify_audit(**view, *run, trust, verification->findings);
  const std::string reports = database.substr(0, database.rfind('/')) + "/reports/" + *run;
  if (fs::is_directory(reports, failed)) {
    const Verification of_reports = verify_reports(reports, keys, view->get());
    if (of_reports.run != *run && !of_reports.run.empty())
      verification->findings.push_back(
          {false, "reports", "those of this run's folder are of run " + of_reports.run});
    verification->findings.insert(verification->findings.end(), of_reports.findings.begin(),
                                  of_reports.findings.end());
  } else {
    verification->findings.push_back(
        {true, "reports", "NOT CHECKED: none lie beside the record; kiln verify FOLDER"});
  }
  return verification_told(line, *verification);
}

}  // namespace kiln
