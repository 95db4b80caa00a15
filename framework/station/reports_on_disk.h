#pragma once
// Writes the reports of a run as files. Blocking.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "common/report_format.h"

namespace kiln {

struct WrittenReports {
  std::map<std::string, std::string> files;  ///< format → absolute path
  std::vector<Error> failures;               ///< one format that fails does not stop the others
};

/// A file of mode 0600 that is there with all of the text, on disk, or not at all: "report.not_written".
Status write_whole(const std::string& path, const std::string& text);
/// The same for a text that comes in pieces; what `write_all` fails with is the error, and then there is no
/// file.
Status write_whole(const std::string& path, const std::function<Status(const ReportSink&)>& write_all);

/// Makes the directory when it is not there, and sees that files can be made in it: "report.not_written".
Status make_report_directory(const std::string& directory);

/// "report.unknown_format" for each that no report has; the nearest name is in it.
std::vector<Error> unknown_report_formats(const std::vector<std::string>& formats);

/// "report.other_run": a report lies there already that writing `formats` would leave as it is. Empty
/// `formats`: all that are written unasked.
Status refuse_other_reports(const std::string& directory, const std::vector<std::string>& formats);

/// `formats` empty: all that are written unasked. Files are `directory`/report.EXTENSION, mode 0600, replaced
/// as a whole or not at all; then they are sealed with the station's key (report_seal.h), which lies under
/// `state`. What people have signed of the run is in them, checked against `signers` (empty: the station's
/// file of allowed signers), and lies beside them. `language`: of page 1, beside English
/// (common/local_words.h); empty: none.
WrittenReports write_reports(const std::string& state, const std::string& database, const std::string& run,
                             const std::string& directory, const std::vector<std::string>& formats,
                             const std::string& signers = {}, const std::string& language = {});

/// The formats of which a report lies there already, by name.
std::vector<std::string> formats_there(const std::string& directory);

}  // namespace kiln
