#include "html/safety_section.h"

#include <fmt/format.h>

#include "common/run_safety.h"

namespace kiln {
namespace {

PageData texts(const std::vector<std::string>& items) {
  PageData list = page_list();
  for (const std::string& item : items) {
    PageData row;
    row.set("text", item);
    list.push_back(row);
  }
  return list;
}

std::string at(double seconds) { return fmt::format("{:.1f} s", seconds); }

std::string after(const std::optional<double>& seconds) {
  return seconds ? fmt::format("{:.3f} s", *seconds) : "✖ NOT CONFIRMED";
}

}  // namespace

void set_safety(PageData& page, const ReportInput& input) {
  const RunSafety safety = make_safety(input);
  page.set("any_safety", !safety.empty());
  page.set("safety_words", safety_sentence(safety));
  page.set("any_may_be_on", !safety.may_be_on.empty());
  page.set("may_be_on", texts(safety.may_be_on));
  page.set("any_wet", !safety.wet.empty());
  page.set("wet", texts(safety.wet));
  PageData cuts = page_list();
  for (const SafetyCut& cut : safety.cuts) {
    PageData row;
    row.set("dut", cut.dut);
    row.set("code", cut.code);
    row.set("message", cut.message);
    row.set("detected", at(cut.detected_s));
    row.set("load", after(cut.load_stopped_after_s));
    row.set("off", after(cut.off_after_s));
    cuts.push_back(row);
  }
  page.set("any_cut", !safety.cuts.empty());
  page.set("cuts", cuts);
  const std::string policy = policy_sentence(safety);
  page.set("any_policy", !policy.empty());
  page.set("policy_words", policy);
  PageData masks = page_list();
  for (const SafetyMask& mask : safety.masks) {
    PageData row;
    row.set("class", mask.to_s ? "" : "no-go");
    row.set("dut", mask.dut);
    row.set("part", mask.part);
    row.set("from", at(mask.from_s));
    row.set("to", mask.to_s ? at(*mask.to_s) : "✖ NO END ON RECORD");
    row.set("message", mask.message);
    masks.push_back(row);
  }
  page.set("any_mask", !safety.masks.empty());
  page.set("masks", masks);
  PageData undos = page_list();
  for (const SafetyUndo& undo : safety.undos) {
    const bool good = undo.closed && undo.done;
    PageData row;
    row.set("class", good ? "" : "no-go");
    row.set("dut", undo.dut);
    row.set("step", undo.step);
    row.set("undo", undo.undo);
    row.set("opened", at(undo.opened_s));
    row.set("closed", undo.closed ? at(undo.closed_s) : "–");
    row.set("how", good ? "done" : undo.closed ? "✖ NOT DONE" : "✖ OPEN");
    row.set("message", undo.message);
    undos.push_back(row);
  }
  page.set("any_undo", !safety.undos.empty());
  page.set("undos", undos);
  PageData permits = page_list();
  for (const SafetyPermit& permit : safety.permits) {
    PageData row;
    row.set("dut", permit.dut);
    row.set("step", permit.step);
    row.set("energy", permit.energy);
    row.set("when", at(permit.at_s));
    permits.push_back(row);
  }
  page.set("any_permit", !safety.permits.empty());
  page.set("permits", permits);
}

}  // namespace kiln
