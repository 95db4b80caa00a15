#include "bmc/capture/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <memory>
#include <utility>

#include "bmc/redfish_error.h"
#include "io/scope.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr int kCaptureRetries = 2;
constexpr std::size_t kCaptureAtOnce =
    16;  // read side by side (two at a time) before their links are looked at
constexpr std::size_t kCaptureWorkers = 2;
constexpr int kSilentForGood = 8;  // addresses one after the other: the BMC is gone, not the resource
constexpr const char* kMetadata = "/redfish/v1/$metadata";

constexpr std::array<std::string_view, 7> kKeptHeaders{
    "ETag", "Allow", "Link", "Location", "Retry-After", "Content-Type", "OData-Version"};

struct CaptureBatch {
  std::vector<std::string> uris;
  std::vector<std::optional<Result<HttpResponse>>> answers;
  std::size_t next = 0;
};

awaitable<void> fetch_captured(Ctx& ctx, RedfishClient& client, std::shared_ptr<CaptureBatch> batch) {
  while (batch->next < batch->uris.size()) {
    const std::size_t mine = batch->next++;
    const std::string uri = batch->uris[mine];
    const std::string media = uri == kMetadata ? "application/xml" : "application/json";
    Result<HttpResponse> answer = co_await client.get_verbatim(ctx, uri, media, kCaptureRetries);
    batch->answers[mine].emplace(std::move(answer));
  }
}

}  // namespace

HttpHeaders kept_headers(const HttpHeaders& all) {
  HttpHeaders kept;
  for (const std::string_view name : kKeptHeaders) {
    for (const auto& [key, value] : all) {
      if (boost::algorithm::iequals(key, name)) kept.emplace_back(std::string(name), value);
    }
  }
  return kept;
}

void Capture::stop_early(std::string because) {
  report_.complete = false;
  if (report_.incomplete_because.empty()) report_.incomplete_because = std::move(because);
}

void Capture::keep(const LinkWalk::Wanted& wanted, HttpResponse response) {
  const bool success = response.status < 300;
  if (response.status == 404 || response.status == 410) {
    if (!wanted.must_exist) return;  // the standard's, and not there
    ++report_.links_to_nothing;
    const std::optional<std::string> other = links_.other_spelling(wanted.uri);
    if (other) links_.want(*other);
  } else if (!success) {
    ++report_.errors;
  }
  const Result<JsonDocument> document = JsonDocument::parse(response.body, client_.options().max_depth);
  if (document) {
    const JsonView body = document->root();
    const bool resource = body.is_object() && !is_nothing_but_error(body) &&
                          (success || (response.status >= 500 && looks_like_resource(body)));
    if (success) ++report_.resources;
    if (resource) links_.was_read(wanted.uri);
    if (resource) links_.collect(body);
  } else if (success && wanted.uri != kMetadata) {
    ++report_.not_json;
  }
  report_.bytes += response.body.size();
  CapturedAnswer answer;
  answer.uri = wanted.uri;
  answer.status = response.status;
  answer.headers = kept_headers(response.headers);
  answer.body = std::move(response.body);
  report_.answers.push_back(std::move(answer));
}

void Capture::sort_in(const LinkWalk::Wanted& wanted, Result<HttpResponse> answer) {
  if (answer) {
    silent_ = 0;
    keep(wanted, std::move(*answer));
    return;
  }
  const Error& error = answer.error();
  report_.unanswered.push_back(fmt::format("{}: {}", wanted.uri, error.message));
  if (error.code == "ctx.deadline") {
    stop_early("the time for it was over");
    return;
  }
  stop_early("not every address was answered");
  if (is_exchange_error(error) && ++silent_ == kSilentForGood)
    report_.incomplete_because = "the BMC has stopped answering: " + error.message;
}

awaitable<Result<CaptureReport>> Capture::run(const Ctx& ctx, std::function<void(std::size_t)> on_progress) {
  if (!options_.schemas) {
    links_.leave_out("/redfish/v1/JsonSchemas");
    links_.leave_out("/redfish/v1/Registries");
  }
  links_.want(kServiceRoot);
  links_.want("/redfish", false);
  links_.want("/redfish/v1/odata", false);
  bool metadata = true;  // no link: it is asked for with the first that are
  const auto cap = static_cast<std::size_t>(std::max(options_.most_addresses, 1));
  std::size_t asked = 0;
  while (!links_.empty() || metadata) {
    const bool gone = silent_ >= kSilentForGood;
    if (!gone && asked >= cap) stop_early(fmt::format("there are more than {} addresses", cap));
    if (!gone && report_.bytes >= options_.most_bytes)
      stop_early(fmt::format("there is more than {} MiB", options_.most_bytes >> 20U));
    if (gone || asked >= cap || report_.bytes >= options_.most_bytes) break;
    if (ctx.stop_reason() == StopReason::deadline) {
      stop_early("the time for it was over");
      break;
    }
    if (const Status going = ctx.check(); !going) co_return going.error();
    std::vector<LinkWalk::Wanted> wanted =
        links_.take(asked == 0 ? 1 : std::min(kCaptureAtOnce, cap - asked));
    if (asked > 0 && metadata) {
      metadata = false;
      LinkWalk::Wanted description{kMetadata, false};
      wanted.push_back(std::move(description));
    }
    auto batch = std::make_shared<CaptureBatch>();
    for (const LinkWalk::Wanted& one : wanted) batch->uris.push_back(one.uri);
    batch->answers.resize(batch->uris.size());
    Scope scope(ctx);
    for (std::size_t i = 0; i < std::min(kCaptureWorkers, wanted.size()); ++i) {
      scope.start(fmt::format("capture {}", i),
                  [this, batch](Ctx& own) { return fetch_captured(own, client_, batch); });
    }
    Status joined = co_await scope.join();
    if (!joined) co_return joined.error();
    const bool first = asked == 0;
    asked += wanted.size();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      Result<HttpResponse>& answer = *batch->answers[i];
      if (!answer && (first || answer.error().code == "ctx.stopped")) {
        Error error = answer.error();
        co_return std::move(error).while_doing("capturing the BMC");
      }
      if (first && answer->status >= 300) {
        Error error = error_for_status(answer->status, "GET", kServiceRoot, std::nullopt);
        co_return std::move(error).while_doing("capturing the BMC");
      }
      sort_in(wanted[i], std::move(answer));
    }
    if (on_progress) on_progress(report_.answers.size());
  }
  report_.left_out = links_.left_out();
  report_.requests = client_.requests_sent();
  co_return std::move(report_);
}

}  // namespace kiln
