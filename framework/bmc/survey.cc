#include "bmc/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "bmc/redfish_error.h"
#include "bmc/understanding.h"
#include "io/scope.h"

namespace kiln {
namespace {

constexpr int kRetries = 2;
constexpr std::size_t kMostListed = 2'000;  // properties that were not understood
constexpr std::size_t kAtOnce = 16;  // read side by side (two at a time) before their links are looked at
/// "#Chassis.v1_21_0.Chassis" → "Chassis".
std::string type_of(const JsonView& body) {
  std::string type = body["@odata.type"].text_or_empty();
  if (type.starts_with('#')) type.erase(0, 1);
  type = type.substr(0, type.find('.'));
  return type.empty() ? "(none)" : type;
}

}  // namespace

void Survey::list_not_understood(const std::string& uri, const std::string& property,
                                 const std::string& what) {
  if (report_.not_understood_properties.size() >= kMostListed) return;
  Oddity one{uri, property, what};
  report_.not_understood_properties.push_back(std::move(one));
}

void Survey::sort_in(const LinkWalk::Wanted& wanted, const Result<RedfishResource>& answer) {
  if (answer) {
    ++report_.links_followed;
    const std::vector<NotUnderstood> odd = not_understood_in(answer->body, answer->uri);
    ++(odd.empty() ? report_.resources_read : report_.not_understood);
    for (const NotUnderstood& one : odd) list_not_understood(wanted.uri, one.property, one.what);
    if (answer->degraded) ++report_.degraded;
    ++report_.resource_types[type_of(answer->body)];
    links_.was_read(wanted.uri);
    links_.collect(answer->body);
    return;
  }
  const Error& error = answer.error();
  if (error.code == "bmc.not_found") {
    if (!wanted.must_exist) return;
    const std::optional<std::string> other = links_.other_spelling(wanted.uri);
    if (other) {
      client_.note_oddity(wanted.uri, "@odata.id", fmt::format("differs in letter case from {}", *other));
      links_.want(*other);
      return;
    }
    ++report_.links_to_nothing;
    report_.missing_uris.push_back(wanted.uri);
  } else if (error.code == "bmc.not_json" || error.code == "bmc.no_content" ||
             error.code == "bmc.body_too_large") {
    ++report_.not_json;
    ++report_.not_understood;
    list_not_understood(wanted.uri, "", error.message);
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
    Result<RedfishResource> answer = co_await client.get(ctx, batch->uris[mine], kRetries, Urgency::bulk);
    batch->answers[mine].emplace(std::move(answer));
  }
}

}  // namespace

boost::asio::awaitable<Result<SurveyReport>> Survey::run(const Ctx& ctx) {
  links_.want(kServiceRoot);
  links_.want("/redfish", false);
  links_.want("/redfish/v1/odata", false);
  const std::size_t cap = static_cast<std::size_t>(std::max(client_.options().survey_cap, 1));
  std::size_t asked = 0;
  while (!links_.empty()) {
    if (asked >= cap || ctx.stopped()) {
      report_.complete = false;
      break;
    }
    auto batch = std::make_shared<SurveyBatch>();
    const std::size_t room = asked == 0 ? 1 : std::min(kAtOnce, cap - asked);
    const std::vector<LinkWalk::Wanted> wanted = links_.take(room);
    for (const LinkWalk::Wanted& one : wanted) batch->uris.push_back(one.uri);
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
