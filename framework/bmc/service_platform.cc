// The parts of ServiceTree that find out what kind of service this is: its platform, and whether it expands.

#include <algorithm>
#include <utility>

#include "bmc/redfish_error.h"
#include "bmc/service_tree.h"

namespace kiln {
namespace {

constexpr std::int64_t kAskAgain = 30'000'000'000;  // ns: what was not whole is not asked for each time
constexpr std::size_t kWorthExpanding = 3;          // members; below, one by one costs about the same
const std::string kExpandQuery = "?$expand=.($levels=1)";  // DSP0266 7.3.4: what is below, not what is linked

std::vector<std::string> names_in(const JsonView& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.members()) {
    if (!name.starts_with('@')) names.push_back(name);
  }
  return names;
}

ServiceFacts::Item item_of(const RedfishResource& resource) {
  ServiceFacts::Item item;
  item.id = resource.id();
  item.manufacturer = resource.body["Manufacturer"].text_or_empty();
  item.model = resource.body["Model"].text_or_empty();
  item.sku = resource.body["SKU"].text_or_empty();
  item.firmware = resource.body["FirmwareVersion"].text_or_empty();
  item.oem = names_in(resource.body["Oem"]);
  return item;
}

/// Whether the expanded member says what the member itself says: every property, with a value where that has
/// one, down to the last object. Values move on between two reads; what a part is does not.
bool says_the_same(const JsonView& alone, const JsonView& expanded) {
  for (const auto& [name, value] : alone.members()) {
    if (name.starts_with("@odata.") || value.is_null()) continue;
    const JsonView other = expanded[name];
    if (!other.exists() || other.is_null()) return false;
    const bool lasting = name == "Id" || name == "Name" || name == "SerialNumber" || name == "State" ||
                         name == "Health" || name == "Version";
    if (lasting && value.is_string() && value.printed() != other.printed()) return false;
    if (value.is_object() && !says_the_same(value, other)) return false;
    if (value.is_array() && value.elements().size() != other.elements().size()) return false;
  }
  return true;
}

/// Every member is there, as many as the service itself declares.
bool is_whole(const MemberList& expanded) {
  return expanded.unread.empty() && expanded.declared && !expanded.members.empty() &&
         *expanded.declared == static_cast<std::int64_t>(expanded.members.size());
}

/// What ends the caller's work and not only an attempt at a better way.
bool ends_all(const Error& error) {
  return error.code.starts_with("ctx.") || error.code == "bmc.login" || error.code == "bmc.untrusted";
}

}  // namespace

boost::asio::awaitable<Result<ServiceFacts>> ServiceTree::facts(const Ctx& ctx) {
  Result<RedfishResource> top_resource = co_await root(ctx);
  if (!top_resource) co_return top_resource.error();
  const JsonView body = top_resource->body;
  ServiceFacts facts;
  facts.redfish_version = body["RedfishVersion"].text_or_empty();
  facts.vendor = body["Vendor"].text_or_empty();
  facts.product = body["Product"].text_or_empty();
  facts.oem = names_in(body["Oem"]);
  for (const auto& [name, value] : body.members()) {
    if (value.is_object() && value.link()) facts.services.push_back(name);
  }
  // A service that starts lists nothing yet: what is remembered must have been whole.
  Result<MemberList> systems = co_await top(ctx, "Systems");
  if (!systems && ends_all(systems.error())) co_return systems.error();
  facts.complete = systems && systems->unread.empty();
  if (!systems && is_exchange_error(systems.error())) co_return facts;
  if (systems) {
    for (const RedfishResource& system : systems->members) facts.systems.push_back(item_of(system));
  }
  Result<MemberList> managers = co_await top(ctx, "Managers");
  if (!managers && ends_all(managers.error())) co_return managers.error();
  facts.complete = facts.complete && managers && managers->unread.empty() && !managers->members.empty();
  if (!managers && is_exchange_error(managers.error())) co_return facts;
  if (managers) {
    for (const RedfishResource& manager : managers->members) facts.managers.push_back(item_of(manager));
  }
  Result<std::optional<std::string>> chassis = co_await top_uri(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  if (*chassis) {
    Result<MemberList> list = co_await this->list(ctx, **chassis);
    if (!list && ends_all(list.error())) co_return list.error();
    facts.complete = facts.complete && (list || list.error().code == "bmc.not_found");
    if (list) {
      for (const RedfishResource& one : list->members) facts.chassis.push_back(last_segment(one.uri));
      for (const MemberList::Unread& one : list->unread) facts.chassis.push_back(last_segment(one.uri));
    }
  }
  co_return facts;
}

boost::asio::awaitable<Result<std::shared_ptr<const Platform>>> ServiceTree::platform(const Ctx& ctx) {
  BmcPeer& peer = client_.peer();
  if (peer.platform && (peer.platform_until_ns == 0 || ctx.now().monotonic_ns < peer.platform_until_ns))
    co_return peer.platform;
  Result<ServiceFacts> known = co_await facts(ctx);
  if (!known) co_return std::move(known.error()).while_doing("finding out which platform this is");
  peer.platform = std::make_shared<const Platform>(client_.options().dialects, *known);
  // What could not be read now may tell more the next time; a host system that is linked and not there, too.
  const bool systems_missing = known->systems.empty() && known->offers("Systems");
  const bool lasting = known->complete && !systems_missing;
  peer.platform_until_ns = lasting ? 0 : ctx.now().monotonic_ns + kAskAgain;
  co_return peer.platform;
}

boost::asio::awaitable<Result<MemberList>> ServiceTree::read_expanded(const Ctx& ctx,
                                                                      std::string collection_uri) {
  const std::string kind = last_segment(collection_uri);
  const auto known = client_.peer().expands.find(kind);
  const bool proved = known != client_.peer().expands.end();
  const bool plain_address = collection_uri.find('?') == std::string::npos;
  if (proved && known->second && plain_address) {
    const std::string asked = without_trailing_slash(collection_uri) + kExpandQuery;
    Result<MemberList> expanded = co_await list(ctx, asked);
    if (!expanded && ends_all(expanded.error())) co_return expanded;
    if (expanded && is_whole(*expanded)) co_return expanded;
    client_.peer().expands[kind] = false;  // it did, and does not any more
    client_.note_quirk(Quirk::expand_unreliable, asked);
  }
  Result<MemberList> read = co_await read_all(ctx, collection_uri);
  if (proved || !plain_address || !read || !read->unread.empty() || read->members.size() < kWorthExpanding)
    co_return read;
  co_await prove_expanding(ctx, std::move(collection_uri), *read);
  co_return read;
}

boost::asio::awaitable<void> ServiceTree::prove_expanding(const Ctx& ctx, std::string collection_uri,
                                                          const MemberList& read) {
  const std::string kind = last_segment(collection_uri);
  client_.peer().expands[kind] = false;  // until it is shown; whatever fails below is not tried again
  Result<RedfishResource> top_resource = co_await root(ctx);
  if (!top_resource) co_return;
  const JsonView offered = top_resource->body.at({"ProtocolFeaturesSupported", "ExpandQuery"});
  // Both are needed: `.` for what is below, `$levels` to stop there.
  if (offered["NoLinks"].boolean() != true || offered["Levels"].boolean() != true) co_return;
  Result<std::shared_ptr<const Platform>> who = co_await platform(ctx);
  if (!who) co_return;
  const std::string asked = without_trailing_slash(collection_uri) + kExpandQuery;
  bool truthful = !(*who)->has(Quirk::expand_unreliable);
  if (truthful) {
    Result<MemberList> expanded = co_await list(ctx, asked, 0);
    if (!expanded) co_return;
    truthful = is_whole(*expanded) && expanded->members.size() == read.members.size();
    for (std::size_t i = 0; truthful && i < read.members.size(); ++i) {
      const auto same = std::find_if(
          expanded->members.begin(), expanded->members.end(), [&read, i](const RedfishResource& one) {
            return without_trailing_slash(one.uri) == without_trailing_slash(read.members[i].uri);
          });
      truthful = same != expanded->members.end() && says_the_same(read.members[i].body, same->body);
    }
  }
  client_.peer().expands[kind] = truthful;
  if (!truthful) client_.note_quirk(Quirk::expand_unreliable, asked);
}

}  // namespace kiln
