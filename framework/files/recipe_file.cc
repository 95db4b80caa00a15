#include "files/recipe_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/hazard_rule.h"
#include "files/recipe_expansion.h"
#include "files/selector_reader.h"
#include "files/yaml_node.h"

namespace kiln {
namespace {

std::optional<ParameterValue> read_value(const YamlNode& node, std::vector<Problem>& problems) {
  ParameterValue value;
  value.place = node.place;
  switch (node.kind) {
    case YamlNode::Kind::null:
      problems.push_back(
          {node.place, "files.no_value", "a parameter has no value", "give it one, or leave the key out"});
      return std::nullopt;
    case YamlNode::Kind::scalar:
      value.text = node.text;
      if (const auto flag = plain_boolean(node)) {
        value.value = *flag;
      } else if (const auto number = plain_number(node)) {
        value.value = *number;
      } else {
        value.value = node.text;
      }
      return value;
    case YamlNode::Kind::list: {
      ParameterList list;
      for (const YamlNode& item : node.items) {
        if (auto read = read_value(item, problems)) list.push_back(std::move(*read));
      }
      value.value = std::move(list);
      return value;
    }
    case YamlNode::Kind::map: {
      ParameterMap map;
      for (const YamlNode::Field& field : node.fields) {
        if (auto read = read_value(field.value, problems)) map[field.key] = std::move(*read);
      }
      value.value = std::move(map);
      return value;
    }
  }
  return std::nullopt;
}

class RecipeReader {
 public:
  RecipeReader(const std::string& file, const RecipeOptions& options, std::vector<Problem>& problems)
      : file_(file), options_(options), problems_(problems) {}

  Recipe read(const YamlNode& root);
  std::map<std::string, std::string> read_parameters(const YamlNode& root);

 private:
  void problem(const Place& place, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({place, std::move(code), std::move(message), std::move(suggestion)});
  }
  std::string read_name(FieldReader& reader, const YamlNode& node, const std::string& key,
                        const std::string& what);
  std::string read_use(FieldReader& reader, const YamlNode& node);
  ParameterMap read_with(FieldReader& reader);
  Selector read_duts(FieldReader& reader, const YamlNode& node);
  StepSpec read_step(const YamlNode& node);
  std::vector<StepSpec> read_steps(FieldReader& reader, const std::string& key);
  PhaseSpec read_phase(const YamlNode& node);
  MonitorSpec read_monitor(const YamlNode& node);
  InterlockSpec read_interlock(const YamlNode& node);
  void read_requires(FieldReader& reader, Recipe& recipe);
  void check_names(const Recipe& recipe);

  std::string file_;
  const RecipeOptions& options_;
  std::vector<Problem>& problems_;
};

/// Defaults, with what the command line sets. Reported here: overrides of parameters that are not there.
std::map<std::string, std::string> RecipeReader::read_parameters(const YamlNode& root) {
  std::map<std::string, std::string> parameters;
  const YamlNode* node = root.find("parameters");
  if (node != nullptr && node->kind == YamlNode::Kind::map) {
    for (const YamlNode::Field& field : node->fields) {
      if (!is_name(field.key))
        problem(field.key_place, "recipe.name", fmt::format("'{}' is not a parameter name", field.key));
      const auto text = scalar_text(field.value, fmt::format("parameter '{}'", field.key), problems_);
      if (!text) continue;
      if (text->find("${") != std::string::npos) {
        problem(field.value.place, "recipe.parameter",
                fmt::format("parameter '{}' refers to a parameter; parameters hold plain values", field.key));
      }
      parameters[field.key] = *text;
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, value] : parameters) names.push_back(name);
  for (const auto& [name, value] : options_.overrides) {
    const auto found = parameters.find(name);
    if (found != parameters.end()) {
      found->second = value;
      continue;
    }
    problem({file_, 0, 0}, "recipe.unknown_parameter",
            fmt::format("--set {}: the recipe has no such parameter", name),
            names.empty() ? "it has no parameters at all" : suggest(name, names));
  }
  return parameters;
}

std::string RecipeReader::read_name(FieldReader& reader, const YamlNode& node, const std::string& key,
                                    const std::string& what) {
  const auto name = reader.text(key, Need::required);
  if (!name) return {};
  if (!is_name(*name)) {
    problem(node.find(key)->place, "recipe.name", fmt::format("'{}' is not a name of a {}", *name, what),
            "use letters, digits, '-', '_' and '.'");
  }
  return *name;
}

std::string RecipeReader::read_use(FieldReader& reader, const YamlNode& node) {
  const auto use = reader.text("use", Need::required);
  if (!use) return {};
  if (!is_dotted_name(*use)) {
    problem(node.find("use")->place, "recipe.name", fmt::format("'{}' is not a kind of step", *use),
            "write plugin and kind, such as cooling.flow");
  }
  return *use;
}

ParameterMap RecipeReader::read_with(FieldReader& reader) {
  ParameterMap with;
  const YamlNode* node = reader.take_map("with");
  if (node == nullptr) return with;
  if (auto value = read_value(*node, problems_)) with = std::move(std::get<ParameterMap>(value->value));
  return with;
}

Selector RecipeReader::read_duts(FieldReader& reader, const YamlNode& node) {
  if (const YamlNode* duts = reader.take("duts")) return read_selector(*duts, problems_);
  Selector all;
  all.all = true;
  all.place = node.place;
  return all;
}

StepSpec RecipeReader::read_step(const YamlNode& node) {
  constexpr int kMostAttempts = 100;
  constexpr int kMostRepeats = 100'000;
  StepSpec step;
  step.place = node.place;
  FieldReader reader(node, "step", problems_);
  step.name = read_name(reader, node, "step", "step");
  step.use = read_use(reader, node);
  step.duts = read_duts(reader, node);
  step.with = read_with(reader);
  step.timeout = reader.duration("timeout");
  if (const YamlNode* retry = reader.take_map("retry")) {
    FieldReader retry_reader(*retry, "retry", problems_);
    step.retry.attempts = retry_reader.integer("attempts", 1, kMostAttempts, Need::required).value_or(1);
    step.retry.delay = retry_reader.duration("delay").value_or(Nanoseconds{0});
    retry_reader.finish();
  }
  step.repeat = reader.integer("repeat", 1, kMostRepeats).value_or(1);
  step.repeat_for = reader.duration("for");
  if (reader.has("repeat") && reader.has("for")) {
    problem(node.place, "recipe.repeat", fmt::format("step '{}' has both 'repeat' and 'for'", step.name),
            "keep one");
  }
  if (const auto barrier = reader.word("barrier", {"before", "after", "both"})) {
    step.barrier_before = *barrier != "after";
    step.barrier_after = *barrier != "before";
  }
  step.quorum = reader.integer("quorum", 1, 10'000).value_or(0);
  for (const YamlNode* item : reader.take_some("requires")) {
    if (is_dotted_name(item->text)) {
      step.requires_measurements.push_back(item->text);
    } else {
      problem(item->place, "recipe.name", fmt::format("'{}' is not a name of a measurement", item->text),
              "measurement names are dotted lower case, such as gpu.temperature.max");
    }
  }
  if (const auto policy = reader.word("on_resume", resume_policy_names()))
    step.on_resume = resume_policy_from(*policy);
  if (step.timeout && step.timeout->count() <= 0)
    problem(node.place, "recipe.timeout", "a timeout of zero leaves no time");
  if (step.quorum > 0 && !step.duts.is_rack_scope() && !step.barrier_before) {
    problem(node.place, "recipe.quorum",
            fmt::format("step '{}' has a quorum, but nothing that counts who is there", step.name),
            "write duts: {role: rack} or barrier: before, or leave the quorum out");
  }
  reader.finish();
  return step;
}

std::vector<StepSpec> RecipeReader::read_steps(FieldReader& reader, const std::string& key) {
  std::vector<StepSpec> steps;
  const YamlNode* list = reader.take_list(key);
  if (list == nullptr) return steps;
  for (const YamlNode& item : list->items) steps.push_back(read_step(item));
  return steps;
}

PhaseSpec RecipeReader::read_phase(const YamlNode& node) {
  PhaseSpec phase;
  phase.place = node.place;
  FieldReader reader(node, "phase", problems_);
  phase.name = read_name(reader, node, "phase", "phase");
  phase.gate = reader.boolean("gate").value_or(false);
  for (const YamlNode* item : reader.take_some("needs")) phase.needs.push_back(item->text);
  phase.setup = read_steps(reader, "setup");
  phase.steps = read_steps(reader, "steps");
  phase.teardown = read_steps(reader, "teardown");
  if (reader.is_map() && phase.steps.empty() && !reader.has("include")) {
    problem(node.place, "recipe.empty", fmt::format("phase '{}' has no steps", phase.name));
  }
  reader.finish();
  return phase;
}

MonitorSpec RecipeReader::read_monitor(const YamlNode& node) {
  MonitorSpec monitor;
  monitor.place = node.place;
  FieldReader reader(node, "monitor", problems_);
  monitor.use = read_use(reader, node);
  monitor.name = reader.has("monitor") ? read_name(reader, node, "monitor", "monitor") : monitor.use;
  reader.take("monitor");
  monitor.duts = read_duts(reader, node);
  if (const auto every = reader.duration("every")) {
    monitor.every = *every;
    if (every->count() <= 0)
      problem(node.place, "recipe.every", "a monitor that runs every zero seconds never rests");
  }
  monitor.with = read_with(reader);
  reader.finish();
  return monitor;
}

InterlockSpec RecipeReader::read_interlock(const YamlNode& node) {
  InterlockSpec interlock;
  interlock.place = node.place;
  FieldReader reader(node, "interlock", problems_);
  interlock.cause = reader
                        .word("cause", {"leak", "telemetry-lost", "over-temperature", "lost-flow", "coolant"},
                              Need::required)
                        .value_or("");
  interlock.scope = reader.word("scope", {"tray", "rack"}, Need::required).value_or("");
  reader.finish();
  return interlock;
}

void RecipeReader::read_requires(FieldReader& reader, Recipe& recipe) {
  const YamlNode* node = reader.take_map("requires");
  if (node == nullptr) return;
  FieldReader needs(*node, "requires", problems_);
  for (const YamlNode* item : needs.take_some("plugins")) recipe.required_plugins.push_back(item->text);
  if (const YamlNode* roles = needs.take_map("roles")) {
    for (const YamlNode::Field& field : roles->fields) {
      const auto role = role_from(field.key);
      const auto count = plain_integer(field.value);
      if (!role) {
        problem(field.key_place, "files.unknown_word", fmt::format("there is no role '{}'", field.key),
                suggest(field.key, role_names()));
      } else if (!count || *count < 1 || *count > 10'000) {
        problem(field.value.place, "files.wrong_type",
                fmt::format("the number of {} must be a whole number from 1", field.key));
      } else {
        recipe.required_roles[*role] = static_cast<int>(*count);
      }
    }
  }
  needs.finish();
}

void RecipeReader::check_names(const Recipe& recipe) {
  std::map<std::string, Place> steps;
  const auto check_step = [&](const StepSpec& step) {
    const auto [first, is_new] = steps.try_emplace(step.name, step.place);
    if (is_new || step.name.empty()) return;
    problem(step.place, "recipe.duplicate_name",
            fmt::format("there are two steps named '{}', the first at {}", step.name, first->second.text()),
            "step names are unique in a recipe");
  };
  std::vector<std::string> earlier;
  for (const PhaseSpec& phase : recipe.phases) {
    for (const std::string& need : phase.needs) {
      if (std::find(earlier.begin(), earlier.end(), need) != earlier.end()) continue;
      problem(phase.place, "recipe.needs",
              fmt::format("phase '{}' needs '{}', which is not an earlier phase", phase.name, need),
              earlier.empty() ? "there is no earlier phase" : suggest(need, earlier));
    }
    if (!phase.name.empty() && std::find(earlier.begin(), earlier.end(), phase.name) != earlier.end()) {
      problem(phase.place, "recipe.duplicate_name",
              fmt::format("there are two phases named '{}'", phase.name));
    }
    if (phase.name == "teardown" || phase.name == "monitor") {
      problem(phase.place, "recipe.name", fmt::format("'{}' names a part of every recipe", phase.name),
              "give the phase another name");
    }
    earlier.push_back(phase.name);
    for (const auto* list : {&phase.setup, &phase.steps, &phase.teardown}) {
      for (const StepSpec& step : *list) check_step(step);
    }
  }
  for (const StepSpec& step : recipe.teardown) check_step(step);
  const auto check_teardown = [this](const StepSpec& step) {
    if (!step.on_resume) return;
    problem(step.place, "recipe.on_resume",
            fmt::format("step '{}' tears down, and that is done again in any case", step.name),
            "leave on_resume out");
  };
  for (const PhaseSpec& phase : recipe.phases) {
    for (const StepSpec& step : phase.teardown) check_teardown(step);
  }
  for (const StepSpec& step : recipe.teardown) check_teardown(step);
  std::set<std::string> monitors;
  for (const MonitorSpec& monitor : recipe.monitors) {
    if (monitors.insert(monitor.name).second || monitor.name.empty()) continue;
    problem(monitor.place, "recipe.duplicate_name",
            fmt::format("there are two monitors named '{}'", monitor.name),
            "give each a name: monitor: NAME");
  }
}

Recipe RecipeReader::read(const YamlNode& root) {
  Recipe recipe;
  FieldReader reader(root, "the recipe", problems_);
  recipe.name = read_name(reader, root, "recipe", "recipe");
  recipe.version = reader.text("version", Need::required).value_or("");
  const auto purpose = reader.word("purpose", purpose_names(), Need::required);
  if (purpose) recipe.purpose = purpose_from(*purpose).value_or(Purpose::burn_in);
  // A survey judges nothing, so it needs no limits and no product to pick them by.
  if (reader.has("product") || recipe.purpose != Purpose::survey) {
    recipe.product = read_name(reader, root, "product", "product");
  }
  recipe.description = reader.text("description").value_or("");
  read_requires(reader, recipe);
  reader.take_map("parameters");
  recipe.marginal_is_conditional =
      reader.word("marginal", {"pass", "conditional"}).value_or("pass") == "conditional";
  if (const YamlNode* monitors = reader.take_list("monitors")) {
    for (const YamlNode& item : monitors->items) recipe.monitors.push_back(read_monitor(item));
  }
  if (const YamlNode* interlocks = reader.take_list("interlocks")) {
    for (const YamlNode& item : interlocks->items) {
      const bool hazard = item.find("hazard") != nullptr;
      if (hazard) recipe.hazards.push_back(read_hazard_rule(item, problems_));
      if (!hazard) recipe.interlocks.push_back(read_interlock(item));
    }
  }
  if (const YamlNode* phases = reader.take_list("phases", Need::required)) {
    for (const YamlNode& item : phases->items) recipe.phases.push_back(read_phase(item));
    if (phases->items.empty())
      problem(phases->place, "recipe.empty", "the recipe has no phases, so there is nothing to run");
  }
  recipe.teardown = read_steps(reader, "teardown");
  reader.finish();
  check_names(recipe);
  return recipe;
}

}  // namespace

Parsed<Recipe> parse_recipe(const std::string& text, const std::string& file, const RecipeOptions& options) {
  Parsed<Recipe> parsed;
  auto tree = parse_yaml(text, file, Sensitivity::plain, parsed.problems);
  if (!tree) return parsed;
  std::vector<std::pair<std::string, std::string>> hashes;
  expand_includes(*tree, file, options, hashes, parsed.problems);
  RecipeReader reader(file, options, parsed.problems);
  auto parameters = reader.read_parameters(*tree);
  substitute_parameters(*tree, parameters, options.overrides, parsed.problems);
  Recipe recipe = reader.read(*tree);
  recipe.parameters = std::move(parameters);
  recipe.file = file;
  recipe.sha256 = sha256_hex(text);
  if (!hashes.empty()) {
    std::string lines = fmt::format("{}  {}\n", recipe.sha256, recipe.name);
    for (const auto& [path, hash] : hashes) lines += fmt::format("{}  {}\n", hash, path);
    recipe.sha256 = sha256_hex(lines);
  }
  sort_by_place(parsed.problems);
  if (parsed.problems.empty()) parsed.value = std::move(recipe);
  return parsed;
}

Parsed<Recipe> read_recipe(const std::string& path, const RecipeOptions& options) {
  auto text = read_file_text(path);
  if (text) return parse_recipe(text.value->bytes, path, options);
  Parsed<Recipe> parsed;
  parsed.problems = std::move(text.problems);
  return parsed;
}

}  // namespace kiln
