#include "tests_hw/virtual_rack/request_log.h"

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

void RequestLog::add(std::string_view dut, std::string_view method, std::string_view what, unsigned status) {
  ++total_;
  if (method == "SSH") ++total_ssh_;
  if (entries_.size() == limit_) entries_.pop_front();
  entries_.push_back({monotonic_ns(), std::string(dut), std::string(method), std::string(what), status});
}

}  // namespace kiln::virtual_rack
