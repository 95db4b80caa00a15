// Every fault of the catalogue on every product: found, with the code and the part that
// tests_hw/virtual/fault_table.tsv demands, or missed. DUT and part are drawn by chance; the seed is printed,
// and KILN_MATRIX_SEED draws the same again.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "fault_table.h"
#include "matrix_run.h"
#include "tests_hw/virtual_rack/faults.h"

namespace kiln::matrix {

std::vector<FaultRow> read_fault_table() {
  std::ifstream file(KILN_SOURCE_DIR "/tests_hw/virtual/fault_table.tsv");
  std::vector<FaultRow> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream fields(line);
    FaultRow row;
    std::string decisions, exits;
    std::getline(fields, row.fault, '\t');
    std::getline(fields, row.delay, '\t');
    std::getline(fields, decisions, '\t');
    std::getline(fields, exits, '\t');
    std::getline(fields, row.code, '\t');
    std::getline(fields, row.part, '\t');
    std::istringstream words(decisions);
    for (std::string word; std::getline(words, word, ',');) row.decisions.push_back(word);
    rows.push_back(std::move(row));
  }
  return rows;
}

namespace {

std::uint64_t seed_of_the_day() {
  const char* given = std::getenv("KILN_MATRIX_SEED");
  if (given != nullptr) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

std::string only_fault() {
  const char* given = std::getenv("KILN_MATRIX_FAULT");
  return given == nullptr ? "" : given;
}

/// What only the rest of a bring-up meets: an update, and a model that is served. The product's limits judge
/// there too.
bool met_by_the_demo_only(const FaultRow& row) {
  static const std::set<std::string> kSuch = {"answer-wrong",
                                              "first-token-slow",
                                              "firmware-accepts-anything",
                                              "firmware-update-fails",
                                              "model-loading",
                                              "model-other",
                                              "slow-warm",  // over before a product's load has settled
                                              "stream-cut",
                                              "stream-stall",
                                              "tokens-slow"};
  return kSuch.contains(row.fault);
}

/// How quick a model server must be is the site's to say (recipes/limits/shared/model-server.yaml), and what
/// these faults do is slow for the site of the virtual rack: its own table judges, the same for every
/// product.
bool judged_by_the_virtual_racks_own(const FaultRow& row) {
  return row.fault == "first-token-slow" || row.fault == "tokens-slow";
}

struct Strike {
  Order order;
  std::string judged_on, part;  ///< the reason must name them
};

template <class T>
const T& one_of(const std::vector<T>& from, std::mt19937_64& chance) {
  return from.at(chance() % from.size());
}

Strike strike(const FaultRow& row, const std::string& product, std::uint64_t seed) {
  std::mt19937_64 chance(seed ^ std::hash<std::string>{}(row.fault + row.part));
  Strike made;
  Order& order = made.order;
  const bool demo = met_by_the_demo_only(row);
  order.product = judged_by_the_virtual_racks_own(row) ? "" : product;
  order.recipe = demo ? "demo/small" : product + "/l11-rack";
  if (!demo)
    order.settings = {{"soak", "30s"},         {"settle", "8s"},     {"diagnostic", "1"},
                      {"flow_samples", "3"},   {"slope", "30"},      {"burst", "3s"},
                      {"cool_down", "3s"},     {"link_every", "5s"}, {"link_window", "5s"},
                      {"link_training", "6s"}, {"power_every", "3s"}};
  // The watch reads the counters every 30 s: a rise under load needs two readings there.
  if (row.fault == "nvlink-errors") order.settings["soak"] = "100s";
  order.wishes.seed = chance();
  order.wishes.firmware_current = !demo;
  if (product == "gb200-nvl72") order.wishes.gpus = "gb200";
  const bool cdu = row.part.starts_with("CDU01/");
  const bool plant = row.part.starts_with("plant:");
  const bool rack_part = row.part.starts_with("rack:");
  if (rack_part) order.wishes.rack = "shelves";
  std::string dut = cdu ? "CDU01" : one_of<std::string>({"C01", "C02"}, chance);
  if (plant) dut = row.part.substr(6);
  std::string struck;
  std::string told;
  if (rack_part) {
    // "rack:P01/PowerSupplyUnit 1": that part of that DUT; "rack:input": the input of the DUT that is struck.
    told = row.part.substr(5);
    const std::size_t slash = told.find('/');
    if (slash == std::string::npos) told = dut + "/" + told;
    if (slash != std::string::npos) dut = told.substr(0, slash);
    if (slash != std::string::npos) struck = told.substr(slash + 1);
    std::replace(told.begin(), told.end(), ' ', '_');  // as a URI has it
  }
  if (row.part == "update") struck = "UEFI";  // the one the demo updates
  if (row.part == "firmware") {
    std::vector<std::string> names = parts_of(order.wishes, dut, "firmware");
    std::erase(names, "UEFI");
    struck = one_of(names, chance);
  } else if (struck.empty() && !cdu && !plant && !rack_part && row.part != "-" && row.part != "rack") {
    struck = one_of(parts_of(order.wishes, dut, row.part), chance);
  }
  made.judged_on = row.part == "rack" || rack_part ? "R01" : dut;
  made.part = rack_part ? told : cdu ? row.part.substr(6) : struck;
  order.faults = {row.fault + "@" + dut + (struck.empty() ? "" : ":" + struck) +
                  (row.delay == "-" ? "" : "+" + row.delay)};
  return made;
}

/// Empty: found, as demanded.
std::string what_is_wrong(const FaultRow& row, const Strike& strike, const Ran& ran) {
  if (std::find(row.decisions.begin(), row.decisions.end(), ran.decision()) == row.decisions.end())
    return fmt::format("{}, expected {}", ran.decision(), fmt::join(row.decisions, " or "));
  if (row.code != "-" && !ran.says(strike.judged_on, row.code, strike.part))
    return fmt::format("{} has no reason {} on '{}'", strike.judged_on, row.code, strike.part);
  const bool hardware = std::count(row.decisions.begin(), row.decisions.end(), "NO-GO") > 0;
  for (const DutVerdict& dut : ran.verdict.duts) {
    if (!hardware && dut.decision == Decision::no_go) return dut.id + " is NO-GO by a nuisance";
  }
  return {};
}

void every_fault(const std::string& product) {
  const std::vector<FaultRow> rows = read_fault_table();
  std::set<std::string> known, listed;
  for (const virtual_rack::FaultInfo& info : virtual_rack::fault_catalogue()) known.emplace(info.name);
  for (const FaultRow& row : rows)
    listed.insert(row.fault.substr(0, row.fault.find(':')));  // xid:500 is an xid
  ASSERT_EQ(known, listed) << "the table and the catalogue disagree about the faults there are";
  const std::uint64_t seed = seed_of_the_day();
  fmt::print("{}: KILN_MATRIX_SEED={}\n", product, seed);
  int found = 0, missed = 0;
  double took_s = 0;
  for (FaultRow row : rows) {
    if (!only_fault().empty() && row.fault != only_fault()) continue;
    // With the power of a GB200 a bad interface heats it to about its limit; its resistance tells it at any
    // power.
    if (row.fault == "hot-gpu" && product == "gb200-nvl72") row.code = "gpu.thermal_resistance";
    const Strike struck = strike(row, product, seed);
    const Ran ran = run(struck.order);
    const std::string wrong = what_is_wrong(row, struck, ran);
    took_s += ran.took_s;
    ++(wrong.empty() ? found : missed);
    fmt::print("{} {:<44} {:<11} {:<28} {:5.1f} s\n", wrong.empty() ? "found " : "MISSED",
               struck.order.faults.front(), ran.decision(), row.code, ran.took_s);
    if (!wrong.empty()) fmt::print("      {}{}\n", wrong, ran.why(12));
    std::fflush(stdout);
  }
  fmt::print("{} faults x {}: {} found, {} missed, in {:.0f} s\n", found + missed, product, found, missed,
             took_s);
  EXPECT_EQ(missed, 0);
  EXPECT_GT(found, 0);
}

/// What strikes a CDU that is read by its status document, and what it is told as.
struct CoolteraRow {
  const char *fault, *code, *part, *decision;
};

TEST(FaultMatrix, WhatStrikesACduWithoutRedfishIsFoundToo) {
  const std::vector<CoolteraRow> rows{{"flow-lost@CDU01+4s", "coolant.flow_lost", "CDU/Secondary", "NO-GO"},
                                      {"supply-hot@CDU01+3s", "coolant.supply_hot", "CDU/Secondary", "NO-GO"},
                                      {"humid-hall@CDU01+3s", "coolant.dew_point", "CDU", "NO-GO"},
                                      {"damp-hall@CDU01", "coolant.condensation", "", "NO-GO"},
                                      {"pump-stopped@CDU01:Pump_2", "pump.stopped", "Pump_2", "NO-GO"},
                                      {"cdu-alarm@CDU01", "coolant.unit_alarm", "", "NO-GO"},
                                      {"bmc-503@CDU01", "", "", "GO"},
                                      {"bad-json@CDU01", "", "", "GO"}};
  const std::uint64_t seed = seed_of_the_day();
  fmt::print("KILN_MATRIX_SEED={}\n", seed);
  for (const CoolteraRow& row : rows) {
    FaultRow plain;
    plain.fault = row.fault;
    plain.part = "plant:CDU01";
    Order order = strike(plain, "lenovo-gb300-nvl72", seed).order;
    order.wishes.cooltera = true;
    order.faults = {row.fault};
    const Ran ran = run(order);
    fmt::print("{:<28} {}{}\n", row.fault, ran.decision(), ran.decision() == "GO" ? "" : ran.why(3));
    EXPECT_EQ(ran.decision(), row.decision) << row.fault << ran.why(8);
    const bool demanded = *row.code != '\0';
    EXPECT_TRUE(!demanded || ran.says("CDU01", row.code, row.part)) << row.fault << ran.why(8);
  }
}

TEST(FaultMatrix, EveryFaultIsFoundOnGb300) { every_fault("gb300-nvl72"); }
TEST(FaultMatrix, EveryFaultIsFoundOnLenovoGb300) { every_fault("lenovo-gb300-nvl72"); }
TEST(FaultMatrix, EveryFaultIsFoundOnGb200) { every_fault("gb200-nvl72"); }

}  // namespace
}  // namespace kiln::matrix
