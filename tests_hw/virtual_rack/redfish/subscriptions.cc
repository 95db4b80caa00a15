#include "tests_hw/virtual_rack/redfish/subscriptions.h"

#include <algorithm>

#include "tests_hw/virtual_rack/tls_identity.h"

namespace kiln::virtual_rack {

bool Subscription::wants(const std::string& message_id) const {
  const std::string prefix = message_id.substr(0, message_id.find('.'));
  return registry_prefixes.empty() ||
         std::find(registry_prefixes.begin(), registry_prefixes.end(), prefix) != registry_prefixes.end();
}

const Subscription* Subscriptions::add(std::string destination, std::string context,
                                       std::vector<std::string> registry_prefixes) {
  const auto pushed = std::count_if(subscriptions_.begin(), subscriptions_.end(),
                                    [](const Subscription& one) { return !one.is_stream(); });
  if (static_cast<std::size_t>(pushed) >= kMaxPush) return nullptr;
  Subscription one;
  one.id = std::to_string(next_id_++);
  one.context = std::move(context);
  one.destination = std::move(destination);
  one.registry_prefixes = std::move(registry_prefixes);
  subscriptions_.push_back(std::move(one));
  return &subscriptions_.back();
}

std::shared_ptr<HttpStream> Subscriptions::open_stream() {
  auto stream = std::make_shared<HttpStream>();
  Subscription one;
  one.id = std::to_string(next_id_++);
  one.context = random_hex(8);
  one.stream = stream;
  subscriptions_.push_back(std::move(one));
  return stream;
}

const std::vector<Subscription>& Subscriptions::all() {
  std::erase_if(subscriptions_,
                [](const Subscription& one) { return one.is_stream() && one.stream.expired(); });
  return subscriptions_;
}

Subscription* Subscriptions::find(const std::string& id) {
  (void)all();
  const auto found = std::find_if(subscriptions_.begin(), subscriptions_.end(),
                                  [&id](const Subscription& one) { return one.id == id; });
  return found == subscriptions_.end() ? nullptr : &*found;
}

bool Subscriptions::remove(const std::string& id) {
  const Subscription* one = find(id);
  if (one == nullptr) return false;
  const std::shared_ptr<HttpStream> stream = one->stream.lock();
  std::erase_if(subscriptions_, [&id](const Subscription& other) { return other.id == id; });
  if (stream) stream->end();
  return true;
}

void Subscriptions::end_streams() {
  for (const Subscription& one : all()) {
    if (const std::shared_ptr<HttpStream> stream = one.stream.lock()) stream->end();
  }
  std::erase_if(subscriptions_, [](const Subscription& one) { return one.is_stream(); });
}

}  // namespace kiln::virtual_rack
