#pragma once
// Which of two readings of leak detectors is the worse. Pure.

#include "model/leak_reading.h"

namespace kiln {

/// leak, suspect, fault, dry: the worst has the greatest.
inline int badness(LeakReading reading) {
  switch (reading) {
    case LeakReading::leak:
      return 3;
    case LeakReading::suspect:
      return 2;
    case LeakReading::fault:
      return 1;
    case LeakReading::dry:
      return 0;
  }
  return 1;
}

}  // namespace kiln
