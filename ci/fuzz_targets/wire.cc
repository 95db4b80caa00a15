// The HTTP layer's caller: whatever status, header and body come, in whatever order, to logins, reads and
// changes. No request leaves the BMC (service_text.cc looks at each), none is repeated without end, nothing
// outlasts its deadline.
#include <algorithm>
#include <utility>

#include "bmc/redfish_client.h"
#include "ci/fuzz_targets/fuzz_target.h"
#include "ci/fuzz_targets/service_text.h"
#include "io/loop.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kBudget = std::chrono::seconds(60);
const std::string kThing = "/redfish/v1/Thing";

struct Calls {
  RedfishClient& client;
  std::vector<std::string> errors;
  template <class T>
  void keep(const Result<T>& result) {
    if (result) return;
    require(!result.error().code.empty() && !result.error().message.empty(), "an Error says what is wrong");
    errors.push_back(result.error().full());
  }
};

awaitable<void> call_all(Ctx& ctx, Calls* calls) {
  RedfishClient& client = calls->client;
  const Ctx reading = ctx.child_within("get", kBudget);
  Result<RedfishResource> one = co_await client.get(reading, kThing);
  calls->keep(one);
  std::vector<std::string> uris{kThing, kThing + "/", kThing + "/Other"};
  Result<std::vector<Result<RedfishResource>>> all = co_await client.get_all(reading, std::move(uris));
  calls->keep(all);
  const Ctx changing = ctx.child_within("change", kBudget);
  Result<RedfishAnswer> posted =
      co_await client.post(changing, kThing, "application/json", "{}", Repeat::always);
  calls->keep(posted);
  if (posted) {
    const std::optional<std::string> location = posted->header("Location");
    if (location) {
      Result<RedfishResource> task = co_await client.get(changing, *location);
      calls->keep(task);
    }
  }
  Status patched = co_await client.patch(changing, kThing, "{}");
  calls->keep(patched);
  Status removed = co_await client.remove(changing, kThing);
  calls->keep(removed);
  const Ctx leaving = ctx.child_within("logout", kBudget);
  Status left = co_await client.logout(leaving);
  calls->keep(left);
}

/// Every line of the text as a link.
void check_links(const std::string& text) {
  for (const char* base : {"https://bmc.test", "https://bmc.test/node1/"}) {
    ServiceText nobody;
    const RedfishWire wire(nobody.client(), base);
    std::size_t at = 0;
    while (at <= text.size()) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::optional<std::string> path = wire.local_path(text.substr(at, end - at));
      at = end + 1;
      if (!path) continue;
      require(path->starts_with('/') && !path->starts_with("//"),
              "a local path begins with one slash: " + *path);
      const std::string segments = path->substr(0, path->find('?')) + "/";
      require(segments.find("/../") == std::string::npos, "a local path does not climb: " + *path);
      require(wire.url_of(*path).starts_with("https://bmc.test/"),
              "an address stays on its origin: " + *path);
    }
  }
}

}  // namespace

void fuzz_one(const std::string& input) {
  ServiceText service;
  service.lay(input);
  check_links(service.heading);
  RedfishOptions options;
  options.base_url = kFuzzedBmc;
  options.user = service.heading.starts_with('-') ? "" : "admin";
  options.password = Secret("s3cret-word");
  options.retries = 3;
  RedfishClient client(service.client(), options);
  Calls calls{client, {}};
  const auto loop = Loop::simulated();
  const std::int64_t before = loop->clock().now().monotonic_ns;
  Calls* const used = &calls;
  loop->run([used](Ctx& ctx) { return call_all(ctx, used); });
  const Nanoseconds passed{loop->clock().now().monotonic_ns - before};
  require(passed <= 3 * kBudget, "nothing outlasts its deadline");
  // Six calls, a login before each, four tries, six hops, a second login within: far below what a loop would
  // make.
  require(service.urls.size() < 2'000, "a call does not ask without end");
  std::string said;
  for (const std::string& error : calls.errors) said += error + "\n";
  for (const Oddity& oddity : client.take_oddities())
    said += oddity.uri + oddity.property + oddity.what + "\n";
  for (const std::string& disturbance : client.take_disturbances()) said += disturbance + "\n";
  require(simdjson::validate_utf8(said), "what is said can be written into a report");
  if (input.find("s3cret-word") == std::string::npos)
    require(said.find("s3cret-word") == std::string::npos, "the password is in no message");
}

}  // namespace kiln
