// Every fault of the catalogue on every product: found, with the code and the part that
// tests_hw/virtual/fault_table.tsv demands, or missed. DUT and part are drawn by chance; the seed is printed,
// and KILN_MATRIX_SEED draws the same again.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "fault_table.h"
#include "matrix_run.h"
#include "products.h"
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
    std::getline(fields, row.company, '\t');
    std::getline(fields, row.recipe, '\t');
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
  std::string not_applicable;  ///< why this product cannot have it; empty: it can
  Order order;
  std::string dut, judged_on, part;  ///< the reason must name the last two
};

template <class T>
const T& one_of(const std::vector<T>& from, std::mt19937_64& chance) {
  return from.at(chance() % from.size());
}

/// The DUT that the row names, or any that computes.
std::string struck_dut(const FaultRow& row, const virtual_rack::RackModel& rack, std::mt19937_64& chance) {
  if (row.part.starts_with("CDU01/")) return "CDU01";
  if (row.part.starts_with("plant:")) return row.part.substr(6);
  if (row.part.starts_with("rack:") && row.part.find('/') != std::string::npos)
    return row.part.substr(5, row.part.find('/') - 5);
  std::vector<std::string> computing;
  for (const virtual_rack::Dut& dut : rack.duts) {
    if (dut.computes()) computing.push_back(dut.id);
  }
  return one_of(computing, chance);
}

/// Why a product cannot have what the row strikes; empty: it can.
std::string why_not(const FaultRow& row, const std::string& product, const virtual_rack::RackModel& rack,
                    const std::string& dut) {
  if (met_by_the_demo_only(row) && made_of_servers(product)) return "met by the demo, which has trays";
  const virtual_rack::Dut* struck = rack.find(dut);
  if (struck == nullptr) return "it has no " + dut;
  const Result<virtual_rack::FaultSpec> spec = virtual_rack::parse_fault(row.fault + "@" + dut);
  if (!spec || !fault_applies(*struck, spec->kind)) return "it has no such part";
  if (made_of_servers(product)) {
    if (row.code == "inventory.serial_mismatch" && row.part == "cpu")
      return "no socket's serial is looked at";
    if (row.fault == "stays-warm") return "air takes longer than the cut recipe waits";
    const bool any = product == "generic-server";
    if (row.fault == "integrity-failed" && (any || product == "lenovo-sr675v3"))
      return "its BMC has no ComponentIntegrity";
    if (row.fault == "fan-fast" && any) return "the site's to say";
    if (row.fault == "nic-half-rate" && any) return "its recipe sends nothing";
    static const std::set<std::string> kOfOneGpu = {"gpu-other-product", "power-low", "memory-slow",
                                                    "collective-slow"};
    if (kOfOneGpu.contains(row.fault) && product == "lenovo-sr675v3")
      return "many GPUs fit: the site's table says what they are good for";
    if (row.fault == "disk-wrong" && product != "generic-server") return "its recipe writes to no disk";
  }
  // Whether a machine of any kind boots with secure boot, its table leaves to the site.
  if (row.code == "platform.secure_boot_off" && product == "generic-server") return "the site's to say";
  // Readings that stand still in the middle of its larger rise are out of balance: NO-GO, and the BMC is at
  // fault.
  if (row.fault == "readings-frozen" && product == "vera-rubin-nvl72") return "its heat balance tells it";
  // Nobody has published how many lanes a link of NVLink 6 has.
  if (row.code == "nvlink.narrow" && product == "vera-rubin-nvl72") return "the site's to say";
  return {};
}

Strike strike(const FaultRow& row, const std::string& product, std::uint64_t seed) {
  std::mt19937_64 chance(seed ^ std::hash<std::string>{}(row.fault + row.part));
  Strike made;
  Order& order = made.order;
  const bool demo = met_by_the_demo_only(row);
  // A server's own recipe has what of a tray only demo/host looks at.
  const bool host = row.recipe == "host" && !made_of_servers(product);
  order = whole_recipe(product);
  if (judged_by_the_virtual_racks_own(row)) order.product = "virtual-gb300-nvl72";
  if (demo || host) {
    order.recipe = demo ? "demo/small" : "demo/host";
    order.settings.clear();
  }
  // The watches read counters every 30 s: a rise under load needs two readings there.
  const bool counted_once = row.fault == "edac-uncorrectable" && made_of_servers(product);
  if (counted_once) order.settings["soak"] = "100s";
  if (row.fault == "nvlink-errors" || row.fault == "nvlink-receive") order.settings["soak"] = "100s";
  order.wishes.seed = chance();
  if (row.fault == "dcgm-fails") order.settings["diagnostic"] = "2";  // the first level tests no hardware
  order.wishes.firmware_current = !demo && !host;
  const bool cdu = row.part.starts_with("CDU01/");
  const bool plant = row.part.starts_with("plant:");
  const bool rack_part = row.part.starts_with("rack:");
  if (row.recipe == "power-chain" && !made_of_servers(product)) order.wishes.rack = "shelves";
  const std::unique_ptr<virtual_rack::RackModel> rack = rack_of(order.wishes);
  std::string kind = row.part;
  std::string dut;
  const bool of_dut =
      row.part.size() > 4 && row.part[3] == ':' && std::isupper(static_cast<unsigned char>(row.part[0])) != 0;
  if (of_dut) {
    dut = row.part.substr(0, 3);
    kind = row.part.substr(4);
  } else {
    dut = struck_dut(row, *rack, chance);
  }
  made.not_applicable = why_not(row, product, *rack, dut);
  if (!made.not_applicable.empty()) return made;
  std::string struck;
  std::string told;
  if (rack_part) {
    // "rack:P01/PowerSupplyUnit 1": that part of that DUT; "rack:input": the input of the DUT that is struck.
    told = row.part.substr(5);
    const std::size_t slash = told.find('/');
    if (slash == std::string::npos) told = dut + "/" + told;
    if (slash != std::string::npos) struck = told.substr(slash + 1);
    std::replace(told.begin(), told.end(), ' ', '_');  // as a URI has it
  }
  if (row.part == "update") struck = "UEFI";  // the one the demo updates
  if (row.part == "firmware") {
    std::vector<std::string> names = parts_of(*rack, dut, "firmware");
    std::erase(names, "UEFI");
    struck = one_of(names, chance);
  } else if (struck.empty() && !cdu && !plant && !rack_part && kind != "-" && kind != "rack" &&
             kind != "update") {
    const std::vector<std::string> names = parts_of(*rack, dut, kind);
    if (names.empty()) made.not_applicable = "it has no such part";
    if (names.empty()) return made;
    struck = one_of(names, chance);
  }
  made.dut = dut;
  made.judged_on = kind == "rack" || rack_part ? "R01" : dut;
  made.part = rack_part ? told : cdu ? row.part.substr(6) : struck;
  order.faults = {row.fault + "@" + dut + (struck.empty() ? "" : ":" + struck) +
                  (counted_once       ? "+40s"
                   : row.delay == "-" ? ""
                                      : "+" + row.delay)};
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

struct Case {
  FaultRow row;
  Strike struck;
  std::string found_as;  ///< empty: not found in company
};

/// How far a DUT comes in its recipe with such a fault.
enum class Comes { no_further_than_its_parts, no_further_than_health, to_the_end };

Comes comes(const FaultRow& row) {
  const std::string& code = row.code;
  if (row.company == "health") return Comes::no_further_than_health;
  const bool early = code.ends_with(".missing") || code.starts_with("inventory.") ||
                     code.starts_with("firmware.") || code == "gpu.other_product";
  return early ? Comes::no_further_than_its_parts : Comes::to_the_end;
}

/// Whether two faults can meet one run and each be told from the other: what a row's `company` says of the
/// demo is a guess for another recipe, so that one that is missed in company is met once more alone.
bool may_meet(const Case& one, const Case& other) {
  const Order &mine = one.struck.order, &its = other.struck.order;
  const bool same_run = mine.product == its.product && mine.recipe == its.recipe &&
                        mine.settings == its.settings && mine.wishes.rack == its.wishes.rack &&
                        mine.wishes.firmware_current == its.wishes.firmware_current;
  if (!same_run || comes(one.row) != comes(other.row)) return false;
  if (one.row.fault == other.row.fault && one.struck.dut == other.struck.dut) return false;
  if (one.struck.judged_on != other.struck.judged_on) return true;
  if (one.row.company == "load" && other.row.company == "load") return false;
  return one.row.code != other.row.code && (one.struck.part.empty() || one.struck.part != other.struck.part);
}

/// As few runs as the cases that bear company fit into; the others get none.
std::vector<std::vector<Case*>> companies(std::vector<Case>& cases) {
  constexpr std::size_t kMost = 12;
  std::vector<std::vector<Case*>> runs;
  for (Case& one : cases) {
    const std::string& with = one.row.company;
    const bool sociable = with == "on" || with == "load" || with == "health";
    const bool defect = one.row.decisions == std::vector<std::string>{"NO-GO"};
    if (!sociable || !defect || one.struck.judged_on == "R01") continue;
    const auto free = std::find_if(runs.begin(), runs.end(), [&one](const std::vector<Case*>& run) {
      return run.size() < kMost &&
             std::all_of(run.begin(), run.end(), [&one](const Case* other) { return may_meet(one, *other); });
    });
    if (free == runs.end()) {
      runs.push_back({&one});
    } else {
      free->push_back(&one);
    }
  }
  std::erase_if(runs, [](const std::vector<Case*>& run) { return run.size() < 2; });
  return runs;
}

/// Meets them in one run, and notes those that it finds. Seconds it took.
double meet(const std::vector<Case*>& company) {
  Order order = company.front()->struck.order;
  order.faults.clear();
  for (const Case* one : company) order.faults.push_back(one->struck.order.faults.front());
  const Ran ran = run(order);
  EXPECT_EQ(ran.wrong_reports, "") << company.size() << " faults, " << ran.decision();
  for (Case* one : company) {
    if (what_is_wrong(one->row, one->struck, ran).empty())
      one->found_as = fmt::format("{:<11} {:<28} among {}", ran.decision(), one->row.code, company.size());
  }
  return ran.took_s;
}

std::vector<Case> cases_of(const std::string& product, std::uint64_t seed) {
  std::vector<Case> cases;
  for (FaultRow& row : read_fault_table()) {
    if (!only_fault().empty() && ("," + only_fault() + ",").find("," + row.fault + ",") == std::string::npos)
      continue;
    // With the power of a GB200 a bad interface heats it to about its limit; its resistance tells it at any
    // power.
    if (row.fault == "hot-gpu" && product == "gb200-nvl72") row.code = "gpu.thermal_resistance";
    Strike struck = strike(row, product, seed);
    struck.order.judges_reports = true;
    if (!struck.not_applicable.empty()) {
      fmt::print("  n/a  {:<44} {}\n", row.fault, struck.not_applicable);
    }
    cases.push_back({std::move(row), std::move(struck), {}});
  }
  return cases;
}

void every_fault(const std::string& product) {
  std::set<std::string> known, listed;
  for (const virtual_rack::FaultInfo& info : virtual_rack::fault_catalogue()) known.emplace(info.name);
  for (const FaultRow& row : read_fault_table())
    listed.insert(row.fault.substr(0, row.fault.find(':')));  // xid:500 is an xid
  ASSERT_EQ(known, listed) << "the table and the catalogue disagree about the faults there are";
  const std::uint64_t seed = seed_of_the_day();
  fmt::print("{}: KILN_MATRIX_SEED={}\n", product, seed);
  std::vector<Case> cases = cases_of(product, seed);
  const std::size_t all = cases.size();
  std::erase_if(cases, [](const Case& one) { return !one.struck.not_applicable.empty(); });
  int found = 0, missed = 0, runs = 0;
  double took_s = 0;
  for (const std::vector<Case*>& company : companies(cases)) {
    took_s += meet(company);
    ++runs;
  }
  for (const Case& one : cases) {
    const std::string& spec = one.struck.order.faults.front();
    if (!one.found_as.empty()) {
      ++found;
      fmt::print("found  {:<44} {}\n", spec, one.found_as);
      continue;
    }
    const Ran ran = run(one.struck.order);
    EXPECT_EQ(ran.wrong_reports, "") << spec;
    const std::string wrong = what_is_wrong(one.row, one.struck, ran);
    took_s += ran.took_s;
    ++runs;
    ++(wrong.empty() ? found : missed);
    fmt::print("{} {:<44} {:<11} {:<28} {:5.1f} s\n", wrong.empty() ? "found " : "MISSED", spec,
               ran.decision(), one.row.code, ran.took_s);
    if (!wrong.empty()) fmt::print("      {}{}\n", wrong, ran.why(12));
    std::fflush(stdout);
  }
  fmt::print("{} faults x {}: {} found, {} missed, {} not applicable, {} runs in {:.0f} s\n", found + missed,
             product, found, missed, all - cases.size(), runs, took_s);
  EXPECT_EQ(missed, 0);
  EXPECT_TRUE(found > 0 || !only_fault().empty());
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
    order.judges_reports = true;
    order.faults = {row.fault};
    const Ran ran = run(order);
    EXPECT_EQ(ran.wrong_reports, "") << row.fault;
    fmt::print("{:<28} {}{}\n", row.fault, ran.decision(), ran.decision() == "GO" ? "" : ran.why(3));
    EXPECT_EQ(ran.decision(), row.decision) << row.fault << ran.why(8);
    const bool demanded = *row.code != '\0';
    EXPECT_TRUE(!demanded || ran.says("CDU01", row.code, row.part)) << row.fault << ran.why(8);
  }
}

TEST(FaultMatrix, EveryFaultIsFoundOnGb300) { every_fault("gb300-nvl72"); }
TEST(FaultMatrix, EveryFaultIsFoundOnLenovoGb300) { every_fault("lenovo-gb300-nvl72"); }
TEST(FaultMatrix, EveryFaultIsFoundOnGb200) { every_fault("gb200-nvl72"); }
TEST(FaultMatrix, EveryFaultIsFoundOnVeraRubin) { every_fault("vera-rubin-nvl72"); }
TEST(FaultMatrix, EveryFaultIsFoundOnHgxH100) { every_fault("hgx-h100"); }
TEST(FaultMatrix, EveryFaultIsFoundOnHgxH200) { every_fault("hgx-h200"); }
TEST(FaultMatrix, EveryFaultIsFoundOnHgxB200) { every_fault("hgx-b200"); }
TEST(FaultMatrix, EveryFaultIsFoundOnHgxB300) { every_fault("hgx-b300"); }
TEST(FaultMatrix, EveryFaultIsFoundOnSr675V3) { every_fault("lenovo-sr675v3"); }
TEST(FaultMatrix, EveryFaultIsFoundOnAnyServer) { every_fault("generic-server"); }

}  // namespace
}  // namespace kiln::matrix
