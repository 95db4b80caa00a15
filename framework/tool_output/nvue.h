#pragma once
// NVUE of NVOS, the operating system of NVLink switch trays: what `nv show system image`, `nv show system
// image files`, `nv show platform firmware COMPONENT` and `… files` print with `-o json`. Source: NVIDIA NVOS
// user manual 25.02 ("Installation Management Commands", "Upgrading System Firmware"), whose tables show the
// names. Numbers may come as text. Pure, any thread.

#include <map>
#include <string>
#include <string_view>

#include "tool_output/tool_output.h"

namespace kiln::tool_output {

struct NvueImages : Document {
  std::string current, next;                  ///< partition numbers: "1", "2"
  std::map<std::string, std::string> images;  ///< partition → build-id without "nvos-": "25.02.2452"

  /// What runs, and what will run after a reboot; empty when it is not said.
  [[nodiscard]] std::string running() const;
  [[nodiscard]] std::string next_running() const;
};
Result<NvueImages> parse_nvue_system_image(std::string_view text);

/// actual-firmware of one component. Errors: those of every parser.
Result<std::string> parse_nvue_component(std::string_view text);

/// The path of `file` in a listing of files, by whatever name the listing gives it ("path", "file-path");
/// tool_output.not_recognised when the file is not in it.
Result<std::string> parse_nvue_file_path(std::string_view text, std::string_view file);

}  // namespace kiln::tool_output
