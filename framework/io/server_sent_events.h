#pragma once
// The text/event-stream format (WHATWG HTML Living Standard, 9.2.6): takes the pieces of a body as they come
// and gives each complete event. Comments and retry times are passed over. Pure; one thread.

#include <cstddef>
#include <string>
#include <vector>

namespace kiln {

class ServerSentEvents {
 public:
  static constexpr std::size_t kMostBytes =
      4U << 20;  ///< of one event; one that is longer is dropped and counted

  struct Event {
    std::string id;    ///< the last one given, which holds until another is
    std::string data;  ///< its lines, joined
  };
  /// Every event that is complete with this piece, in order. An event without data gives nothing.
  std::vector<Event> take(const std::string& piece);
  /// The same, data only.
  std::vector<std::string> feed(const std::string& piece);

  [[nodiscard]] std::size_t dropped() const { return dropped_; }

 private:
  void take_line(std::vector<Event>& events);

  std::string line_, data_, id_;
  bool has_data_ = false, after_return_ = false, too_long_ = false, begun_ = false;
  std::size_t dropped_ = 0;
};

}  // namespace kiln
