#include "bmc/link_walk.h"

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <utility>

namespace kiln {
namespace {

/// Members whose text is an address of a resource.
constexpr std::array<std::string_view, 5> kLinkMembers{"@odata.id", "@Redfish.ActionInfo", "DataSourceUri",
                                                       "href", "Uri"};

bool is_link_member(const std::string& name) {
  return name.ends_with("@odata.nextLink") ||
         std::find(kLinkMembers.begin(), kLinkMembers.end(), name) != kLinkMembers.end();
}

}  // namespace

void LinkWalk::want(const std::string& link, bool must_exist) {
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
  for (const std::string& below : left_out_below_) {
    if (bare != below && !bare.starts_with(below + "/")) continue;
    ++left_out_;
    return;
  }
  Wanted wanted{*path, must_exist};
  queue_.push_back(std::move(wanted));
}

void LinkWalk::collect(const JsonView& body) {
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

void LinkWalk::was_read(const std::string& uri) {
  const std::string bare = without_trailing_slash(uri);
  spellings_.emplace(boost::algorithm::to_lower_copy(bare), bare);
}

std::vector<LinkWalk::Wanted> LinkWalk::take(std::size_t most) {
  std::vector<Wanted> taken;
  while (!queue_.empty() && taken.size() < most) {
    taken.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return taken;
}

std::optional<std::string> LinkWalk::other_spelling(const std::string& uri) const {
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

}  // namespace kiln
