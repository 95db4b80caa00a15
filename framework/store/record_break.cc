#include "store/record_break.h"

#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>

#include "store/event_json.h"
#include "store/store_paths.h"

namespace kiln {

void write_break_note(const std::string& database, const std::string& run, const LedgerFailure& failure) {
  boost::json::object note;
  note["last_committed"] = failure.last_committed;
  note["utc_ns"] = failure.utc_ns;
  note["code"] = failure.error.code;
  note["message"] = valid_utf8(failure.error.message);
  note["action"] = failure.error.action;
  const std::string text = boost::json::serialize(note);
  const int file = ::open(broken_file(database, run).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(file, text.data(), text.size());
  ::fsync(file);
  ::close(file);
}

std::optional<LedgerFailure> read_break_note(const std::string& database, const std::string& run) {
  simdjson::dom::parser parser;
  simdjson::dom::element note;
  const std::string path = broken_file(database, run);
  const bool is_there =
      ::access(path.c_str(), F_OK) == 0 || ::access(after_break_file(database, run).c_str(), F_OK) == 0;
  if (!is_there) return std::nullopt;
  LedgerFailure failure;
  failure.error = Error("ledger.failed", "the ledger failed; its note cannot be read", {}, Blame::station);
  if (::access(path.c_str(), F_OK) != 0) {
    failure.error = Error("ledger.writer_gone", "the program that wrote it died", {}, Blame::station);
    return failure;
  }
  if (parser.load(path).get(note) != simdjson::SUCCESS) return failure;
  std::string_view text;
  if (note["message"].get(text) == simdjson::SUCCESS) failure.error.message = std::string(text);
  if (note["code"].get(text) == simdjson::SUCCESS) failure.error.code = std::string(text);
  if (note["action"].get(text) == simdjson::SUCCESS) failure.error.action = std::string(text);
  std::int64_t number = 0;
  if (note["last_committed"].get(number) == simdjson::SUCCESS) failure.last_committed = number;
  if (note["utc_ns"].get(number) == simdjson::SUCCESS) failure.utc_ns = number;
  return failure;
}

void write_after_break(const std::string& database, const std::string& run, const Event& event) {
  const std::string line = to_json(event) + "\n";
  const int file =
      ::open(after_break_file(database, run).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(file, line.data(), line.size());
  ::close(file);
}

void forget_after_break(const std::string& database, const std::string& run) {
  ::unlink(after_break_file(database, run).c_str());
}

std::vector<Event> read_after_break(const std::string& database, const std::string& run) {
  std::vector<Event> events;
  std::ifstream file(after_break_file(database, run));
  std::string line;
  while (std::getline(file, line)) {
    Result<Event> event = event_from_json(line);
    if (!event) continue;
    event->sequence = 0;
    events.push_back(*std::move(event));
  }
  return events;
}

}  // namespace kiln
