// How one machine is set up. Nothing is tried out: what its BMC does not tell has no value.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "platform_steps.h"

namespace kiln::platform {

using boost::asio::awaitable;

Result<std::map<std::string, std::string>> profile_from(const std::vector<std::string>& entries) {
  std::map<std::string, std::string> profile;
  for (const std::string& entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error("step.parameter", fmt::format("'{}' is no NAME=VALUE", entry),
                   "write it like LEM0001=3, as the Bios resource of the BMC has name and value",
                   Blame::operator_);
    if (!profile.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second)
      return Error("step.parameter", fmt::format("'{}' is there twice", entry.substr(0, equals)),
                   "leave one of them out", Blame::operator_);
  }
  return profile;
}

namespace {

constexpr std::size_t kNamed = 8;

/// A reading together with why it may have no value.
Reading told(const char* name, Value value, std::string uri, std::string why) {
  Reading reading(name, "", std::move(value), Source{"redfish", std::move(uri)});
  reading.reason = std::move(why);
  return reading;
}

std::string some_of(std::vector<std::string> names) {
  const std::size_t all = names.size();
  if (all > kNamed) names.resize(kNamed);
  return fmt::format("{}{}", fmt::join(names, ", "),
                     all > kNamed ? fmt::format(" and {} more", all - kNamed) : "");
}

Reading secure_boot_reading(const PlatformSetup& setup) {
  Value value;
  // What the last boot did counts; what is asked of the next one does not protect this one.
  if (!setup.secure_boot_now.empty()) {
    value = setup.secure_boot_now == "Enabled" && setup.secure_boot != std::optional<bool>(false)
                ? std::string("enabled")
                : std::string("disabled");
  } else if (setup.secure_boot) {
    value = std::string(*setup.secure_boot ? "enabled" : "disabled");
  }
  return told("platform.secure_boot", value, setup.secure_boot_uri,
              setup.secure_boot_uri.empty() ? "the BMC has no SecureBoot of the host"
                                            : "SecureBoot tells neither of this boot nor of the next");
}

/// NVIDIA names its roots of trust ERoT and IRoT; what else is not enabled, such as a network adapter that
/// speaks SPDM, is the site's to decide.
bool is_root_of_trust(const IntegrityReading& one) {
  const std::string both = one.name + " " + one.target;
  return both.find("ERoT") != std::string::npos || both.find("IRoT") != std::string::npos;
}

/// TPMs have no verification of a responder and are not judged by it.
Reading integrity_reading(const PlatformSetup& setup) {
  std::vector<std::string> bad, unknown;
  std::size_t verified = 0;
  for (const IntegrityReading& one : setup.integrity) {
    if (!one.unread.empty()) {
      unknown.push_back(fmt::format("{} ({})", one.name, one.unread));
    } else if (one.enabled == std::optional<bool>(false)) {
      if (is_root_of_trust(one)) bad.push_back(one.name + " is not enabled");
    } else if (!one.verification.empty() && one.verification != "Success") {
      bad.push_back(fmt::format("{}: {}", one.name, one.verification));
    } else if (!one.health.empty() && one.health != "OK") {
      bad.push_back(fmt::format("{} is {}", one.name, one.health));
    } else if (!one.enabled && one.verification.empty()) {
      unknown.push_back(one.name + " (it tells neither)");
    } else {
      ++verified;
    }
  }
  Value value;
  if (!bad.empty()) {
    value = static_cast<std::int64_t>(bad.size());
  } else if (verified > 0 && unknown.empty()) {
    value = std::int64_t{0};
  }
  Reading reading = told("platform.integrity.failed", value, setup.integrity_uri,
                         setup.integrity.empty() ? "the BMC lists no ComponentIntegrity"
                                                 : fmt::format("not told: {}", some_of(std::move(unknown))));
  if (!bad.empty())
    reading.action = fmt::format("have the part's root of trust looked at, and trust nothing it runs: {}",
                                 some_of(std::move(bad)));
  return reading;
}

/// "off", or what is on. A GPU that makes errors up, or has kept some that were made up, proves nothing in a
/// burn-in and must not leave like that.
Reading injection_reading(const std::string& gpu, const std::vector<ErrorInjectionReading>& all) {
  Reading reading("platform.error_injection", gpu, std::monostate{}, Source{"redfish", ""});
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&gpu](const ErrorInjectionReading& one) { return one.part == gpu; });
  if (found == all.end()) {
    reading.reason = "the BMC offers no error injection of this GPU";
    return reading;
  }
  reading.source.detail = found->uri;
  std::vector<std::string> on;
  for (const auto& [kind, enabled] : found->enabled) {
    if (enabled) on.push_back(kind);
  }
  if (found->persistent_modified.value_or(false)) on.emplace_back("made-up errors are kept in its memory");
  if (on.empty() && found->mode_enabled.value_or(false)) on.emplace_back("the mode is on");
  if (!found->unread.empty()) {
    reading.reason = found->unread;
  } else if (!on.empty()) {
    reading.value = fmt::format("{}", fmt::join(on, ", "));
  } else if (found->mode_enabled) {
    reading.value = std::string("off");
  } else {
    reading.reason = "it does not tell ErrorInjectionModeEnabled";
  }
  return reading;
}

Reading bios_reading(const PlatformSetup& setup, const std::map<std::string, std::string>& profile) {
  std::vector<std::string> differing, unknown;
  for (const auto& [name, wanted] : profile) {
    const auto now = setup.bios.find(name);
    if (now == setup.bios.end()) {
      unknown.push_back(name);
    } else if (now->second != wanted) {
      differing.push_back(fmt::format("{} is {} and not {}", name, now->second, wanted));
    }
  }
  Value value;
  if (!differing.empty()) {
    value = static_cast<std::int64_t>(differing.size());
  } else if (unknown.empty() && !profile.empty()) {
    value = std::int64_t{0};
  }
  std::string why = "the recipe gives no profile of BIOS settings";
  if (!profile.empty()) {
    why = setup.bios_uri.empty() ? std::string("the BMC tells no BIOS settings")
                                 : fmt::format("the BIOS has no {}", some_of(std::move(unknown)));
  }
  Reading reading = told("platform.bios.differing", value, setup.bios_uri, std::move(why));
  if (!differing.empty())
    reading.action =
        fmt::format("set it as the profile has it and restart: {}", some_of(std::move(differing)));
  return reading;
}

awaitable<Status> put_each(StepContext& context, std::vector<Reading> readings) {
  for (Reading& reading : readings) {
    const Result<Outcome> outcome = co_await context.record(std::move(reading));
    if (!outcome) co_return outcome.error();
  }
  co_return success();
}

template <class Number>
Value value_of(const std::optional<Number>& number) {
  Value value;
  if (number) value = *number;
  return value;
}

}  // namespace

const StepDescription& Setup::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "platform.setup";
    made.bmc = {{BmcAbility::platform_setup, true, "to read how the machine is set up"},
                {BmcAbility::clock, false, "to compare the BMC's clock with the station's"}};
    made.summary = "The machine is set up as it should leave the factory, as far as its BMC tells";
    const ComponentKind dut = ComponentKind::whole_dut;
    made.measurements = {
        {"platform.secure_boot", "", dut, true, "platform.secure_boot_off",
         "switch secure boot on in the host's setup and restart it", "enabled or disabled in this boot"},
        {"platform.integrity.failed", "1", dut, true, "platform.integrity",
         "have the part's root of trust looked at, and trust nothing it runs",
         "components whose integrity is not verified or not well, and roots of trust that are not enabled"},
        {"platform.bios.differing", "1", dut, true, "platform.bios_off_profile",
         "set it as the profile has it and restart", "settings that are not as the recipe's profile says"},
        {"platform.bios.pending", "1", dut, true, "platform.bios_pending",
         "restart the host: what was tested is not what it will run with",
         "settings that the next boot will change"},
        {"platform.error_injection", "", ComponentKind::gpu, true, "platform.error_injection",
         "switch it off (PATCH ErrorInjectionModeEnabled false), restart the tray and begin again; errors "
         "that "
         "are kept need NVIDIA's help",
         "off, or the kinds of errors that the GPU's firmware makes up on request or has kept"},
        {"bmc.clock_offset", "s", dut, true, "bmc.clock_off", "set up time at the BMC (NTP)",
         "between the BMC's clock and the station's, either way"},
        {"bmc.reading_age", "s", dut, true, "bmc.readings_old",
         "restart the BMC: it goes on telling readings of an earlier time",
         "age of its newest reading, by its own clock"},
        {"bmc.password_change_required", "", dut, true, "bmc.factory_password",
         "set a password of the site's: an account still has the one that it was delivered with",
         "an account that is enabled must still change its password"},
        {"bmc.session_timeout", "s", dut, false, "", "", "how long a session may be idle"}};
    made.parameters = {{"profile", ParameterType::list, "",
                        "BIOS settings that must be so, each NAME=VALUE as the Bios resource has them"}};
    made.default_timeout = std::chrono::minutes(5);
    return made;
  }();
  return description;
}

Status Setup::check(const Parameters& with) const {
  const Result<std::map<std::string, std::string>> profile = profile_from(with.list("profile"));
  if (!profile) return profile.error();
  return success();
}

awaitable<Status> Setup::run(StepContext& context) {
  const Result<std::map<std::string, std::string>> profile = profile_from(context.with().list("profile"));
  if (!profile) co_return profile.error();
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const Result<PlatformSetup> setup = co_await (*bmc)->platform_setup(context.ctx());
  if (!setup) co_return setup.error();
  const Result<std::optional<double>> offset = co_await (*bmc)->clock_offset(context.ctx());
  if (!offset) co_return offset.error();
  std::optional<double> apart;
  if (*offset) apart = std::abs(**offset);
  Value pending;
  if (!setup->bios.empty()) pending = static_cast<std::int64_t>(setup->bios_pending.size());
  Reading waits = told("platform.bios.pending", pending, setup->bios_uri, "the BMC tells no BIOS settings");
  if (!setup->bios_pending.empty())
    waits.action = fmt::format("restart the host, which will change {}", some_of(setup->bios_pending));
  std::vector<Reading> readings;
  readings.push_back(secure_boot_reading(*setup));
  readings.push_back(integrity_reading(*setup));
  readings.push_back(bios_reading(*setup, *profile));
  readings.push_back(std::move(waits));
  for (const Component* gpu : context.dut().expect.of_kind(ComponentKind::gpu))
    readings.push_back(injection_reading(gpu->name, setup->error_injection));
  readings.push_back(told("bmc.clock_offset", value_of(apart), "", "the BMC tells no time"));
  readings.push_back(told("bmc.reading_age", value_of(setup->reading_age), setup->reading_uri,
                          "neither a sensor nor a metric report tells when it was read, or it lies ahead of "
                          "the BMC's own clock"));
  readings.push_back(told("bmc.password_change_required", value_of(setup->password_change_required),
                          setup->account_uri, "no account tells PasswordChangeRequired"));
  readings.push_back(told("bmc.session_timeout", value_of(setup->session_timeout), setup->session_uri,
                          "the session service tells no timeout"));
  const Status recorded = co_await put_each(context, std::move(readings));
  co_return recorded;
}

}  // namespace kiln::platform
