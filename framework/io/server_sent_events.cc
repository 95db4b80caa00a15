#include "io/server_sent_events.h"

#include <utility>

namespace kiln {
namespace {

constexpr std::size_t kLongestId = 256;  // ours; a longer one is passed over

}  // namespace

std::vector<std::string> ServerSentEvents::feed(const std::string& piece) {
  std::vector<std::string> data;
  for (Event& event : take(piece)) data.push_back(std::move(event.data));
  return data;
}

std::vector<ServerSentEvents::Event> ServerSentEvents::take(const std::string& piece) {
  std::vector<Event> events;
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

void ServerSentEvents::take_line(std::vector<Event>& events) {
  std::string line = std::exchange(line_, {});
  if (!std::exchange(begun_, true) && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);  // byte order mark
  if (line.empty()) {
    if (too_long_) ++dropped_;
    if (has_data_ && !too_long_) events.push_back({id_, data_});
    data_.clear();
    has_data_ = too_long_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string field = line.substr(0, colon);
  if (field != "data" && field != "id") return;
  std::string value = colon == std::string::npos ? std::string() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.erase(0, 1);
  if (field == "id") {
    if (value.size() <= kLongestId && value.find('\0') == std::string::npos) id_ = std::move(value);
    return;
  }
  if (has_data_) data_.push_back('\n');
  data_ += value;
  has_data_ = true;
}

}  // namespace kiln
