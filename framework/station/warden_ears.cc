#include "station/warden_ears.h"

namespace kiln {

WardenEars ears_of(Runner& runner) {
  WardenEars ears;
  ears.lost = [&runner](const Error& why) { runner.request_end(why); };
  ears.watch = [&runner](const WardenWatch& watch) { runner.warden_watch(watch.report); };
  ears.hazard = [&runner](const HazardReport& report) { runner.warden_hazard(report); };
  ears.masked = [&runner](const MaskReport& report) { runner.warden_masked(report); };
  ears.silenced = [&runner](const SilenceReport& report) { runner.warden_silenced(report); };
  ears.tripped = [&runner](const WardenTripped& tripped) {
    runner.warden_tripped(tripped.trip, tripped.reach);
  };
  ears.cut = [&runner](const CutReport& report) { runner.warden_cut(report); };
  ears.isolation = [&runner](const IsolationReport& report) { runner.warden_isolation(report); };
  return ears;
}

}  // namespace kiln
