#pragma once
// Whether a row of a limits table can mean what it says: watts where milliwatts were written, a bandwidth in
// megabytes, a temperature in kelvin. What is known of the product (its nameplate) gives the range, or else
// physics does. Other tools' tables ship with such errors: a bandwidth floor of 2,333 MB/s for a GPU of
// 4.8 TB/s passes everything. Pure.

#include <string>
#include <vector>

#include "files/problem.h"
#include "model/product_limits.h"

namespace kiln {

/// Names that `nameplate` may have, each with its unit (UCUM).
struct NameplateQuantity {
  std::string name;
  std::string unit;
};
const std::vector<NameplateQuantity>& nameplate_quantities();

/// limits.implausible for every bound of a row that its product or physics cannot have, limits.unit for a row
/// in another unit than the measurement has. A row of a measurement that is not known here is passed over.
void check_plausible(const ProductLimits& table, std::vector<Problem>& problems);

/// Whether bounds of this measurement are checked.
bool has_plausible_range(const std::string& measurement);

}  // namespace kiln
