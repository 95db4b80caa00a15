#include "tests_hw/virtual_rack/redfish/tasks.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {
namespace {

/// Ed25519 (RFC 8032) over a head line, by the key of the virtual rack's vendor. It signs the same text
/// alike, so that a signature is checked by making it again.
std::string signature_hex(const std::string& text) {
  constexpr std::array<unsigned char, 32> kSeed{'k', 'i', 'l', 'n', '-', 'v', 'i', 'r', 't', 'u', 'a', 'l'};
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, kSeed.data(), kSeed.size());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::array<unsigned char, 64> signature{};
  std::size_t length = signature.size();
  const bool made = EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key) == 1 &&
                    EVP_DigestSign(context, signature.data(), &length,
                                   reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  std::string hex;
  for (std::size_t i = 0; made && i < length; ++i) hex += fmt::format("{:02x}", signature[i]);
  return hex;
}

std::string text_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

std::string firmware_sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::optional<FirmwareImage> parse_firmware_image(const std::string& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string::npos || end > 4096) return std::nullopt;
  std::optional<json::object> head = parse_object(bytes.substr(0, end));
  if (!head || text_member(*head, "image") != "kiln-virtual-firmware") return std::nullopt;
  if (text_member(*head, "sha256") != firmware_sha256(std::string_view(bytes).substr(end + 1)))
    return std::nullopt;
  FirmwareImage image;
  image.component = text_member(*head, "component");
  image.version = text_member(*head, "version");
  if (image.component.empty() || image.version.empty()) return std::nullopt;
  if (const json::value* floor = head->if_contains("security_version"); floor != nullptr && floor->is_int64())
    image.security_version = floor->as_int64();
  const std::string signature = text_member(*head, "signature");
  head->erase("signature");
  image.is_signed = signature == signature_hex(json::serialize(*head));
  return image;
}

std::string make_firmware_image(const FirmwareImage& image, std::size_t payload_bytes) {
  std::string payload(payload_bytes, '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 131 % 251);
  json::object head;
  head["image"] = "kiln-virtual-firmware";
  head["component"] = image.component;
  head["version"] = image.version;
  head["security_version"] = image.security_version;
  head["sha256"] = firmware_sha256(payload);
  if (image.is_signed) head["signature"] = signature_hex(json::serialize(head));
  return json::serialize(head) + "\n" + payload;
}

UpdateTask& Tasks::start(const RackModel& rack, const FirmwareImage& image, std::uint64_t now_ns) {
  UpdateTask task;
  task.id = std::to_string(next_id_++);
  task.component = image.component;
  task.version = image.version;
  task.start_ns = now_ns;
  task.length_ns = static_cast<std::uint64_t>(flash_seconds(rack) * 1e9);
  task.message_id = "Update.1.0.TransferringToComponent";
  task.message = fmt::format("Image '{}' is being transferred to '{}'.", task.version, task.component);
  task.arguments = {task.version, task.component};
  if (!image.is_signed) {
    task.refusal = "VerificationFailed";
  } else if (image.security_version < 1) {
    task.refusal = "UpdateSkippedVersionTooLow";
  }
  return tasks_.insert_or_assign(task.id, task).first->second;
}

bool Tasks::busy() const {
  return std::any_of(tasks_.begin(), tasks_.end(),
                     [](const auto& entry) { return entry.second.end_ns == 0; });
}

const UpdateTask* Tasks::find(const std::string& id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : &found->second;
}

void Tasks::advance(RackModel& rack, Dut& dut, std::uint64_t now_ns) {
  for (auto& [id, task] : tasks_) {
    if (task.end_ns != 0 || now_ns < task.start_ns) continue;
    const std::uint64_t spent = now_ns - task.start_ns;
    // A failing flash dies on the way, as real ones do, not at its beginning.
    const bool trusting =
        active_fault(rack, dut, FaultKind::firmware_accepts_anything, task.component) != nullptr;
    const bool refused = !task.refusal.empty() && !trusting;
    const bool fails =
        refused || active_fault(rack, dut, FaultKind::firmware_update_fails, task.component) != nullptr;
    const std::uint64_t length = fails ? task.length_ns * 7 / 10 : task.length_ns;
    task.percent = task.length_ns == 0
                       ? 99
                       : static_cast<int>(std::min<std::uint64_t>(99, spent * 100 / task.length_ns));
    if (spent < length) continue;
    task.end_ns = now_ns;
    Status staged = success();
    if (!fails) staged = stage_firmware(rack, dut, task.component, task.version);
    if (fails || !staged) {
      task.state = "Exception";
      task.health = "Critical";
      task.message_id = "Update.1.0." + (refused ? task.refusal : std::string("ApplyFailed"));
      task.message =
          refused  ? fmt::format("Image '{}' is not one that '{}' may run.", task.version, task.component)
          : staged ? fmt::format("Installation of image '{}' to '{}' failed.", task.version, task.component)
                   : staged.error().message;
    } else {
      task.percent = 100;
      task.state = "Completed";
      task.message_id = "Update.1.0.AwaitToActivate";
      task.message = fmt::format("Awaiting for an action to proceed with activating image '{}' on '{}'.",
                                 task.version, task.component);
    }
  }
}

}  // namespace kiln::virtual_rack
