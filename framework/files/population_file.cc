#include "files/population_file.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <set>
#include <tuple>

#include "base/sha256.h"
#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/yaml_node.h"
#include "model/robust_statistics.h"

namespace kiln {
namespace {

constexpr int kMostRacks = 1'000'000;
constexpr int kHighestSlot = 1000;

class PopulationReader {
 public:
  explicit PopulationReader(std::vector<Problem>& problems) : problems_(problems) {}

  PopulationRow read_row(const YamlNode& node) {
    PopulationRow row;
    FieldReader reader(node, "a row", problems_);
    row.measurement = reader.text("measurement", Need::required).value_or("");
    row.unit = reader.text("unit", Need::required).value_or("");
    if (const auto role = reader.word("role", role_names(), Need::required))
      row.role = role_from(*role).value_or(Role::server);
    row.slot = reader.integer("slot", 0, kHighestSlot);
    row.part = reader.text("part").value_or("");
    row.n = reader.integer("n", 0, kMostRacks, Need::required).value_or(0);
    row.median = reader.number("median", Need::required).value_or(0);
    row.sigma = reader.number("sigma", Need::required).value_or(0);
    reader.finish();
    if (reader.is_map()) check(node, row);
    return row;
  }

 private:
  void problem(const YamlNode& node, const std::string& key, std::string code, std::string message,
               std::string suggestion = {}) {
    const YamlNode* value = node.find(key);
    problems_.push_back({value == nullptr ? node.place : value->place, std::move(code), std::move(message),
                         std::move(suggestion)});
  }

  void check(const YamlNode& node, const PopulationRow& row) {
    const ComparedMeasurement* rule = find_compared(row.measurement);
    const bool usable = rule != nullptr && rule->of_population;
    if (!row.measurement.empty() && !usable) {
      std::vector<std::string> known;
      for (const ComparedMeasurement& each : compared_measurements()) {
        if (each.of_population) known.emplace_back(each.name);
      }
      problem(node, "measurement", "population.measurement",
              fmt::format("'{}' is not compared with earlier racks", row.measurement),
              suggest(row.measurement, known));
    }
    if (usable && row.unit != rule->unit) {
      problem(node, "unit", "population.unit",
              fmt::format("unit '{}', and {} is measured in '{}'", row.unit, row.measurement, rule->unit));
    }
    if (row.n < static_cast<int>(kLeastOfPopulation)) {
      problem(node, "n", "population.too_few",
              fmt::format("n is {}: a spread of fewer than {} units is a guess", row.n, kLeastOfPopulation),
              "leave the row out until there are more");
    }
    if (row.median <= 0)
      problem(node, "median", "population.number", fmt::format("a median of {} is none", row.median));
    if (row.sigma < 0)
      problem(node, "sigma", "population.number", fmt::format("a spread of {} is none", row.sigma));
    if (!seen_.insert({row.measurement, row.role, row.slot, row.part}).second) {
      problem(node, "measurement", "population.duplicate",
              fmt::format("{} of {} is there twice for this role and slot", row.measurement,
                          row.part.empty() ? "the DUT" : row.part));
    }
  }

  std::vector<Problem>& problems_;
  std::set<std::tuple<std::string, Role, std::optional<int>, std::string>> seen_;
};

void emit_text(YAML::Emitter& yaml, const char* key, const std::string& text) {
  yaml << YAML::Key << key << YAML::Value << YAML::DoubleQuoted << text;
}

}  // namespace

std::string population_name_of(const std::string& file) {
  return std::filesystem::path(file).stem().string();
}

Parsed<Population> parse_population(const std::string& text, const std::string& file) {
  Parsed<Population> parsed;
  auto& problems = parsed.problems;
  const auto tree = parse_yaml(text, file, Sensitivity::plain, problems);
  if (!tree) return parsed;
  Population population;
  population.file = file;
  population.sha256 = sha256_hex(text);
  FieldReader reader(*tree, "the population", problems);
  population.id = reader.text("population", Need::required).value_or("");
  if (!population.id.empty() && population.id != population_name_of(file)) {
    problems.push_back({tree->find("population")->place, "population.name",
                        fmt::format("the population is '{}', the file is named for '{}'", population.id,
                                    population_name_of(file)),
                        "give both one name"});
  }
  population.key.product = reader.text("product", Need::required).value_or("");
  if (const YamlNode* recipe = reader.take_map("recipe", Need::required)) {
    FieldReader of_recipe(*recipe, "recipe", problems);
    population.key.recipe = of_recipe.text("name", Need::required).value_or("");
    population.key.recipe_version = of_recipe.text("version", Need::required).value_or("");
    population.key.recipe_sha256 = of_recipe.text("sha256", Need::required).value_or("");
    of_recipe.finish();
  }
  if (const YamlNode* firmware = reader.take_map("firmware", Need::required)) {
    FieldReader of_firmware(*firmware, "firmware", problems);
    population.key.firmware = of_firmware.text("baseline", Need::required).value_or("");
    population.key.firmware_sha256 = of_firmware.text("sha256", Need::required).value_or("");
    of_firmware.finish();
  }
  population.racks = reader.integer("racks", 1, kMostRacks, Need::required).value_or(0);
  population.built = reader.text("built", Need::required).value_or("");
  if (const YamlNode* rows = reader.take_list("rows", Need::required)) {
    if (rows->items.empty()) {
      problems.push_back({rows->place, "population.empty", "field 'rows': the population is empty",
                          "build it from runs: kiln population"});
    }
    PopulationReader row_reader(problems);
    for (const YamlNode& item : rows->items) population.rows.push_back(row_reader.read_row(item));
  }
  reader.finish();
  sort_by_place(problems);
  if (problems.empty()) parsed.value = std::move(population);
  return parsed;
}

Parsed<Population> read_population(const std::string& path) {
  auto text = read_file_text(path);
  if (text) return parse_population(text.value->bytes, path);
  Parsed<Population> parsed;
  parsed.problems = std::move(text.problems);
  return parsed;
}

std::string population_text(const Population& population) {
  YAML::Emitter yaml;
  yaml << YAML::BeginMap;
  emit_text(yaml, "population", population.id);
  emit_text(yaml, "product", population.key.product);
  yaml << YAML::Key << "recipe" << YAML::Value << YAML::BeginMap;
  emit_text(yaml, "name", population.key.recipe);
  emit_text(yaml, "version", population.key.recipe_version);
  emit_text(yaml, "sha256", population.key.recipe_sha256);
  yaml << YAML::EndMap << YAML::Key << "firmware" << YAML::Value << YAML::BeginMap;
  emit_text(yaml, "baseline", population.key.firmware);
  emit_text(yaml, "sha256", population.key.firmware_sha256);
  yaml << YAML::EndMap;
  yaml << YAML::Key << "racks" << YAML::Value << population.racks;
  emit_text(yaml, "built", population.built);
  yaml << YAML::Key << "rows" << YAML::Value << YAML::BeginSeq;
  for (const PopulationRow& row : population.rows) {
    yaml << YAML::Flow << YAML::BeginMap;
    emit_text(yaml, "measurement", row.measurement);
    emit_text(yaml, "unit", row.unit);
    yaml << YAML::Key << "role" << YAML::Value << std::string(to_string(row.role));
    if (row.slot) yaml << YAML::Key << "slot" << YAML::Value << *row.slot;
    if (!row.part.empty()) emit_text(yaml, "part", row.part);
    yaml << YAML::Key << "n" << YAML::Value << row.n;
    yaml << YAML::Key << "median" << YAML::Value << fmt::format("{}", row.median);
    yaml << YAML::Key << "sigma" << YAML::Value << fmt::format("{}", row.sigma);
    yaml << YAML::EndMap;
  }
  yaml << YAML::EndSeq << YAML::EndMap;
  return fmt::format("# yaml-language-server: $schema=population.schema.json\n{}\n", yaml.c_str());
}

}  // namespace kiln
