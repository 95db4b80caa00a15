#pragma once
// The drip sensors of a Lenovo enclosure, as its management module (SMM2) tells them over IPMI: a request of
// the maker's own, asked by the station's ipmitool. Loop thread; nothing is owned.
//
// Source: pyghmi (aiohmi 022956d) oem/lenovo/nextscale.py: NetFn 34h, command 05h; of the answer the first
// byte has a bit for each sensor that is there, the second one for each that is wet; there are two.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "sdk/step.h"

namespace kiln::cooling {

inline constexpr int kDripSensors = 2;

struct DripBytes {
  std::uint8_t there = 0, wet = 0;
};

/// What `ipmitool raw 0x34 0x05` prints: two bytes in hexadecimal and nothing else. Anything else is the
/// Error "smm.not_understood", also more bytes: nobody knows what they would shift.
Result<DripBytes> parse_drip_bytes(std::string_view text);

/// "dry", "leak" or "absent" of sensor 1, 2, …; wet counts before absent.
std::string drip_word(const DripBytes& bytes, int sensor);
/// Sensors beyond those that there are, that are wet all the same; 0: none.
int unknown_wet_sensor(const DripBytes& bytes);

struct SmmAccess {
  std::string address, user;
  std::string password_file;  ///< absolute; ours, and readable by nobody else
};

/// What is wrong with it before anything is asked: an address or a user that ipmitool would take for an
/// option, a password file that others may read. The password itself is never seen here, nor in an argument.
Status check_smm(const SmmAccess& access);

/// Asks. Errors: those of check_smm, ipmitool.not_installed, smm.no_answer (what ipmitool said),
/// smm.not_understood, those of `ctx`.
boost::asio::awaitable<Result<DripBytes>> read_drip_sensors(const Ctx& ctx, ProcessLauncher& processes,
                                                            SmmAccess access);

/// The drip sensors of the enclosure that the DUT's label `smm` names: there, and dry.
class SmmDrip final : public Step {
 public:
  const StepDescription& describe() const override;
  Status check(const Parameters& with) const override;
  std::vector<std::string> parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                 const Dut& dut) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

}  // namespace kiln::cooling
