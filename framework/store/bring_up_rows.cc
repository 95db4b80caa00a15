#include "store/bring_up_rows.h"

#include <utility>
#include <variant>

#include "store/event_json.h"

namespace kiln {
namespace {

using Step = sqlite::Statement::Step;

// As the partial indexes of schema.sql are worded, so that they serve.
constexpr const char* kHead =
    "SELECT kind, body FROM event WHERE run = ?1 AND kind IN ('run_begun', 'run_ended') AND kind = "
    "'run_begun' UNION ALL "
    "SELECT kind, body FROM event WHERE run = ?1 AND kind IN ('dut_planned', 'phase_ended', 'prompt_shown', "
    "'prompt_answered', "
    "'run_resumed') AND kind = 'dut_planned'";
constexpr const char* kEvents =
    "SELECT sequence, kind, dut, step, monotonic_ns, utc_ns, body FROM event WHERE run = ?1 AND kind IN "
    "('run_begun', "
    "'run_ended') UNION ALL "
    "SELECT sequence, kind, dut, step, monotonic_ns, utc_ns, body FROM event WHERE run = ?1 AND kind IN "
    "('dut_planned', "
    "'phase_ended', 'prompt_shown', 'prompt_answered', 'run_resumed') UNION ALL "
    "SELECT e.sequence, e.kind, e.dut, e.step, e.monotonic_ns, e.utc_ns, e.body FROM measurement m JOIN "
    "event e ON e.run = m.run "
    "AND e.sequence = m.sequence WHERE m.run = ?1 AND m.name IN ('power.on.confirmed', 'first_token.at') "
    "ORDER BY 1";
constexpr const char* kLast =
    "SELECT monotonic_ns, utc_ns FROM event WHERE run = ?1 ORDER BY sequence DESC LIMIT 1";

}  // namespace

Result<std::vector<RackNote>> read_rack_notes(sqlite::Connection& connection) {
  std::vector<RackNote> notes;
  const Result<std::int64_t> known = connection.query_integer(
      "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'rack_note'");
  if (!known) return known.error();
  if (*known == 0) return notes;
  Result<sqlite::Statement> select = connection.prepare(
      "SELECT rack, what, at_utc_ns, by_name, station, noted_utc_ns FROM rack_note ORDER BY number");
  if (!select) return select.error();
  for (;;) {
    const Result<Step> stepped = select->step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::done) return notes;
    const std::optional<RackNote::What> what = rack_note_from(select->text(1));
    if (!what) continue;  // of a newer program
    RackNote note;
    note.rack = select->text(0);
    note.what = *what;
    note.at_utc_ns = select->integer(2);
    note.by = select->text(3);
    note.station = select->text(4);
    note.noted_utc_ns = select->integer(5);
    notes.push_back(std::move(note));
  }
}

Result<ClockedRun> read_clocked_head(sqlite::Connection& connection, std::int64_t number,
                                     const std::string& id) {
  ClockedRun run;
  run.id = id;
  Result<sqlite::Statement> select = connection.prepare(kHead);
  if (!select) return select.error();
  select->bind(1, number);
  for (;;) {
    const Result<Step> stepped = select->step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::done) return run;
    Result<EventBody> body = body_from_json(select->text(0), select->text(1));
    if (!body) continue;
    if (auto* begun = std::get_if<RunBegun>(&*body)) run.about = std::move(*begun);
    if (const auto* planned = std::get_if<DutPlanned>(&*body)) {
      // What the BMC itself has said is truer than what the rack file expects.
      const std::string& serial = planned->serial.empty() ? planned->expected_serial : planned->serial;
      if (!serial.empty()) run.serials.insert(serial);
    }
  }
}

Status read_clocked_events(sqlite::Connection& connection, std::int64_t number, ClockedRun& run) {
  Result<sqlite::Statement> select = connection.prepare(kEvents);
  if (!select) return select.error();
  select->bind(1, number);
  for (;;) {
    const Result<Step> stepped = select->step();
    if (!stepped) return stepped.error();
    if (*stepped == Step::done) break;
    Result<EventBody> body = body_from_json(select->text(1), select->text(6));
    if (!body) continue;
    Event event;
    event.sequence = select->integer(0);
    event.dut = select->text(2);
    event.step = select->text(3);
    event.at = {select->integer(4), select->integer(5)};
    run.ended = run.ended || std::holds_alternative<RunEnded>(*body);
    event.body = std::move(*body);
    run.events.push_back(std::move(event));
  }
  Result<sqlite::Statement> last = connection.prepare(kLast);
  if (!last) return last.error();
  last->bind(1, number);
  const Result<Step> stepped = last->step();
  if (!stepped) return stepped.error();
  if (*stepped == Step::row) run.last = {last->integer(0), last->integer(1)};
  return success();
}

}  // namespace kiln
