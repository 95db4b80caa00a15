#include "files/instruments_reader.h"

#include <fmt/format.h>

#include <set>

#include "base/rfc3339.h"
#include "files/field_reader.h"

namespace kiln {
namespace {

constexpr std::size_t kDayLength = 10;  // 2027-03-01

void read_due(FieldReader& reader, const YamlNode& node, Instrument& instrument,
              std::vector<Problem>& problems) {
  const auto due = reader.text("due", Need::required);
  if (!due) return;
  const Result<std::int64_t> moment = due->size() == kDayLength
                                          ? parse_rfc3339(*due + "T23:59:59Z")
                                          : Result<std::int64_t>(Error("instrument.due", "no day"));
  if (moment) {
    instrument.due_utc_ns = *moment;
    return;
  }
  problems.push_back({node.find("due")->place, "inventory.instrument", fmt::format("'{}' is no day", *due),
                      "write the last day of its calibration: due: 2027-03-01"});
}

void read_measures(FieldReader& reader, Instrument& instrument, std::vector<Problem>& problems) {
  for (const YamlNode* item : reader.take_some("measures", Need::required)) {
    const auto name = scalar_text(*item, "a measurement", problems);
    if (!name) continue;
    const bool beginning = name->size() > 2 && name->ends_with(".*");
    // Of "coolant.*" what stands for the sign could be any word.
    const std::string example = beginning ? name->substr(0, name->size() - 1) + "any" : *name;
    if (is_dotted_name(example)) {
      instrument.measures.push_back(*name);
      continue;
    }
    problems.push_back({item->place, "inventory.instrument", fmt::format("'{}' is no measurement", *name),
                        "write the measurement's name, or its beginning and .*: coolant.flow, coolant.*"});
  }
}

}  // namespace

std::vector<Instrument> read_instruments(const YamlNode& list, std::vector<Problem>& problems) {
  std::vector<Instrument> instruments;
  std::set<std::string> names;
  for (const YamlNode& item : list.items) {
    FieldReader reader(item, "instrument", problems);
    if (!reader.is_map()) continue;
    Instrument instrument;
    instrument.name = reader.text("instrument", Need::required).value_or("");
    instrument.what = reader.text("what").value_or("");
    instrument.certificate = reader.text("certificate", Need::required).value_or("");
    read_due(reader, item, instrument, problems);
    read_measures(reader, instrument, problems);
    reader.finish();
    if (!instrument.name.empty() && !names.insert(instrument.name).second)
      problems.push_back({item.place,
                          "inventory.duplicate",
                          fmt::format("there are two instruments '{}'", instrument.name),
                          {}});
    instruments.push_back(std::move(instrument));
  }
  return instruments;
}

}  // namespace kiln
