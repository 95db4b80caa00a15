#include "bmc/bmc_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bmc/metric_reports.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr std::size_t kMostRemembered = 512;
constexpr std::int64_t kLargestGap = 1'000;
constexpr std::int64_t kLargestId = 1LL << 60;  // beyond it nobody counts
constexpr std::size_t kMostPerPayload = 1'000;

/// Environmental 1.4.0: what is wrong with the detector, not with what it guards.
constexpr std::array<std::string_view, 4> kOfTheDetector{"LeakDetectorFailure", "LeakDetectorDisconnected",
                                                         "LeakDetectorConnected", "LeakDetectorRestored"};

/// ResourceEvent 1.3.0, and OpenBMC's own registry.
std::optional<std::optional<PowerState>> power_of(const std::string& key) {
  if (key == "ResourcePoweredOn" || key == "DCPowerOn") return PowerState::on;
  if (key == "ResourcePoweredOff" || key == "DCPowerOff") return PowerState::off;
  if (key == "ResourcePoweringOn") return PowerState::powering_on;
  if (key == "ResourcePoweringOff") return PowerState::powering_off;
  if (key.find("PowerStateChanged") != std::string::npos) return std::optional<PowerState>();
  return std::nullopt;
}

bool tells_of_status(const std::string& key) {
  return key.starts_with("ResourceStatusChanged") || key == "ResourceStateChanged" ||
         key == "ResourceErrorsDetected" || key == "ResourceErrorsCorrected" || key == "ResourceChanged";
}

BmcEvent event_from(const JsonView& body) {
  BmcEvent event;
  LogEntry& entry = event.entry;
  entry.id = body["EventId"].text_or_empty();
  entry.created = body["EventTimestamp"].text_or_empty();
  // Severity is deprecated since Event v1.5.0.
  entry.severity = body["MessageSeverity"].text().value_or(body["Severity"].text_or_empty());
  entry.message_id = body["MessageId"].text_or_empty();
  entry.message = body["Message"].text_or_empty();
  entry.origin = body["OriginOfCondition"].link().value_or(std::string{});
  entry.uri = body["LogEntry"].link().value_or(std::string{});
  event.part = entry.origin.empty() ? std::string() : last_segment(entry.origin);

  const std::string key = message_key(entry.message_id);
  const bool from_detector = entry.origin.find("/LeakDetectors/") != std::string::npos;
  if (from_detector || key.find("LeakDetect") != std::string::npos) {
    event.fact = BmcEvent::Fact::leak;
    const bool of_itself =
        std::any_of(kOfTheDetector.begin(), kOfTheDetector.end(),
                    [&key](std::string_view word) { return key.find(word) != std::string::npos; });
    event.wet = !of_itself && (entry.severity == "Critical" || entry.severity == "Warning");
  } else if (key == "TestMessage" || body["EventType"].text_or_empty() == "Test") {
    event.fact = BmcEvent::Fact::test;
  } else if (const auto power = power_of(key)) {
    event.fact = BmcEvent::Fact::power;
    event.power = *power;
  } else if (tells_of_status(key)) {
    event.fact = BmcEvent::Fact::status;
  }
  return event;
}

}  // namespace

std::string_view to_string(BmcEvent::Fact fact) {
  switch (fact) {
    case BmcEvent::Fact::log_entry:
      return "log entry";
    case BmcEvent::Fact::leak:
      return "leak detector";
    case BmcEvent::Fact::status:
      return "status";
    case BmcEvent::Fact::power:
      return "power";
    case BmcEvent::Fact::metrics:
      return "metrics";
    case BmcEvent::Fact::test:
      return "test";
    case BmcEvent::Fact::missed:
      return "missed";
  }
  return "?";
}

std::string message_key(const std::string& message_id) {
  return message_id.substr(message_id.rfind('.') + 1);  // npos + 1 is 0
}

std::vector<BmcEvent> read_bmc_events(const std::string& payload, int max_depth) {
  std::vector<BmcEvent> found;
  const Result<JsonDocument> document = JsonDocument::parse(payload, max_depth);
  if (!document) return found;
  const JsonView body = document->root();
  if (body["MetricValues"].exists()) {
    BmcEvent report;
    report.fact = BmcEvent::Fact::metrics;
    const std::string uri = body.link().value_or(std::string{});
    report.entry.id = body["Id"].text_or_empty();
    report.entry.created = body["Timestamp"].text_or_empty();
    report.entry.origin = uri;
    report.part = uri.empty() ? report.entry.id : last_segment(uri);
    report.values = MetricReports::values_of(RedfishResource(uri, *document));
    found.push_back(std::move(report));
    return found;
  }
  for (const JsonView& one : body["Events"].elements()) {
    if (!one.is_object()) continue;
    if (found.size() >= kMostPerPayload) break;
    found.push_back(event_from(one));
  }
  return found;
}

bool EventMemory::is_new(const BmcEvent& event) {
  const LogEntry& entry = event.entry;
  std::string key = fmt::format("{}\n{}\n{}\n{}", entry.id, entry.message_id, entry.created, entry.origin);
  // Without any of the three that tell events apart, nothing says that it is the same.
  if (entry.id.empty() && entry.created.empty()) return true;
  if (!seen_.insert(key).second) return false;
  order_.push_back(std::move(key));
  if (order_.size() > kMostRemembered) {
    seen_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

bool EventMemory::leaves_a_gap(const std::string& id) {
  const std::optional<std::int64_t> number = tolerant_integer(id);
  if (!number || *number < 0 || *number > kLargestId) return false;
  const std::optional<std::int64_t> last = last_id_;
  // A test event's own count must not hide what comes after it.
  const bool near = !last || (*number > *last - kLargestGap && *number <= *last + kLargestGap);
  if (near) last_id_ = last ? std::max(*last, *number) : *number;
  return last && near && *number > *last + 1;
}

}  // namespace kiln
