#include "cooling_steps.h"
#include "drip_sensors.h"

KILN_PLUGIN("cooling", "1.0.0",
            "leak detectors, coolant flow and pressure, pumps, heat balance; cuts on a leak",
            kiln::cooling::DetectorCensus, kiln::cooling::DetectorTest, kiln::cooling::LeakWatch,
            kiln::cooling::Flow, kiln::cooling::HeatWatch, kiln::cooling::PressureHold,
            kiln::cooling::PumpRedundancy, kiln::cooling::FlowBalance, kiln::cooling::Plant,
            kiln::cooling::Valves, kiln::cooling::RackHeat, kiln::cooling::BuildingCheck,
            kiln::cooling::SmmDrip)
