#pragma once
// Which code answers which URI. A resource is made only when it is asked for: polling a rack at 1 Hz costs
// what is polled, not what exists.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests_hw/virtual_rack/redfish/reply.h"
#include "tests_hw/virtual_rack/redfish/requested_properties.h"

namespace kiln::virtual_rack {

class Bmc;

/// The address that was asked, and the values of the {…} segments of its route, in order.
struct Address {
  std::string uri;
  std::vector<std::string> values;

  [[nodiscard]] const std::string& operator[](std::size_t i) const { return values.at(i); }
};

/// The resource at an address; none when the address names something that is not there (404).
using Getter = std::function<std::optional<json::object>(Bmc&, const Address&)>;
/// Any other method.
using Action = std::function<HttpResponse(Bmc&, const Address&, const HttpRequest&)>;
/// Takes what can be changed out of a PATCH and changes it. What it leaves is told to be read-only or
/// unknown.
using Patcher = std::function<void(Bmc&, const Address&, RequestedProperties&)>;
/// Whether a method is offered at an address of the route, where others of its shape lack it.
using Offered = std::function<bool(Bmc&, const Address&)>;

struct Route {
  Getter get;
  Action post;
  Patcher patch;
  Offered patchable;  ///< when empty, all of them are
  Action remove;
  Action stream;  ///< GET of what is no resource: a stream of events, the monitor of a task

  [[nodiscard]] bool can_patch(Bmc& bmc, const Address& address) const;
  /// For the Allow header: "GET, HEAD, PATCH".
  [[nodiscard]] std::string allow(Bmc& bmc, const Address& address) const;
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  /// `pattern`: "/redfish/v1/Chassis/{}/Sensors/{}". Calls for the same pattern complete one Route.
  void get(std::string_view pattern, Getter getter);
  void post(std::string_view pattern, Action action);
  void patch(std::string_view pattern, Patcher patcher, Offered offered = {});
  void remove(std::string_view pattern, Action action);
  void stream(std::string_view pattern, Action action);

  /// A fixed segment wins over {}. Fills `address`; null when no route has this shape.
  [[nodiscard]] const Route* find(std::string_view uri, Address& address) const;

 private:
  struct Node;
  Route& at(std::string_view pattern);
  std::unique_ptr<Node> root_;
};

}  // namespace kiln::virtual_rack
