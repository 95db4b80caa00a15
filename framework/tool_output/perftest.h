#pragma once
// ib_write_bw, ib_read_bw and ib_send_bw of linux-rdma/perftest, 4.x to 26.x, with --report_gbits: banner,
// a header with units in brackets, one row for each size. Pure, any thread. Source: perftest's
// perftest_parameters.h (RESULT_LINE_GBITS) and its README.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tool_output/tool_output.h"

namespace kiln::tool_output {

struct PerftestRow {
  std::uint64_t bytes = 0;       ///< of one message
  std::uint64_t iterations = 0;  ///< 0: nothing was sent
  double average_gbit_s = 0;
};

struct Perftest : Document {
  std::string device;               ///< "mlx5_0"; empty: not printed
  std::vector<PerftestRow> rows;    ///< a row without a number is left out and is a doubt
  std::vector<std::string> errors;  ///< "Couldn't connect to localhost:18515", "Failed status 12: ..."

  /// The best average of messages in which something was sent; unset with an error, when cut, or without any.
  [[nodiscard]] std::optional<double> best_gbit_s() const;
};

/// A header in MB/sec is refused: run it with --report_gbits.
Result<Perftest> parse_perftest(std::string_view text);

}  // namespace kiln::tool_output
