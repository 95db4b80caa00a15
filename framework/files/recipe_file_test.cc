#include "files/recipe_file.h"

#include <chrono>

#include "files/file_text.h"
#include "files/problems_for_test.h"

namespace kiln {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Every part of the grammar once.
constexpr const char* kFull = R"(recipe: rack-l11
version: 1.4.0
product: some-product
purpose: burn-in
description: Everything once
requires: {plugins: [cooling, nvlink], roles: {compute_tray: 18, switch_tray: 9, cdu: 1}}
parameters: {soak: 24h, shots: 3}
marginal: conditional
monitors:
  - {use: telemetry.sample, duts: compute_tray, every: 1s}
  - {monitor: leaks, use: cooling.leak_watch, duts: all, with: {deep: {a: [1, two]}}}
interlocks: [{cause: leak, scope: tray}]
phases:
  - phase: cooling
    gate: true
    setup:
      - {step: power, use: power.on}
    steps:
      - step: census
        use: cooling.detector_census
        duts: {role: [compute_tray, switch_tray]}
      - step: flow
        use: cooling.flow
        with: {settle: 60s}
        timeout: 5m
        retry: {attempts: 3, delay: 10s}
    teardown:
      - {step: note, use: prompt.show, duts: C01}
  - phase: soak
    needs: [cooling]
    steps:
      - {step: load, use: gpu_stress.soak, duts: {role: compute_tray, slot: "11-18", label: {row: a}}, with: {for: "${soak}", n: "${shots}"}, barrier: before, for: "${soak}"}
      - {step: foreign, use: exec.run, duts: {id: [C01, C02]}, repeat: 2, requires: [exec.exit_code], barrier: both, on_resume: manual, with: {text: "a ${shots} b $${x}"}}
      - {step: together, use: nvlink.rack, duts: {role: rack}, quorum: 16}
teardown: [{step: park, use: power.off, duts: all}]
)";

Parsed<Recipe> recipe_of(const std::string& text) { return parse_recipe(text, "r/a.yaml"); }

/// A recipe of one phase whose only step has these lines more.
std::string with_step(const std::string& lines) {
  return "recipe: r\nversion: 1\nproduct: p\npurpose: burn-in\nparameters: {soak: 2s}\nphases:\n  - phase: "
         "a\n    steps:\n"
         "      - step: s\n        use: x.y\n" +
         lines;
}

TEST(RecipeFile, ReadsEveryPartOfTheGrammar) {
  const auto parsed = recipe_of(kFull);
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  const Recipe& recipe = *parsed.value;
  EXPECT_EQ(recipe.name, "rack-l11");
  EXPECT_EQ(recipe.version, "1.4.0");
  EXPECT_EQ(recipe.purpose, Purpose::burn_in);
  EXPECT_TRUE(recipe.marginal_is_conditional);
  EXPECT_EQ(recipe.required_plugins, (std::vector<std::string>{"cooling", "nvlink"}));
  EXPECT_EQ(recipe.required_roles.at(Role::switch_tray), 9);
  ASSERT_EQ(recipe.monitors.size(), 2U);
  EXPECT_EQ(recipe.monitors[0].name, "telemetry.sample");
  EXPECT_EQ(recipe.monitors[0].every, seconds(1));
  EXPECT_EQ(recipe.monitors[0].duts.roles, std::vector<Role>{Role::compute_tray});
  EXPECT_EQ(recipe.monitors[1].name, "leaks");
  EXPECT_TRUE(recipe.monitors[1].duts.all);
  const auto& deep = std::get<ParameterMap>(recipe.monitors[1].with.at("deep").value);
  const auto& list = std::get<ParameterList>(deep.at("a").value);
  EXPECT_EQ(std::get<double>(list.at(0).value), 1);
  EXPECT_EQ(std::get<std::string>(list.at(1).value), "two");
  ASSERT_EQ(recipe.interlocks.size(), 1U);
  EXPECT_EQ(recipe.interlocks[0].scope, "tray");
  ASSERT_EQ(recipe.phases.size(), 2U);
  const PhaseSpec& cooling = recipe.phases[0];
  EXPECT_TRUE(cooling.gate);
  EXPECT_TRUE(cooling.setup.at(0).duts.all) << "no duts means all";
  EXPECT_EQ(cooling.steps.at(0).duts.roles.size(), 2U);
  EXPECT_EQ(cooling.steps.at(1).timeout, minutes(5));
  EXPECT_EQ(cooling.steps.at(1).retry.attempts, 3);
  EXPECT_EQ(cooling.steps.at(1).retry.delay, seconds(10));
  EXPECT_EQ(cooling.steps.at(1).with.at("settle").text, "60s");
  EXPECT_EQ(cooling.teardown.at(0).duts.ids, std::vector<std::string>{"C01"});
  const PhaseSpec& soak = recipe.phases[1];
  EXPECT_EQ(soak.needs, std::vector<std::string>{"cooling"});
  const StepSpec& load = soak.steps.at(0);
  EXPECT_EQ(load.repeat_for, hours(24));
  EXPECT_TRUE(load.barrier_before);
  EXPECT_FALSE(load.barrier_after);
  EXPECT_EQ(load.duts.slot_from, 11);
  EXPECT_EQ(load.duts.slot_to, 18);
  EXPECT_EQ(load.duts.labels.at("row"), "a");
  EXPECT_EQ(load.with.at("for").text, "24h");
  EXPECT_EQ(std::get<double>(load.with.at("n").value), 3) << "a parameter alone keeps its type";
  const StepSpec& foreign = soak.steps.at(1);
  EXPECT_EQ(foreign.repeat, 2);
  EXPECT_EQ(foreign.requires_measurements, std::vector<std::string>{"exec.exit_code"});
  EXPECT_EQ(foreign.with.at("text").text, "a 3 b ${x}");
  EXPECT_TRUE(foreign.barrier_before && foreign.barrier_after);
  EXPECT_EQ(foreign.on_resume, ResumePolicy::manual);
  EXPECT_TRUE(soak.steps.at(2).duts.is_rack_scope());
  EXPECT_EQ(soak.steps.at(2).quorum, 16);
  EXPECT_EQ(recipe.teardown.at(0).name, "park");
  EXPECT_EQ(recipe.sha256, sha256_hex(kFull));
  EXPECT_EQ(recipe.parameters.at("soak"), "24h");
}

TEST(RecipeFile, TheCommandLineOverridesParameters) {
  RecipeOptions options;
  options.overrides = {{"soak", "10s"}};
  const auto parsed = parse_recipe(kFull, "a.yaml", options);
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->phases[1].steps[0].repeat_for, seconds(10));
  EXPECT_EQ(parsed.value->parameters.at("soak"), "10s");
  options.overrides = {{"saok", "10s"}};
  const auto wrong = parse_recipe(kFull, "a.yaml", options);
  EXPECT_EQ(find_problem(wrong.problems, "recipe.unknown_parameter").suggestion, "did you mean 'soak'?");
}

TEST(RecipeFile, AllProblemsAreReportedWithPlaceAndCure) {
  const auto parsed = recipe_of(R"(recipe: bad name
version: 1
product: p
purpose: burnin
phases:
  - phase: one
    gates: true
    steps:
      - step: s
        use: cooling
        timeout: 5
        duts: {roles: compute_tray}
      - step: s
        use: x.y
        retry: {attempts: 0}
        with: {for: "${nope}"}
        barrier: befor
  - phase: two
    needs: [on3]
    steps: []
)");
  EXPECT_FALSE(parsed);
  const auto& problems = parsed.problems;
  EXPECT_EQ(find_problem(problems, "recipe.name").place.text(), "r/a.yaml:1:9");
  EXPECT_EQ(find_problem(problems, "files.unknown_word").suggestion, "did you mean 'burn-in'?");
  const auto unknown = find_problem(problems, "files.unknown_key");
  EXPECT_EQ(unknown.place.text(), "r/a.yaml:7:5");
  EXPECT_EQ(unknown.suggestion, "did you mean 'gate'?");
  EXPECT_EQ(find_problem(problems, "recipe.needs").place.line, 18);
  EXPECT_EQ(find_problem(problems, "recipe.duplicate_name").place.line, 13);
  EXPECT_EQ(find_problem(problems, "recipe.unknown_parameter").place.text(), "r/a.yaml:16:21");
  EXPECT_EQ(find_problem(problems, "recipe.empty").place.line, 18);
  EXPECT_GE(problems.size(), 11U) << all_text(problems);
}

TEST(RecipeFile, WrongTypesAreNamed) {
  for (const char* lines : {"        timeout: {a: 1}\n",
                            "        timeout: 10\n",
                            "        repeat: two\n",
                            "        repeat: 0\n",
                            "        with: [1]\n",
                            "        retry: 3\n",
                            "        duts: [all]\n",
                            "        duts: {}\n",
                            "        duts: computetray\n",
                            "        duts: {slot: 18-11}\n",
                            "        duts: {role: [rack, cdu]}\n",
                            "        requires: [Exit]\n",
                            "        quorum: 2\n",
                            "        repeat: 2\n        for: 1s\n",
                            "        with: {x: }\n",
                            "        timeout: 0s\n",
                            "        with: {x: \"${soak\"}\n",
                            "        barrier: \"true\"\n",
                            "        on_resume: never\n",
                            "        for: \"${soak}${soak}x\"\n"}) {
    const auto parsed = recipe_of(with_step(lines));
    EXPECT_FALSE(parsed) << lines;
    for (const Problem& problem : parsed.problems)
      EXPECT_GT(problem.place.line, 0) << lines << problem.text();
  }
  EXPECT_TRUE(recipe_of(with_step(""))) << all_text(recipe_of(with_step("")).problems);
}

TEST(RecipeFile, AnEmptyRecipeIsRefused) {
  find_problem(recipe_of("").problems, "yaml.empty");
  find_problem(recipe_of("recipe: r\nversion: 1\nproduct: p\npurpose: burn-in\nphases: []\n").problems,
               "recipe.empty");
  EXPECT_EQ(find_problem(recipe_of("just text\n").problems, "files.wrong_type").place.line, 1);
}

TEST(RecipeFile, FragmentsStandWhereTheyAreIncluded) {
  const TemporaryFolder folder;
  folder.write("shared/proof.yaml",
               "fragment: proof\nphases:\n  - phase: cooling\n    steps: [{step: c, use: x.y, with: {d: "
               "\"${wait}\"}}]\n");
  const std::string recipe =
      "recipe: r\nversion: 1\nproduct: p\npurpose: burn-in\nparameters: {wait: 3s}\nphases:\n"
      "  - include: shared/proof.yaml\n  - {phase: b, needs: [cooling], steps: [{step: d, use: x.y}]}\n";
  const auto file = folder.write("demo/r.yaml", recipe);
  RecipeOptions options;
  options.recipes_root = folder.path();
  const auto parsed = read_recipe(file, options);
  ASSERT_TRUE(parsed) << all_text(parsed.problems);
  ASSERT_EQ(parsed.value->phases.size(), 2U);
  EXPECT_EQ(parsed.value->phases[0].steps[0].with.at("d").text, "3s");
  EXPECT_NE(parsed.value->phases[0].place.file, parsed.value->phases[1].place.file);
  folder.write("shared/proof.yaml",
               "fragment: proof\nphases:\n  - phase: cooling\n    steps: [{step: c, use: x.z}]\n");
  EXPECT_TRUE(read_recipe(
      folder.write("demo/up.yaml",
                   "recipe: r\nversion: 1\nproduct: p\npurpose: burn-in\nparameters: {wait: 3s}\nphases:\n"
                   "  - include: ../shared/proof.yaml\n")))
      << "from the recipe's folder upwards";
  EXPECT_NE(read_recipe(file, options).value->sha256, parsed.value->sha256)
      << "the hash covers the fragments";
}

TEST(RecipeFile, WrongIncludesAreProblems) {
  const TemporaryFolder folder;
  const std::string head = "recipe: r\nversion: 1\nproduct: p\npurpose: burn-in\nphases:\n";
  folder.write("loop.yaml", "fragment: l\nphases: [{include: loop.yaml}]\n");
  folder.write("bad.yaml", "fragment: l\nphasen: []\n");
  find_problem(read_recipe(folder.write("a.yaml", head + "  - include: loop.yaml\n")).problems,
               "recipe.include_cycle");
  find_problem(read_recipe(folder.write("b.yaml", head + "  - include: none.yaml\n")).problems,
               "recipe.include");
  find_problem(read_recipe(folder.write("d.yaml", head + "  - include: /etc/passwd\n")).problems,
               "recipe.include");
  find_problem(read_recipe(folder.write("e.yaml", head + "  - include: bad.yaml\n")).problems,
               "files.missing_key");
}

TEST(RecipeFile, ASurveyNeedsNoProduct) {
  EXPECT_TRUE(recipe_of(
      "recipe: r\nversion: 1\npurpose: survey\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n"));
  find_problem(
      recipe_of("recipe: r\nversion: 1\npurpose: field\nphases: [{phase: a, steps: [{step: s, use: x.y}]}]\n")
          .problems,
      "files.missing_key");
}

TEST(RecipeFile, MissingAndOddFilesAreProblems) {
  const TemporaryFolder folder;
  find_problem(read_recipe(folder.path() + "/none.yaml").problems, "files.missing");
  find_problem(read_recipe(folder.path()).problems, "files.not_a_file");
  find_problem(read_recipe(folder.write("big.yaml", std::string(kLargestFile + 1, '#'))).problems,
               "files.too_large");
}

// Whatever is cut off or overwritten, the answer is a value or a list of problems with places.
TEST(RecipeFile, NoCutAndNoChangedByteMakesItFall) {
  const std::string text = kFull;
  for (std::size_t length = 0; length < text.size(); length += 5) {
    const auto parsed = recipe_of(text.substr(0, length));
    EXPECT_NE(parsed.value.has_value(), !parsed.problems.empty()) << length;
  }
  for (std::size_t at = 0; at < text.size(); at += 11) {
    for (const char byte : {'\0', '"', '{', ':', '\n', '&', '*', '-', '\xff'}) {
      std::string changed = text;
      changed[at] = byte;
      const auto parsed = recipe_of(changed);
      EXPECT_NE(parsed.value.has_value(), !parsed.problems.empty());
    }
  }
}

TEST(RecipeFile, AHazardIsWatchedBesideTheStationsOwn) {
  const std::string text =
      "recipe: r\nversion: 1\nproduct: p\npurpose: burn-in\ninterlocks: [{cause: leak, scope: tray}, "
      "{hazard: "
      "gpu-temperature, roles: compute_tray, max: 80, source: \"the site's own\"}]\nphases: [{phase: a, "
      "steps: "
      "[{step: s, use: x.y}]}]\n";
  const auto parsed = parse_recipe(text, "a.yaml");
  ASSERT_TRUE(parsed.value) << all_text(parsed.problems);
  EXPECT_EQ(parsed.value->interlocks.size(), 1U);
  ASSERT_EQ(parsed.value->hazards.size(), 1U);
  EXPECT_EQ(parsed.value->hazards[0].max, 80);
  std::string weaker = text;
  weaker.replace(weaker.find("max: 80"), 7, "max: 300");
  const auto weak = parse_recipe(weaker, "a.yaml");
  EXPECT_FALSE(weak.value);
  EXPECT_NE(all_text(weak.problems).find("interlock_rules.weak"), std::string::npos)
      << all_text(weak.problems);
}

}  // namespace
}  // namespace kiln
