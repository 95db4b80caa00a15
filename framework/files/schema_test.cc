// The JSON Schemas that editors use and the loaders that decide must agree: on everything that is shipped,
// and on a set of good and bad files of each kind. Where only the loader can know (uniqueness, agreement of
// counts, includes), the schema may be wider; it is never narrower.
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "files/check_notes_file.h"
#include "files/credentials.h"
#include "files/field_reader.h"
#include "files/firmware_baseline_file.h"
#include "files/interlock_rules_file.h"
#include "files/inventory_file.h"
#include "files/limits_file.h"
#include "files/population_file.h"
#include "files/problems_for_test.h"
#include "files/recipe_file.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const fs::path kRecipes = fs::path(KILN_SOURCE_DIR) / "recipes";
const fs::path kConfig = fs::path(KILN_SOURCE_DIR) / "config";

std::string read_all(const fs::path& path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

json::value to_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return nullptr;
    case YamlNode::Kind::scalar:
      if (const auto flag = plain_boolean(node)) return *flag;
      if (const auto integer = plain_integer(node)) return *integer;
      if (const auto number = plain_number(node)) return *number;
      return json::value(node.text);
    case YamlNode::Kind::list: {
      json::array list;
      for (const YamlNode& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case YamlNode::Kind::map: {
      json::object map;
      for (const YamlNode::Field& field : node.fields) map[field.key] = to_json(field.value);
      return map;
    }
  }
  return nullptr;
}

/// Beside what it describes: recipes and what goes with them, or the station's configuration.
fs::path schema_file(const std::string& name) {
  return (fs::exists(kRecipes / name) ? kRecipes : kConfig) / name;
}

class Schema {
 public:
  explicit Schema(const std::string& name) {
    const json::value document = json::parse(read_all(schema_file(name)));
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    const valijson::adapters::BoostJsonAdapter adapter(document);
    parser.populateSchema<valijson::adapters::BoostJsonAdapter>(
        adapter, schema_,
        [](const std::string& uri) -> const json::value* {
          return new json::value(json::parse(read_all(kRecipes / uri)));
        },
        [](const json::value* fetched) { delete fetched; });
  }

  /// Empty when the text fits; YAML that our stricter reader refuses does not fit.
  [[nodiscard]] std::string complaints(const std::string& text) const {
    std::vector<Problem> problems;
    const auto tree = parse_yaml(text, "a.yaml", Sensitivity::plain, problems);
    if (!tree || !problems.empty()) return "not readable: " + all_text(problems);
    const json::value document = to_json(*tree);
    valijson::Validator validator;
    valijson::ValidationResults results;
    if (validator.validate(schema_, valijson::adapters::BoostJsonAdapter(document), &results)) return {};
    std::string text_of_errors;
    valijson::ValidationResults::Error error;
    while (results.popError(error)) {
      for (const auto& part : error.context) text_of_errors += part;
      text_of_errors += ": " + error.description + "\n";
    }
    return text_of_errors.empty() ? "does not fit" : text_of_errors;
  }

 private:
  valijson::Schema schema_;
};

std::vector<fs::path> yaml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The first line by which editors find the schema, as seen from the file's folder.
std::string modeline(const fs::path& file, const std::string& schema) {
  return "# yaml-language-server: $schema=" +
         fs::relative(schema_file(schema), file.parent_path()).generic_string();
}

TEST(Shipped, EveryRecipeReadsFitsItsSchemaAndNamesIt) {
  const Schema recipes("recipe.schema.json");
  const Schema fragments("fragment.schema.json");
  int read = 0;
  for (const fs::path& file : yaml_files(kRecipes)) {
    const std::string first = fs::relative(file, kRecipes).begin()->string();
    if (first == "limits" || first == "baselines") continue;
    const std::string text = read_all(file);
    const bool is_fragment = first == "shared";
    EXPECT_EQ(text.substr(0, text.find('\n')),
              modeline(file, is_fragment ? "fragment.schema.json" : "recipe.schema.json"))
        << file;
    EXPECT_EQ((is_fragment ? fragments : recipes).complaints(text), "") << file;
    if (is_fragment) continue;
    RecipeOptions options;
    options.recipes_root = kRecipes.string();
    const auto parsed = read_recipe(file.string(), options);
    EXPECT_TRUE(parsed) << all_text(parsed.problems);
    ++read;
  }
  RecordProperty("recipes", read);
}

TEST(Shipped, EveryLimitsTableReadsFitsItsSchemaAndNamesIt) {
  const Schema tables("limits.schema.json");
  const Schema fragments("limits-fragment.schema.json");
  int read = 0;
  for (const fs::path& file : yaml_files(kRecipes / "limits")) {
    const std::string text = read_all(file);
    const bool is_fragment = file.parent_path().filename() == "shared";
    EXPECT_EQ(text.substr(0, text.find('\n')),
              modeline(file, is_fragment ? "limits-fragment.schema.json" : "limits.schema.json"))
        << file;
    EXPECT_EQ((is_fragment ? fragments : tables).complaints(text), "") << file;
    if (is_fragment) continue;
    const auto parsed = read_limits(file.string());
    EXPECT_TRUE(parsed) << all_text(parsed.problems);
    ++read;
  }
  EXPECT_GE(read, 1) << "no limits tables are shipped";
}

TEST(Shipped, EveryFirmwareBaselineReadsFitsItsSchemaAndNamesIt) {
  const Schema schema("firmware.schema.json");
  int read = 0;
  for (const fs::path& file : yaml_files(kRecipes / "baselines")) {
    const std::string text = read_all(file);
    EXPECT_EQ(text.substr(0, text.find('\n')), modeline(file, "firmware.schema.json")) << file;
    EXPECT_EQ(schema.complaints(text), "") << file;
    const auto parsed = read_firmware_baseline(file.string());
    EXPECT_TRUE(parsed) << all_text(parsed.problems);
    ++read;
  }
  EXPECT_GE(read, 1) << "no baselines are shipped";
}

TEST(Shipped, TheInterlockRulesReadAndFitTheirSchema) {
  const std::string text = read_all(kConfig / "interlock_rules.yaml");
  EXPECT_EQ(text.substr(0, text.find('\n')),
            modeline(kConfig / "interlock_rules.yaml", "interlock_rules.schema.json"));
  EXPECT_EQ(Schema("interlock_rules.schema.json").complaints(text), "");
  const auto parsed = parse_interlock_rules(text, "interlock_rules.yaml");
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  const InterlockRules built_in;
  EXPECT_EQ(parsed.value->leak_poll, built_in.leak_poll) << "what is shipped is what is taken without a file";
  EXPECT_EQ(parsed.value->leak_grace, built_in.leak_grace);
  EXPECT_EQ(parsed.value->off_confirm, built_in.off_confirm);
  EXPECT_EQ(parsed.value->building_grace, built_in.building_grace);
  EXPECT_EQ(parsed.value->building_confirm, built_in.building_confirm);
  EXPECT_EQ(parsed.value->cut_reaches_shelves, built_in.cut_reaches_shelves);
  EXPECT_EQ(parsed.value->cut_reaches_building, built_in.cut_reaches_building);
}

TEST(Shipped, TheNotesOnChecksReadAndFitTheirSchema) {
  const std::string text = read_all(kConfig / "checks.yaml");
  EXPECT_EQ(text.substr(0, text.find('\n')), modeline(kConfig / "checks.yaml", "checks.schema.json"));
  EXPECT_EQ(Schema("checks.schema.json").complaints(text), "");
  const auto parsed = read_check_notes((kConfig / "checks.yaml").string());
  EXPECT_TRUE(parsed) << all_text(parsed.problems);
}

struct Sample {
  bool good;
  std::string text;
};

TEST(SchemaAndLoader, AgreeOnRecipes) {
  const Schema schema("recipe.schema.json");
  const std::string head =
      "recipe: r\nversion: 1.4.0\nproduct: p\npurpose: burn-in\nparameters: {soak: 2s, n: 3}\n";
  const auto step = [&head](const std::string& more) {
    return head + "phases: [{phase: a, steps: [{step: s, use: x.y" + more + "}]}]\n";
  };
  for (const auto& [good, text] : std::vector<Sample>{
           {true, step("")},
           {true, step(", timeout: 1m30s, retry: {attempts: 3, delay: 10s}, barrier: both")},
           {true, step(", timeout: \"${soak}\", repeat: \"${n}\"")},
           {true, step(", duts: {role: [compute_tray, cdu], slot: \"11-18\", label: {row: a}}")},
           {true, step(", duts: {slot: 11}")},
           {true, step(", duts: compute_tray")},
           {true, step(", duts: C01")},
           {true, step(", duts: {role: rack}, quorum: 3")},
           {true, step(", on_resume: manual")},
           {false, step(", on_resume: keep")},
           {true, step(", requires: [exec.exit_code], with: {a: [1, {b: c}], d: true}")},
           {true, step(", with: {}")},
           {true,
            head +
                "monitors: [{use: a.b, every: 1s}]\ninterlocks: [{cause: leak, scope: rack}]\nmarginal: "
                "conditional\n"
                "requires: {plugins: x, roles: {cdu: 1}}\n"
                "phases: [{phase: a, gate: true, setup: [{step: u, use: x.y}], steps: [{step: s, use: x.y}], "
                "teardown: []},\n"
                "  {phase: b, needs: a, steps: [{step: t, use: x.y}]}]\nteardown: [{step: z, use: x.y}]\n"},
           {true,
            "recipe: r\nversion: 1\npurpose: survey\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"},
           {false,
            "recipe: r\nversion: 1\npurpose: burn-in\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"},
           {false, head + "phases: []\n"},
           {false, head},
           {false, head + "phases: [{phase: a, steps: []}]\n"},
           {false, head + "phases: [{phase: a}]\n"},
           {false, head + "phases: {phase: a}\n"},
           {false, step(", timeout: 5")},
           {false, step(", timeout: soon")},
           {false, step(", tmeout: 5s")},
           {false, step(", retry: {delay: 5s}")},
           {false, step(", retry: {attempts: 0}")},
           {false, step(", repeat: 0")},
           {false, step(", repeat: 2, for: 5s")},
           {false, step(", barrier: middle")},
           {false, step(", duts: {}")},
           {false, step(", duts: {roles: cdu}")},
           {false, step(", duts: {role: []}")},
           {false, step(", duts: {role: toaster}")},
           {false, step(", duts: toaster")},
           {false, step(", duts: [all]")},
           {false, step(", duts: {slot: eleven}")},
           {false, step(", duts: {slot: 0}")},
           {false, step(", requires: [Exit]")},
           {false, step(", with: [1]")},
           {false, step(", with: {a: }")},
           {false, step(", use2: a.b")},
           {false, head + "phases: [{phase: a, steps: [{step: s, use: cooling}]}]\n"},
           {false, head + "phases: [{phase: a, gate: \"true\", steps: [{step: s, use: x.y}]}]\n"},
           {false, head + "phases: [{phase: a, steps: [{step: \"s p\", use: x.y}]}]\n"},
           {true, head + "interlocks: [{hazard: gpu-temperature, max: 80, source: x}, {cause: leak, scope: "
                         "rack}]\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"},
           {false, head + "interlocks: [{hazard: gpu-temperature, source: x}]\nphases: [{phase: a, steps: "
                          "[{step: s, use: x.y}]}]\n"},
           {false, head + "interlocks: [{hazard: gpu-heat, max: 80, source: x}]\nphases: [{phase: a, steps: "
                          "[{step: s, use: x.y}]}]\n"},
           {false, head + "interlocks: [{hazard: gpu-temperature, max: 80, source: x, scope: rack}]\nphases: "
                          "[{phase: a, steps: [{step: s, use: x.y}]}]\n"},
           {false, head + "interlocks: [{cause: ghost, scope: tray}]\nphases: [{phase: a, steps: [{step: s, "
                          "use: x.y}]}]\n"},
           {false,
            head + "requires: {roles: {toaster: 1}}\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"},
           {false,
            head + "requires: {roles: {cdu: 0}}\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"},
           {false, head + "marginal: maybe\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"}}) {
    const auto parsed = parse_recipe(text, "a.yaml");
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    const std::string complaints = schema.complaints(text);
    EXPECT_EQ(complaints.empty(), good) << text << complaints;
  }
}

TEST(SchemaAndLoader, AgreeOnFragments) {
  const Schema schema("fragment.schema.json");
  EXPECT_EQ(schema.complaints("fragment: f\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"), "");
  EXPECT_NE(schema.complaints("fragment: f\nphases: [{phase: a, steps: [{step: s, use: x}]}]\n"), "");
  EXPECT_NE(schema.complaints("fragment: f\n"), "");
}

TEST(SchemaAndLoader, AgreeOnLimits) {
  const Schema schema("limits.schema.json");
  for (const auto& [good, row] : std::vector<Sample>{
           {true, "name: a.b, unit: Cel, max: 85, marginal: 80, source: s"},
           {true, "name: a.b, unit: Cel, min: 1, max: 2, marginal_min: 1.5, source: s, required: false"},
           {true,
            "name: a.b, unit: Cel, max: 85, accuracy: 2, resolution: 1, decision_rule: binary, source: s"},
           {false, "name: a.b, unit: Cel, max: 85, uncertainty: 2, accuracy: 1, source: s"},
           {false, "name: a.b, unit: Cel, max: 85, decision_rule: binary, source: s"},
           {true, "name: a.b, unit: \"1\", equals: 0, source: s, when_part: GPU_0"},
           {true, "name: a.b, unit: \"1\", equals: 0, source: s, when_role: cdu, when_part: \"*/Primary*\""},
           {false, "name: a.b, unit: \"1\", equals: 0, source: s, when_role: tray"},
           {true, "name: a.b, unit: \"\", equals: true, source: s"},
           {true, "name: a.b, unit: \"\", one_of: [OK, None], source: s"},
           {true, "name: a.b, unit: \"\", one_of: OK, source: s"},
           {true, "name: a.b, unit: \"\", at_least_version: 1.10, source: s"},
           {true, "name: a.b, unit: \"\", expected: true, source: s"},
           {true, "name: a.b, unit: \"\", expected: version, source: s"},
           {true, "name: a.b, unit: \"\", expected: version, version_fields: hex, source: s"},
           {true, "name: a.b, unit: \"\", at_least_version: 1.10, version_fields: decimal, source: s"},
           {false, "name: a.b, unit: \"\", at_least_version: 1.10, version_fields: octal, source: s"},
           {false, "name: a.b, unit: \"\", expected: true, version_fields: hex, source: s"},
           {false, "name: a.b, unit: Cel, max: 1, version_fields: hex, source: s"},
           {false, "name: a.b, unit: Cel, source: s"},
           {false, "name: a.b, max: 1, source: s"},
           {false, "name: a.b, unit: Cel, max: 1"},
           {false, "name: a.b, unit: Cel, max: 1, source: \"\""},
           {false, "unit: Cel, max: 1, source: s"},
           {false, "name: A, unit: Cel, max: 1, source: s"},
           {false, "name: a.b, unit: Cel, max: hot, source: s"},
           {false, "name: a.b, unit: Cel, max: \"1\", source: s"},
           {false, "name: a.b, unit: Cel, max: 1, equals: 1, source: s"},
           {false, "name: a.b, unit: \"\", equals: x, one_of: [x], source: s"},
           {false, "name: a.b, unit: \"\", equals: [x], source: s"},
           {false, "name: a.b, unit: \"\", one_of: [], source: s"},
           {false, "name: a.b, unit: \"\", expected: false, source: s"},
           {false, "name: a.b, unit: \"\", expected: serial, source: s"},
           {false, "name: a.b, unit: Cel, marginal: 1, source: s"},
           {false, "name: a.b, unit: Cel, min: 1, marginal: 2, source: s"},
           {false, "name: a.b, unit: Cel, max: 1, source: s, required: \"true\""},
           {false, "name: a.b, unit: Cel, maximum: 1, source: s"}}) {
    const std::string text = "limits: p\nrevision: 2\nrows: [{" + row + "}]\n";
    const auto parsed = parse_limits(text, "p.yaml");
    // In quotes or not is YAML's business; a schema sees a text either way.
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    const std::string complaints = schema.complaints(text);
    EXPECT_EQ(complaints.empty(), good) << text << complaints;
  }
  EXPECT_NE(schema.complaints("limits: p\nrevision: 0\nrows: []\n"), "");
}

TEST(SchemaAndLoader, AgreeOnFirmwareBaselines) {
  const Schema schema("firmware.schema.json");
  const std::string hash(64, 'a');
  for (const auto& [good, row] : std::vector<Sample>{
           {true, "component: UEFI, version: 1.5, source: s"},
           {true, "component: UEFI, version: site to fill, source: s"},
           {true, "component: UEFI, version: 1.5, image: a.fw, sha256: " + hash +
                      ", activation: manager_reset, targets: none, image_type: X, from_at_least: 1.0, "
                      "downgrade: allow, version_fields: hex, banks: both, write_within: 1h, active_within: "
                      "90s, source: s"},
           {true, "component: UEFI, version: 1.5, targets: [/redfish/v1/Chassis/A], source: s"},
           {true, "component: NVOS, version: 25, uri: \"scp://h/f\", sha256: " + hash +
                      ", route: nvos_image, source: s"},
           {false, "component: UEFI, version: 1.5"},
           {false, "version: 1.5, source: s"},
           {false, "component: UEFI, source: s"},
           {false, "component: UEFI, version: 1.5, image: a.fw, sha256: AA, source: s"},
           {false, "component: UEFI, version: 1.5, activation: soon, source: s"},
           {false, "component: UEFI, version: 1.5, route: floppy, source: s"},
           {false, "component: UEFI, version: 1.5, downgrade: yes please, source: s"},
           {false, "component: UEFI, version: 1.5, banks: all, source: s"},
           {false, "component: UEFI, version: 1.5, version_fields: octal, source: s"},
           {false, "component: UEFI, version: 1.5, write_within: 5, source: s"},
           {false, "component: UEFI, version: 1.5, source: \"\""},
           {false, "component: UEFI, version: 1.5, vesion: 2, source: s"}}) {
    const std::string text = "firmware: p\nrevision: 2\nsource: s\nroles: {compute_tray: [{" + row + "}]}\n";
    const auto parsed = parse_firmware_baseline(text, "p.yaml");
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    const std::string complaints = schema.complaints(text);
    EXPECT_EQ(complaints.empty(), good) << text << complaints;
  }
  EXPECT_NE(schema.complaints("firmware: p\nrevision: 2\nsource: s\nroles: {toaster: []}\n"), "");
}

TEST(SchemaAndLoader, AgreeOnPopulations) {
  const Schema schema("population.schema.json");
  const std::string row = "measurement: gpu.power.mean, unit: W, role: compute_tray";
  for (const auto& [good, fields] : std::vector<Sample>{
           {true, row + ", slot: 11, part: GPU_0, n: 30, median: 1350.5, sigma: 0"},
           {true, row + ", n: 41, median: 1e3, sigma: 2.5"},
           {false, row + ", n: 29, median: 1350, sigma: 1"},
           {false, row + ", n: 30, median: 0, sigma: 1"},
           {false, row + ", n: 30, median: 1350, sigma: -1"},
           {false, row + ", n: 30, median: 1350"},
           {false, row + ", n: 30, median: 1350, sigma: 1, mean: 3"},
           {false, "measurement: gpu.power.mean, unit: W, role: toaster, n: 30, median: 1, sigma: 1"}}) {
    const std::string text =
        "population: p\nproduct: x\nrecipe: {name: r, version: 1.0.0, sha256: aa}\n"
        "firmware: {baseline: b, sha256: bb}\nracks: 41\nbuilt: now\nrows: [{" +
        fields + "}]\n";
    const auto parsed = parse_population(text, "p.yaml");
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    EXPECT_EQ(schema.complaints(text).empty(), good) << text << schema.complaints(text);
    if (parsed) {
      EXPECT_EQ(schema.complaints(population_text(*parsed.value)), "");
    }
  }
}

TEST(SchemaAndLoader, AgreeOnInventories) {
  const Schema schema("inventory.schema.json");
  const std::string pin = "tls: {pin_sha256: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}";
  const std::string key =
      "host_key: \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBuX0bC0Q0m7mYb9n3m1u0c8k2l4xQ0v7z5yZr1s2t3u\"";
  const std::string bmc = "bmc: {url: \"https://127.0.0.1:4101\", credential: bmc, " + pin + "}";
  for (const auto& [good, dut] : std::vector<Sample>{
           {true, "id: C01, role: compute_tray, slot: 11, " + bmc + ", labels: {row: 1}"},
           {true,
            "id: C01, role: server, host: {address: 127.0.0.1, port: 22, user: root, credential: host, " +
                key + "}"},
           {true, "id: C01, role: server, " + bmc +
                      ", expect: {serial: 12, gpus: 1, components: [{kind: gpu, name: G, firmware: 1.0}]}"},
           {true, "id: C01, role: server, bmc: {url: \"https://h\", tls: {insecure: \"lab\"}}"},
           {true,
            "id: C01, role: server, bmc: {url: \"https://h\", " + pin + ", jump: {address: j, " + key + "}}"},
           {false, "id: C01, role: server, bmc: {url: \"https://h\", " + pin + ", jump: {address: j}}"},
           {false,
            "id: C01, role: server, bmc: {url: \"https://h\", " + pin + ", jump: {adress: j, " + key + "}}"},
           {false, "id: C01, role: server"},
           {false, "id: C01, role: rack, " + bmc},
           {false, "id: C01, role: toaster, " + bmc},
           {false, "role: server, " + bmc},
           {false, "id: C01, role: server, slot: 0, " + bmc},
           {false, "id: C01, role: server, slot: top, " + bmc},
           {false, "id: C01, role: server, rol: x, " + bmc},
           {false, "id: C01, role: server, bmc: {url: \"http://h\", " + pin + "}"},
           {false, "id: C01, role: server, bmc: {url: \"https://u:p@h\", " + pin + "}"},
           {false, "id: C01, role: server, bmc: {url: \"https://h\"}"},
           {false, "id: C01, role: server, bmc: {url: \"https://h\", tls: {}}"},
           {false, "id: C01, role: server, bmc: {url: \"https://h\", tls: {pin_sha256: short}}"},
           {false, "id: C01, role: server, bmc: {url: \"https://h\", tls: {ca: a, insecure: b}}"},
           {false, "id: C01, role: server, host: {address: h}"},
           {false, "id: C01, role: server, host: {address: h, host_key: \"AAAA\"}"},
           {false, "id: C01, role: server, host: {address: h, port: 70000, " + key + "}"},
           {false, "id: C01, role: server, " + bmc + ", expect: {components: [{kind: toaster, name: G}]}"},
           {false, "id: C01, role: server, " + bmc + ", expect: {components: [{kind: gpu}]}"},
           {false, "id: C01, role: server, " + bmc + ", expect: {toasters: 1}"}}) {
    const std::string text = "rack: R01\nproduct: p\ncredentials: c.yaml\nduts: [{" + dut + "}]\n";
    const auto parsed = parse_inventory(text, "rack.yaml");
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    const std::string complaints = schema.complaints(text);
    EXPECT_EQ(complaints.empty(), good) << text << complaints;
  }
  EXPECT_NE(schema.complaints("rack: R01\nproduct: p\nduts: []\n"), "");
  EXPECT_NE(schema.complaints("rack: R01\nduts: [{id: C01}]\n"), "");
}

TEST(SchemaAndLoader, AgreeOnBuildings) {
  const Schema schema("inventory.schema.json");
  const TemporaryFolder folder;
  const std::string ca = ", tls: {ca: " + folder.write("ca.pem", "x", 0600) + "}";
  const std::string ours = ", certificate: " + folder.write("ours.pem", "x", 0600);
  const std::string id = ", rack_location_id: ";
  const std::string tls = "broker: \"mqtts://bms.example:8883\"" + id + "R-17" + ca;
  const std::string plain = "broker: \"mqtt://bms.example\"" + id + "17";
  for (const auto& [good, building] : std::vector<Sample>{
           {true, tls},
           {true, tls + ", integration: kiln, credential: bms"},
           {true, tls + ", credential: bms" + ours},
           {true, tls + ", leak_points: [rack, equipment], filters: [\"BMS/v1/PUB/#\"]"},
           {true, tls + ", leak_points: rack"},
           {true, plain + ", tls: {insecure: \"a hall of its own\"}"},
           {true, "broker: \"mqtt://127.0.0.1:1883\"" + id + "17"},
           {true, "broker: \"mqtt://[::1]\"" + id + "17"},
           {true, "broker: \"mqtts://[fd00::7]:8883\"" + id + "17" + ca},
           {false, plain},
           {false, plain + ca},
           {false, plain + ", tls: {insecure: \"x\"}, credential: bms" + ours},
           {false, "broker: \"mqtts://bms\"" + id + "17"},
           {false, "broker: \"mqtts://bms\"" + id + "17, tls: {insecure: \"x\"}"},
           {false, "broker: \"mqtts://bms\"" + id +
                       "17, tls: {pin_sha256: \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}"},
           {false, "broker: \"mqtts://user:word@bms\"" + id + "17" + ca},
           {false, "broker: \"mqtts://bms/x\"" + id + "17" + ca},
           {false, "broker: \"https://bms\"" + id + "17" + ca},
           {false, "broker: \"mqtts://bms:8883\"" + ca},
           {false, "rack_location_id: 17" + ca},
           {false, tls + ours},
           {false, tls + ", integration: a/b"},
           {false, tls + ", leak_points: []"},
           {false, tls + ", leak_points: [rope]"},
           {false, tls + ", filters: []"},
           {false, tls + ", filter: x"}}) {
    const std::string text =
        "rack: R01\nproduct: p\ncredentials: c.yaml\nbuilding: {" + building +
        "}\nduts: [{id: C01, role: server, bmc: {url: \"https://h\", tls: {insecure: \"lab\"}}}]\n";
    const auto parsed = parse_inventory(text, "rack.yaml");
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    const std::string complaints = schema.complaints(text);
    EXPECT_EQ(complaints.empty(), good) << text << complaints;
  }
}

TEST(SchemaAndLoader, AgreeOnModelServers) {
  const Schema schema("inventory.schema.json");
  const std::string reason = ", tls: {insecure: \"lab\"}";
  for (const auto& [good, serving] :
       std::vector<Sample>{{true, "url: \"https://a.example:8000/v1\", credential: key" + reason},
                           {true, "url: \"http://127.0.0.1:8000\""},
                           {true, "url: \"http://[::1]:8000\""},
                           {true, "url: \"http://a\"" + reason},
                           {false, "url: \"http://a\""},
                           {false, "url: \"http://127.0.0.1.example\""},
                           {false, "url: \"https://a\""},
                           {false, "url: \"https://user@a\"" + reason},
                           {false, "url: \"mqtt://a\"" + reason},
                           {false, "url: \"http://a\", tls: {pin_sha256: \"" + std::string(43, 'A') + "=\"}"},
                           {false, "credential: key" + reason},
                           {false, "url: \"https://a\", model: x" + reason}}) {
    const std::string text =
        "rack: R01\nproduct: p\ncredentials: c.yaml\nserving: {" + serving +
        "}\nduts: [{id: C01, role: server, bmc: {url: \"https://h\", tls: {insecure: \"lab\"}}}]\n";
    const auto parsed = parse_inventory(text, "rack.yaml");
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    EXPECT_EQ(schema.complaints(text).empty(), good) << text << schema.complaints(text);
  }
}

TEST(SchemaAndLoader, AgreeOnInterlockRules) {
  const Schema schema("interlock_rules.schema.json");
  const std::string head = "interlock_rules: x\nrevision: 1\n";
  const std::string leak = "leak: {poll: 1s, grace: 5s, cuts: tray}\n";
  const std::string row =
      "hazards: {poll: 2s, grace: 10s, watch: [{hazard: coolant-flow, least_share: 0.5, source: x}, ";
  const std::string rest =
      "{hazard: coolant-pressure, max: 345, source: x}, {hazard: coolant-supply-temperature, max: 50, "
      "source: x}, "
      "{hazard: coolant-reservoir, min: 10, source: x}, {hazard: dew-point-margin, min: 1, source: x}, "
      "{hazard: "
      "gpu-temperature, max: 95, source: x}, {hazard: gpu-memory-temperature, max: 105, source: x}, {hazard: "
      "inlet-temperature, max: 45, source: x, roles: [server], required: true}]}\n";
  const std::string bare = "cut: {confirm: 10s, ladder: [load, chassis]}\n";
  const std::string cut = bare + row + rest;
  const std::string hazards = row + rest;
  for (const auto& [good, text] : std::vector<Sample>{
           {true, head + leak + cut},
           {false, head + leak + bare},
           {false, head + leak + bare + row + "{hazard: gpu-temperature, source: x}, " + rest},
           {false, head + leak + bare + row + "{hazard: gpu-temperature, max: 90}, " + rest},
           {false, head + leak + bare + row + "{hazard: fire, max: 90, source: x}, " + rest},
           {false, head + leak + bare + row + "{hazard: coolant-flow, least_share: 1, source: x}, " + rest},
           {false,
            head + leak + bare + row + "{hazard: coolant-flow, min: 1, source: x, roles: [oven]}, " + rest},
           {true, head + "description: x\n" + leak + cut},
           {true,
            head + leak + "cut: {confirm: 10s, ladder: [load, chassis, power_shelf, building]}\n" + hazards},
           {true, head + leak + cut + "building: {grace: 30s, confirm: 60s}\n"},
           {false, head + leak + cut + "building: {grace: 30s}\n"},
           {false, head + leak + cut + "building: {grace: 30s, confirm: 60s, more: 1}\n"},
           {false, head + leak + "cut: {confirm: 10s, ladder: [building, chassis]}\n" + hazards},
           {false, leak + cut},
           {false, head + leak},
           {false, head + cut},
           {false, head + leak + cut + "more: 1\n"},
           {false, "interlock_rules: x\nrevision: 0\n" + leak + cut},
           {false, head + "leak: {poll: 1s, grace: 5s}\n" + cut},
           {false, head + leak + "cut: {confirm: 10s, ladder: [load]}\n" + hazards},
           {false, head + leak + "cut: {confirm: 10s, ladder: [a, b]}\n" + hazards}}) {
    const auto parsed = parse_interlock_rules(text, "r.yaml");
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    EXPECT_EQ(schema.complaints(text).empty(), good) << text << schema.complaints(text);
  }
}

TEST(SchemaAndLoader, AgreeOnCredentials) {
  const Schema schema("credentials.schema.json");
  const TemporaryFolder folder;
  folder.write("key", "k", 0600);
  for (const auto& [good, text] :
       std::vector<Sample>{{true, "bmc: {user: admin, password: \"x\"}\n"},
                           {true, "host: {user: root, key_file: key}\n"},
                           {true, "serving: {api_key: \"sk-1\"}\n"},
                           {false, "serving: {api_key: \"\"}\n"},
                           {false, "serving: {api_key: \"a b\"}\n"},
                           {false, "serving: {api_key: \"a\", user: b}\n"},
                           {false, "serving: {user: b, password: \"x\", api_key: \"a\"}\n"},
                           {false, "bmc: {user: admin}\n"},
                           {false, "bmc: {password: \"x\"}\n"},
                           {false, "bmc: {user: a, password: \"x\", key_file: key}\n"},
                           {false, "bmc: {user: a, password: \"x\", more: 1}\n"},
                           {false, "bmc: admin\n"},
                           {false, "\"a b\": {user: a, password: \"x\"}\n"},
                           {false, "[a]\n"}}) {
    const auto parsed = read_credentials(folder.write("c.yaml", text, 0600));
    EXPECT_EQ(parsed.value.has_value(), good) << text << all_text(parsed.problems);
    const std::string complaints = schema.complaints(text);
    EXPECT_EQ(complaints.empty(), good) << text << complaints;
  }
}

}  // namespace
}  // namespace kiln
