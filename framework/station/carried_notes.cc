#include "station/carried_notes.h"

#include <algorithm>
#include <boost/json.hpp>
#include <tuple>
#include <vector>

#include "common/characters.h"
#include "seal/json_fields.h"
#include "store/rack_notes.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::string_view kNotesNotReadable = "notes.not_readable";
constexpr std::size_t kMostNotesBytes = 1U << 20U;  // some 5,000 notes
constexpr std::string_view kNotesWhat = "list of what people have noted of a rack";

bool same_note(const RackNote& one, const RackNote& other) {
  return std::tie(one.rack, one.what, one.at_utc_ns, one.by, one.station, one.noted_utc_ns) ==
         std::tie(other.rack, other.what, other.at_utc_ns, other.by, other.station, other.noted_utc_ns);
}

/// `rack`: which they are about.
Result<std::vector<RackNote>> read_notes(const std::string& text, const std::string& rack) {
  if (text.size() > kMostNotesBytes)
    return unreadable_json(kNotesNotReadable, kNotesWhat, "it is larger than any that was written");
  boost::system::error_code failed;
  const json::value root = json::parse(text, failed);
  if (failed || !root.is_array()) return unreadable_json(kNotesNotReadable, kNotesWhat, "it is no list");
  std::vector<RackNote> notes;
  for (const json::value& item : root.as_array()) {
    if (!item.is_object()) return unreadable_json(kNotesNotReadable, kNotesWhat, "one of it is no object");
    JsonFields fields(item.as_object());
    RackNote note;
    note.rack = fields.text("rack");
    const std::string what = fields.text("what");
    note.at_utc_ns = fields.whole("at_utc_ns");
    note.by = fields.text("by");
    note.station = fields.text("station");
    note.noted_utc_ns = fields.whole("noted_utc_ns");
    if (!fields.wrong().empty()) return unreadable_json(kNotesNotReadable, kNotesWhat, fields.wrong());
    const auto known = rack_note_from(what);
    if (!known) return unreadable_json(kNotesNotReadable, kNotesWhat, "what is '" + what + "'");
    note.what = *known;
    if (note.rack != rack) return unreadable_json(kNotesNotReadable, kNotesWhat, "one is about another rack");
    notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace

Result<std::string> notes_to_carry(const RunView& view, const std::string& run) {
  const Result<RunSummary> summary = view.run(run);
  if (!summary) return summary.error();
  const Result<std::vector<RackNote>> notes = view.rack_notes();
  if (!notes) return notes.error();
  json::array list;
  for (const RackNote& note : *notes) {
    if (note.rack != summary->about.rack) continue;
    // A name that somebody typed in another character set must not make the bundle unreadable.
    list.push_back(json::object{{"rack", note.rack},
                                {"what", std::string(to_string(note.what))},
                                {"at_utc_ns", note.at_utc_ns},
                                {"by", valid_utf8(note.by)},
                                {"station", valid_utf8(note.station)},
                                {"noted_utc_ns", note.noted_utc_ns}});
  }
  return list.empty() ? std::string() : json::serialize(list) + "\n";
}

Status check_carried_notes(const std::string& text, const std::string& rack) {
  const Result<std::vector<RackNote>> notes = read_notes(text, rack);
  return notes ? success() : Status(notes.error());
}

Result<int> take_carried_notes(const std::string& database, const std::string& text,
                               const std::string& rack) {
  const Result<std::vector<RackNote>> arrived = read_notes(text, rack);
  if (!arrived) return arrived.error();
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view) return view.error();
  Result<std::vector<RackNote>> here = (*view)->rack_notes();
  if (!here) return here.error();
  int taken = 0;
  for (const RackNote& note : *arrived) {
    const bool known = std::any_of(here->begin(), here->end(),
                                   [&note](const RackNote& other) { return same_note(note, other); });
    if (known) continue;
    const Status added = add_rack_note(database, note);
    if (!added) return added.error();
    here->push_back(note);
    ++taken;
  }
  return taken;
}

}  // namespace kiln
