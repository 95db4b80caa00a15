#pragma once
// Walking one Redfish service by its links: the root, collections with their pages, the systems, chassis and
// managers below. Only the service root's address is known beforehand (DSP0266 6.2); where a root has no
// navigation at all, the standard's own names of the top collections are tried. Owned by the Bmc; loop thread
// only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bmc/redfish_client.h"

namespace kiln {

/// A collection: what it lists, and what of that could be read.
class MemberList {
 public:
  struct Unread {
    std::string uri;
    Error error;
  };
  std::vector<RedfishResource> members;  ///< in the order listed
  std::vector<Unread> unread;            ///< listed, but not to be had
  std::optional<std::int64_t> declared;  ///< Members@odata.count
  std::size_t listed = 0;                ///< distinct members over all pages
  std::optional<Unread> whole;           ///< of follow(): the list is there, but not to be had
};

/// Reads fresh: a reader that is given one can do nothing else.
class ServiceTree {
 public:
  explicit ServiceTree(RedfishClient& client) : ServiceTree(client, Freshness::fresh) {}

  boost::asio::awaitable<Result<RedfishResource>> root(const Ctx& ctx);
  /// The link's path when it leads to this service; a link elsewhere is noted and left alone.
  [[nodiscard]] std::optional<std::string> path_of(const RedfishResource& from,
                                                   const JsonView& reference) const;

  /// The addresses a collection lists, over all its pages, each once; members given in full are in `members`
  /// already. Errors as RedfishClient::get.
  /// `retries` replaces the option when given.
  boost::asio::awaitable<Result<MemberList>> list(const Ctx& ctx, std::string collection_uri,
                                                  std::optional<int> retries = {});
  /// As list, with every member read.
  boost::asio::awaitable<Result<MemberList>> read_all(const Ctx& ctx, std::string collection_uri);
  /// read_all of the collection that `from` links to as `reference`, with one request where this BMC expands
  /// such a collection truthfully; empty when there is no link or nothing
  /// behind it, empty with `whole` set when what is behind it could not be read.
  boost::asio::awaitable<Result<MemberList>> follow(const Ctx& ctx, const RedfishResource& from,
                                                    JsonView reference);
  /// The resource behind a link; nullopt when there is no link or nothing behind it. Exchange errors are
  /// errors.
  boost::asio::awaitable<Result<std::optional<RedfishResource>>> resource(const Ctx& ctx,
                                                                          const RedfishResource& from,
                                                                          JsonView reference);

  /// Which platform this is: what its root, systems and managers say, against the dialects there are. Read
  /// once per BMC. Errors of the exchange only: what cannot be read tells nothing.
  boost::asio::awaitable<Result<std::shared_ptr<const Platform>>> platform(const Ctx& ctx);

  /// Members of a top collection: "Systems", "Chassis", "Managers", "Fabrics". Empty when the service has
  /// none; one that is there and cannot be read is an error.
  boost::asio::awaitable<Result<MemberList>> top(const Ctx& ctx, std::string name);
  /// A service or collection the root links to: "UpdateService", "ThermalEquipment", "TelemetryService".
  boost::asio::awaitable<Result<std::optional<RedfishResource>>> service(const Ctx& ctx, std::string name);

  /// Remembers members that could not be read as oddities.
  void note_unread(const MemberList& list);
  [[nodiscard]] RedfishClient& client() const { return client_; }

 protected:
  ServiceTree(RedfishClient& client, Freshness freshness) : client_(client), freshness_(freshness) {}

 private:
  boost::asio::awaitable<Result<RedfishResource>> read_one(const Ctx& ctx, std::string uri,
                                                           std::optional<int> retries = {});
  boost::asio::awaitable<Result<std::optional<std::string>>> top_uri(const Ctx& ctx, std::string name);
  boost::asio::awaitable<Result<ServiceFacts>> facts(const Ctx& ctx);
  boost::asio::awaitable<Result<MemberList>> read_expanded(const Ctx& ctx, std::string collection_uri);
  boost::asio::awaitable<void> prove_expanding(const Ctx& ctx, std::string collection_uri,
                                               const MemberList& read);

  RedfishClient& client_;
  Freshness freshness_;
  std::optional<RedfishResource> root_;
};

/// For what a DUT is made of and no more: may take a 304 for it where RedfishOptions::parts_by_tag says so
/// (entity_tags.h). Not a ServiceTree to anybody else.
class SettledTree : private ServiceTree {
 public:
  explicit SettledTree(RedfishClient& client)
      : ServiceTree(client, client.options().parts_by_tag ? Freshness::unless_changed : Freshness::fresh) {}
  using ServiceTree::follow;
  using ServiceTree::resource;
  using ServiceTree::service;
  using ServiceTree::top;
};

/// Status as printed: State and Health.
std::string state_of(const JsonView& body);
std::string health_of(const JsonView& body);

}  // namespace kiln
