#include "station/run_json.h"

#include <boost/json.hpp>

namespace kiln {
namespace {

namespace json = boost::json;

json::value optional_ns(std::int64_t value) { return value == 0 ? json::value(nullptr) : json::value(value); }

}  // namespace

std::string run_json(const std::string& run, const RunVerdict& verdict,
                     const std::map<std::string, std::string>& reports) {
  json::object root;
  root["run"] = run;
  root["decision"] =
      verdict.decision ? json::value(std::string(to_string(*verdict.decision))) : json::value(nullptr);
  root["sign_off"] = verdict.sign_off;
  root["simulated"] = verdict.simulated;
  json::object counts;
  counts["required"] = verdict.counts.required;
  counts["measured"] = verdict.counts.measured;
  counts["failed"] = verdict.counts.failed;
  counts["marginal"] = verdict.counts.marginal;
  counts["waived"] = verdict.counts.waived;
  counts["not_run"] = verdict.counts.not_run;
  root["counts"] = std::move(counts);
  json::array duts;
  json::array interlocks;
  for (const auto& dut : verdict.duts) {
    json::object item;
    item["id"] = dut.id;
    item["role"] = std::string(to_string(dut.role));
    item["verdict"] =
        verdict.decision ? json::value(std::string(to_string(dut.decision))) : json::value(nullptr);
    json::array reasons;
    for (const auto& reason : dut.reasons) {
      json::object entry;
      entry["code"] = reason.code;
      entry["message"] = reason.message;
      entry["fru"] = reason.fru;
      entry["action"] = reason.action;
      reasons.push_back(std::move(entry));
    }
    item["reasons"] = std::move(reasons);
    duts.push_back(std::move(item));
    for (const auto& interlock : dut.interlocks) {
      json::object entry;
      entry["cause"] = interlock.cause;
      entry["dut"] = dut.id;
      entry["detected_ns"] = optional_ns(interlock.detected_ns);
      entry["load_stopped_ns"] = optional_ns(interlock.load_stopped_ns);
      entry["off_confirmed_ns"] = optional_ns(interlock.off_confirmed_ns);
      interlocks.push_back(std::move(entry));
    }
  }
  root["duts"] = std::move(duts);
  root["interlocks"] = std::move(interlocks);
  json::array interruptions;
  for (const RunResumed& resumed : verdict.interruptions) {
    json::object entry;
    entry["interrupted_utc"] = format_utc(resumed.interrupted_utc_ns);
    entry["after_event"] = resumed.after_sequence;
    entry["gap_ns"] = resumed.gap_ns;
    entry["operator"] = resumed.operator_name;
    entry["station"] = resumed.station;
    interruptions.push_back(std::move(entry));
  }
  root["interruptions"] = std::move(interruptions);
  json::object files;
  for (const auto& [format, path] : reports) files[format] = path;
  root["reports"] = std::move(files);
  return json::serialize(root);
}

}  // namespace kiln
