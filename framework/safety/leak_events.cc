#include "safety/leak_events.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <utility>

#include "io/server_sent_events.h"

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

/// Environmental 1.4.0: what is wrong with the detector, not with what it guards.
constexpr std::array<std::string_view, 4> kAboutTheDetector{"LeakDetectorFailure", "LeakDetectorDisconnected",
                                                            "LeakDetectorConnected", "LeakDetectorRestored"};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

class RedfishLeakEvents final : public LeakEvents {
 public:
  explicit RedfishLeakEvents(std::shared_ptr<RedfishLine> line) : line_(std::move(line)) {}

  awaitable<Status> listen(const Ctx& ctx, std::function<void(const LeakEvent&)> on_event) override {
    const Result<json::value> service = co_await line_->get(ctx, "/redfish/v1/EventService");
    // Only a BMC that answers and has none has none.
    if (!service && !bmc_answered(service.error())) co_return service.error();
    const std::string uri =
        service ? local_path_of(json_text_at(*service, {"ServerSentEventUri"})) : std::string();
    if (uri.empty()) {
      co_return Error("warden.no_events",
                      fmt::format("the BMC at {} offers no event stream", line_->base_url()), "",
                      Blame::peer);
    }
    ServerSentEvents stream;
    const Result<HttpResponse> ended =
        co_await line_->stream(ctx, uri, [&stream, &on_event](const std::string& piece) {
          for (const std::string& payload : stream.feed(piece)) {
            for (const LeakEvent& event : read_leak_events(payload)) on_event(event);
          }
        });
    if (!ended) co_return ended.error();
    if (ended->status != 200) co_return RedfishLine::refusal("GET", uri, ended->status);
    co_return success();
  }

 private:
  std::shared_ptr<RedfishLine> line_;
};

}  // namespace

std::vector<LeakEvent> read_leak_events(const std::string& payload) {
  std::vector<LeakEvent> found;
  boost::system::error_code failed;
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  const json::value parsed = json::parse(payload, failed, {}, options);
  if (failed) return found;
  const json::value* events = json_at(parsed, {"Events"});
  if (events == nullptr || !events->is_array()) return found;
  for (const json::value& event : events->as_array()) {
    const std::string id = json_text_at(event, {"MessageId"});
    std::string origin = json_text_at(event, {"OriginOfCondition", "@odata.id"});
    if (origin.empty()) origin = json_text_at(event, {"OriginOfCondition"});  // before Event v1.1
    const bool from_detector = contains(origin, "/LeakDetectors/");
    if (!from_detector && !contains(id, "LeakDetect")) continue;
    std::string severity = json_text_at(event, {"MessageSeverity"});
    if (severity.empty()) severity = json_text_at(event, {"Severity"});  // deprecated in Event v1.5
    bool about_itself = false;
    for (const std::string_view word : kAboutTheDetector) about_itself = about_itself || contains(id, word);
    LeakEvent leak;
    leak.wet = !about_itself && (severity == "Critical" || severity == "Warning");
    if (from_detector) leak.detector = last_segment_of(origin);
    leak.why =
        fmt::format("{} ({})", id.empty() ? "an event" : id, severity.empty() ? "no severity" : severity);
    found.push_back(std::move(leak));
  }
  return found;
}

std::unique_ptr<LeakEvents> make_redfish_leak_events(std::shared_ptr<RedfishLine> line) {
  return std::make_unique<RedfishLeakEvents>(std::move(line));
}

}  // namespace kiln
