#pragma once
// How somebody without Kiln finds out whether the reports of a run are what a station has signed. The same
// words in every report and in VERIFY.txt beside them. Pure.

#include <string>
#include <vector>

namespace kiln {

/// One question with the commands that answer it, as they are typed in the folder of the reports.
struct VerifyStep {
  std::string question;
  std::vector<std::string> commands;
};

/// `key_id`: of the station's key. OpenSSL 3 and coreutils are enough.
std::vector<VerifyStep> how_to_verify(const std::string& key_id);

/// All of it as text; lines of commands are indented.
std::string verify_text(const std::string& key_id);

}  // namespace kiln
