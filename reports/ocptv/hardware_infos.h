#pragma once
// What an OCPTV run says of the hardware before its first step: every DUT and every part that is expected,
// was judged or was seen, each with the id by which measurements and diagnoses refer to it. Built once per
// rendering; the document must outlive it.

#include <boost/json.hpp>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/run_document.h"

namespace kiln {

class HardwareInfos {
 public:
  HardwareInfos(const ReportInput& input, const RunDocument& document);

  /// Empty where nothing of that name is known. `part` empty: the DUT itself; `dut` empty: the rack.
  [[nodiscard]] std::string id_of(const std::string& dut, const std::string& part) const;
  /// For a diagnosis: the part, or else the DUT with the part's name as a subcomponent.
  [[nodiscard]] std::pair<std::string, std::string> place_of(const std::string& dut,
                                                             const std::string& part) const;
  [[nodiscard]] const std::string& rack() const { return rack_; }
  /// The dutInfo of the run: one object, the rack.
  [[nodiscard]] boost::json::object dut_info() const;

 private:
  struct Part {
    std::string dut, name, type;
    const PartSeen* seen = nullptr;  ///< the last time it was
  };
  void add(const std::string& dut, const std::string& part, ComponentKind kind);
  [[nodiscard]] boost::json::object hardware_info(std::size_t index) const;

  const ReportInput& input_;
  const RunDocument& document_;
  std::string rack_;
  std::vector<Part> parts_;
  std::map<std::pair<std::string, std::string>, std::size_t> index_;  // DUT, part
};

}  // namespace kiln
