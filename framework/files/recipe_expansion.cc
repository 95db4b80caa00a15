#include "files/recipe_expansion.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "files/field_reader.h"
#include "files/file_text.h"

namespace kiln {
namespace {

constexpr std::size_t kDeepestInclude = 8;

std::string folder_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? std::string(".")
         : slash == 0               ? std::string("/")
                                    : file.substr(0, slash);
}

class Includer {
 public:
  Includer(const RecipeOptions& options, std::vector<std::pair<std::string, std::string>>& hashes,
           std::vector<Problem>& problems)
      : options_(options), hashes_(hashes), problems_(problems) {}

  void expand(YamlNode& phases, const std::string& file) {
    if (phases.kind != YamlNode::Kind::list) return;  // reported where phases are read
    std::vector<YamlNode> expanded;
    for (YamlNode& item : phases.items) {
      const bool is_include = item.kind == YamlNode::Kind::map && item.find("include") != nullptr;
      if (!is_include) {
        expanded.push_back(std::move(item));
        continue;
      }
      for (YamlNode& phase : include(item, file)) expanded.push_back(std::move(phase));
    }
    phases.items = std::move(expanded);
  }

 private:
  void problem(const Place& place, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({place, std::move(code), std::move(message), std::move(suggestion)});
  }

  [[nodiscard]] std::optional<std::string> find(const std::string& path, const std::string& file) const {
    std::vector<std::string> folders{folder_of(file)};
    if (!options_.recipes_root.empty()) folders.push_back(options_.recipes_root);
    for (const std::string& folder : folders) {
      const auto candidate = (std::filesystem::path(folder) / path).lexically_normal();
      std::error_code ignored;
      if (std::filesystem::exists(candidate, ignored)) return candidate.string();
    }
    return std::nullopt;
  }

  std::vector<YamlNode> include(const YamlNode& item, const std::string& file) {
    FieldReader reader(item, "include", problems_);
    const auto path = reader.text("include", Need::required);
    reader.finish();
    if (!path) return {};
    if (path->front() == '/') {  // would mean something else on another station
      problem(item.place, "recipe.include", fmt::format("'{}' is an absolute path", *path),
              "name it from the recipe's folder or from the recipes root");
      return {};
    }
    const auto found = find(*path, file);
    if (!found) {
      problem(item.place, "recipe.include", fmt::format("there is no fragment '{}'", *path),
              "it is looked for beside the recipe and under the recipes root");
      return {};
    }
    if (std::find(open_.begin(), open_.end(), *found) != open_.end() || open_.size() >= kDeepestInclude) {
      problem(item.place, "recipe.include_cycle", fmt::format("'{}' includes itself", *path));
      return {};
    }
    auto text = read_file_text(*found);
    if (!text) {
      problems_.insert(problems_.end(), text.problems.begin(), text.problems.end());
      return {};
    }
    hashes_.emplace_back(*path, sha256_hex(text.value->bytes));
    auto tree = parse_yaml(text.value->bytes, *found, Sensitivity::plain, problems_);
    if (!tree) return {};
    FieldReader fragment(*tree, "the fragment", problems_);
    fragment.text("fragment", Need::required);
    fragment.text("description");
    fragment.take_list("phases", Need::required);
    fragment.finish();
    for (YamlNode::Field& field : tree->fields) {
      if (field.key != "phases") continue;
      open_.push_back(*found);
      expand(field.value, *found);
      open_.pop_back();
      return std::move(field.value.items);
    }
    return {};
  }

  const RecipeOptions& options_;
  std::vector<std::pair<std::string, std::string>>& hashes_;
  std::vector<Problem>& problems_;
  std::vector<std::string> open_;
};

class Substitution {
 public:
  Substitution(const std::map<std::string, std::string>& parameters,
               const std::map<std::string, std::string>& overridden, std::vector<Problem>& problems)
      : parameters_(parameters), overridden_(overridden), problems_(problems) {
    for (const auto& [name, value] : parameters) names_.push_back(name);
  }

  void apply(YamlNode& node) {
    if (node.kind == YamlNode::Kind::scalar) replace(node);
    for (YamlNode& item : node.items) apply(item);
    for (YamlNode::Field& field : node.fields) apply(field.value);
  }

 private:
  const std::string* value_of(const std::string& name, const Place& place) {
    const auto found = parameters_.find(name);
    if (found != parameters_.end()) return &found->second;
    problems_.push_back({place, "recipe.unknown_parameter", fmt::format("there is no parameter '{}'", name),
                         names_.empty() ? "list it under 'parameters'" : suggest(name, names_)});
    return nullptr;
  }

  void replace(YamlNode& node) {
    const std::string& text = node.text;
    if (text.find("${") == std::string::npos) return;
    std::string replaced;
    bool alone = false;
    Place place = node.place;
    for (std::size_t at = 0; at < text.size();) {
      if (text.compare(at, 3, "$${") == 0) {
        replaced += "${";
        at += 3;
        continue;
      }
      if (text.compare(at, 2, "${") != 0) {
        replaced += text[at++];
        continue;
      }
      const std::size_t end = text.find('}', at);
      if (end == std::string::npos) {
        problems_.push_back(
            {node.place, "recipe.parameter", fmt::format("'{}' has no closing brace", text), {}});
        return;
      }
      const std::string name = text.substr(at + 2, end - at - 2);
      const std::string* value = value_of(name, node.place);
      if (value == nullptr) return;
      if (overridden_.contains(name)) place = {"--set " + name, 0, 0};
      replaced += *value;
      alone = at == 0 && end + 1 == text.size();
      at = end + 1;
    }
    node.text = std::move(replaced);
    node.place = place;
    if (alone)
      node.quoted = false;  // in braces it had to be quoted; what counts is how the parameter was written
  }

  const std::map<std::string, std::string>& parameters_;
  const std::map<std::string, std::string>& overridden_;
  std::vector<Problem>& problems_;
  std::vector<std::string> names_;
};

}  // namespace

void expand_includes(YamlNode& root, const std::string& file, const RecipeOptions& options,
                     std::vector<std::pair<std::string, std::string>>& hashes,
                     std::vector<Problem>& problems) {
  Includer includer(options, hashes, problems);
  for (YamlNode::Field& field : root.fields) {
    if (field.key == "phases") includer.expand(field.value, file);
  }
}

void substitute_parameters(YamlNode& root, const std::map<std::string, std::string>& parameters,
                           const std::map<std::string, std::string>& overridden,
                           std::vector<Problem>& problems) {
  Substitution substitution(parameters, overridden, problems);
  for (YamlNode::Field& field : root.fields) {
    if (field.key != "parameters") substitution.apply(field.value);
  }
}

}  // namespace kiln
