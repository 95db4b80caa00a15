#include "bmc/ability_places.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace kiln {

using boost::asio::awaitable;

JsonView member_within(JsonView body, std::string_view path) {
  while (!path.empty() && body.exists()) {
    const std::size_t slash = path.find('/');
    body = body[path.substr(0, slash)];
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return body;
}

awaitable<Result<AbilityPlaces::Behind>> AbilityPlaces::behind(const Ctx& ctx, RedfishResource from,
                                                               std::string name, bool many) {
  const std::string key = fmt::format("{} {}", from.uri, name);
  if (const auto known = known_.find(key); known != known_.end()) co_return known->second;
  Behind found;
  const JsonView link = from.body[name];
  const bool from_root = without_trailing_slash(from.uri) == without_trailing_slash(kServiceRoot);
  if (many) {
    Result<MemberList> list = MemberList();
    if (from_root) {
      list = co_await tree_.top(ctx, name);  // also where the root has no navigation
    } else {
      list = co_await tree_.follow(ctx, from, link);
    }
    if (!list) co_return list.error();
    found.resources = list->members;
    if (list->whole) {
      found.ends = fmt::format("{} cannot be read: {}", name, list->whole->error.message);
    } else if (found.resources.empty() && !list->unread.empty()) {
      found.ends = fmt::format("no member of {} can be read: {}", name, list->unread.front().error.message);
    } else if (found.resources.empty()) {
      found.ends = link.exists() ? fmt::format("{} is empty or not there", name) : fmt::format("no {}", name);
    }
  } else {
    Result<std::optional<RedfishResource>> one = std::optional<RedfishResource>();
    if (from_root) {
      one = co_await tree_.service(ctx, name);
    } else {
      one = co_await tree_.resource(ctx, from, link);
    }
    if (!one) co_return one.error();
    if (*one) {
      found.resources.push_back(**one);
    } else {
      found.ends = link.exists() ? fmt::format("{} leads to nothing that can be read", name)
                                 : fmt::format("no {}", name);
    }
  }
  known_[key] = found;
  co_return found;
}

awaitable<Result<PathEnds>> AbilityPlaces::walk(const Ctx& ctx, LinkPath path) {
  PathEnds ends;
  Result<RedfishResource> root = co_await tree_.root(ctx);
  if (!root) co_return root.error();
  std::vector<RedfishResource> here{*root};
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool many = path[i].ends_with('*');
    const std::string name(many ? path[i].substr(0, path[i].size() - 1) : path[i]);
    if (i + 1 == path.size()) {
      for (RedfishResource& one : here) {
        if (member_within(one.body, name).exists()) {
          ends.reached.push_back(std::move(one));
        } else {
          ends.missing.push_back({one.uri, fmt::format("no {}", name)});
        }
      }
      break;
    }
    std::vector<RedfishResource> next;
    for (const RedfishResource& one : here) {
      Result<Behind> found = co_await behind(ctx, one, name, many);
      if (!found) co_return found.error();
      if (!found->ends.empty()) ends.missing.push_back({one.uri, found->ends});
      next.insert(next.end(), found->resources.begin(), found->resources.end());
    }
    here = std::move(next);
  }
  co_return ends;
}

}  // namespace kiln
