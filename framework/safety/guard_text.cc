#include "safety/guard_text.h"

#include "safety/guard_words.h"
#include "safety/json_fields.h"

namespace kiln {
namespace {

namespace json = boost::json;
using detail::number_of;
using detail::object_in;
using detail::text_of;

Error damaged(const std::string& what) {
  return Error("guard.damaged", "a whole record of the guard journal does not read as " + what, "",
               Blame::station);
}

bool flag_of(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_bool() && found->as_bool();
}

}  // namespace

std::string owner_text(const JournalOwner& owner) {
  json::object object;
  object["run"] = owner.run;
  object["inventory"] = owner.inventory;
  object["inventory_sha256"] = owner.inventory_sha256;
  object["database"] = owner.database;
  object["kiln_version"] = owner.kiln_version;
  object["pid"] = owner.pid;
  object["simulated"] = owner.simulated;
  object["rack_ends_with_us"] = owner.rack_ends_with_us;
  return json::serialize(object);
}

std::string entry_text(const GuardEntry& entry) {
  json::object object;
  object["state"] = to_string(entry.state);
  object["kind"] = to_string(entry.undo.kind);
  object["dut"] = entry.undo.dut;
  object["step"] = entry.undo.step;
  object["undo"] = entry.undo.description;
  if (!entry.undo.command.empty()) object["command"] = entry.undo.command;
  object["budget_ns"] = entry.undo.budget.count();
  object["opened_as"] = entry.sequence;
  object["opened_utc_ns"] = entry.opened_utc_ns;
  if (entry.ended_utc_ns != 0) object["ended_utc_ns"] = entry.ended_utc_ns;
  if (!entry.message.empty()) object["message"] = entry.message;
  return json::serialize(object);
}

Result<JournalOwner> owner_from(const std::string& text) {
  const std::optional<json::object> object = object_in(text);
  if (!object || text_of(*object, "run").empty()) return damaged("a header");
  JournalOwner owner;
  owner.run = text_of(*object, "run");
  owner.inventory = text_of(*object, "inventory");
  owner.inventory_sha256 = text_of(*object, "inventory_sha256");
  owner.database = text_of(*object, "database");
  owner.kiln_version = text_of(*object, "kiln_version");
  owner.pid = number_of(*object, "pid");
  owner.simulated = flag_of(*object, "simulated");
  owner.rack_ends_with_us = flag_of(*object, "rack_ends_with_us");
  return owner;
}

Result<GuardEntry> entry_from(const std::string& text) {
  const std::optional<json::object> object = object_in(text);
  if (!object) return damaged("a guard");
  const std::optional<GuardEnd> state = value_of(kGuardEndWords, text_of(*object, "state"));
  const std::optional<UndoKind> kind = value_of(kUndoKindWords, text_of(*object, "kind"));
  if (!state || !kind) return damaged("a guard");
  GuardEntry entry;
  entry.state = *state;
  entry.undo = JournaledUndo(*kind, text_of(*object, "dut"), text_of(*object, "undo"));
  entry.undo.step = text_of(*object, "step");
  entry.undo.command = text_of(*object, "command");
  entry.undo.budget = Nanoseconds(number_of(*object, "budget_ns"));
  entry.sequence = static_cast<std::uint64_t>(number_of(*object, "opened_as"));
  entry.opened_utc_ns = number_of(*object, "opened_utc_ns");
  entry.ended_utc_ns = number_of(*object, "ended_utc_ns");
  entry.message = text_of(*object, "message");
  if (outstanding(*state) && (entry.undo.dut.empty() || entry.undo.budget.count() <= 0 ||
                              (*kind == UndoKind::shell_command && entry.undo.command.empty())))
    return damaged("a guard that can be undone");
  return entry;
}

}  // namespace kiln
