#pragma once
// Every request the rack received, in order: HTTP by the BMCs, commands by the hosts. Served by the control
// endpoint, so that a test can prove what a station asked and when. Thread: the rack's loop.

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace kiln::virtual_rack {

struct LoggedRequest {
  std::uint64_t monotonic_ns = 0;  ///< CLOCK_MONOTONIC when the request was complete
  std::string dut;
  std::string method;   ///< HTTP method, or "SSH"
  std::string what;     ///< URI with query, or the command line
  unsigned status = 0;  ///< HTTP status of the answer; 0 for SSH or while unanswered
};

class RequestLog {
 public:
  /// `limit` entries are kept; older ones go first and are counted.
  explicit RequestLog(std::size_t limit = 200'000) : limit_(limit) {}

  /// Passwords never stand in a URI or a command of ours; nothing is filtered here.
  void add(std::string_view dut, std::string_view method, std::string_view what, unsigned status = 0);

  [[nodiscard]] const std::deque<LoggedRequest>& entries() const { return entries_; }
  /// How many were received since the start, kept or not.
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// Those of them that were commands.
  [[nodiscard]] std::uint64_t total_ssh() const { return total_ssh_; }

 private:
  std::size_t limit_;
  std::uint64_t total_ = 0;
  std::uint64_t total_ssh_ = 0;
  std::deque<LoggedRequest> entries_;
};

}  // namespace kiln::virtual_rack
