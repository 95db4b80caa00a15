#pragma once
// `dcgmi diag -r N -j` of DCGM 2 to 4.6, and the table of `dcgmi diag -r N`. Text before and after the JSON
// is allowed. Skipped, missing and unknown results are kept apart from pass; which tests a recipe needs is
// the recipe's matter: look them up with test(). Pure, any thread. Sources: DCGM's dcgm_diag_schema.json
// (4.x), NvvsJsonStrings.h, dcgm_errors.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tool_output/tool_output.h"

namespace kiln::tool_output {

/// dcgm_errors.h; `config` means: a setting of the node, not the hardware.
enum class DcgmSeverity {
  none = 0,
  monitor = 1,
  isolate = 2,
  unknown = 3,
  triage = 4,
  config = 5,
  reset = 6
};

struct DcgmWarning {
  std::string text;
  std::optional<int> error_id, error_category, severity;  ///< 4.x only
};

struct DcgmResult {
  std::string entity_group;  ///< "GPU", "Switch", "CPU"; "GPU" when older versions name only gpu_ids
  std::optional<std::int64_t> entity_id;  ///< unset: the result speaks for all entities
  ToolVerdict verdict = ToolVerdict::unknown;
  std::string status;  ///< as printed
  std::vector<DcgmWarning> warnings;
  std::vector<std::string> info;
  /// True when it failed and every warning given tells of the node's set-up or of somebody else on the GPU
  /// (severity `config`, or before 4.x and for contention its words): not a verdict on hardware. A warning of
  /// a hardware category is never one, whatever its words.
  [[nodiscard]] bool only_set_up() const;
};

struct DcgmTest {
  std::string category, name;
  /// Worse of the summary and every result. not_run when there is neither.
  ToolVerdict verdict = ToolVerdict::not_run;
  ToolVerdict summary = ToolVerdict::not_run;  ///< test_summary of 4.x; not_run when absent
  std::vector<DcgmResult> results;             ///< one per entity
  /// True when it failed and every result that did is `only_set_up`.
  [[nodiscard]] bool only_configuration() const;
};

struct DcgmEntity {
  std::string group;
  std::int64_t id = 0;
  std::string serial, device_id;  ///< 4.x; empty before
};

struct DcgmDiag : Document {
  std::string version, driver_version;
  std::string runtime_error;  ///< DCGM's own failure: the diagnostic did not run properly
  std::vector<DcgmEntity> entities;
  std::vector<DcgmTest> tests;

  /// pass only when there are tests, all of them passed, nothing was skipped and nothing is missing.
  [[nodiscard]] ToolVerdict verdict() const;
  /// By name without case, blanks, '_', '-' and '/': "targeted_power" finds "Targeted Power". null: not in
  /// it.
  [[nodiscard]] const DcgmTest* test(std::string_view name) const;
  [[nodiscard]] std::size_t count(ToolVerdict verdict) const;
  [[nodiscard]] std::string serial_of(std::string_view group, std::int64_t id) const;
};

Result<DcgmDiag> parse_dcgm_diag_json(std::string_view text);
/// The table. Rows whose result cell is empty belong to the test above; cut words are completed when one
/// known result starts with them, else unknown. A table without its closing frame is incomplete.
Result<DcgmDiag> parse_dcgm_diag_table(std::string_view text);

}  // namespace kiln::tool_output
