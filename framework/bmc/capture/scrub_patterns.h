#pragma once
// Finds in a text what has a form of its own (addresses, MACs, UUIDs, hosts, keys, tokens), and what stands
// behind a telling name ("password=…", "Serial Number: …"). Pure; the text is read once from front to end.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bmc/capture/scrub_words.h"

namespace kiln {

/// How it is replaced: by one fixed word, or by what looks like it.
enum class StandIn { fixed_word, filler, like, hexadecimal, uuid, host, ipv4, ipv6 };

struct Finding {
  std::size_t begin = 0, end = 0;
  ScrubKind kind = ScrubKind::secret;
  StandIn form = StandIn::fixed_word;
  bool sure = true;  ///< the same text elsewhere is the same thing; false: only its neighbour says what it is
};

/// In order, not overlapping. `is_version`: four numbers with dots between them are no address here.
std::vector<Finding> find_patterns(std::string_view text, bool is_version);

/// Of a value whose property says what it holds.
std::vector<Finding> find_in_property(std::string_view text, ScrubKind kind);

}  // namespace kiln
