#pragma once
// NVUE of NVOS, the operating system of NVLink switch trays: what `nv show system image`, `nv show system
// image files`, `nv show platform firmware COMPONENT` and `… files`, `nv show system health` and `nv show
// cluster apps running` print with `-o json`. Source: NVIDIA NVOS user manual 25.02 ("Installation Management
// Commands", "Upgrading System Firmware"), whose tables show the names; of health and applications NVIDIA's
// infra-controller, which reads the same objects over REST. Numbers may come as text. Pure, any thread.

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

struct NvueHealth : Document {
  std::string status;                         ///< as printed: "OK", "Not OK"
  std::map<std::string, std::string> issues;  ///< part → what is wrong with it
};
Result<NvueHealth> parse_nvue_health(std::string_view text);

/// Cluster applications that are listed → status as printed ("ok"); empty text where it tells none. An empty
/// answer is none running: of a rack's switch trays one runs the controller.
Result<std::map<std::string, std::string>> parse_nvue_cluster_apps(std::string_view text);

/// The path of `file` in a listing of files, by whatever name the listing gives it ("path", "file-path");
/// tool_output.not_recognised when the file is not in it.
Result<std::string> parse_nvue_file_path(std::string_view text, std::string_view file);

}  // namespace kiln::tool_output
