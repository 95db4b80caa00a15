#pragma once
// The text/event-stream format (WHATWG HTML Living Standard, 9.2.6): takes the pieces of a body as they come
// and gives the data of each complete event. Event names, ids and retry times are passed over. Pure; one
// thread.

#include <cstddef>
#include <string>
#include <vector>

namespace kiln {

class ServerSentEvents {
 public:
  static constexpr std::size_t kMostBytes =
      4U << 20;  ///< of one event; one that is longer is dropped and counted

  /// The data of every event that is complete with this piece, in order. An event without data gives nothing.
  std::vector<std::string> feed(const std::string& piece);

  [[nodiscard]] std::size_t dropped() const { return dropped_; }

 private:
  void take_line(std::vector<std::string>& events);

  std::string line_, data_;
  bool has_data_ = false, after_return_ = false, too_long_ = false;
  std::size_t dropped_ = 0;
};

}  // namespace kiln
