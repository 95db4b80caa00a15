#pragma once
// What commands that only ask the record have in common: which databases, in which format, and where the
// answer goes.

#include <string>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "quality/quality_page.h"
#include "station/command_line.h"
#include "station/paths.h"

namespace kiln {

/// --db, once or several times; else the default one.
std::vector<std::string> asked_databases(const CommandLine& line, const Paths& paths);
/// "json" with --json, else --format, else "text".
std::string question_format(const CommandLine& line);
/// A page must not take the place of the record it was made of.
bool is_a_record(const std::string& file, const std::vector<std::string>& databases);
/// A page for the terminal: what was recorded cannot move its cursor.
std::string screen_text(const QualityPage& page);

/// On standard error, and with --json as the one object. The exit code: 2, or 4 for what is not the
/// operator's.
int refuse_question(const CommandLine& line, const Error& error);
/// On standard output or in the file of --out, which must be none of the databases. The exit code: 0, or 4
/// when a database could not be read, which is then told.
int answer_question(const CommandLine& line, const std::vector<std::string>& databases,
                    const std::string& text, const std::vector<std::string>& unreadable);

}  // namespace kiln
