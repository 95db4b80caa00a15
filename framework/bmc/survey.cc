#include "bmc/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <memory>
#include <utility>

#include "bmc/redfish_error.h"
#include "io/scope.h"

namespace kiln {
namespace {

constexpr int kRetries = 2;
constexpr std::size_t kAtOnce = 16;  // read side by side (two at a time) before their links are looked at
/// Members whose text is an address of a resource.
constexpr std::array<std::string_view, 5> kLinkMembers{"@odata.id", "@Redfish.ActionInfo", "DataSourceUri",
                                                       "href", "Uri"};

bool is_link_member(const std::string& name) {
  return name.ends_with("@odata.nextLink") ||
         std::find(kLinkMembers.begin(), kLinkMembers.end(), name) != kLinkMembers.end();
}

/// "#Chassis.v1_21_0.Chassis" → "Chassis".
std::string type_of(const JsonView& body) {
  std::string type = body["@odata.type"].text_or_empty();
  if (type.starts_with('#')) type.erase(0, 1);
  type = type.substr(0, type.find('.'));
  return type.empty() ? "(none)" : type;
}

}  // namespace

void Survey::want(const std::string& link, bool must_exist) {
  const std::optional<std::string> path = client_.local_path(link);
  if (!path) {
    if (link.find("://") != std::string::npos) return;  // another service: no matter of this BMC
    client_.note_oddity(link, "@odata.id", "is no address on this BMC");
    return;
  }
  const std::string bare = without_trailing_slash(path->substr(0, path->find('?')));
  if (bare != "/redfish" && !bare.starts_with("/redfish/")) return;
  if (bare.find("/$metadata") != std::string::npos) return;  // XML by definition
  if (!seen_.insert(without_trailing_slash(*path)).second) return;
  Wanted wanted{*path, must_exist};
  queue_.push_back(std::move(wanted));
}

void Survey::collect(const JsonView& body) {
  if (body.is_array()) {
    for (const JsonView& element : body.elements()) collect(element);
    return;
  }
  for (const auto& [name, value] : body.members()) {
    if (value.is_string()) {
      if (is_link_member(name)) {
        const std::string link = value.verbatim().value_or(std::string{});
        // Only @odata.id promises a resource; the others may be anything that has an address.
        if (link.starts_with('/') || name == "@odata.id") want(link, true);
      }
    } else {
      collect(value);
    }
  }
}

std::optional<std::string> Survey::other_spelling(const std::string& uri) const {
  const std::string lower = boost::algorithm::to_lower_copy(uri);
  for (std::size_t end = lower.rfind('/'); end != std::string::npos && end > 0;
       end = lower.rfind('/', end - 1)) {
    const auto known = spellings_.find(lower.substr(0, end));
    if (known == spellings_.end()) continue;
    if (known->second == uri.substr(0, end)) return std::nullopt;
    return known->second + uri.substr(end);
  }
  return std::nullopt;
}

void Survey::sort_in(const Wanted& wanted, const Result<RedfishResource>& answer) {
  if (answer) {
    ++report_.links_followed;
    ++report_.resources_read;
    if (answer->degraded) ++report_.degraded;
    ++report_.resource_types[type_of(answer->body)];
    const std::string bare = without_trailing_slash(wanted.uri);
    spellings_.emplace(boost::algorithm::to_lower_copy(bare), bare);
    collect(answer->body);
    return;
  }
  const Error& error = answer.error();
  if (error.code == "bmc.not_found") {
    if (!wanted.must_exist) return;
    const std::optional<std::string> other = other_spelling(wanted.uri);
    if (other) {
      client_.note_oddity(wanted.uri, "@odata.id", fmt::format("differs in letter case from {}", *other));
      want(*other, true);
      return;
    }
    ++report_.links_to_nothing;
    report_.missing_uris.push_back(wanted.uri);
  } else if (error.code == "bmc.not_json" || error.code == "bmc.no_content" ||
             error.code == "bmc.body_too_large") {
    ++report_.not_json;
    report_.not_json_uris.push_back(wanted.uri);
    client_.note_oddity(wanted.uri, "", error.message);
  } else if (is_exchange_error(error)) {
    ++report_.unanswered;
    report_.unanswered_uris.push_back(wanted.uri);
    client_.note_oddity(wanted.uri, "", error.message);
  } else {
    ++report_.error_bodies;
    report_.error_uris.push_back(wanted.uri);
  }
  ++report_.links_followed;
}

namespace {

struct SurveyBatch {
  std::vector<std::string> uris;
  std::vector<std::optional<Result<RedfishResource>>> answers;
  std::size_t next = 0;
};

boost::asio::awaitable<void> read_batch(Ctx& ctx, RedfishClient& client, std::shared_ptr<SurveyBatch> batch) {
  while (batch->next < batch->uris.size()) {
    const std::size_t mine = batch->next++;
    Result<RedfishResource> answer = co_await client.get(ctx, batch->uris[mine], kRetries);
    batch->answers[mine].emplace(std::move(answer));
  }
}

}  // namespace

boost::asio::awaitable<Result<SurveyReport>> Survey::run(const Ctx& ctx) {
  want(kServiceRoot, true);
  want("/redfish", false);
  want("/redfish/v1/odata", false);
  const std::size_t cap = static_cast<std::size_t>(std::max(client_.options().survey_cap, 1));
  std::size_t asked = 0;
  while (!queue_.empty()) {
    if (asked >= cap || ctx.stopped()) {
      report_.complete = false;
      break;
    }
    auto batch = std::make_shared<SurveyBatch>();
    std::vector<Wanted> wanted;
    const std::size_t room = asked == 0 ? 1 : std::min(kAtOnce, cap - asked);
    while (!queue_.empty() && wanted.size() < room) {
      batch->uris.push_back(queue_.front().uri);
      wanted.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    batch->answers.resize(batch->uris.size());
    Scope scope(ctx);
    const std::size_t workers = std::min<std::size_t>(2, wanted.size());
    for (std::size_t i = 0; i < workers; ++i) {
      scope.start(fmt::format("survey {}", i),
                  [this, batch](Ctx& own) { return read_batch(own, client_, batch); });
    }
    Status joined = co_await scope.join();
    if (!joined) co_return joined.error();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Result<RedfishResource>& answer = *batch->answers[i];
      if (asked == 0 && !answer) {
        Error error = answer.error();
        co_return std::move(error).while_doing("surveying the BMC");
      }
      ++asked;
      if (!answer && answer.error().code.starts_with("ctx.")) {
        report_.complete = false;
        continue;
      }
      sort_in(wanted[i], answer);
    }
    if (!report_.complete) break;
  }
  co_return std::move(report_);
}

}  // namespace kiln
