#pragma once
// A capture keeps what a Redfish service answers, byte for byte: every address that links lead to
// (link_walk.h), with status and the headers that mean something. It only reads. Besides the links: /redfish,
// /redfish/v1/odata and /redfish/v1/$metadata, where they are. JsonSchemas and Registries, thousands of files
// that are published elsewhere, only when asked for.
//
// Everything stays in memory, unscrubbed: whoever writes it down scrubs it first (scrubber.h). Loop thread
// only; the client outlives it.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bmc/link_walk.h"

namespace kiln {

struct CaptureOptions {
  bool schemas = false;  ///< also what JsonSchemas and Registries hold
  int most_addresses = 20'000;
  std::uint64_t most_bytes = 512U << 20U;  ///< of all bodies
};

struct CapturedAnswer {
  std::string uri;  ///< as linked, without fragment
  int status = 0;
  HttpHeaders headers;  ///< those of kept_headers(), in their order
  std::string body;
};

struct CaptureReport {
  std::vector<CapturedAnswer> answers;
  int resources = 0;                    ///< answered with JSON and a status below 300
  int errors = 0;                       ///< answered with another status, but 404 and 410
  int links_to_nothing = 0;             ///< 404, 410
  int not_json = 0;                     ///< answered below 300 with something else; $metadata is none of them
  int left_out = 0;                     ///< links into schemas and registries that were not followed
  std::vector<std::string> unanswered;  ///< "address: why"
  std::uint64_t bytes = 0, requests = 0;
  bool complete = true;
  std::string incomplete_because;  ///< a sentence; empty when it is complete
};

/// ETag, Allow, Link, Location, Retry-After, Content-Type, OData-Version: what a client acts on. What would
/// let somebody in is not among them.
HttpHeaders kept_headers(const HttpHeaders& all);

class Capture {
 public:
  Capture(RedfishClient& client, CaptureOptions options)
      : client_(client), options_(options), links_(client) {}
  /// `on_progress(kept so far)` may be empty. Stops early, with `complete` false, at a cap, at the Ctx's
  /// deadline or when the BMC stays silent. An Error when not even the service root was read, or when a
  /// person stops it.
  boost::asio::awaitable<Result<CaptureReport>> run(const Ctx& ctx,
                                                    std::function<void(std::size_t)> on_progress);

 private:
  void keep(const LinkWalk::Wanted& wanted, HttpResponse response);
  void sort_in(const LinkWalk::Wanted& wanted, Result<HttpResponse> answer);
  void stop_early(std::string because);

  RedfishClient& client_;
  CaptureOptions options_;
  LinkWalk links_;
  CaptureReport report_;
  int silent_ = 0;  ///< addresses without an answer, one after the other
};

}  // namespace kiln
