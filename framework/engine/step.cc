#include "engine/step.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

bool is_scalar(const ParameterValue& value) {
  return !std::holds_alternative<ParameterList>(value.value) &&
         !std::holds_alternative<ParameterMap>(value.value);
}

/// Empty when `text` is of the type, else what is wrong with it.
std::string type_problem(ParameterType type, const std::string& text) {
  switch (type) {
    case ParameterType::text:
    case ParameterType::list:
    case ParameterType::map:
      return {};
    case ParameterType::number:
      return tolerant_number_in(text, "") ? std::string{} : fmt::format("'{}' is not a number", text);
    case ParameterType::integer:
      return tolerant_integer(text) ? std::string{} : fmt::format("'{}' is not a whole number", text);
    case ParameterType::boolean:
      return text == "true" || text == "false" ? std::string{}
                                               : fmt::format("'{}' is neither true nor false", text);
    case ParameterType::duration: {
      const auto duration = parse_duration(text);
      return duration ? std::string{} : duration.error().sentence();
    }
  }
  return {};
}

std::vector<std::string> declared_names(const StepDescription& step) {
  std::vector<std::string> names;
  for (const auto& parameter : step.parameters) names.push_back(parameter.name);
  return names;
}

}  // namespace

std::string_view to_string(ParameterType type) {
  switch (type) {
    case ParameterType::text:
      return "text";
    case ParameterType::number:
      return "number";
    case ParameterType::integer:
      return "integer";
    case ParameterType::duration:
      return "duration";
    case ParameterType::boolean:
      return "boolean";
    case ParameterType::list:
      return "list";
    case ParameterType::map:
      return "map";
  }
  return "text";
}

Result<Parameters> Parameters::bind(const StepDescription& step, const ParameterMap& with,
                                    std::vector<ParameterProblem>* problems) {
  std::vector<ParameterProblem> found;
  const auto names = declared_names(step);
  for (const auto& [name, value] : with) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      found.push_back({value.place, fmt::format("step '{}' has no parameter '{}'{}", step.use, name,
                                                did_you_mean(name, names))});
    }
  }
  Parameters bound;
  for (const auto& parameter : step.parameters) {
    const auto given = with.find(parameter.name);
    if (given == with.end()) {
      if (!parameter.default_text) {
        found.push_back({{},
                         fmt::format("step '{}' needs the parameter '{}' ({}): {}", step.use, parameter.name,
                                     to_string(parameter.type), parameter.summary)});
        continue;
      }
      bound.texts_[parameter.name] = *parameter.default_text;
      continue;
    }
    const ParameterValue& value = given->second;
    const bool wants_map = parameter.type == ParameterType::map;
    const bool wants_list = parameter.type == ParameterType::list;
    const bool is_map = std::holds_alternative<ParameterMap>(value.value);
    const bool is_list = std::holds_alternative<ParameterList>(value.value);
    if (wants_map != is_map || (is_list && !wants_list)) {
      found.push_back({value.place, fmt::format("parameter '{}' of step '{}' must be a {}", parameter.name,
                                                step.use, to_string(parameter.type))});
      continue;
    }
    if (is_scalar(value)) {
      if (const std::string problem = type_problem(parameter.type, value.text); !problem.empty()) {
        found.push_back(
            {value.place, fmt::format("parameter '{}' of step '{}': {}", parameter.name, step.use, problem)});
        continue;
      }
    }
    bound.texts_[parameter.name] = value.text;
    bound.raw_[parameter.name] = value;
  }
  if (!found.empty()) {
    Error error("recipe.parameters", found.front().message, "see 'kiln plugins' for what the step takes",
                Blame::recipe);
    if (problems != nullptr) problems->insert(problems->end(), found.begin(), found.end());
    return error;
  }
  return bound;
}

const std::string& Parameters::text(const std::string& name) const { return texts_.at(name); }
double Parameters::number(const std::string& name) const {
  return tolerant_number_in(text(name), "").value();
}
std::int64_t Parameters::integer(const std::string& name) const {
  return tolerant_integer(text(name)).value();
}
Nanoseconds Parameters::duration(const std::string& name) const { return parse_duration(text(name)).value(); }
bool Parameters::boolean(const std::string& name) const { return text(name) == "true"; }

std::vector<std::string> Parameters::list(const std::string& name) const {
  const auto found = raw_.find(name);
  if (found != raw_.end()) {
    if (const auto* items = std::get_if<ParameterList>(&found->second.value)) {
      std::vector<std::string> texts;
      for (const auto& item : *items) texts.push_back(item.text);
      return texts;
    }
  }
  const std::string& single = text(name);
  if (single.empty()) return {};
  return {single};
}

const ParameterValue* Parameters::raw(const std::string& name) const {
  const auto found = raw_.find(name);
  return found == raw_.end() ? nullptr : &found->second;
}

Status Step::check(const Parameters& /*with*/) const { return success(); }

std::vector<std::string> Step::parts(const MeasurementDeclaration& measurement, const Parameters& /*with*/,
                                     const Dut& dut) const {
  if (measurement.per == ComponentKind::whole_dut) return {std::string{}};
  std::vector<std::string> names;
  for (const Component* component : dut.expect.of_kind(measurement.per)) names.push_back(component->name);
  return names;
}

}  // namespace kiln
