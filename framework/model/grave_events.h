#pragma once
// Which events happen whether or not a disk takes them, so that they are kept beside a record that broke:
// whoever reads the record must not learn of a leak from the floor. Pure.

#include <variant>

#include "model/event.h"

namespace kiln {

/// A cut, an undo, a stop, a diagnosis.
inline bool is_grave(const Event& event) {
  return std::holds_alternative<Interlocked>(event.body) || std::holds_alternative<GuardClosed>(event.body) ||
         std::holds_alternative<StopRequested>(event.body) || std::holds_alternative<Diagnosed>(event.body);
}

}  // namespace kiln
