// kiln receive: notes when a rack arrived, and what it waits for. Nothing is asked of the rack, and nothing
// noted is ever changed: a correction is another entry.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/trim.hpp>
#include <boost/json.hpp>
#include <iostream>

#include "base/nearest.h"
#include "base/rfc3339.h"
#include "files/field_reader.h"
#include "station/commands/commands.h"
#include "station/host_name.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"
#include "store/rack_notes.h"
#include "store/run_view.h"

namespace kiln {
namespace {

namespace json = boost::json;
using What = RackNote::What;

constexpr std::int64_t kClocksDiffer =
    60'000'000'000;  // ours: so far a person's watch may be ahead of the station's clock

int refused(const Error& error, int code) {
  std::cerr << "kiln: " << error.sentence() << " [" << error.code << "]\n";
  return code;
}

/// Those of `rack`, or of all when it is empty; in order of noting.
Result<std::vector<RackNote>> noted(const std::string& database, const std::string& rack) {
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view && view.error().code == "view.not_found") return std::vector<RackNote>();
  if (!view) return view.error();
  Result<std::vector<RackNote>> notes = (*view)->rack_notes();
  if (!notes) return notes.error();
  std::erase_if(*notes, [&rack](const RackNote& note) { return !rack.empty() && note.rack != rack; });
  return notes;
}

json::object note_object(const RackNote& note) {
  return {{"rack", note.rack},
          {"what", std::string(to_string(note.what))},
          {"at", format_utc(note.at_utc_ns)},
          {"by", note.by},
          {"station", note.station},
          {"noted", format_utc(note.noted_utc_ns)}};
}

int list_notes(const CommandLine& line, const std::string& database) {
  const Result<std::vector<RackNote>> notes = noted(database, line.rack_name);
  if (!notes) return refused(notes.error(), 4);
  if (line.json) {
    json::array all;
    for (const RackNote& note : *notes) all.push_back(note_object(note));
    json::object body;
    body["notes"] = std::move(all);
    std::cout << json::serialize(body) << std::endl;
    return 0;
  }
  if (notes->empty())
    std::cout << (line.rack_name.empty() ? "nothing is noted yet" : "nothing is noted of " + line.rack_name)
              << "\n";
  for (const RackNote& note : *notes) {
    std::cout << fmt::format("{:<12} {:<17} {}   by {}, noted {} at {}\n", note.rack, to_string(note.what),
                             format_utc(note.at_utc_ns), printable(note.by, true),
                             format_utc(note.noted_utc_ns), printable(note.station, true));
  }
  return 0;
}

Result<What> what_of(const CommandLine& line) {
  if (line.goes_on && !line.waits_for.empty())
    return Error("receive.words", "--goes-on and --waits-for say two things at once", "write one of them",
                 Blame::operator_);
  if (line.goes_on) return What::goes_on;
  if (line.waits_for.empty()) return What::arrived;
  if (const std::optional<What> what = rack_note_from("waits_for_" + line.waits_for)) return *what;
  return Error("receive.words",
               fmt::format("nobody waits for '{}'{}", line.waits_for,
                           did_you_mean(line.waits_for, {"parts", "plant", "people"})),
               "write --waits-for parts, plant or people", Blame::operator_);
}

Result<RackNote> read_note(const CommandLine& line) {
  RackNote note;
  note.rack = line.rack_name;
  if (!is_name(note.rack)) {
    return Error("receive.rack", fmt::format("'{}' is no name of a rack", printable(note.rack, true)),
                 "write it as 'rack:' of its rack file", Blame::operator_);
  }
  const Result<What> what = what_of(line);
  if (!what) return what.error();
  note.what = *what;
  note.by = boost::algorithm::trim_copy(line.by);
  const bool in_one_line = std::none_of(note.by.begin(), note.by.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < 0x20U || letter == 0x7f;
  });
  if (note.by.empty() || !in_one_line)
    return Error("receive.by", "--by NAME is needed, in one line: somebody says so", "", Blame::operator_);
  if (line.at.empty())
    return Error("receive.at", "--at TIME is needed",
                 "write it as 2026-03-01T13:00:00+01:00, or with Z for UTC", Blame::operator_);
  const Result<std::int64_t> at = parse_rfc3339(line.at);
  if (!at) return at.error();
  note.at_utc_ns = *at;
  note.noted_utc_ns = SystemClock().now().utc_ns;
  if (note.at_utc_ns > note.noted_utc_ns + kClocksDiffer) {
    return Error("receive.future",
                 fmt::format("{} is in the future: this station's clock says {}", format_utc(note.at_utc_ns),
                             format_utc(note.noted_utc_ns)),
                 "see the time zone that you wrote, and the clock (kiln doctor)", Blame::operator_);
  }
  note.at_utc_ns = std::min(note.at_utc_ns, note.noted_utc_ns);
  note.station = host_name();
  return note;
}

}  // namespace

int receive_command(const CommandLine& line, const Paths& paths) {
  const std::string database = database_path(line, paths);
  const bool says_something = !line.at.empty() || !line.by.empty() || !line.waits_for.empty() || line.goes_on;
  if (line.list && says_something)
    return refused(
        Error("receive.words", "--list lists, and notes nothing", "leave the rest out", Blame::operator_), 2);
  if (line.list || (line.rack_name.empty() && !says_something)) return list_notes(line, database);
  const Result<RackNote> note = read_note(line);
  if (!note) return refused(note.error(), 2);
  const Result<std::vector<RackNote>> before = noted(database, note->rack);
  if (!before) return refused(before.error(), 4);
  const Status added = add_rack_note(database, *note);
  if (!added) return refused(added.error(), 4);
  const auto earlier = std::count_if(before->begin(), before->end(),
                                     [&note](const RackNote& one) { return one.what == What::arrived; });
  const bool corrects = note->what == What::arrived && earlier > 0;
  if (line.json) {
    json::object body = note_object(*note);
    body["corrects"] = corrects;
    std::cout << json::serialize(body) << std::endl;
    return 0;
  }
  std::cout << fmt::format("noted: {} {} at {}, by {}\n", note->rack, to_string(note->what),
                           format_utc(note->at_utc_ns), note->by);
  if (corrects) {
    std::cout << fmt::format("this corrects what was noted {}; that stays on record beside it\n",
                             earlier == 1 ? "before" : fmt::format("{} times before", earlier));
  }
  return 0;
}

}  // namespace kiln
