#pragma once
// Inventory → rack.yaml, the other way round than inventory_file.h, which reads back what is written here.
// Pure.

#include <string>

#include "model/inventory.h"

namespace kiln {

/// `comment`: the first lines, each given a "# ". Credentials stay names. What a person must still fill in
/// (an unknown product, say) is for the caller to name there.
std::string inventory_text(const Inventory& inventory, const std::string& comment);

}  // namespace kiln
