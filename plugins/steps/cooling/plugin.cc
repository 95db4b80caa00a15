#include "cooling_steps.h"

KILN_PLUGIN("cooling", "1.0.0", "leak detectors, coolant flow, heat balance; cuts on a leak",
            kiln::cooling::DetectorCensus, kiln::cooling::DetectorTest, kiln::cooling::LeakWatch,
            kiln::cooling::Flow, kiln::cooling::HeatWatch)
