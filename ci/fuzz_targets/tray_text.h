#pragma once
// A small tray with one of everything the readers look for, in the form of service_text.h: what an input of a
// few lines is laid over.

#include <string>

namespace kiln {

inline const std::string kTrayText = R"tray(
%% 200 /redfish/v1/
{"@odata.id":"/redfish/v1/","Id":"R","RedfishVersion":"1.18.0","Vendor":"NVIDIA","Product":"P3809","UUID":"u",
"Systems":{"@odata.id":"/redfish/v1/Systems"},"Chassis":{"@odata.id":"/redfish/v1/Chassis"},
"Managers":{"@odata.id":"/redfish/v1/Managers"},"Fabrics":{"@odata.id":"/redfish/v1/Fabrics"},
"UpdateService":{"@odata.id":"/redfish/v1/UpdateService"},"TelemetryService":{"@odata.id":"/redfish/v1/TelemetryService"},
"ThermalEquipment":{"@odata.id":"/redfish/v1/ThermalEquipment"},
"Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}
%% 200 /redfish/v1/Systems
{"Members@odata.count":2,"Members":[{"@odata.id":"/redfish/v1/Systems/B"},{"@odata.id":"/redfish/v1/Systems/S"}]}
%% 200 /redfish/v1/Systems/B
{"@odata.id":"/redfish/v1/Systems/B","Id":"HGX_Baseboard_0","SystemType":"Physical","PowerState":"On","SerialNumber":"158",
"Processors":{"@odata.id":"/redfish/v1/Systems/B/P"},"Memory":{"@odata.id":"/redfish/v1/Systems/B/M"}}
%% 200 /redfish/v1/Systems/S | ETag: "7"
{"@odata.id":"/redfish/v1/Systems/S","Id":"System_0","SystemType":"Physical","PowerState":"Off","SerialNumber":"N/A",
"BiosVersion":"1.04 ","LogServices":{"@odata.id":"/redfish/v1/Systems/S/L"},
"Links":{"Chassis":[{"@odata.id":"/redfish/v1/Chassis/C"}]},
"Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/S/Reset","@Redfish.ActionInfo":"/redfish/v1/Systems/S/RI"}}}
%% 200 /redfish/v1/Systems/S/RI
{"Id":"i","Parameters":[{"Name":"ResetType","AllowableValues":["On","ForceOff","GracefulShutdown","ForceRestart"]}]}
%% 200 /redfish/v1/Systems/S/L
{"Members":[{"@odata.id":"/redfish/v1/Systems/S/L/SEL"}]}
%% 200 /redfish/v1/Systems/S/L/SEL
{"Id":"SEL","Entries":{"@odata.id":"/redfish/v1/Systems/S/L/SEL/E"}}
%% 200 /redfish/v1/Systems/S/L/SEL/E
{"Members@odata.count":3,"Members":[{"@odata.id":"/redfish/v1/Systems/S/L/SEL/E/1"},
{"@odata.id":"/redfish/v1/Systems/S/L/SEL/E/2","Id":"2","Created":"2026-01-02T03:04:05+00:00","Severity":"Warning",
"MessageId":"OpenBMC.0.1.Power","Message":"m","Links":{"OriginOfCondition":{"@odata.id":"/redfish/v1/Chassis/C"}}}],
"Members@odata.nextLink":"/redfish/v1/Systems/S/L/SEL/E?$skip=2"}
%% 200 /redfish/v1/Systems/S/L/SEL/E?$skip=2
{"Members":[{"@odata.id":"/redfish/v1/Systems/S/L/SEL/E/3","Id":"3","Created":"13 Feb 2023, 05:33:00.000 PM"}]}
%% 200 /redfish/v1/Systems/S/L/SEL/E/1
{"Id":"1","Created":"2025-12-31T23:59:59Z","Severity":"Critical","Message":"leak","OriginOfCondition":"/redfish/v1/x"}
%% 200 /redfish/v1/Systems/B/P
{"Members":[{"@odata.id":"/redfish/v1/Systems/B/P/CPU_0"},{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0"}]}
%% 200 /redfish/v1/Systems/B/P/CPU_0
{"Id":"CPU_0","ProcessorType":"CPU","SerialNumber":"c0"}
%% 200 /redfish/v1/Systems/B/P/GPU_0
{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0","Id":"GPU_0","ProcessorType":"GPU","SerialNumber":"g0",
"Status":{"State":"Enabled","Health":"OK"},"Metrics":{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0/PM"},
"EnvironmentMetrics":{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0/EM"},"Ports":{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0/Ports"},
"Links":{"Chassis":{"@odata.id":"/redfish/v1/Chassis/G"},"Memory":[{"@odata.id":"/redfish/v1/Systems/B/M/GPU_0_DRAM_0"}]}}
%% 200 /redfish/v1/Systems/B/P/GPU_0/PM
{"Id":"m","OperatingSpeedMHz":"1980","CacheMetricsTotal":{"LifeTime":{"CorrectableECCErrorCount":1,"UncorrectableECCErrorCount":0}},
"Oem":{"Nvidia":{"ThrottleReasons":["NA"]}}}
%% 200 /redfish/v1/Systems/B/P/GPU_0/EM | ETag: "1"
{"Id":"e","PowerWatts":{"Reading":700.5},"PowerLimitWatts":{"SetPoint":700,"Reading":700,"AllowableMin":100,"AllowableMax":1400},
"TemperatureCelsius":{"Reading":54.0,"DataSourceUri":"/redfish/v1/Chassis/G/Sensors/T1"}}
%% 200 /redfish/v1/Systems/B/P/GPU_0/Ports
{"Members":[{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0/Ports/NVLink_0"}]}
%% 200 /redfish/v1/Systems/B/P/GPU_0/Ports/NVLink_0
{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0/Ports/NVLink_0","Id":"NVLink_0","PortProtocol":"NVLink","LinkState":"Enabled",
"LinkStatus":"LinkUp","CurrentSpeedGbps":425.0,"MaxSpeedGbps":"425",
"Metrics":{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0/Ports/NVLink_0/M"},"Oem":{"Nvidia":{"RXWidth":2}}}
%% 200 /redfish/v1/Systems/B/P/GPU_0/Ports/NVLink_0/M
{"Id":"Metrics","RXBytes":59823,"TXBytes":"7","Oem":{"Nvidia":{"NVLinkErrors":{"DataCRCCount":4,"ReplayCount":0,
"RuntimeError":true},"SymbolErrors":9,"LinkDownedCount":1,"BitErrorRate":1.5E-254}}}
%% 200 /redfish/v1/Systems/B/M
{"Members":[{"@odata.id":"/redfish/v1/Systems/B/M/GPU_0_DRAM_0"},{"@odata.id":"/redfish/v1/Systems/B/M/DIMM_0"}]}
%% 200 /redfish/v1/Systems/B/M/DIMM_0
{"Id":"DIMM_0","MemoryDeviceType":"LPDDR5","SerialNumber":"d0"}
%% 200 /redfish/v1/Systems/B/M/GPU_0_DRAM_0
{"@odata.id":"/redfish/v1/Systems/B/M/GPU_0_DRAM_0","Id":"GPU_0_DRAM_0","MemoryDeviceType":"HBM3",
"Metrics":{"@odata.id":"/redfish/v1/Systems/B/M/GPU_0_DRAM_0/MM"},
"Oem":{"Nvidia":{"RowRemappingFailed":false,"RowRemappingPending":true}}}
%% 200 /redfish/v1/Systems/B/M/GPU_0_DRAM_0/MM
{"Id":"mm","LifeTime":{"CorrectableECCErrorCount":2,"UncorrectableECCErrorCount":3}}
%% 200 /redfish/v1/Chassis
{"Members":[{"@odata.id":"/redfish/v1/Chassis/C"},{"@odata.id":"/redfish/v1/Chassis/G"}]}
%% 200 /redfish/v1/Chassis/C
{"@odata.id":"/redfish/v1/Chassis/C","Id":"Chassis_0","SerialNumber":" J901 ","Model":"HG634N",
"Location":{"PartLocation":{"LocationType":"Slot","LocationOrdinalValue":"12"}},
"ThermalSubsystem":{"@odata.id":"/redfish/v1/Chassis/C/TS"}}
%% 200 /redfish/v1/Chassis/C/TS
{"Id":"TS","LeakDetection":{"@odata.id":"/redfish/v1/Chassis/C/TS/LD"},
"CoolantConnectors":{"@odata.id":"/redfish/v1/Chassis/C/TS/CC"},"Pumps":{"@odata.id":"/redfish/v1/Chassis/C/TS/Pumps"}}
%% 200 /redfish/v1/Chassis/C/TS/LD
{"Id":"LD","LeakDetectors":{"@odata.id":"/redfish/v1/Chassis/C/TS/LD/D"},"LeakDetectorGroups":[{"GroupName":"g",
"Detectors":[{"DeviceName":"L9","DataSourceUri":"/redfish/v1/Chassis/C/TS/LD/D/L1","DetectorState":"OK"}]}]}
%% 200 /redfish/v1/Chassis/C/TS/LD/D
{"Members@odata.count":2,"Members":[{"@odata.id":"/redfish/v1/Chassis/C/TS/LD/D/L1"},{"@odata.id":"/redfish/v1/Chassis/C/TS/LD/D/L2"}]}
%% 200 /redfish/v1/Chassis/C/TS/LD/D/L1
{"Id":"L1","DetectorState":"OK","LeakDetectorType":"Moisture","Status":{"State":"Enabled","Health":"OK"}}
%% 200 /redfish/v1/Chassis/C/TS/LD/D/L2
{"Id":"L2","DetectorState":"Critical","Status":{"State":"Enabled","Health":"Critical"},"Oem":{"Nvidia":{"Voltage":"1.2"}}}
%% 200 /redfish/v1/Chassis/C/TS/CC
{"Members":[{"@odata.id":"/redfish/v1/Chassis/C/TS/CC/0"}]}
%% 200 /redfish/v1/Chassis/C/TS/CC/0
{"Id":"0","FlowLitersPerMinute":{"Reading":"42.5"},"SupplyTemperatureCelsius":25,"ReturnTemperatureCelsius":[37.5],
"SupplyPressurekPa":{"Reading":137},"ReturnPressurekPa":{"Reading":103},"HeatRemovedkW":null,
"Actions":{"#CoolantConnector.ValveControl":{"target":"/redfish/v1/Chassis/C/TS/CC/0/Valve"}}}
%% 200 /redfish/v1/Chassis/C/TS/Pumps
{"Members":[{"@odata.id":"/redfish/v1/Chassis/C/TS/Pumps/1"}]}
%% 200 /redfish/v1/Chassis/C/TS/Pumps/1
{"Id":"1","PumpSpeedPercent":{"Reading":62},"Status":{"State":"Enabled","Health":"OK"}}
%% 200 /redfish/v1/Chassis/G
{"@odata.id":"/redfish/v1/Chassis/G","Id":"HGX_GPU_0","Sensors":{"@odata.id":"/redfish/v1/Chassis/G/Sensors"}}
%% 200 /redfish/v1/Chassis/G/Sensors
{"Members":[{"@odata.id":"/redfish/v1/Chassis/G/Sensors/T1"},{"@odata.id":"/redfish/v1/Chassis/G/Sensors/T0"}]}
%% 200 /redfish/v1/Chassis/G/Sensors/T0
{"Id":"T0","ReadingType":"Temperature","ReadingUnits":"C","PhysicalContext":"GPU","Reading":31.2}
%% 200 /redfish/v1/Chassis/G/Sensors/T1
{"Id":"T1","ReadingType":"Temperature","ReadingUnits":"Cel","PhysicalContext":"GPU","Reading":54.0,
"Thresholds":{"LowerCritical":{"Reading":-2.0}}}
%% 200 /redfish/v1/Managers
{"Members":[{"@odata.id":"/redfish/v1/Managers/BMC_0"}]}
%% 200 /redfish/v1/Managers/BMC_0
{"Id":"BMC_0","FirmwareVersion":"3.00.0 ","DateTime":"2023-11-14T22:15:20+00:00",
"Actions":{"#Manager.Reset":{"target":"/redfish/v1/Managers/BMC_0/Actions/Manager.Reset"}}}
%% 200 /redfish/v1/Fabrics
{"Members":[{"@odata.id":"/redfish/v1/Fabrics/F"}]}
%% 200 /redfish/v1/Fabrics/F
{"Id":"NVLinkFabric_0","FabricType":"NVLink","Switches":{"@odata.id":"/redfish/v1/Fabrics/F/Switches"}}
%% 200 /redfish/v1/Fabrics/F/Switches
{"Members":[{"@odata.id":"/redfish/v1/Fabrics/F/Switches/S0"}]}
%% 200 /redfish/v1/Fabrics/F/Switches/S0
{"Id":"NVSwitch_0","SwitchType":"NVLink","Ports":{"@odata.id":"/redfish/v1/Systems/B/P/GPU_0/Ports"}}
%% 200 /redfish/v1/ThermalEquipment
{"Id":"TE","CDUs":{"@odata.id":"/redfish/v1/ThermalEquipment/CDUs"}}
%% 200 /redfish/v1/ThermalEquipment/CDUs
{"Members":[{"@odata.id":"/redfish/v1/ThermalEquipment/CDUs/1"}]}
%% 200 /redfish/v1/ThermalEquipment/CDUs/1
{"@odata.id":"/redfish/v1/ThermalEquipment/CDUs/1","Id":"1","SecondaryCoolantConnectors":{"@odata.id":"/redfish/v1/Chassis/C/TS/CC"},
"Pumps":{"@odata.id":"/redfish/v1/Chassis/C/TS/Pumps"},"LeakDetection":{"@odata.id":"/redfish/v1/Chassis/C/TS/LD"}}
%% 200 /redfish/v1/TelemetryService
{"Id":"T","MetricReports":{"@odata.id":"/redfish/v1/TelemetryService/MR"}}
%% 200 /redfish/v1/TelemetryService/MR
{"Members":[{"@odata.id":"/redfish/v1/TelemetryService/MR/1"}]}
%% 200 /redfish/v1/TelemetryService/MR/1
{"Id":"1","Timestamp":"2026-01-01T00:00:00Z","MetricValues":[
{"MetricProperty":"/redfish/v1/Systems/B/P/GPU_0/EM#/PowerWatts/Reading","MetricValue":"701","Timestamp":"2026-01-01T00:00:01Z"},
{"MetricProperty":"/redfish/v1/Chassis/G/Sensors/T1","MetricValue":"55","Oem":{"Nvidia":{"MetricValueStale":true}}}]}
%% 200 /redfish/v1/UpdateService
{"Id":"U","ServiceEnabled":true,"MultipartHttpPushUri":"/redfish/v1/UpdateService/push","HttpPushUri":"/redfish/v1/UpdateService/push",
"FirmwareInventory":{"@odata.id":"/redfish/v1/UpdateService/FI"}}
%% 200 /redfish/v1/UpdateService/FI
{"Members":[{"@odata.id":"/redfish/v1/UpdateService/FI/HGX_FW_GPU_0"}]}
%% 200 /redfish/v1/UpdateService/FI/HGX_FW_GPU_0
{"Id":"HGX_FW_GPU_0","Version":"97.10","Updateable":true,"Status":{"State":"Enabled"}}
%% 202 POST /redfish/v1/UpdateService/push | Location: /redfish/v1/TaskService/Tasks/1/Monitor
{"@odata.id":"/redfish/v1/TaskService/Tasks/1","Id":"1","TaskState":"New"}
%% 200 /redfish/v1/TaskService/Tasks/1
{"Id":"1","TaskState":"Running","PercentComplete":40,"Messages":[{"Message":"writing"}]}
%% 200 /redfish/v1/TaskService/Tasks/1
{"Id":"1","TaskState":"Completed","TaskStatus":"OK","PercentComplete":100,"Messages":[{"MessageId":"Update.1.0.AwaitToActivate"}]}
)tray";

}  // namespace kiln
