#include "tests_hw/virtual_rack/status_document.h"

#include <fmt/format.h>

#include "tests_hw/virtual_rack/faults.h"

namespace kiln::virtual_rack {
namespace {

constexpr double kBarPerKilopascal = 0.01;

class TagWriter {
 public:
  void text(std::string_view tag, const std::string& value) {
    body_ += fmt::format("  <{0}>{1}</{0}>\n", tag, value);
  }
  void number(std::string_view tag, double value, int digits, std::string_view unit) {
    text(tag, fmt::format("{:.{}f}{}", value, digits, unit));
  }
  void celsius(std::string_view tag, const Reading& reading) { number(tag, reading.shown, 1, "degC"); }
  void bar(std::string_view tag, double kilopascal) { number(tag, kilopascal * kBarPerKilopascal, 2, "bar"); }
  [[nodiscard]] std::string whole() const {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<status>\n" + body_ + "</status>\n";
  }

 private:
  std::string body_;
};

}  // namespace

std::string status_document(const RackModel& rack, const Dut& dut) {
  const CoolingUnit& unit = *dut.cooling_unit;
  TagWriter tags;
  tags.text("mode", "Auto");
  tags.celsius("t1", unit.primary.supply_c);
  for (const char* tag : {"t2a", "t2b", "t2c", "t2"}) tags.celsius(tag, unit.secondary.supply_c);
  tags.celsius("t5", unit.primary.return_c);
  tags.celsius("t3", unit.ambient_c);
  tags.celsius("t4", unit.secondary.return_c);
  tags.celsius("dw", unit.dew_point_c);
  tags.celsius("t3", unit.ambient_c);  // twice, as a real one has it
  tags.number("rh", unit.humidity_percent.shown, 1, "%");
  tags.number("setpoint", unit.supply_setpoint_c, 1, "degC");
  tags.number("secflow", unit.secondary.flow_lpm.shown, 1, "l/m");
  tags.number("primflow", unit.primary.flow_lpm.shown, 1, "l/m");
  for (const char* tag : {"ps1", "ps1a", "ps1b"}) tags.bar(tag, unit.secondary.return_kpa.shown);
  tags.bar("ps2", unit.secondary.supply_kpa.shown);
  tags.bar("ps3", unit.primary.supply_kpa.shown);
  tags.bar("ps4", unit.primary.return_kpa.shown);
  for (const char* tag : {"ps5a", "ps5b"}) tags.bar(tag, unit.reservoir_kpa.shown);
  tags.bar("sdp", unit.secondary.supply_kpa.shown - unit.secondary.return_kpa.shown);
  tags.bar("pdp", unit.primary.supply_kpa.shown - unit.primary.return_kpa.shown);
  tags.number("valve", unit.primary.valve_percent, 0, "%");
  for (std::size_t index = 0; index < 2; ++index) {
    const bool there = index < unit.pumps.size();
    tags.number(fmt::format("pumpspeed{}", index + 1), there ? unit.pumps[index].speed_percent.shown : 0, 1,
                "%");
  }
  tags.number("alarms", active_fault(rack, dut, FaultKind::cdu_alarm) != nullptr ? 1 : 0, 0, "");
  tags.number("dt", unit.secondary.return_c.shown - unit.secondary.supply_c.shown, 1, "degC");
  tags.text("p3state", "0");
  tags.number("duty", unit.secondary.heat_kw.shown, 1, "kW");
  return tags.whole();
}

HttpResponse status_document_answer(const RackModel& rack, const Dut& dut, const HttpRequest& request) {
  HttpResponse response;
  response.content_type = "text/plain";
  if (request.path != "/status.xml") {
    response.status = 404;
    response.body = "not found\n";
    return response;
  }
  if (request.method != "GET" && request.method != "HEAD") {
    response.status = 405;
    response.body = "method not allowed\n";
    return response;
  }
  response.content_type = "text/xml";
  response.body = status_document(rack, dut);
  return response;
}

}  // namespace kiln::virtual_rack
