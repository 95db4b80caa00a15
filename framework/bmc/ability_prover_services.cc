#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bmc/ability_prover.h"
#include "bmc/event_log.h"
#include "bmc/firmware.h"
#include "bmc/metric_reports.h"

namespace kiln {

using boost::asio::awaitable;

awaitable<void> AbilityProver::firmware_inventory(const Ctx& ctx, AbilityFinding& finding) {
  FirmwareReader reader(tree_);
  const Result<std::vector<FirmwareItem>> items = co_await reader.inventory(ctx);
  if (!items) {
    failed(finding, items.error());
  } else if (items->empty()) {
    lacks(finding, "it lists no firmware");
  } else {
    const int versions = count_of(*items, [](const FirmwareItem& item) { return !item.version.empty(); });
    const int updateable =
        count_of(*items, [](const FirmwareItem& item) { return item.updateable.value_or(false); });
    has(finding,
        fmt::format("{} items: version of {}, {} say that they can be updated", items->size(), versions,
                    updateable),
        items->front().uri);
  }
}

awaitable<void> AbilityProver::firmware_update(const Ctx& ctx, AbilityFinding& finding) {
  const Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "UpdateService");
  if (!service) {
    failed(finding, service.error());
    co_return;
  }
  if (!*service) {
    lacks(finding, "it has no update service");
    co_return;
  }
  const RedfishResource& updates = **service;
  std::vector<std::string> ways;
  const std::optional<std::string> multipart = tree_.path_of(updates, updates.body["MultipartHttpPushUri"]);
  const std::optional<std::string> plain = tree_.path_of(updates, updates.body["HttpPushUri"]);
  const JsonView simple = updates.body.at({"Actions", "#UpdateService.SimpleUpdate", "target"});
  if (multipart) ways.push_back(fmt::format("multipart push to {}", *multipart));
  if (plain) ways.push_back(fmt::format("plain push to {}", *plain));
  if (simple.is_string())
    ways.push_back(fmt::format("SimpleUpdate at {}, which is not used", simple.text_or_empty()));
  const std::optional<std::int64_t> largest = updates.body["MaxImageSizeBytes"].integer();
  const std::string size = largest && *largest > 0 ? fmt::format("; images up to {} bytes", *largest) : "";
  if (updates.body["ServiceEnabled"].boolean() == std::optional<bool>(false)) {
    lacks(finding, fmt::format("its update service is disabled ({})", updates.uri));
    finding.looked_at.push_back({updates.uri, "ServiceEnabled is false"});
  } else if (multipart || plain) {
    has(finding, fmt::format("{}{}", fmt::join(ways, "; "), size), updates.uri);
  } else if (!ways.empty()) {
    lacks(finding, fmt::format("it takes no image over HTTP push: {}", ways.front()));
  } else {
    lacks(finding, "its update service offers no way to send an image");
  }
}

awaitable<void> AbilityProver::event_log(const Ctx& ctx, AbilityFinding& finding) {
  std::vector<std::string> logs;
  for (const LinkPath& path : places_of(BmcAbility::event_log)) {
    const Result<PathEnds> ends = co_await places_.walk(ctx, path);
    if (!ends) {
      failed(finding, ends.error());
      co_return;
    }
    for (const RedfishResource& service : ends->reached) {
      if (log_holds_events(service.id())) {
        logs.push_back(service.uri);
      } else {
        finding.looked_at.push_back({service.uri, "holds no events, but dumps, codes or a console"});
      }
    }
  }
  if (logs.empty()) {
    lacks(finding, "it has no event log");
  } else {
    has(finding, fmt::format("{} logs: {}", logs.size(), fmt::join(logs, ", ")), logs.front());
  }
}

awaitable<void> AbilityProver::clock(const Ctx& ctx, AbilityFinding& finding) {
  EventLogReader reader(tree_);
  const Result<std::optional<double>> offset = co_await reader.clock_offset(ctx);
  if (!offset) {
    failed(finding, offset.error());
  } else if (!*offset) {
    lacks(finding, "no manager says what time it is");
  } else {
    const Result<MemberList> managers = co_await tree_.top(ctx, "Managers");
    const std::string uri = managers && !managers->members.empty() ? managers->members.front().uri : "";
    has(finding, fmt::format("{:+.1f} s from this station's", **offset), uri);
  }
}

awaitable<void> AbilityProver::whole_tree(const Ctx& /*ctx*/, AbilityFinding& finding) {
  has(finding, fmt::format("Redfish {}", identity_.redfish_version), identity_.uri);
  co_return;
}

awaitable<void> AbilityProver::metric_reports(const Ctx& ctx, AbilityFinding& finding) {
  MetricReports reports(tree_);
  const Result<std::vector<std::string>> addresses = co_await reports.addresses(ctx);
  if (!addresses) {
    failed(finding, addresses.error());
  } else if (addresses->empty()) {
    lacks(finding, "it has no metric report");
  } else {
    has(finding, fmt::format("{} reports", addresses->size()), addresses->front());
  }
}

awaitable<void> AbilityProver::event_stream(const Ctx& ctx, AbilityFinding& finding) {
  const Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "EventService");
  if (!service) {
    failed(finding, service.error());
    co_return;
  }
  const bool off = *service && (*service)->body["ServiceEnabled"].boolean() == std::optional<bool>(false);
  const std::optional<std::string> uri =
      *service ? tree_.path_of(**service, (*service)->body["ServerSentEventUri"]) : std::nullopt;
  if (off) {
    lacks(finding, fmt::format("its event service is disabled ({})", (*service)->uri));
    finding.looked_at.push_back({(*service)->uri, "ServiceEnabled is false"});
  } else if (uri) {
    has(finding, "server-sent events", *uri);
  } else {
    lacks(finding, "it offers no server-sent events");
  }
}

awaitable<void> AbilityProver::event_subscription(const Ctx& ctx, AbilityFinding& finding) {
  const Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "EventService");
  if (!service) {
    failed(finding, service.error());
    co_return;
  }
  const bool off = *service && (*service)->body["ServiceEnabled"].boolean() == std::optional<bool>(false);
  const std::optional<std::string> uri =
      *service ? tree_.path_of(**service, (*service)->body["Subscriptions"]) : std::nullopt;
  if (off) {
    lacks(finding, fmt::format("its event service is disabled ({})", (*service)->uri));
    finding.looked_at.push_back({(*service)->uri, "ServiceEnabled is false"});
    co_return;
  }
  if (!uri) {
    lacks(finding, "it has no event subscriptions");
    co_return;
  }
  const Result<RedfishResource> collection = co_await client_.get(ctx, *uri);
  if (!collection && collection.error().code == "bmc.not_found") {
    lacks(finding, "its link to event subscriptions leads to nothing");
    finding.looked_at.push_back({*uri, "nothing is there"});
    co_return;
  }
  if (!collection) {
    failed(finding, collection.error());
    co_return;
  }
  has(finding, fmt::format("{} subscriptions", collection->body["Members"].elements().size()), *uri);
}

}  // namespace kiln
