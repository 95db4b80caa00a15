#include "io/server_sent_events.h"

#include <utility>

namespace kiln {

std::vector<std::string> ServerSentEvents::feed(const std::string& piece) {
  std::vector<std::string> events;
  for (const char letter : piece) {
    // A line ends with CR, LF or both; the second of both ends no other line.
    const bool second = after_return_ && letter == '\n';
    after_return_ = letter == '\r';
    if (second) continue;
    if (letter == '\r' || letter == '\n') {
      take_line(events);
    } else if (line_.size() + data_.size() < kMostBytes) {
      line_.push_back(letter);
    } else {
      too_long_ = true;
    }
  }
  return events;
}

void ServerSentEvents::take_line(std::vector<std::string>& events) {
  const std::string line = std::exchange(line_, {});
  if (line.empty()) {
    if (too_long_) ++dropped_;
    if (has_data_ && !too_long_) events.push_back(data_);
    data_.clear();
    has_data_ = too_long_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  if (line.substr(0, colon) != "data") return;
  std::string value = colon == std::string::npos ? std::string() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.erase(0, 1);
  if (has_data_) data_.push_back('\n');
  data_ += value;
  has_data_ = true;
}

}  // namespace kiln
