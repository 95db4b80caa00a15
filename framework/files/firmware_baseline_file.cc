#include "files/firmware_baseline_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/yaml_node.h"
#include "model/version.h"

namespace kiln {
namespace {

// What a switch tray's component takes at most in NVIDIA's infra-controller: 1,800 s of polling, a script of
// 3,600 s, 600 s of reboot. A file says it where a component needs longer.
constexpr Nanoseconds kWriteWithin = std::chrono::minutes(30);
constexpr Nanoseconds kActiveWithin = std::chrono::minutes(10);
constexpr Nanoseconds kLeastWrite = std::chrono::seconds(10);
/// The warden holds nothing up for longer than two hours.
constexpr Nanoseconds kLongestFlash = std::chrono::minutes(110);

bool is_sha256_hex(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string baseline_name_of(const std::string& file) {
  const auto slash = file.rfind('/');
  std::string name = slash == std::string::npos ? file : file.substr(slash + 1);
  const std::string extension = ".yaml";
  if (name.ends_with(extension)) name.resize(name.size() - extension.size());
  return name;
}

class BaselineReader {
 public:
  BaselineReader(const std::string& file, std::vector<Problem>& problems)
      : file_(file), problems_(problems) {}

  FirmwareTarget read_target(const YamlNode& node) {
    FirmwareTarget target;
    FieldReader reader(node, "component", problems_);
    target.component = reader.text("component", Need::required).value_or("");
    if (target.component.find('/') != std::string::npos) {
      problem(node, "firmware.name",
              fmt::format("'{}' is not the Id of a firmware component", target.component),
              "use the Id of the firmware inventory, such as UEFI");
    }
    target.version = reader.text("version", Need::required).value_or("");
    if (!target.version.empty() && canonical_version(target.version).empty()) {
      problem(node, "firmware.version", fmt::format("'{}' means that there is no version", target.version));
    }
    if (const auto image = reader.text("image")) target.image = beside(file_, *image);
    target.sha256 = reader.text("sha256").value_or("");
    target.uri = reader.text("uri").value_or("");
    if (const auto route = reader.word("route", firmware_route_names()))
      target.route = firmware_route_from(*route).value_or(FirmwareRoute::push);
    if (is_nvos(target.route)) target.activation = FirmwareActivation::switch_reboot;
    if (const auto word = reader.word("activation", firmware_activation_names()))
      target.activation = firmware_activation_from(*word).value_or(target.activation);
    read_targets(reader, target);
    target.image_type = reader.text("image_type").value_or("");
    if (const auto word = reader.word("version_fields", version_fields_names()))
      target.version_fields = version_fields_from(*word).value_or(VersionFields::by_form);
    target.from_at_least = reader.text("from_at_least").value_or("");
    target.downgrade = reader.word("downgrade", {"refuse", "allow"}).value_or("refuse") == "allow";
    target.both_banks = reader.word("banks", {"running", "both"}).value_or("running") == "both";
    target.write_within = reader.duration("write_within").value_or(kWriteWithin);
    target.active_within = reader.duration("active_within").value_or(kActiveWithin);
    target.source = reader.text("source", Need::required).value_or("");
    reader.finish();
    if (reader.is_map()) check(node, target);
    return target;
  }

 private:
  void problem(const YamlNode& node, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({node.place, std::move(code), std::move(message), std::move(suggestion)});
  }

  /// `none`, or a list of URIs.
  void read_targets(FieldReader& reader, FirmwareTarget& target) {
    if (!reader.has("targets")) return;
    std::vector<std::string> uris;
    for (const YamlNode* item : reader.take_some("targets")) {
      const auto text = scalar_text(*item, "a target", problems_);
      if (!text || *text == "none") continue;
      if (text->front() != '/') {
        problem(*item, "firmware.name", fmt::format("the target '{}' is not the path of a resource", *text),
                "write none, or paths such as /redfish/v1/Chassis/HGX_Chassis_0");
      }
      uris.push_back(*text);
    }
    target.targets = std::move(uris);
  }

  void check(const YamlNode& node, const FirmwareTarget& target) {
    const bool nvos = is_nvos(target.route);
    if (!target.sha256.empty() && !is_sha256_hex(target.sha256)) {
      problem(node, "firmware.image", fmt::format("'{}' is not a SHA-256", target.sha256),
              "write the 64 lower-case digits that sha256sum prints");
    }
    const bool has_image = !target.image.empty() || !target.uri.empty();
    if (has_image && target.sha256.empty() && target.route != FirmwareRoute::simple_update) {
      problem(node, "firmware.image",
              fmt::format("the image of {} has no sha256: nothing is installed that could be anything",
                          target.component),
              "write sha256: what sha256sum prints for the file, compared with the vendor's list");
    }
    if (target.route == FirmwareRoute::simple_update && (!target.image.empty() || target.uri.empty())) {
      problem(node, "firmware.route",
              "with simple_update the BMC fetches the image: it needs uri, and no image",
              "write uri: https://HOST/FILE");
    }
    if (target.route == FirmwareRoute::simple_update && !target.sha256.empty()) {
      problem(node, "firmware.route", "what the BMC fetches itself is compared with no sha256",
              "leave it out, and let the station push the image where it matters");
    }
    if (target.route == FirmwareRoute::simple_update && !target.uri.empty() &&
        !target.uri.starts_with("https://")) {
      problem(node, "firmware.route", fmt::format("'{}' is not fetched over https", target.uri),
              "anybody on the way could give the BMC another image");
    }
    const std::size_t host = target.uri.find("://");
    if (host != std::string::npos && target.uri.find('@') < target.uri.find('/', host + 3)) {
      problem(node, "firmware.route", "the uri holds a user or a password",
              "serve the image without one: a baseline is no place for secrets");
    }
    if (target.write_within < kLeastWrite || target.write_within + 2 * target.active_within > kLongestFlash) {
      problem(node, "firmware.time",
              fmt::format("write_within {} and active_within {}: a write has at least {}, and with twice its "
                          "activation at most {}",
                          format_duration(target.write_within), format_duration(target.active_within),
                          format_duration(kLeastWrite), format_duration(kLongestFlash)));
    }
    if (target.route == FirmwareRoute::push && !target.uri.empty()) {
      problem(node, "firmware.route",
              "with push the image comes from this station: it needs image, and no uri");
    }
    if (!target.image.empty() && !target.uri.empty() && nvos)
      problem(node, "firmware.route", "image and uri are two ways for one image", "keep one");
    if (nvos && (target.targets || !target.image_type.empty()))
      problem(node, "firmware.route", "targets and image_type are Redfish's; NVOS has none");
    if (nvos != (target.activation == FirmwareActivation::switch_reboot) &&
        target.activation != FirmwareActivation::none &&
        target.activation != FirmwareActivation::full_power_cycle) {
      problem(node, "firmware.activation",
              fmt::format("what goes by route {} is not activated by {}", to_string(target.route),
                          to_string(target.activation)));
    }
    if (nvos && target.both_banks) {
      problem(node, "firmware.route",
              "both banks of NVOS are not filled: the other one is the way back by design");
    }
    if (!target.from_at_least.empty() &&
        compare(canonical_version(target.from_at_least), canonical_version(target.version),
                target.version_fields) != std::partial_ordering::less) {
      problem(node, "firmware.version",
              fmt::format("from_at_least {} is not older than {}", target.from_at_least, target.version));
    }
  }

  std::string file_;
  std::vector<Problem>& problems_;
};

}  // namespace

Parsed<FirmwareBaselineFile> parse_firmware_baseline(const std::string& text, const std::string& file) {
  Parsed<FirmwareBaselineFile> parsed;
  auto& problems = parsed.problems;
  const auto tree = parse_yaml(text, file, Sensitivity::plain, problems);
  if (!tree) return parsed;
  FirmwareBaselineFile baseline;
  baseline.about.file = file;
  baseline.about.sha256 = sha256_hex(text);
  FieldReader reader(*tree, "the firmware baseline", problems);
  baseline.about.name = reader.text("firmware", Need::required).value_or("");
  if (!baseline.about.name.empty() && baseline.about.name != baseline_name_of(file)) {
    problems.push_back({tree->find("firmware")->place, "firmware.name",
                        fmt::format("the baseline is '{}', the file is named for '{}'", baseline.about.name,
                                    baseline_name_of(file)),
                        "give both one name"});
  }
  baseline.about.revision = reader.text("revision", Need::required).value_or("");
  baseline.about.source = reader.text("source", Need::required).value_or("");
  reader.text("description");
  if (const YamlNode* roles = reader.take_map("roles", Need::required)) {
    if (roles->fields.empty()) problems.push_back({roles->place, "firmware.empty", "there are no roles", {}});
    FieldReader role_reader(*roles, "roles", problems);
    for (const std::string& word : role_names()) {
      if (word == to_string(Role::rack)) continue;
      const YamlNode* list = role_reader.take_list(word);
      if (list == nullptr) continue;
      std::vector<FirmwareTarget>& targets = baseline.targets[*role_from(word)];
      BaselineReader target_reader(file, problems);
      std::set<std::string> seen;
      for (const YamlNode& item : list->items) {
        FirmwareTarget target = target_reader.read_target(item);
        if (!target.component.empty() && !seen.insert(target.component).second) {
          problems.push_back({item.place,
                              "firmware.duplicate",
                              fmt::format("'{}' is listed twice for {}", target.component, word),
                              {}});
        }
        targets.push_back(std::move(target));
      }
    }
    role_reader.finish();
  }
  reader.finish();
  sort_by_place(problems);
  if (problems.empty()) parsed.value = std::move(baseline);
  return parsed;
}

Parsed<FirmwareBaselineFile> read_firmware_baseline(const std::string& path) {
  auto text = read_file_text(path);
  if (text) return parse_firmware_baseline(text.value->bytes, path);
  Parsed<FirmwareBaselineFile> parsed;
  parsed.problems = std::move(text.problems);
  return parsed;
}

void apply_firmware_baseline(const FirmwareBaselineFile& baseline, const Place& place, Inventory& inventory,
                             std::vector<Problem>& problems) {
  inventory.firmware_baseline = baseline.about;
  std::set<std::string> unfilled;
  for (Dut& dut : inventory.duts) {
    const auto targets = baseline.targets.find(dut.role);
    if (targets == baseline.targets.end()) continue;
    dut.firmware_targets = targets->second;
    for (const FirmwareTarget& target : targets->second) {
      if (target.version == kSiteToFill) unfilled.insert(target.component);
      auto& parts = dut.expect.components;
      const auto found = std::find_if(parts.begin(), parts.end(), [&target](const Component& part) {
        return part.kind == ComponentKind::firmware && part.name == target.component;
      });
      if (found == parts.end()) {
        Component part;
        part.kind = ComponentKind::firmware;
        part.name = target.component;
        part.firmware = target.version;
        part.from_baseline = true;
        parts.push_back(std::move(part));
      } else if (found->firmware.empty()) {
        found->firmware = target.version;
      } else if (!same_version(found->firmware, target.version, target.version_fields)) {
        problems.push_back(
            {place, "firmware.contradiction",
             fmt::format("{} expects {} at {}, the baseline {} says {}", dut.id, target.component,
                         found->firmware, baseline.about.file, target.version),
             "leave the version out of the rack file, or name a baseline that has it"});
      }
    }
    const auto counted = dut.expect.counts.find(ComponentKind::firmware);
    if (counted != dut.expect.counts.end())
      counted->second = static_cast<int>(dut.expect.of_kind(ComponentKind::firmware).size());
  }
  for (const std::string& component : unfilled) {
    problems.push_back(
        {place, "firmware.version",
         fmt::format("the baseline {} gives no version for {} yet", baseline.about.file, component),
         "a site fills its baseline before a rack is judged by it"});
  }
}

}  // namespace kiln
