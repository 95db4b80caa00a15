#pragma once
// config/checks.yaml: what is said of each check beyond what its step declares. For people only: nothing is
// judged by it. Floor 2; blocks on the disk; any thread. The grammar is described for editors in
// config/checks.schema.json.

#include <string>
#include <vector>

#include "files/problem.h"

namespace kiln {

struct CheckNote {
  std::string check;   ///< a measurement; "*" stands for one word of its name
  std::string source;  ///< where the value comes from
  std::string proof;   ///< the fault of the virtual rack that it finds, "person" or "test NAME"; empty: none
  std::string not_it;  ///< what looks like a fault and is none
  std::vector<std::string> others;  ///< tools of the field that do it too
  Place place;
};

using CheckNotes = std::vector<CheckNote>;

/// Problems: those of the file and of YAML, and checks.name, checks.duplicate.
Parsed<CheckNotes> read_check_notes(const std::string& path);
Parsed<CheckNotes> parse_check_notes(const std::string& text, const std::string& file);

/// The note on a measurement, one by its whole name first; nullptr when there is none.
const CheckNote* find_note(const CheckNotes& notes, const std::string& measurement);

}  // namespace kiln
