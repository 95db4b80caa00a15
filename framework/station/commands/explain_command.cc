// What a check is: what it says, where its value comes from, what judges it, what to do when it fails.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <set>

#include "base/nearest.h"
#include "files/check_notes_file.h"
#include "files/limits_file.h"
#include "model/rack_comparison.h"
#include "station/commands/commands.h"
#include "station/plugin_host.h"
#include "station/run_setup.h"
#include "tool_output/nvidia_xid.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// One measurement, with everything that is known of it.
struct CheckFacts {
  MeasurementDeclaration declared;
  std::vector<std::string> steps;  ///< that measure it
  const CheckNote* note = nullptr;
  std::vector<std::pair<std::string, const Limit*>> limits;  ///< product, row
};

struct Knowledge {
  LoadedPlugins plugins;
  CheckNotes notes;
  std::vector<ProductLimits> tables;
  std::map<std::string, CheckFacts> checks;
  std::vector<std::string> problems;
};

void take_problems(Knowledge& known, const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) known.problems.push_back(problem.text());
}

void read_tables(Knowledge& known, const Paths& paths) {
  std::vector<std::string> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(paths.share + "/recipes/limits", failed)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    Parsed<ProductLimits> table = read_limits(file);
    take_problems(known, table.problems);
    if (table) known.tables.push_back(std::move(*table.value));
  }
}

Knowledge gather(const CommandLine& line, const Paths& paths) {
  Knowledge known;
  known.plugins = load_plugins(plugin_directory(line, paths));
  for (const RefusedPlugin& refused : known.plugins.refused)
    known.problems.push_back(refused.reason.sentence());
  Parsed<CheckNotes> notes = read_check_notes(paths.share + "/config/checks.yaml");
  take_problems(known, notes.problems);
  if (notes) known.notes = std::move(*notes.value);
  read_tables(known, paths);
  for (const std::string& use : known.plugins.catalog.uses()) {
    for (const MeasurementDeclaration& declared : known.plugins.catalog.find(use)->describe().measurements) {
      CheckFacts& facts = known.checks[declared.name];
      if (facts.steps.empty()) facts.declared = declared;
      facts.steps.push_back(use);
    }
  }
  for (auto& [name, facts] : known.checks) {
    facts.note = find_note(known.notes, name);
    for (const ProductLimits& table : known.tables) {
      for (const Limit& row : table.rows) {
        if (row.name == name) facts.limits.emplace_back(table.product, &row);
      }
    }
  }
  return known;
}

/// One row of the tables of Xids and SXids: what is said, and under which name.
using NumberRow = std::vector<std::pair<const char*, std::string>>;

NumberRow row_of_xid(int code) {
  const tool_output::XidEntry entry = tool_output::xid_entry(code);
  return {{"number", fmt::format("xid:{}", code)},
          {"name", std::string(entry.mnemonic)},
          {"says", std::string(entry.meaning)},
          {"class", std::string(to_string(entry.xid_class))},
          {"weight", std::string(to_string(entry.weight))},
          {"then", std::string(entry.action)},
          {"part", std::string(to_string(entry.fru))},
          {"source", std::string(entry.source)}};
}

NumberRow row_of_sxid(int code) {
  // As where no line says "Fatal" or "Non-fatal".
  const tool_output::SXidEntry entry = tool_output::sxid_entry(code, std::nullopt);
  return {{"number", fmt::format("sxid:{}", code)},      {"says", std::string(entry.meaning)},
          {"class", std::string(to_string(entry.list))}, {"weight", std::string(to_string(entry.weight))},
          {"then", std::string(entry.action)},           {"part", std::string(to_string(entry.fru))},
          {"source", std::string(entry.source)}};
}

void print_number(const NumberRow& row, bool as_json) {
  if (as_json) {
    json::object item;
    for (const auto& [name, text] : row) item[name] = text;
    std::cout << json::serialize(item) << std::endl;
    return;
  }
  for (const auto& [name, text] : row) std::cout << fmt::format("{:<10} {}\n", name, text);
}

std::string others_of(const CheckFacts& facts) {
  if (facts.note == nullptr) return {};
  return facts.note->others.empty() ? "none that we know"
                                    : fmt::format("{}", fmt::join(facts.note->others, ", "));
}

std::string unit_text(const std::string& unit) {
  return unit.empty() ? "a word" : unit == "1" ? "a number" : unit;
}

/// "for review when 8 % higher than the others of its rack"; empty: it is not compared.
std::string comparison_text(const std::string& name) {
  const ComparedMeasurement* rule = find_compared(name);
  if (rule == nullptr) return {};
  const char* worse = rule->bad == ComparedMeasurement::Bad::high ? "higher" : "lower";
  std::string by;
  switch (rule->scale) {
    case ComparedMeasurement::Scale::share:
      by = fmt::format("{:.0f} %", rule->matters * 100);
      break;
    case ComparedMeasurement::Scale::units:
      by = fmt::format("{}{}", rule->matters, rule->unit == "1" ? "" : " " + std::string(rule->unit));
      break;
    case ComparedMeasurement::Scale::decades:
      by = fmt::format("{:.0f} powers of ten", rule->matters);
      break;
  }
  return fmt::format("for review when {} than its like by {} and beyond all chance ({}): {}", worse, by,
                     rule->of_population ? "its rack's, and earlier racks'" : "its rack's", kOddOneCode);
}

constexpr std::string_view kTest = "test ";

/// What proves a check: a fault to try, a test that holds it against a bad station, or a person's word.
std::string proof_in_words(const std::string& proof) {
  if (proof == "person") return "a person's answer is the value";
  if (proof.starts_with(kTest)) return "the test " + proof.substr(kTest.size());
  return fmt::format("kiln demo --fault {}@C01", proof);
}

std::string proof_in_table(const std::string& proof) {
  if (proof == "person") return proof;
  if (proof.starts_with(kTest)) return "test `" + proof.substr(kTest.size()) + "`";
  return "`" + proof + "`";
}

void print_check(const CheckFacts& facts) {
  const MeasurementDeclaration& declared = facts.declared;
  const auto say = [](const char* label, const std::string& text) {
    if (!text.empty()) std::cout << fmt::format("  {:<10} {}\n", label, text);
  };
  std::cout << fmt::format("{}: {}, per {}{}\n", declared.name, unit_text(declared.unit),
                           to_string(declared.per), declared.judged ? "" : ", informational");
  say("says", declared.summary);
  say("step", fmt::format("{}", fmt::join(facts.steps, ", ")));
  if (facts.note != nullptr) {
    say("from", facts.note->source);
    say("not it", facts.note->not_it);
  }
  if (!declared.fault_code.empty()) say("a fail is", declared.fault_code);
  say("then", declared.action);
  say("compared", comparison_text(declared.name));
  if (facts.note != nullptr && !facts.note->proof.empty()) say("proof", proof_in_words(facts.note->proof));
  if (declared.judged) say("others", others_of(facts));
  for (const auto& [product, row] : facts.limits) {
    std::cout << fmt::format("  {:<10} {:<22} {}{}{}; {}\n", "limit", product, row->text(), row->where(),
                             row->required ? "" : ", no gap where it is missing", row->source);
  }
}

void print_step(const StepDescription& step, const Knowledge& known) {
  std::cout << fmt::format("{}{}\n  {}\n", step.use, step.monitor ? " (monitor)" : "", step.summary);
  for (const ParameterDeclaration& parameter : step.parameters) {
    std::cout << fmt::format("  with {:<18} {:<9} {:<10} {}\n", parameter.name, to_string(parameter.type),
                             parameter.default_text.value_or("required"), parameter.summary);
  }
  for (const MeasurementDeclaration& declared : step.measurements) {
    std::cout << "\n";
    print_check(known.checks.at(declared.name));
  }
}

json::object check_json(const CheckFacts& facts) {
  const MeasurementDeclaration& declared = facts.declared;
  json::object item;
  item["check"] = declared.name;
  item["unit"] = declared.unit;
  item["per"] = std::string(to_string(declared.per));
  item["judged"] = declared.judged;
  item["says"] = declared.summary;
  item["steps"] = json::array(facts.steps.begin(), facts.steps.end());
  item["fault_code"] = declared.fault_code;
  item["action"] = declared.action;
  item["source"] = facts.note == nullptr ? json::value(nullptr) : json::value(facts.note->source);
  item["not_it"] = facts.note == nullptr ? json::value(nullptr) : json::value(facts.note->not_it);
  const bool proven = facts.note != nullptr && !facts.note->proof.empty();
  item["proof"] = proven ? json::value(facts.note->proof) : json::value(nullptr);
  json::array others;
  if (facts.note != nullptr) others = json::array(facts.note->others.begin(), facts.note->others.end());
  item["others"] = std::move(others);
  json::array limits;
  for (const auto& [product, row] : facts.limits) {
    json::object one;
    one["product"] = product;
    one["rule"] = row->text();
    one["part"] = row->when_part;
    one["role"] =
        row->when_role ? json::value(std::string(to_string(*row->when_role))) : json::value(nullptr);
    one["required"] = row->required;
    one["source"] = row->source;
    limits.push_back(std::move(one));
  }
  item["limits"] = std::move(limits);
  return item;
}

std::string table_cell(const std::string& text) {
  std::string cell;
  for (const char letter : text) {
    if (letter == '|') cell += '\\';
    cell += letter;
  }
  return cell;
}

void print_markdown(const Knowledge& known) {
  std::cout << "# Checks\n\n"
               "Printed by `kiln explain --markdown` from what the plugins say of themselves, and from "
               "`config/checks.yaml`.\n"
               "`kiln explain CHECK` prints one of them with its limit for each product, and what to do when "
               "it fails. The name of a\n"
               "check is also its key in the limits tables. Proof is the fault of the virtual rack (`kiln "
               "demo --fault FAULT@C01`) that\n"
               "it must find; a test that holds it against a bad station; or `person` where a person's "
               "answer is the value.\n";
  std::set<std::string> told;
  for (const std::string& use : known.plugins.catalog.uses()) {
    const StepDescription& step = known.plugins.catalog.find(use)->describe();
    std::vector<const CheckFacts*> judged;
    for (const MeasurementDeclaration& declared : step.measurements) {
      if (declared.judged && told.insert(declared.name).second)
        judged.push_back(&known.checks.at(declared.name));
    }
    if (judged.empty()) continue;
    std::cout << fmt::format(
        "\n## {}\n\n{}.\n\n| check | unit | says | from | is none | proof | others "
        "|\n|---|---|---|---|---|---|---|\n",
        use, step.summary);
    for (const CheckFacts* facts : judged) {
      const CheckNote* note = facts->note;
      const std::string proof = note != nullptr && !note->proof.empty() ? proof_in_table(note->proof) : "–";
      std::cout << fmt::format(
          "| `{}` | {} | {} | {} | {} | {} | {} |\n", facts->declared.name,
          facts->declared.unit.empty() ? "–" : facts->declared.unit, table_cell(facts->declared.summary),
          note == nullptr ? "–" : table_cell(note->source), note == nullptr ? "–" : table_cell(note->not_it),
          proof, table_cell(others_of(*facts)));
    }
  }
}

/// "xid:79" and "sxid:20034" by the tables the kernel log is read with; unset for any other word.
std::optional<int> explain_number(const std::string& word, bool as_json) {
  const bool of_switch = word.starts_with("sxid:");
  if (!of_switch && !word.starts_with("xid:")) return std::nullopt;
  const std::string digits = word.substr(word.find(':') + 1);
  int code = -1;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), code);
  const bool number = problem == std::errc{} && end == digits.data() + digits.size() && code >= 0;
  const bool known =
      number && (of_switch ? tool_output::sxid_is_catalogued(code) : tool_output::xid_is_catalogued(code));
  if (!known) {
    std::vector<std::string> words;
    for (const int each : of_switch ? tool_output::catalogued_sxids() : tool_output::catalogued_xids())
      words.push_back(fmt::format("{}:{}", of_switch ? "sxid" : "xid", each));
    std::cerr << fmt::format(
        "kiln: '{}' is in no table{}; {} [explain.unknown]\n", word, did_you_mean(word, words),
        number ? "in a run it leaves its check without a value: look it up in NVIDIA's catalogue"
               : "write xid:N or sxid:N");
    return 2;
  }
  print_number(of_switch ? row_of_sxid(code) : row_of_xid(code), as_json);
  return 0;
}

/// The checks that are meant: one by its name, those whose fail has this code.
std::vector<const CheckFacts*> meant_by(const std::string& word, const Knowledge& known) {
  std::vector<const CheckFacts*> meant;
  for (const auto& [name, facts] : known.checks) {
    const bool compared = word == kOddOneCode && find_compared(name) != nullptr;
    if (name == word || facts.declared.fault_code == word || compared) meant.push_back(&facts);
  }
  return meant;
}

int explain_one(const std::string& word, const Knowledge& known, bool as_json) {
  const std::vector<const CheckFacts*> meant = meant_by(word, known);
  const Step* step = known.plugins.catalog.find(word);
  if (meant.empty() && step == nullptr) {
    std::set<std::string> words{kOddOneCode};
    for (const auto& [name, facts] : known.checks) {
      words.insert(name);
      if (!facts.declared.fault_code.empty()) words.insert(facts.declared.fault_code);
    }
    for (const std::string& use : known.plugins.catalog.uses()) words.insert(use);
    std::cerr << fmt::format("kiln: '{}' is no check, step or reason code{} [explain.unknown]\n", word,
                             did_you_mean(word, std::vector<std::string>(words.begin(), words.end())));
    return 2;
  }
  if (as_json) {
    json::array checks;
    for (const CheckFacts* facts : meant) checks.push_back(check_json(*facts));
    if (meant.empty()) {
      for (const MeasurementDeclaration& declared : step->describe().measurements)
        checks.push_back(check_json(known.checks.at(declared.name)));
    }
    std::cout << json::serialize(json::object{{"checks", std::move(checks)}}) << std::endl;
    return 0;
  }
  if (meant.empty()) print_step(step->describe(), known);
  for (std::size_t i = 0; i < meant.size(); ++i) {
    if (i > 0) std::cout << "\n";
    print_check(*meant[i]);
  }
  return 0;
}

}  // namespace

int explain_command(const CommandLine& line, const Paths& paths) {
  // Needs neither plugins nor tables of limits: it also answers beside a broken installation.
  if (const std::optional<int> told = explain_number(line.explain, line.json)) return *told;
  const Knowledge known = gather(line, paths);
  for (const std::string& problem : known.problems) std::cerr << "kiln: " << problem << "\n";
  if (!known.problems.empty()) return 4;
  if (line.explain_markdown) {
    print_markdown(known);
    return 0;
  }
  if (!line.explain.empty()) return explain_one(line.explain, known, line.json);
  json::array all;
  for (const auto& [name, facts] : known.checks) {
    if (!facts.declared.judged) continue;
    if (line.json) {
      all.push_back(check_json(facts));
    } else {
      std::cout << fmt::format("{:<36} {}\n", name, facts.declared.summary);
    }
  }
  if (line.json) std::cout << json::serialize(json::object{{"checks", std::move(all)}}) << std::endl;
  return 0;
}

}  // namespace kiln
