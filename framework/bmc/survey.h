#pragma once
// A survey reads everything a Redfish service links to, breadth first, each address once, and sorts the
// answers: resources that were understood (understanding.h), bodies that are nothing but an error, links to
// nothing, what was not understood, no answer. It changes nothing.
//
// Which links are followed: link_walk.h. Besides the service root the two addresses that every service must
// have (DSP0266 6.2: /redfish and /redfish/v1/odata). Loop thread only.

#include <boost/asio/awaitable.hpp>

#include "bmc/link_walk.h"

namespace kiln {

class Survey {
 public:
  explicit Survey(RedfishClient& client) : client_(client), links_(client) {}
  /// Stops early, with `complete` false, at the cap of the options or the Ctx's deadline. An Error only when
  /// not even the service root was read.
  boost::asio::awaitable<Result<SurveyReport>> run(const Ctx& ctx);

 private:
  void list_not_understood(const std::string& uri, const std::string& property, const std::string& what);
  void sort_in(const LinkWalk::Wanted& wanted, const Result<RedfishResource>& answer);

  RedfishClient& client_;
  SurveyReport report_;
  LinkWalk links_;
};

}  // namespace kiln
