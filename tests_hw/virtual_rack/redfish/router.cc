#include "tests_hw/virtual_rack/redfish/router.h"

namespace kiln::virtual_rack {

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> fixed;
  std::unique_ptr<Node> any;
  std::optional<Route> route;

  const Route* find(std::string_view rest, std::vector<std::string>& values) const {
    while (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
    if (rest.empty()) return route ? &*route : nullptr;
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const std::string_view tail = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
    const auto child = fixed.find(segment);
    if (child != fixed.end()) {
      if (const Route* found = child->second->find(tail, values)) return found;
    }
    if (!any) return nullptr;
    values.emplace_back(segment);
    if (const Route* found = any->find(tail, values)) return found;
    values.pop_back();
    return nullptr;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

bool Route::can_patch(Bmc& bmc, const Address& address) const {
  return patch && (!patchable || patchable(bmc, address));
}

std::string Route::allow(Bmc& bmc, const Address& address) const {
  std::string text;
  const auto add = [&](std::string_view word) {
    if (!text.empty()) text += ", ";
    text += word;
  };
  if (get || stream) add("GET, HEAD");
  if (post) add("POST");
  if (can_patch(bmc, address)) add("PATCH");
  if (remove) add("DELETE");
  return text;
}

Route& Router::at(std::string_view pattern) {
  Node* node = root_.get();
  while (!pattern.empty()) {
    if (pattern.front() == '/') {
      pattern.remove_prefix(1);
      continue;
    }
    const std::string_view segment = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(segment.size());
    std::unique_ptr<Node>& next = segment == "{}" ? node->any : node->fixed[std::string(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  if (!node->route) node->route.emplace();
  return *node->route;
}

void Router::get(std::string_view pattern, Getter getter) { at(pattern).get = std::move(getter); }
void Router::post(std::string_view pattern, Action action) { at(pattern).post = std::move(action); }
void Router::patch(std::string_view pattern, Patcher patcher, Offered offered) {
  Route& route = at(pattern);
  route.patch = std::move(patcher);
  route.patchable = std::move(offered);
}
void Router::remove(std::string_view pattern, Action action) { at(pattern).remove = std::move(action); }
void Router::stream(std::string_view pattern, Action action) { at(pattern).stream = std::move(action); }

const Route* Router::find(std::string_view uri, Address& address) const {
  address.values.clear();
  address.uri = std::string(uri);
  while (address.uri.size() > 1 && address.uri.back() == '/') address.uri.pop_back();
  return root_->find(uri, address.values);
}

}  // namespace kiln::virtual_rack
