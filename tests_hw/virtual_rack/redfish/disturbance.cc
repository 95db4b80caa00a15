#include "tests_hw/virtual_rack/redfish/disturbance.h"

#include <fmt/format.h>

#include <cmath>

#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {
namespace {

constexpr auto kHang = std::chrono::hours(24);

/// Integers become floating point, fractions become text: what loosely written BMC firmware sends.
void loosen(json::value& value) {
  if (value.is_object()) {
    for (auto& [key, member] : value.as_object()) loosen(member);
  } else if (value.is_array()) {
    for (json::value& element : value.as_array()) loosen(element);
  } else if (value.is_int64()) {
    value = static_cast<double>(value.as_int64());
  } else if (value.is_uint64()) {
    value = static_cast<double>(value.as_uint64());
  } else if (value.is_double()) {
    value = fmt::format("{}", value.as_double());
  }
}

}  // namespace

bool Disturbance::within(const RackModel& rack, const Dut& dut, FaultKind kind, Window& window,
                         std::uint64_t now_ns, std::chrono::seconds length) {
  const Fault* fault = active_fault(rack, dut, kind);
  if (fault == nullptr) return false;
  if (window.from_ns == 0 || window.fault_ns != fault->active_since_ns) {
    window = {fault->active_since_ns, now_ns};
  }
  return now_ns - window.from_ns < static_cast<std::uint64_t>(std::chrono::nanoseconds(length).count());
}

std::optional<HttpResponse> Disturbance::instead(const RackModel& rack, const Dut& dut,
                                                 std::uint64_t now_ns) {
  if (within(rack, dut, FaultKind::bmc_hang, hang_, now_ns, kHangFor)) {
    HttpResponse never;
    never.delay = kHang;
    return never;
  }
  if (!within(rack, dut, FaultKind::bmc_503, unavailable_, now_ns, kUnavailableFor)) return std::nullopt;
  HttpResponse response =
      error_response(503, "ServiceTemporarilyUnavailable",
                     "The service is temporarily unavailable. Retry in 1 seconds.", {"1"});
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

void Disturbance::change(const RackModel& rack, const Dut& dut, std::uint64_t now_ns,
                         const HttpRequest& request, HttpResponse& response) {
  if (within(rack, dut, FaultKind::bmc_slow, slow_, now_ns, kSlowFor)) response.delay += kSlowDelay;
  if (request.method != "GET" || response.status != 200 || response.content_type != "application/json")
    return;
  if (active_fault(rack, dut, FaultKind::float_as_int) != nullptr) {
    boost::system::error_code error;
    json::value value = json::parse(response.body, error);
    if (!error) {
      loosen(value);
      response.body = json::serialize(value);
    }
  }
  if (within(rack, dut, FaultKind::bad_json, bad_json_, now_ns, kBadJsonFor) &&
      ++answers_ % kBadJsonEach == 0) {
    response.body.resize(response.body.size() / 2);
  }
}

}  // namespace kiln::virtual_rack
