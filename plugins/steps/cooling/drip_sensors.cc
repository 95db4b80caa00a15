#include "drip_sensors.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

namespace kiln::cooling {

using boost::asio::awaitable;

namespace {

constexpr std::size_t kMostDripOutput = 4096;  // bytes; two are expected
constexpr std::size_t kShownOfDripOutput = 120;
constexpr const char* kSmmLabel = "smm";

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

std::string shown_of(std::string_view text) { return tidy_text(text.substr(0, kShownOfDripOutput)); }

Error not_understood(std::string_view text) {
  return {"smm.not_understood",
          fmt::format("the SMM's answer about its drip sensors is not two bytes: '{}'", shown_of(text)),
          "compare the SMM's firmware with what this check was written for", Blame::peer};
}

bool is_host_letter(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '.' || letter == ':' ||
         letter == '-';
}

/// As an argument: never an option, never a second word.
bool is_plain_argument(const std::string& text) {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [](char letter) {
    return std::isprint(static_cast<unsigned char>(letter)) != 0 && letter != ' ';
  });
}

}  // namespace

Result<DripBytes> parse_drip_bytes(std::string_view text) {
  std::vector<int> bytes;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ' || text[at] == '\n' || text[at] == '\r') {
      ++at;
      continue;
    }
    const int high = hex_digit(text[at]);
    const int low = at + 1 < text.size() ? hex_digit(text[at + 1]) : -1;
    const bool ends =
        at + 2 >= text.size() || text[at + 2] == ' ' || text[at + 2] == '\n' || text[at + 2] == '\r';
    if (high < 0 || low < 0 || !ends || bytes.size() == 2) return not_understood(text);
    bytes.push_back(high * 16 + low);
    at += 2;
  }
  if (bytes.size() != 2) return not_understood(text);
  return DripBytes{static_cast<std::uint8_t>(bytes[0]), static_cast<std::uint8_t>(bytes[1])};
}

std::string drip_word(const DripBytes& bytes, int sensor) {
  const unsigned bit = 1U << static_cast<unsigned>(sensor - 1);
  if ((bytes.wet & bit) != 0) return "leak";
  return (bytes.there & bit) != 0 ? "dry" : "absent";
}

int unknown_wet_sensor(const DripBytes& bytes) {
  for (int sensor = kDripSensors + 1; sensor <= 8; ++sensor) {
    if (drip_word(bytes, sensor) == "leak") return sensor;
  }
  return 0;
}

Status check_smm(const SmmAccess& access) {
  const bool host = !access.address.empty() && access.address.front() != '-' &&
                    std::all_of(access.address.begin(), access.address.end(), is_host_letter);
  if (!host) {
    return Error("smm.address", fmt::format("'{}' is no address of an SMM", tidy_text(access.address)),
                 "write its host name or IP address as the label 'smm' of the server", Blame::operator_);
  }
  if (!is_plain_argument(access.user))
    return Error("smm.user", fmt::format("'{}' is no user of an SMM", tidy_text(access.user)), "",
                 Blame::operator_);
  if (access.password_file.empty() || access.password_file.front() != '/') {
    return Error("smm.password_file",
                 fmt::format("'{}' is no absolute path", tidy_text(access.password_file)),
                 "name the file that holds the SMM's password, and nothing else", Blame::operator_);
  }
  struct stat facts {};
  if (::stat(access.password_file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return Error("smm.password_file", fmt::format("{} is not there, or is no file", access.password_file), "",
                 Blame::operator_);
  }
  const bool is_ours = facts.st_uid == ::geteuid() && (facts.st_mode & (S_IRWXG | S_IRWXO)) == 0;
  if (is_ours) return success();
  return Error("smm.password_file",
               fmt::format("{} can be read by others than its owner, or is not yours", access.password_file),
               fmt::format("chmod 600 {}", access.password_file), Blame::operator_);
}

awaitable<Result<DripBytes>> read_drip_sensors(const Ctx& ctx, ProcessLauncher& processes, SmmAccess access) {
  const Status sound = check_smm(access);
  if (!sound) co_return sound.error();
  // -C 17: HMAC-SHA256 and AES-128, the strongest that IPMI v2 has; -f: the password stays out of arguments.
  std::vector<std::string> argv{
      "ipmitool",           "-I",  "lanplus", "-C",  "17", "-H", access.address, "-U", access.user, "-f",
      access.password_file, "raw", "0x34",    "0x05"};
  ProcessSpec spec(std::move(argv));
  spec.environment = {{"LC_ALL", "C"}};
  spec.max_output = kMostDripOutput;
  Result<CommandResult> result = co_await processes.run(ctx, std::move(spec));
  if (!result && result.error().code == "process.not_found") {
    co_return Error("ipmitool.not_installed", "ipmitool is not installed on this station",
                    "install it (Debian: apt install ipmitool)", Blame::station);
  }
  if (!result) co_return result.error();
  if (!result->ok()) {
    co_return Error("smm.no_answer",
                    fmt::format("the SMM {} did not answer: {}", access.address,
                                shown_of(result->err.empty() ? result->out : result->err)),
                    "check its address, user and password, and that IPMI over LAN is on", Blame::peer);
  }
  if (result->dropped_bytes > 0) co_return not_understood(result->out);
  co_return parse_drip_bytes(result->out);
}

const StepDescription& SmmDrip::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "cooling.smm_drip";
    made.summary =
        "The drip sensors under an enclosure are there and dry, as its management module (SMM) tells";
    made.measurements = {{"smm.drip.state", "", ComponentKind::sensor, true, "leak_detector.fault",
                          "look at the sensor's cable and at the module", "dry, leak or absent"}};
    made.parameters = {
        {"user", ParameterType::text, "USERID", "of the SMM"},
        {"password_file", ParameterType::text, std::nullopt,
         "absolute path of a file that holds the SMM's password, and that only its owner reads"},
        {"answer_within", ParameterType::duration, "20s", "one request, login included"}};
    made.default_timeout = std::chrono::minutes(2);
    return made;
  }();
  return description;
}

Status SmmDrip::check(const Parameters& with) const {
  if (!is_plain_argument(with.text("user")))
    return Error("smm.user", fmt::format("'{}' is no user of an SMM", tidy_text(with.text("user"))), "",
                 Blame::recipe);
  if (with.text("password_file").starts_with('/')) return success();
  return Error("smm.password_file",
               fmt::format("'{}' is no absolute path", tidy_text(with.text("password_file"))), "",
               Blame::recipe);
}

std::vector<std::string> SmmDrip::parts(const MeasurementDeclaration& /*measurement*/,
                                        const Parameters& /*with*/, const Dut& /*dut*/) const {
  std::vector<std::string> names;
  for (int sensor = 1; sensor <= kDripSensors; ++sensor) names.push_back(fmt::format("Drip_{}", sensor));
  return names;
}

awaitable<Status> SmmDrip::run(StepContext& context) {
  const auto label = context.dut().labels.find(kSmmLabel);
  if (label == context.dut().labels.end()) {
    co_return Error("smm.none",
                    fmt::format("{} has no label '{}' in the rack file", context.dut().id, kSmmLabel),
                    "write labels: {smm: ADDRESS} for the enclosure's management module", Blame::operator_);
  }
  SmmAccess access{label->second, context.with().text("user"), context.with().text("password_file")};
  const std::string address = access.address;
  const Ctx limited = context.ctx().child_within("smm", context.with().duration("answer_within"));
  ProcessLauncher& processes = context.processes();
  const Result<DripBytes> bytes = co_await read_drip_sensors(limited, processes, std::move(access));
  if (!bytes) co_return bytes.error();
  const int last = std::max(kDripSensors, unknown_wet_sensor(*bytes));  // one more leak is still a leak
  for (int sensor = 1; sensor <= last; ++sensor) {
    const std::string word = drip_word(*bytes, sensor);
    if (sensor > kDripSensors && word != "leak") continue;
    Reading reading("smm.drip.state", fmt::format("Drip_{}", sensor), word,
                    Source{"ipmi", fmt::format("{} raw 0x34 0x05", address)});
    reading.fault_code = word == "leak" ? "leak.detected" : "leak_detector.absent";
    reading.action = word == "leak" ? "look for coolant under the enclosure before anything else"
                                    : "plug the drip sensor in, or replace it: it would not see a leak";
    const Result<Outcome> judged = co_await context.record(std::move(reading));
    if (!judged) co_return judged.error();
  }
  co_return success();
}

}  // namespace kiln::cooling
