// The event stream, cut into pieces of every size: the pieces change nothing, and what is kept has its limit.
#include <algorithm>

#include "ci/fuzz_targets/fuzz_target.h"
#include "io/server_sent_events.h"

namespace kiln {

void fuzz_one(const std::string& input) {
  ServerSentEvents whole;
  const std::vector<std::string> at_once = whole.feed(input);
  std::size_t size = 1;
  if (!input.empty()) size += static_cast<unsigned char>(input.front()) & 0x0fU;
  ServerSentEvents cut;
  std::vector<std::string> in_pieces;
  for (std::size_t at = 0; at < input.size(); at += size) {
    for (std::string& event : cut.feed(input.substr(at, size))) in_pieces.push_back(std::move(event));
  }
  require(at_once == in_pieces, "pieces change nothing");
  require(whole.dropped() == cut.dropped(), "pieces drop nothing else");
  std::size_t bytes = 0;
  for (const std::string& event : at_once) {
    require(event.find('\r') == std::string::npos, "no line end of the stream is in an event");
    bytes += event.size();
  }
  require(bytes <= input.size(), "nothing is made up");
}

}  // namespace kiln
