#pragma once
// Who is told of events: receivers that were named (push) and streams that are open (DSP0266 12.1 and 12.5).
// The named ones outlive a restart of the BMC. Thread: the rack's loop.

#include <memory>
#include <string>
#include <vector>

#include "tests_hw/virtual_rack/http_message.h"

namespace kiln::virtual_rack {

struct Subscription {
  std::string id;
  std::string context;
  std::string destination;                     ///< where events are posted; empty for a stream
  std::vector<std::string> registry_prefixes;  ///< only events of these registries; empty: all
  std::weak_ptr<HttpStream> stream;

  [[nodiscard]] bool is_stream() const { return destination.empty(); }
  [[nodiscard]] bool wants(const std::string& message_id) const;
};

class Subscriptions {
 public:
  static constexpr std::size_t kMaxPush = 20;
  static constexpr int kAttempts = 3;
  static constexpr int kAttemptSeconds = 2;

  /// Null when there is no room.
  const Subscription* add(std::string destination, std::string context,
                          std::vector<std::string> registry_prefixes);
  [[nodiscard]] std::shared_ptr<HttpStream> open_stream();
  /// Without the streams whose listener is gone.
  [[nodiscard]] const std::vector<Subscription>& all();
  [[nodiscard]] Subscription* find(const std::string& id);
  /// Closes the connection of a stream.
  bool remove(const std::string& id);
  void end_streams();

 private:
  std::vector<Subscription> subscriptions_;
  int next_id_ = 1;
};

}  // namespace kiln::virtual_rack
