#include "model/permit.h"

namespace kiln {

std::string_view to_string(Energy energy) {
  switch (energy) {
    case Energy::power:
      return "power";
    case Energy::load:
      return "load";
    case Energy::flash:
      return "flash";
    case Energy::host_stress:
      return "host_stress";
    case Energy::power_limit:
      return "power_limit";
    case Energy::valve:
      return "valve";
  }
  return "power";
}

}  // namespace kiln
