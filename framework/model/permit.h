#pragma once
// Leave to energise. Functions that switch energy on take a Permit by reference, so code without one does not
// compile. Only the engine's permit office makes them (PermitOffice is its key); a revoked permit is refused
// by every callee.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace kiln {

/// What is energised: power (chassis or system on, reset to on), load (GPU or rack stress), flash (firmware
/// write), host_stress (CPU, memory and disk of a host, under a hard time limit on the host itself),
/// power_limit (what a GPU may draw is raised), valve (coolant is let in).
enum class Energy { power, load, flash, host_stress, power_limit, valve };
std::string_view to_string(Energy energy);

class PermitOffice;

/// Move-only; bound to one DUT and one kind of energy.
class Permit {
 public:
  Permit(Permit&&) noexcept = default;
  Permit& operator=(Permit&&) noexcept = default;
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

  [[nodiscard]] const std::string& dut() const { return dut_; }
  [[nodiscard]] Energy energy() const { return energy_; }
  /// False once an interlock revoked it.
  [[nodiscard]] bool valid() const { return valid_ && *valid_; }

 private:
  friend class PermitOffice;
  Permit(std::string dut, Energy energy, std::shared_ptr<const bool> valid)
      : dut_(std::move(dut)), energy_(energy), valid_(std::move(valid)) {}
  std::string dut_;
  Energy energy_;
  std::shared_ptr<const bool> valid_;
};

}  // namespace kiln
