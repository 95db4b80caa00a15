#include "files/limits_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/limits_plausible.h"
#include "files/limits_rows.h"
#include "files/yaml_node.h"

namespace kiln {
namespace {

constexpr int kHighestRevision = 1'000'000;
/// Measurement, part, role.
using RowKey = std::tuple<std::string, std::string, std::optional<Role>>;

std::string stem(const std::string& file) {
  const auto slash = file.rfind('/');
  std::string name = slash == std::string::npos ? file : file.substr(slash + 1);
  const std::string extension = ".yaml";
  if (name.size() > extension.size() &&
      name.compare(name.size() - extension.size(), extension.size(), extension) == 0) {
    name.resize(name.size() - extension.size());
  }
  return name;
}

/// Rows, each measurement of a part once.
class Rows {
 public:
  explicit Rows(std::vector<Problem>& problems) : problems_(problems) {}

  void read(const YamlNode& list) {
    for (const YamlNode& node : list.items) {
      Limit row = read_limit_row(node, problems_);
      const auto [known, is_new] = places_.emplace(RowKey{row.name, row.when_part, row.when_role}, row.place);
      if (!is_new && !row.name.empty()) twice(row, known->second);
      rows_.push_back(std::move(row));
    }
    if (list.items.empty()) problems_.push_back({list.place, "limits.empty", "the table has no rows", {}});
  }
  /// Those of a fragment for which the table has none of its own.
  void add_fragment(std::vector<Limit> rows) {
    std::vector<Limit> added;
    for (Limit& row : rows) {
      const RowKey key{row.name, row.when_part, row.when_role};
      if (places_.contains(key)) continue;
      const auto [known, is_new] = from_fragments_.emplace(key, row.place);
      if (!is_new) twice(row, known->second);
      added.push_back(std::move(row));
    }
    rows_.insert(rows_.end(), std::make_move_iterator(added.begin()), std::make_move_iterator(added.end()));
  }
  std::vector<Limit> take() { return std::move(rows_); }

 private:
  void twice(const Limit& row, const Place& first) {
    const std::string where = first.file == row.place.file ? std::string() : ", the other in " + first.text();
    problems_.push_back({row.place, "limits.duplicate_row",
                         fmt::format("there are two rows for '{}'{}{}", row.name, row.where(), where),
                         "keep one, or tell them apart by when_part or when_role"});
  }

  std::vector<Problem>& problems_;
  std::vector<Limit> rows_;
  std::map<RowKey, Place> places_, from_fragments_;
};

void read_allowances(FieldReader& reader, std::vector<LogAllowance>& into, std::vector<Problem>& problems) {
  const YamlNode* allowed = reader.take_list("allowed_log_entries");
  if (allowed == nullptr) return;
  for (const YamlNode& row : allowed->items) into.push_back(read_log_allowance(row, problems));
}

void read_nameplate(FieldReader& reader, ProductLimits& table, std::vector<Problem>& problems) {
  const YamlNode* list = reader.take_list("nameplate");
  if (list == nullptr) return;
  std::vector<std::string> names;
  for (const NameplateQuantity& quantity : nameplate_quantities()) names.push_back(quantity.name);
  for (const YamlNode& node : list->items) {
    NameplateFigure figure;
    figure.place = node.place;
    FieldReader row(node, "figure of the nameplate", problems);
    figure.name = row.word("name", names, Need::required).value_or("");
    figure.value = row.number("value", Need::required).value_or(0);
    figure.unit = row.text("unit", Need::required).value_or("");
    figure.source = row.text("source", Need::required).value_or("");
    row.finish();
    const auto quantity = std::find_if(nameplate_quantities().begin(), nameplate_quantities().end(),
                                       [&figure](const auto& one) { return one.name == figure.name; });
    if (!row.is_map() || quantity == nameplate_quantities().end()) continue;
    if (figure.unit != quantity->unit) {
      problems.push_back({node.place,
                          "limits.unit",
                          fmt::format("'{}' is in {}, not in '{}'", figure.name, quantity->unit, figure.unit),
                          {}});
    } else if (figure.value <= 0) {
      problems.push_back(
          {node.place, "limits.nameplate", fmt::format("'{}' must be above 0", figure.name), {}});
    } else if (table.figure(figure.name) != nullptr) {
      problems.push_back(
          {node.place, "limits.nameplate", fmt::format("'{}' stands there twice", figure.name), {}});
    } else {
      table.nameplate.push_back(std::move(figure));
    }
  }
}

class Fragments {
 public:
  Fragments(ProductLimits& table, Rows& rows, std::vector<Problem>& problems)
      : table_(table), rows_(rows), problems_(problems) {}

  void include(const YamlNode& node) {
    FieldReader reader(node, "include", problems_);
    const auto path = reader.text("fragment", Need::required);
    const auto revision = reader.integer("revision", 1, kHighestRevision, Need::required);
    reader.finish();
    if (!path || !revision) return;
    const std::filesystem::path relative(*path);
    const bool leaves =
        std::any_of(relative.begin(), relative.end(), [](const auto& part) { return part == ".."; });
    if (relative.is_absolute() || leaves) {  // would mean something else on another station
      problem(node.place, "limits.include", fmt::format("'{}' is not beside the table", *path),
              "name it from the table's folder: shared/gpu.yaml");
      return;
    }
    const std::string file = (std::filesystem::path(table_.file).parent_path() / relative).lexically_normal();
    if (!taken_.emplace(file, node.place).second) {
      problem(node.place, "limits.include", fmt::format("'{}' is included twice", *path));
      return;
    }
    auto text = read_file_text(file);
    if (!text) {
      problem(node.place, "limits.include", fmt::format("the fragment '{}' cannot be read", *path),
              "it is looked for beside the table");
      problems_.insert(problems_.end(), text.problems.begin(), text.problems.end());
      return;
    }
    const std::string& bytes = text.value->bytes;
    hashes_ += fmt::format("\n{} {}", *path, sha256_hex(bytes));
    if (const auto tree = parse_yaml(bytes, file, Sensitivity::plain, problems_))
      read(*tree, node.place, *path, *revision);
  }
  /// Of all that was read beside the table; empty when it includes nothing.
  [[nodiscard]] const std::string& hashes() const { return hashes_; }

 private:
  void problem(const Place& place, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({place, std::move(code), std::move(message), std::move(suggestion)});
  }

  void read(const YamlNode& tree, const Place& from, const std::string& path, int wanted) {
    FieldReader reader(tree, "the fragment of limits", problems_);
    reader.text("limits_fragment", Need::required);
    const int revision = reader.integer("revision", 1, kHighestRevision, Need::required).value_or(wanted);
    reader.text("description");
    if (revision != wanted) {
      problem(from, "limits.include_revision",
              fmt::format("'{}' is of revision {}, the table was made for {}", path, revision, wanted),
              fmt::format("read what has changed, then write revision: {} here and count up the table's own",
                          revision));
    }
    if (const YamlNode* list = reader.take_list("rows", Need::required)) {
      Rows own(problems_);
      own.read(*list);
      rows_.add_fragment(own.take());
    }
    read_allowances(reader, table_.allowed_log_entries, problems_);
    reader.finish();
  }

  ProductLimits& table_;
  Rows& rows_;
  std::vector<Problem>& problems_;
  std::map<std::string, Place> taken_;
  std::string hashes_;
};

}  // namespace

Parsed<ProductLimits> parse_limits(const std::string& text, const std::string& file) {
  Parsed<ProductLimits> parsed;
  auto& problems = parsed.problems;
  const auto tree = parse_yaml(text, file, Sensitivity::plain, problems);
  if (!tree) return parsed;
  ProductLimits table;
  table.file = file;
  FieldReader reader(*tree, "the limits table", problems);
  table.product = reader.text("limits", Need::required).value_or("");
  if (!table.product.empty() && table.product != stem(file)) {
    problems.push_back(
        {tree->find("limits")->place, "limits.name",
         fmt::format("the table is for '{}', the file is named for '{}'", table.product, stem(file)),
         "a product's limits are found by the file's name"});
  }
  table.revision = reader.integer("revision", 1, kHighestRevision, Need::required).value_or(0);
  reader.text("description");
  std::optional<DecisionRule> rule;
  if (const auto word = reader.word("decision_rule", decision_rule_names())) rule = decision_rule_from(*word);
  read_nameplate(reader, table, problems);
  Rows rows(problems);
  const YamlNode* includes = reader.take_list("include");
  if (const YamlNode* list = reader.take_list("rows", includes == nullptr ? Need::required : Need::optional))
    rows.read(*list);
  read_allowances(reader, table.allowed_log_entries, problems);
  Fragments fragments(table, rows, problems);
  if (includes != nullptr) {
    for (const YamlNode& include : includes->items) fragments.include(include);
  }
  table.rows = rows.take();
  for (Limit& row : table.rows) {
    if (row.uncertainty && !row.decision_rule) row.decision_rule = rule;
    check_guard_band(row, problems);
  }
  check_plausible(table, problems);
  table.sha256 = sha256_hex(text + fragments.hashes());
  reader.finish();
  sort_by_place(problems);
  if (problems.empty()) parsed.value = std::move(table);
  return parsed;
}

Parsed<ProductLimits> read_limits(const std::string& path) {
  auto text = read_file_text(path);
  if (text) return parse_limits(text.value->bytes, path);
  Parsed<ProductLimits> parsed;
  parsed.problems = std::move(text.problems);
  return parsed;
}

}  // namespace kiln
