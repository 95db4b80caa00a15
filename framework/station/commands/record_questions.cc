#include "station/commands/record_questions.h"

#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "station/reports_on_disk.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"

namespace kiln {
bool is_a_record(const std::string& file, const std::vector<std::string>& databases) {
  for (const std::string& database : databases) {
    for (const char* part : {"", "-wal", "-shm"}) {
      std::error_code none;
      if (std::filesystem::equivalent(file, database + part, none)) return true;
    }
  }
  return false;
}

std::vector<std::string> asked_databases(const CommandLine& line, const Paths& paths) {
  if (line.ledgers.empty()) return {database_path(line, paths)};
  return line.ledgers;
}

std::string question_format(const CommandLine& line) {
  if (line.json) return "json";
  return line.formats.empty() ? "text" : line.formats.front();
}

std::string screen_text(const QualityPage& page) {
  std::istringstream lines(render_text(page));
  std::string text;
  for (std::string one; std::getline(lines, one);) text += printable(one, true) + "\n";
  return text;
}

int refuse_question(const CommandLine& line, const Error& error) {
  if (line.json || (question_format(line) == "json" && line.out_directory.empty())) {
    boost::json::object problem{{"place", ""}, {"code", error.code}, {"message", error.sentence()}};
    std::cout << boost::json::serialize(
                     boost::json::object{{"problems", boost::json::array{std::move(problem)}}})
              << std::endl;
  }
  std::cerr << "kiln: " << printable(error.sentence(), true) << " [" << error.code << "]\n";
  return error.blame == Blame::operator_ ? 2 : 4;
}

int answer_question(const CommandLine& line, const std::vector<std::string>& databases,
                    const std::string& text, const std::vector<std::string>& unreadable) {
  if (line.out_directory.empty()) {
    std::cout << text << std::flush;
  } else {
    if (is_a_record(line.out_directory, databases))
      return refuse_question(line, Error("question.out", line.out_directory + " is a record of runs",
                                         "give --out another name", Blame::operator_));
    const Status written = write_whole(line.out_directory, text);
    if (!written) return refuse_question(line, written.error());
    if (line.json) {
      std::cout << boost::json::serialize(boost::json::object{{"file", line.out_directory}}) << std::endl;
    } else {
      std::cout << line.out_directory << "\n";
    }
  }
  for (const std::string& database : unreadable)
    std::cerr << "kiln: not read: " << printable(database, true) << "\n";
  return unreadable.empty() ? 0 : 4;
}

}  // namespace kiln
