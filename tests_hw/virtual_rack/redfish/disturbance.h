#pragma once
// Nuisance faults that act on HTTP answers: a slow BMC, 503, bad JSON, wrong number types. Each disturbs for
// a bounded time that begins with the first request after the fault became active, so that none can be missed
// by arriving late and none lasts for ever. Figures are assumed; --list-faults prints what they do.

#include <chrono>
#include <cstdint>
#include <optional>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/http_message.h"
#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

class Disturbance {
 public:
  static constexpr std::chrono::milliseconds kSlowDelay{800};
  static constexpr std::chrono::seconds kHangFor{30};
  static constexpr std::chrono::seconds kSlowFor{8};
  static constexpr std::chrono::seconds kUnavailableFor{5};
  static constexpr std::chrono::seconds kBadJsonFor{5};
  static constexpr unsigned kBadJsonEach = 4;  ///< every fourth answer is cut

  /// An answer to give instead of the real one.
  [[nodiscard]] std::optional<HttpResponse> instead(const RackModel& rack, const Dut& dut,
                                                    std::uint64_t now_ns);
  /// Changes the real answer.
  void change(const RackModel& rack, const Dut& dut, std::uint64_t now_ns, const HttpRequest& request,
              HttpResponse& response);

 private:
  struct Window {
    std::uint64_t fault_ns = 0;  ///< activation of the fault this window belongs to
    std::uint64_t from_ns = 0;   ///< first request since then
  };
  [[nodiscard]] static bool within(const RackModel& rack, const Dut& dut, FaultKind kind, Window& window,
                                   std::uint64_t now_ns, std::chrono::seconds length);
  Window hang_, slow_;
  Window unavailable_;
  Window bad_json_;
  unsigned answers_ = 0;
};

}  // namespace kiln::virtual_rack
