#pragma once
// Which addresses of a Redfish service are still to be read: every link once, breadth first.
//
// Followed: @odata.id, @odata.nextLink, @Redfish.ActionInfo, DataSourceUri, href and Uri, anywhere in a body,
// when they lead to /redfish on this BMC. Never an action's target. Two addresses that differ in a trailing
// slash or a fragment are one. A link that is answered 404 and differs only in letter case from a resource
// that was read may be tried in that resource's spelling: some firmware does not mind the case, and its links
// don't either. Loop thread only; the client outlives it.

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bmc/redfish_client.h"

namespace kiln {

class LinkWalk {
 public:
  struct Wanted {
    std::string uri;
    bool must_exist = true;  ///< false: an address of the standard, not a link; its absence is not counted
  };

  explicit LinkWalk(RedfishClient& client) : client_(client) {}

  /// Links to what lies there or below are not followed, only counted.
  void leave_out(std::string uri) { left_out_below_.push_back(std::move(uri)); }
  void want(const std::string& link, bool must_exist = true);
  /// All links of a body.
  void collect(const JsonView& body);
  /// It was read: its spelling is a good one.
  void was_read(const std::string& uri);

  [[nodiscard]] bool empty() const { return queue_.empty(); }
  /// The next ones, at most so many.
  std::vector<Wanted> take(std::size_t most);
  [[nodiscard]] std::optional<std::string> other_spelling(const std::string& uri) const;
  [[nodiscard]] int left_out() const { return left_out_; }

 private:
  RedfishClient& client_;
  std::deque<Wanted> queue_;
  std::set<std::string> seen_;                    ///< without trailing slash
  std::map<std::string, std::string> spellings_;  ///< lower case → as read
  std::vector<std::string> left_out_below_;
  int left_out_ = 0;
};

}  // namespace kiln
