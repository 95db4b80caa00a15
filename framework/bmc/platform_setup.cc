#include "bmc/platform_setup.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "bmc/redfish_error.h"
#include "bmc/redfish_time.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

/// Enough to find one that is alive, and no survey. Ours.
constexpr std::size_t kMostTimedResources = 8;
/// DateTime has whole seconds at most BMCs; what lies further ahead has another clock. Ours.
constexpr double kAheadByRounding_s = 2;

/// A baseboard within the tray has neither a BIOS nor a boot of its own.
bool is_host(const RedfishResource& system) { return !system.id().starts_with("HGX_"); }

/// The newest time that a Sensor or a MetricReport gives to what it holds.
std::optional<std::int64_t> newest_time(const JsonView& body) {
  std::optional<std::int64_t> newest;
  const auto take = [&newest](const JsonView& printed) {
    const std::optional<std::string> text = printed.text();
    const std::optional<std::int64_t> time = text ? parse_redfish_time(*text) : std::nullopt;
    if (time && (!newest || *time > *newest)) newest = time;
  };
  take(body["ReadingTime"]);
  for (const JsonView& value : body["MetricValues"].elements()) take(value["Timestamp"]);
  return newest;
}

}  // namespace

IntegrityReading integrity_from(const RedfishResource& member) {
  const JsonView body = member.body;
  IntegrityReading reading;
  reading.name = member.id();
  reading.uri = member.uri;
  reading.type = body["ComponentIntegrityType"].text_or_empty();
  reading.target = body["TargetComponentURI"].text_or_empty();
  reading.enabled = body["ComponentIntegrityEnabled"].boolean();
  reading.verification =
      body.at({"SPDM", "IdentityAuthentication", "ResponderAuthentication", "VerificationStatus"})
          .text_or_empty();
  reading.state = state_of(body);
  reading.health = health_of(body);
  return reading;
}

ErrorInjectionReading error_injection_from(const std::string& part, const RedfishResource& member) {
  const JsonView body = member.body;
  ErrorInjectionReading reading;
  reading.part = part;
  reading.uri = member.uri;
  reading.mode_enabled = body["ErrorInjectionModeEnabled"].boolean();
  reading.persistent_modified = body["PersistentDataModified"].boolean();
  for (const auto& [kind, capability] : body["ErrorInjectionCapabilities"].members()) {
    if (capability["Supported"].boolean() == std::optional<bool>(false)) continue;
    reading.enabled[kind] = capability["Enabled"].boolean().value_or(false);
  }
  return reading;
}

awaitable<Status> PlatformSetupReader::read_bios(const Ctx& ctx, const RedfishResource& system,
                                                 PlatformSetup& setup) {
  const JsonView link = system.body["Bios"];
  Result<std::optional<RedfishResource>> bios = co_await tree_.resource(ctx, system, link);
  if (!bios) co_return bios.error();
  if (!*bios) co_return success();
  setup.bios_uri = (*bios)->uri;
  for (const auto& [name, value] : (*bios)->body["Attributes"].members())
    setup.bios[name] = value.text_or_empty();
  const JsonView settings_link = (*bios)->body.at({"@Redfish.Settings", "SettingsObject"});
  Result<std::optional<RedfishResource>> settings = co_await tree_.resource(ctx, **bios, settings_link);
  if (!settings) co_return settings.error();
  if (!*settings) co_return success();
  for (const auto& [name, value] : (*settings)->body["Attributes"].members()) {
    const auto now = setup.bios.find(name);
    if (now != setup.bios.end() && now->second != value.text_or_empty()) setup.bios_pending.push_back(name);
  }
  co_return success();
}

awaitable<Status> PlatformSetupReader::read_host(const Ctx& ctx, PlatformSetup& setup) {
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  for (const RedfishResource& system : systems->members) {
    if (!is_host(system)) continue;
    const JsonView link = system.body["SecureBoot"];
    Result<std::optional<RedfishResource>> boot = co_await tree_.resource(ctx, system, link);
    if (!boot) co_return boot.error();
    if (*boot && setup.secure_boot_uri.empty()) {
      setup.secure_boot = (*boot)->body["SecureBootEnable"].boolean();
      setup.secure_boot_now = (*boot)->body["SecureBootCurrentBoot"].text_or_empty();
      setup.secure_boot_uri = (*boot)->uri;
    }
    if (!setup.bios_uri.empty()) continue;
    Status bios = co_await read_bios(ctx, system, setup);
    if (!bios) co_return bios;
  }
  co_return success();
}

awaitable<Status> PlatformSetupReader::read_integrity(const Ctx& ctx, PlatformSetup& setup) {
  Result<RedfishResource> root = co_await tree_.root(ctx);
  if (!root) co_return root.error();
  const JsonView link = root->body["ComponentIntegrity"];
  const std::optional<std::string> path = tree_.path_of(*root, link);
  if (!path) co_return success();
  Result<MemberList> members = co_await tree_.follow(ctx, *root, link);
  if (!members) co_return members.error();
  setup.integrity_uri = *path;
  for (const RedfishResource& member : members->members) setup.integrity.push_back(integrity_from(member));
  std::vector<MemberList::Unread> unread = members->unread;
  if (members->whole) unread.push_back(*members->whole);
  for (const MemberList::Unread& member : unread) {
    IntegrityReading hidden;
    hidden.name = last_segment(member.uri);
    hidden.uri = member.uri;
    hidden.unread = member.error.message;
    setup.integrity.push_back(std::move(hidden));
  }
  co_return success();
}

/// GPUs link theirs in Oem.Nvidia. A tray without any offers none.
awaitable<Status> PlatformSetupReader::read_error_injection(const Ctx& ctx, PlatformSetup& setup) {
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  for (const RedfishResource& system : systems->members) {
    const JsonView list = system.body["Processors"];
    Result<MemberList> processors = co_await tree_.follow(ctx, system, list);
    if (!processors) co_return processors.error();
    for (const RedfishResource& processor : processors->members) {
      const JsonView link = processor.body.at({"Oem", "Nvidia", "ErrorInjection"});
      const std::optional<std::string> path = tree_.path_of(processor, link);
      if (!path) continue;
      Result<std::optional<RedfishResource>> read = co_await tree_.resource(ctx, processor, link);
      if (!read && is_exchange_error(read.error())) co_return read.error();
      if (read && *read) {
        setup.error_injection.push_back(error_injection_from(processor.id(), **read));
        continue;
      }
      ErrorInjectionReading hidden;
      hidden.part = processor.id();
      hidden.uri = *path;
      hidden.unread = read ? std::string("there is nothing at its address") : read.error().message;
      setup.error_injection.push_back(std::move(hidden));
    }
  }
  co_return success();
}

/// Some sensors of the first chassis that has any, and the first reports.
awaitable<Result<std::vector<std::string>>> PlatformSetupReader::timed_resources(const Ctx& ctx) {
  std::vector<std::string> uris;
  Result<MemberList> chassis = co_await tree_.top(ctx, "Chassis");
  if (!chassis) co_return chassis.error();
  for (const RedfishResource& one : chassis->members) {
    const std::optional<std::string> path = tree_.path_of(one, one.body["Sensors"]);
    if (!path || uris.size() >= kMostTimedResources) continue;
    Result<MemberList> list = co_await tree_.list(ctx, *path);
    if (!list) {
      if (is_exchange_error(list.error())) co_return list.error();
      continue;
    }
    for (const RedfishResource& member : list->members) uris.push_back(member.uri);
    for (const MemberList::Unread& member : list->unread) uris.push_back(member.uri);
  }
  if (uris.size() > kMostTimedResources) uris.resize(kMostTimedResources);
  Result<std::optional<RedfishResource>> telemetry = co_await tree_.service(ctx, "TelemetryService");
  if (!telemetry) co_return telemetry.error();
  if (!*telemetry) co_return uris;
  const std::optional<std::string> reports = tree_.path_of(**telemetry, (*telemetry)->body["MetricReports"]);
  if (!reports) co_return uris;
  Result<MemberList> list = co_await tree_.list(ctx, *reports);
  if (!list) {
    if (is_exchange_error(list.error())) co_return list.error();
    co_return uris;
  }
  for (const MemberList::Unread& member : list->unread) {
    if (uris.size() < 2 * kMostTimedResources) uris.push_back(member.uri);
  }
  co_return uris;
}

awaitable<Status> PlatformSetupReader::read_age(const Ctx& ctx, PlatformSetup& setup) {
  Result<std::vector<std::string>> uris = co_await timed_resources(ctx);
  if (!uris) co_return uris.error();
  Result<std::vector<Result<RedfishResource>>> read = co_await tree_.client().get_all(ctx, *uris);
  if (!read) co_return read.error();
  std::optional<std::int64_t> newest;
  for (const Result<RedfishResource>& one : *read) {
    const std::optional<std::int64_t> time = one ? newest_time(one->body) : std::nullopt;
    if (!time || (newest && *time <= *newest)) continue;
    newest = time;
    setup.reading_uri = one->uri;
  }
  if (!newest) co_return success();
  Result<MemberList> managers = co_await tree_.top(ctx, "Managers");
  if (!managers) co_return managers.error();
  for (const RedfishResource& listed : managers->members) {
    if (!listed.body["DateTime"].text()) continue;
    Result<RedfishResource> manager = co_await tree_.client().get(ctx, listed.uri);  // after the readings
    if (!manager) co_return manager.error();
    const std::optional<std::int64_t> now = parse_redfish_time(manager->body["DateTime"].text_or_empty());
    if (!now) continue;
    const double age = static_cast<double>(*now - *newest) / 1e9;
    if (age < -kAheadByRounding_s) {
      tree_.client().note_oddity(setup.reading_uri, "ReadingTime", "it lies ahead of the BMC's own clock");
      co_return success();
    }
    setup.reading_age = std::max(0.0, age);
    co_return success();
  }
  co_return success();
}

awaitable<Status> PlatformSetupReader::read_accounts(const Ctx& ctx, PlatformSetup& setup) {
  Result<std::optional<RedfishResource>> service = co_await tree_.service(ctx, "AccountService");
  if (!service) co_return service.error();
  if (*service) {
    const JsonView link = (*service)->body["Accounts"];
    Result<MemberList> accounts = co_await tree_.follow(ctx, **service, link);
    if (!accounts) co_return accounts.error();
    for (const RedfishResource& account : accounts->members) {
      const std::optional<bool> required = account.body["PasswordChangeRequired"].boolean();
      const bool enabled = account.body["Enabled"].boolean().value_or(true);
      if (!required || !enabled) continue;
      setup.password_change_required = setup.password_change_required.value_or(false) || *required;
      if (*required || setup.account_uri.empty()) setup.account_uri = account.uri;
    }
  }
  Result<std::optional<RedfishResource>> sessions = co_await tree_.service(ctx, "SessionService");
  if (!sessions) co_return sessions.error();
  if (!*sessions) co_return success();
  setup.session_timeout = (*sessions)->body["SessionTimeout"].number();
  setup.session_uri = (*sessions)->uri;
  co_return success();
}

awaitable<Result<PlatformSetup>> PlatformSetupReader::read(const Ctx& ctx) {
  PlatformSetup setup;
  Status host = co_await read_host(ctx, setup);
  if (!host) co_return std::move(host.error()).while_doing("reading secure boot and BIOS settings");
  Status integrity = co_await read_integrity(ctx, setup);
  if (!integrity) co_return std::move(integrity.error()).while_doing("reading ComponentIntegrity");
  Status injection = co_await read_error_injection(ctx, setup);
  if (!injection) co_return std::move(injection.error()).while_doing("reading ErrorInjection");
  Status age = co_await read_age(ctx, setup);
  if (!age) co_return std::move(age.error()).while_doing("reading how old its readings are");
  Status accounts = co_await read_accounts(ctx, setup);
  if (!accounts) co_return std::move(accounts.error()).while_doing("reading accounts and sessions");
  co_return setup;
}

}  // namespace kiln
