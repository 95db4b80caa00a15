#pragma once
// Several questions to a host in one shell command: each answer stands behind a line that says whose it is.
// Pure functions.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/step.h"

namespace kiln::host_health {

struct Question {
  std::string name;     ///< letters, digits and blanks
  std::string command;  ///< one command; its standard error is dropped
};

/// Every question is under a time limit of its own on the host, so that a drive that hangs costs only itself.
std::string ask_all(const std::vector<Question>& questions, int seconds_each);

/// Answers by name. An Error when the reading was cut short, or an answer was told twice.
Result<std::map<std::string, std::string>> answers_of(const std::string& printed,
                                                      const std::vector<Question>& questions);

}  // namespace kiln::host_health
