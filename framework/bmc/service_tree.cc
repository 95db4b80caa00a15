#include "bmc/service_tree.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "bmc/redfish_error.h"

namespace kiln {
namespace {

constexpr int kMostPages = 1'000;

bool is_in_full(const JsonView& member) {
  // A reference holds @odata.id only; an expanded member also says what it is.
  return member["Id"].exists() || member["@odata.type"].exists() || member["Name"].exists();
}

}  // namespace

std::string state_of(const JsonView& body) { return body.at({"Status", "State"}).text_or_empty(); }
std::string health_of(const JsonView& body) { return body.at({"Status", "Health"}).text_or_empty(); }

boost::asio::awaitable<Result<RedfishResource>> ServiceTree::read_one(const Ctx& ctx, std::string uri,
                                                                      std::optional<int> retries) {
  auto reading = freshness_ == Freshness::unless_changed ? client_.get_unless_changed(ctx, std::move(uri))
                                                         : client_.get(ctx, std::move(uri), retries);
  Result<RedfishResource> read = co_await std::move(reading);
  co_return read;
}

boost::asio::awaitable<Result<RedfishResource>> ServiceTree::root(const Ctx& ctx) {
  if (root_) co_return *root_;
  Result<RedfishResource> read = co_await client_.get(ctx, kServiceRoot);
  if (!read) co_return std::move(read.error()).while_doing("reading the service root");
  root_ = *read;
  co_return read;
}

std::optional<std::string> ServiceTree::path_of(const RedfishResource& from,
                                                const JsonView& reference) const {
  const std::optional<std::string> link = reference.link();
  if (!link) return std::nullopt;
  std::optional<std::string> path = client_.local_path(*link);
  if (!path)
    client_.note_oddity(from.uri, "@odata.id", fmt::format("link '{}' does not lead to this BMC", *link));
  return path;
}

boost::asio::awaitable<Result<MemberList>> ServiceTree::list(const Ctx& ctx, std::string collection_uri,
                                                             std::optional<int> retries) {
  MemberList found;
  std::set<std::string> seen_members;
  std::set<std::string> seen_pages;
  std::string page = std::move(collection_uri);
  for (int pages = 0; pages < kMostPages && seen_pages.insert(page).second; ++pages) {
    Result<RedfishResource> read = co_await read_one(ctx, page, retries);
    if (!read) co_return read.error();
    const JsonView body = read->body;
    if (pages == 0) found.declared = body["Members@odata.count"].integer();
    const JsonView members = body["Members"];
    const auto in_full = [&read](const std::string& uri, const JsonView& member) {
      RedfishResource resource(uri, member);
      resource.received_ns = read->received_ns;
      resource.sent_ns = read->sent_ns;
      return resource;
    };
    if (!members.is_array()) {
      const std::string what =
          members.exists() ? "is " + members.printed() + " where a list belongs" : "is missing";
      client_.note_oddity(page, "Members", what);
    }
    for (const JsonView& member : members.elements()) {
      const std::optional<std::string> path = path_of(*read, member);
      if (!path) {
        if (is_in_full(member)) {
          found.members.push_back(in_full(fmt::format("{}#/Members/{}", page, found.listed), member));
          ++found.listed;
        } else {
          client_.note_oddity(page, "Members", fmt::format("member {} is no reference", member.printed()));
        }
        continue;
      }
      if (!seen_members.insert(without_trailing_slash(*path)).second) {
        client_.note_oddity(page, "Members", fmt::format("{} is listed twice", *path));
        continue;
      }
      ++found.listed;
      if (is_in_full(member) && !is_nothing_but_error(member)) {
        found.members.push_back(in_full(*path, member));
      } else {
        MemberList::Unread unread{*path, Error()};
        found.unread.push_back(std::move(unread));
      }
    }
    JsonView next = body["Members@odata.nextLink"];
    if (!next.exists()) next = body["@odata.nextLink"];
    const std::optional<std::string> next_page = path_of(*read, next);
    if (!next_page) break;
    page = *next_page;
  }
  if (found.declared && *found.declared != static_cast<std::int64_t>(found.listed)) {
    client_.note_oddity(page, "Members@odata.count",
                        fmt::format("says {}, {} are listed", *found.declared, found.listed));
  }
  co_return found;
}

boost::asio::awaitable<Result<MemberList>> ServiceTree::read_all(const Ctx& ctx, std::string collection_uri) {
  Result<MemberList> listed = co_await list(ctx, std::move(collection_uri));
  if (!listed) co_return listed;
  std::vector<std::string> uris;
  for (const MemberList::Unread& unread : listed->unread) uris.push_back(unread.uri);
  if (uris.empty()) co_return listed;
  Result<std::vector<Result<RedfishResource>>> read =
      co_await client_.get_all(ctx, std::move(uris), Urgency::normal, freshness_);
  if (!read) co_return read.error();
  const std::vector<MemberList::Unread> asked = std::exchange(listed->unread, {});
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Result<RedfishResource>& one = (*read)[i];
    if (one) {
      listed->members.push_back(std::move(*one));
    } else {
      MemberList::Unread unread{asked[i].uri, one.error()};
      listed->unread.push_back(std::move(unread));
    }
  }
  co_return listed;
}

void ServiceTree::note_unread(const MemberList& list) {
  for (const MemberList::Unread& unread : list.unread)
    client_.note_oddity(unread.uri, "", unread.error.message);
}

boost::asio::awaitable<Result<MemberList>> ServiceTree::follow(const Ctx& ctx, const RedfishResource& from,
                                                               JsonView reference) {
  // Some services put the members where the link belongs.
  if (reference.is_array()) {
    MemberList here;
    std::vector<std::string> uris;
    for (const JsonView& element : reference.elements()) {
      const std::optional<std::string> path = path_of(from, element);
      if (path) uris.push_back(*path);
    }
    here.listed = uris.size();
    Result<std::vector<Result<RedfishResource>>> read =
        co_await client_.get_all(ctx, uris, Urgency::normal, freshness_);
    if (!read) co_return read.error();
    for (std::size_t i = 0; i < uris.size(); ++i) {
      Result<RedfishResource>& one = (*read)[i];
      if (one) {
        here.members.push_back(std::move(*one));
      } else {
        MemberList::Unread unread{uris[i], one.error()};
        here.unread.push_back(std::move(unread));
      }
    }
    note_unread(here);
    co_return here;
  }
  const std::optional<std::string> path = path_of(from, reference);
  if (!path) co_return MemberList();
  Result<MemberList> read = co_await read_expanded(ctx, *path);
  if (!read) {
    if (is_exchange_error(read.error())) co_return read;
    client_.note_oddity(*path, "", read.error().message);
    MemberList nothing;
    if (read.error().code != "bmc.not_found") nothing.whole = MemberList::Unread{*path, read.error()};
    co_return nothing;
  }
  note_unread(*read);
  co_return read;
}

boost::asio::awaitable<Result<std::optional<RedfishResource>>> ServiceTree::resource(
    const Ctx& ctx, const RedfishResource& from, JsonView reference) {
  const std::optional<std::string> path = path_of(from, reference);
  if (!path) co_return std::optional<RedfishResource>();
  if (is_in_full(reference)) co_return std::optional<RedfishResource>(RedfishResource(*path, reference));
  Result<RedfishResource> read = co_await read_one(ctx, *path);
  if (read) co_return std::optional<RedfishResource>(std::move(*read));
  if (is_exchange_error(read.error())) co_return read.error();
  client_.note_oddity(*path, "", read.error().message);
  co_return std::optional<RedfishResource>();
}

boost::asio::awaitable<Result<std::optional<std::string>>> ServiceTree::top_uri(const Ctx& ctx,
                                                                                std::string name) {
  Result<RedfishResource> top_resource = co_await root(ctx);
  if (!top_resource) co_return top_resource.error();
  const JsonView body = top_resource->body;
  std::optional<std::string> path = path_of(*top_resource, body[name]);
  const bool has_navigation =
      body["Systems"].exists() || body["Chassis"].exists() || body["Managers"].exists();
  if (!path && !has_navigation) {
    path = kServiceRoot + name;  // DSP0266 annex: standard names of the top collections
    client_.note_quirk(Quirk::root_without_navigation, top_resource->uri);
  }
  co_return path;
}

boost::asio::awaitable<Result<MemberList>> ServiceTree::top(const Ctx& ctx, std::string name) {
  Result<std::optional<std::string>> uri = co_await top_uri(ctx, name);
  if (!uri) co_return uri.error();
  if (!*uri) co_return MemberList();
  Result<MemberList> read = co_await read_all(ctx, **uri);
  if (!read) {
    // Only "there is none" is an empty list. Whatever else stands in its place may hide every part of the
    // tray, and parts nobody could ask for are not absent.
    if (read.error().code != "bmc.not_found") co_return read;
    client_.note_oddity(**uri, "", read.error().message);
    co_return MemberList();
  }
  note_unread(*read);
  co_return read;
}

boost::asio::awaitable<Result<std::optional<RedfishResource>>> ServiceTree::service(const Ctx& ctx,
                                                                                    std::string name) {
  Result<std::optional<std::string>> uri = co_await top_uri(ctx, name);
  if (!uri) co_return uri.error();
  if (!*uri) co_return std::optional<RedfishResource>();
  Result<RedfishResource> read = co_await read_one(ctx, **uri);
  if (read) co_return std::optional<RedfishResource>(std::move(*read));
  if (is_exchange_error(read.error())) co_return read.error();
  client_.note_oddity(**uri, "", read.error().message);
  co_return std::optional<RedfishResource>();
}

}  // namespace kiln
