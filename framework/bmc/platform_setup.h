#pragma once
// How a machine is set up, as far as its BMC tells: secure boot [SecureBoot v1.1.0], the integrity of its
// components [ComponentIntegrity v1.2.3], its BIOS settings [Bios v1.2.0, @Redfish.Settings], how old its
// readings are [Sensor v1.5 ReadingTime, MetricReport v1.4.2 Timestamp, against Manager DateTime], whether a
// password that was set by the factory still has to be changed [ManagerAccount v1.6 PasswordChangeRequired],
// whether GPUs make errors up on request [Oem NvidiaErrorInjection v1.0.0 to v1.2.0, as NVIDIA's bmcweb
// serves it] and how long a session may be idle [SessionService v1.1.3]. Reads only; no password is ever
// tried, no measurement is asked for. What is not offered stays unset. Owned by the Bmc; loop thread only.

#include <boost/asio/awaitable.hpp>

#include "bmc/service_tree.h"

namespace kiln {

class PlatformSetupReader {
 public:
  explicit PlatformSetupReader(ServiceTree& tree) : tree_(tree) {}
  boost::asio::awaitable<Result<PlatformSetup>> read(const Ctx& ctx);

 private:
  boost::asio::awaitable<Status> read_host(const Ctx& ctx, PlatformSetup& setup);
  boost::asio::awaitable<Status> read_bios(const Ctx& ctx, const RedfishResource& system,
                                           PlatformSetup& setup);
  boost::asio::awaitable<Status> read_integrity(const Ctx& ctx, PlatformSetup& setup);
  boost::asio::awaitable<Status> read_error_injection(const Ctx& ctx, PlatformSetup& setup);
  boost::asio::awaitable<Status> read_age(const Ctx& ctx, PlatformSetup& setup);
  boost::asio::awaitable<Status> read_accounts(const Ctx& ctx, PlatformSetup& setup);
  boost::asio::awaitable<Result<std::vector<std::string>>> timed_resources(const Ctx& ctx);

  ServiceTree& tree_;
};

/// What one member of ComponentIntegrity says.
IntegrityReading integrity_from(const RedfishResource& member);

/// What Oem/Nvidia/ErrorInjection of a part says; kinds that it does not support are left out.
ErrorInjectionReading error_injection_from(const std::string& part, const RedfishResource& member);

}  // namespace kiln
