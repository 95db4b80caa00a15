#include "safety/trip.h"

#include <fmt/format.h>

#include "safety/json_fields.h"

namespace kiln {
namespace {

namespace json = boost::json;
using detail::number_of;
using detail::object_in;
using detail::text_of;

constexpr std::size_t kLongestCutMessage = 600;  // bytes: the record of the journal is 2 KiB

}  // namespace

std::string sentence_of(const IsolationReport& report) {
  const std::string what = report.liquid && report.electrical ? "liquid and electrical"
                           : report.liquid                    ? "liquid"
                                                              : "electrical";
  if (report.confirmed_ns != 0) {
    return fmt::format("the building has isolated the rack ({}), confirmed {} after it was asked: {}", what,
                       format_duration(Nanoseconds(report.confirmed_ns - report.asked_ns)), report.said);
  }
  if (!report.said.empty())
    return fmt::format("the building is not confirmed to have isolated the rack ({}): {}", what, report.said);
  return fmt::format("the building was asked for {} isolation of the rack, because of {}", what, report.why);
}

JournaledUndo to_journal(const JournaledCut& cut) {
  json::object object;
  object["cause"] = cut.trip.cause;
  object["code"] = cut.trip.code;
  object["origin"] = cut.trip.dut;
  object["part"] = cut.trip.part;
  object["read"] = cut.trip.read;
  object["detected_ns"] = cut.trip.detected_ns;
  object["load_stopped_ns"] = cut.report.load_stopped_ns;
  object["off_confirmed_ns"] = cut.report.off_confirmed_ns;
  object["serial"] = cut.serial;
  JournaledUndo entry(UndoKind::interlock, cut.report.dut, cut.trip.message.substr(0, kLongestCutMessage));
  entry.command = json::serialize(object);
  return entry;
}

std::optional<JournaledCut> from_journal(const JournaledUndo& entry) {
  if (entry.kind != UndoKind::interlock) return std::nullopt;
  const std::optional<json::object> found = object_in(entry.command);
  if (!found) return std::nullopt;
  const json::object& object = *found;
  const json::value* read = object.if_contains("read");
  if (read == nullptr || !read->is_bool() || text_of(object, "code").empty()) return std::nullopt;
  JournaledCut cut;
  cut.trip.cause = text_of(object, "cause");
  cut.trip.code = text_of(object, "code");
  cut.trip.dut = text_of(object, "origin");
  cut.trip.part = text_of(object, "part");
  cut.trip.read = read->as_bool();
  cut.trip.message = entry.description;
  cut.trip.detected_ns = number_of(object, "detected_ns");
  cut.serial = text_of(object, "serial");
  cut.report.dut = entry.dut;
  cut.report.load_stopped_ns = number_of(object, "load_stopped_ns");
  cut.report.off_confirmed_ns = number_of(object, "off_confirmed_ns");
  return cut;
}

}  // namespace kiln
