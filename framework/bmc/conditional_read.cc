// The conditional reads of RedfishClient (entity_tags.h).

#include <fmt/format.h>

#include <utility>

#include "bmc/redfish_client.h"
#include "bmc/redfish_error.h"

namespace kiln {
namespace {

/// A session that is gone, or a service that is busy: nothing about the header.
bool says_later(int status) {
  return status == 401 || status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

void RedfishClient::forget_answers() {
  answers_.clear();
  peer().tags.forget();
}

void RedfishClient::distrust_tags(const std::string& path) {
  peer().tags.give_up();
  answers_.clear();
  note_quirk(Quirk::entity_tags_unreliable, path);
}

boost::asio::awaitable<Result<RedfishResource>> RedfishClient::get_and_keep(const Ctx& ctx,
                                                                            std::string path) {
  Result<RedfishResource> read = co_await get(ctx, path);
  if (!read || read->degraded || !peer().tags.usable() || !is_strong_tag(read->etag)) {
    answers_.drop(path);
    co_return read;
  }
  TaggedAnswers::Kept kept{read->etag, read->body, read->bytes};
  answers_.keep(path, std::move(kept));
  co_return read;
}

boost::asio::awaitable<Result<RedfishResource>> RedfishClient::get_unless_changed(const Ctx& ctx,
                                                                                  std::string uri) {
  const std::optional<std::string> path = local_path(uri);
  if (!path) co_return Error("bmc.bad_link", fmt::format("'{}' is no address on this BMC", uri));
  const TaggedAnswers::Kept* known = peer().tags.usable() ? answers_.find(*path) : nullptr;
  if (known == nullptr) {
    Result<RedfishResource> first = co_await get_and_keep(ctx, *path);
    co_return first;
  }
  const TaggedAnswers::Kept kept = *known;
  HttpRequest request("GET", *path);
  request.headers = {{"Accept", "application/json"}, {"OData-Version", "4.0"}, {"If-None-Match", kept.tag}};
  peer().budget.sent(ctx.now().monotonic_ns);
  const std::int64_t sent_ns = ctx.now().monotonic_ns;
  Result<HttpResponse> response = co_await signed_exchange(ctx, std::move(request));
  if (!response && !is_unreachable(response.error())) co_return response.error();
  if (response) peer().breaker.answered();
  if (response && response->status == 304) {
    const bool same_tag = response->header("ETag").value_or(kept.tag) == kept.tag;
    if (same_tag && !peer().tags.compare_now(kind_of_address(*path))) {
      RedfishResource resource(*path, kept.body);
      resource.unchanged = true;
      resource.etag = kept.tag;
      resource.sent_ns = sent_ns;
      resource.received_ns = response->received_ns;
      co_return resource;
    }
    Result<RedfishResource> plain = co_await get_and_keep(ctx, *path);
    if (!plain || !same_tag || plain->etag != kept.tag) co_return plain;  // it changed in between: no proof
    if (plain->body.minified() == kept.body.minified()) {
      peer().tags.proved(kind_of_address(*path));
    } else {
      distrust_tags(*path);
    }
    co_return plain;
  }
  if (response && response->status == 200) {
    Result<RedfishResource> sent = resource_from(*response, *path);
    if (sent && !sent->degraded) {
      sent->sent_ns = sent_ns;
      const bool same_tag = sent->etag == kept.tag;
      if (same_tag) peer().tags.sent_all_the_same();
      if (same_tag && sent->body.minified() != kept.body.minified()) {
        distrust_tags(*path);
      } else if (is_strong_tag(sent->etag)) {
        TaggedAnswers::Kept now{sent->etag, sent->body, sent->bytes};
        answers_.keep(*path, std::move(now));
      } else {
        answers_.drop(*path);
      }
      co_return sent;
    }
  }
  // No answer, or none that says anything: what a plain read is answered counts. When that works, it was the
  // header that this service cannot bear.
  Result<RedfishResource> plain = co_await get_and_keep(ctx, *path);
  if (plain && !(response && says_later(response->status))) distrust_tags(*path);
  co_return plain;
}

}  // namespace kiln
