#pragma once
// A watch over one link, cut into windows of equal length. A link that loses symbols a little, again and
// again, stays within any sum that a long run must allow; what tells it from a healthy one is how many
// windows of its time had errors at all. That is how NVIDIA's resiliency extension (nvidia-resiliency-ext)
// judges links: windows of 60 s, thirty of them, bad when more than fifteen had errors.
//
// A window is bad when a counter rose in it, good when every counter was read at both its ends and none rose.
// One that was cut short, in which a counter was not read, fell or was disturbed by this run, or over which
// the clock ran back, has no value: it is counted, and never good. Plain data, any thread.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "sdk/step.h"

namespace kiln::nvlink {

struct WindowRule {
  Nanoseconds length{60'000'000'000};
  Nanoseconds slack{0};              ///< so much earlier a window may close: readings do not come on the dot
  int span = 30;                     ///< the worst that many windows in a row are judged
  int least = 10;                    ///< fewer windows with a value say nothing
  std::int64_t allowed_symbols = 0;  ///< symbol errors that a good window may have
};

class LinkWindows {
 public:
  using Counts = std::map<std::string, std::int64_t>;

  /// A reading of all counters. `disturbed`: why what rose until now is nobody's; empty: nothing disturbs.
  void take(const WindowRule& rule, std::int64_t at_ns, const Counts& counts, const std::string& disturbed);
  /// A look at which the link's counters could not be read.
  void unread(const std::string& why);
  /// The watch is over: what has not become a whole window is cut short.
  void finish(const WindowRule& rule, std::int64_t at_ns);

  /// What can be said of the windows. `share` is the share of bad ones among the worst `span` in a row of
  /// those with a value (all of them when they are fewer); no value when they are fewer than `least`. With
  /// `short_of_truth` too many were lost (more than a tenth) for a good share to be believed. `why` tells of
  /// both.
  struct Answer {
    std::optional<double> share;
    bool short_of_truth = false;
    std::string why;
  };
  [[nodiscard]] Answer answer(const WindowRule& rule) const;
  /// Windows without a value, for whatever reason.
  [[nodiscard]] int without_value() const { return lost_ + ours_ + cut_short_; }

 private:
  void close(const WindowRule& rule, const Counts& counts);
  void give_up(const WindowRule& rule, std::int64_t at_ns, const std::string& why);
  void begin(std::int64_t at_ns, const Counts& counts);
  void count_one(const WindowRule& rule, bool bad);

  std::optional<std::int64_t> begun_ns_;
  std::int64_t last_ns_ = 0;
  Counts at_begin_, last_;
  std::string without_;  ///< why the open window will have no value

  int judged_ = 0;
  int worst_ = 0;             ///< bad windows in the worst stretch
  std::deque<bool> stretch_;  ///< the newest `span` windows with a value
  int lost_ = 0;              ///< unread, reset, clock: what happened in them is unknown
  int ours_ = 0;              ///< disturbed by this run
  int cut_short_ = 0;
  std::string first_loss_;
  bool disturbed_ = false;  ///< the last reading was
};

}  // namespace kiln::nvlink
