#pragma once
// All NVLinks of a rack in one view: a line for each tray, a group for each GPU, one character for each link.
// What a character means is said in words below it, and every marked link is named with its figures. Read
// from the record at the GPUs' end; a switch tray's ports are the other ends of the same links. Plain data.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/run_document.h"

namespace kiln {

/// Of one link, the worst first. `quiet`: everything that was read of it is as of a link without errors.
enum class LinkMark { failed, odd, unknown, errors, rate, quiet };
std::string_view to_string(LinkMark mark);  ///< "failed", "odd", "no value", "errors", "rate", "quiet"

struct RackLink {
  std::string part;  ///< "GPU_0/NVLink_3"
  std::string gpu;   ///< "GPU_0"
  LinkMark mark = LinkMark::unknown;
  std::optional<double> effective_ber;  ///< the worst that was recorded
  std::optional<double> bad_share;      ///< of windows, the worst
  std::optional<double> errors;         ///< sum over the error counters' rises
  std::string what;                     ///< why it is marked: the failed check, what stands apart
};

struct RackLinkTray {
  std::string dut;
  std::optional<int> slot;
  std::vector<RackLink> links;  ///< by GPU and number
};

struct RackLinks {
  std::vector<RackLinkTray> trays;  ///< the highest slot first, as in the rack
  std::size_t count = 0, failed = 0, odd = 0, unknown = 0, errors = 0, without_rate = 0;
  [[nodiscard]] bool empty() const { return count == 0; }
};

RackLinks make_links(const RunDocument& document, const RunVerdict& verdict);

/// One character, in UTF-8: ✖ failed, ▲ odd, ? no value, + errors, a digit: the last one of the rate's
/// exponent (3: from 1e-13 to 1e-12), · quiet.
/// Without `unicode`: X failed, ! odd, . quiet.
std::string link_character(const RackLink& link, bool unicode = true);
/// What the characters mean, one sentence each.
std::vector<std::string> link_legend(bool unicode = true);
/// "1296 links of 18 trays: 1 failed, 2 stand apart, …"
std::string link_summary(const RackLinks& links);
/// The figures of one link in words.
std::string link_words(const RackLink& link);
/// The whole view for a terminal: a line for each tray, the legend, and the marked links by name.
std::string link_text(const RackLinks& links, bool unicode = true);

}  // namespace kiln
