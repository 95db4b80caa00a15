#include "sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

namespace kiln::host_health {

namespace {

constexpr std::string_view kMark = "kiln: ", kEnd = "kiln: end";

Error broken(std::string what) {
  return Error("host.unreadable", "the host's answers: " + std::move(what),
               "see what else writes to the standard output of a login (profile, banner)", Blame::peer);
}

}  // namespace

std::string ask_all(const std::vector<Question>& questions, int seconds_each) {
  std::string line;
  for (const Question& question : questions)
    line += fmt::format("echo '{}{}'; timeout --signal=KILL {} {} 2>/dev/null; echo; ", kMark, question.name,
                        seconds_each, question.command);
  return line + fmt::format("echo '{}'", kEnd);
}

Result<std::map<std::string, std::string>> answers_of(const std::string& printed,
                                                      const std::vector<Question>& questions) {
  if (!printed.ends_with("\n" + std::string(kEnd) + "\n")) return broken("they were cut short");
  std::map<std::string, std::string> answers;
  std::string* current = nullptr;
  std::size_t asked = 0;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    if (line == kEnd) {
      if (asked != questions.size()) return broken("some are missing");
      current = nullptr;
    } else if (line.starts_with(kMark)) {
      // In the order they were asked: an answer that pretends to be another is found out.
      if (asked == questions.size() || line.substr(kMark.size()) != questions[asked].name)
        return broken(fmt::format("'{}' was not asked here", line.substr(0, 80)));
      current = &answers[questions[asked++].name];
    } else if (current != nullptr) {
      *current += line + "\n";
    } else if (!line.empty()) {
      return broken(fmt::format("'{}' stands before them or behind", line.substr(0, 80)));
    }
  }
  return answers;
}

}  // namespace kiln::host_health
