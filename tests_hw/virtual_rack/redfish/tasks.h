#pragma once
// Firmware updates and the Tasks that report them. A task lives in the BMC's memory: a restart of the BMC
// loses it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests_hw/virtual_rack/rack_model.h"

namespace kiln::virtual_rack {

/// What a firmware image says of itself.
struct FirmwareImage {
  std::string component;
  std::string version;
  std::int64_t security_version = 1;  ///< an image below 1 is withdrawn: no device of this rack takes it
  bool is_signed = true;              ///< by the vendor of this rack
};

/// A Task as Task v1.7.4 tells it. Percent and state are brought forward by Tasks::advance().
struct UpdateTask {
  std::string id;
  std::string component;          ///< FirmwareInventory Id
  std::string version;            ///< what the image holds
  std::string state = "Running";  ///< TaskState: Running, Completed, Exception
  std::string health = "OK";      ///< TaskStatus
  int percent = 0;
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;  ///< 0 while running
  std::uint64_t length_ns = 0;
  std::string message_id;
  std::string message;
  std::vector<std::string> arguments;
  std::string refusal;  ///< message key with which its check ends: "VerificationFailed"; empty: it is good
};

class Tasks {
 public:
  /// Starts to write an image. The caller has checked the component; only one update runs at a time.
  UpdateTask& start(const RackModel& rack, const FirmwareImage& image, std::uint64_t now_ns);
  /// Moves running tasks on and stages the image of those that end well.
  void advance(RackModel& rack, Dut& dut, std::uint64_t now_ns);
  [[nodiscard]] bool busy() const;
  [[nodiscard]] const UpdateTask* find(const std::string& id) const;
  bool remove(const std::string& id) { return tasks_.erase(id) > 0; }
  void lose_all() { tasks_.clear(); }
  [[nodiscard]] const std::map<std::string, UpdateTask>& all() const { return tasks_; }

 private:
  std::map<std::string, UpdateTask> tasks_;
  std::uint64_t next_id_ = 1;
};

/// Images of the virtual rack are a line of JSON, {"image":"kiln-virtual-firmware","component":…,"version":…,
/// "security_version":…,"sha256":hex of every byte after that line,"signature":Ed25519 of the line without
/// it}, and then the bytes. None when the line or the hash is wrong; a wrong signature is told by is_signed.
/// The key is this program's own and worth nothing anywhere else.
[[nodiscard]] std::optional<FirmwareImage> parse_firmware_image(const std::string& bytes);
/// Makes one, with `payload_bytes` of filling.
[[nodiscard]] std::string make_firmware_image(const FirmwareImage& image, std::size_t payload_bytes);
/// Lower-case hex.
[[nodiscard]] std::string firmware_sha256(std::string_view bytes);

}  // namespace kiln::virtual_rack
