#include "files/limits_rows.h"

#include <fmt/format.h>

#include <utility>

#include "files/field_reader.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

Value value_of(const YamlNode& node) {
  if (const auto flag = plain_boolean(node)) return *flag;
  if (const auto integer = plain_integer(node)) return *integer;
  if (const auto number = plain_number(node)) return *number;
  return node.text;
}

/// "None" is a word some tools print for "nothing wrong"; the others say that there is no value.
bool is_no_value(const std::string& word) {
  const std::string tidy = tidy_text(word);
  return means_unset(word) && tidy != "None" && tidy != "NONE" && tidy != "none";
}

class RowReader {
 public:
  explicit RowReader(std::vector<Problem>& problems) : problems_(problems) {}

  Limit read(const YamlNode& node) {
    Limit limit;
    limit.place = node.place;
    FieldReader reader(node, "row", problems_);
    limit.name = reader.text("name", Need::required).value_or("");
    if (!limit.name.empty() && !is_dotted_name(limit.name)) {
      problem(node, "limits.name", fmt::format("'{}' is not a name of a measurement", limit.name),
              "measurement names are dotted lower case, such as gpu.temperature.max");
    }
    limit.min = reader.number("min");
    limit.max = reader.number("max");
    limit.marginal_min = reader.number("marginal_min");
    limit.marginal = reader.number("marginal");
    read_words(reader, limit);
    if (const auto version = reader.text("at_least_version")) limit.at_least_version = *version;
    read_expected(reader, limit);
    read_version_fields(node, reader, limit);
    read_uncertainty(node, reader, limit);
    limit.required = reader.boolean("required").value_or(true);
    limit.source = reader.text("source", Need::required).value_or("");
    limit.when_part = reader.text("when_part").value_or("");
    if (const auto role = reader.word("when_role", role_names())) limit.when_role = role_from(*role);
    read_unit(reader, limit);
    reader.finish();
    check_rule(node, reader, limit);
    check_range(node, limit);
    return limit;
  }

 private:
  void problem(const YamlNode& node, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({node.place, std::move(code), std::move(message), std::move(suggestion)});
  }

  void read_words(FieldReader& reader, Limit& limit) {
    if (const YamlNode* equals = reader.take("equals")) {
      if (equals->kind != YamlNode::Kind::scalar) {
        problem(*equals, "files.wrong_type", "'equals' must be a single value",
                "for several, use one_of: [A, B]");
      } else if (is_no_value(equals->text)) {
        problem(*equals, "limits.value",
                fmt::format("'{}' means that there is no value; it can never pass", equals->text));
      } else {
        limit.equals = value_of(*equals);
      }
    }
    for (const YamlNode* item : reader.take_some("one_of")) {
      if (is_no_value(item->text)) {
        problem(*item, "limits.value",
                fmt::format("'{}' means that there is no value; it can never pass", item->text));
      }
      limit.one_of.push_back(item->text);
    }
  }

  void read_expected(FieldReader& reader, Limit& limit) {
    const YamlNode* node = reader.take("expected");
    if (node == nullptr) return;
    if (node->kind == YamlNode::Kind::scalar && node->text == "version") {
      limit.expected = limit.as_version = true;
    } else if (plain_boolean(*node) == std::optional<bool>(true)) {
      limit.expected = true;
    } else {
      problem(*node, "files.wrong_type", "row: 'expected' must be true or version",
              "leave it out where nothing is expected");
    }
  }

  void read_version_fields(const YamlNode& node, FieldReader& reader, Limit& limit) {
    const auto word = reader.word("version_fields", version_fields_names());
    if (!word) return;
    limit.version_fields = version_fields_from(*word);
    if (limit.at_least_version || limit.as_version) return;
    problem(node, "limits.version_fields",
            fmt::format("'{}' says how the fields of a version are meant, and compares none", limit.name),
            "it goes with at_least_version, or with expected: version");
  }

  // Told as it is, or by what the sensor is good for.
  void read_uncertainty(const YamlNode& node, FieldReader& reader, Limit& limit) {
    const auto told = reader.number("uncertainty");
    const auto accuracy = reader.number("accuracy");
    const auto resolution = reader.number("resolution");
    if (const auto word = reader.word("decision_rule", decision_rule_names()))
      limit.decision_rule = decision_rule_from(*word);
    for (const auto& [key, value] : {std::pair("uncertainty", told), std::pair("accuracy", accuracy),
                                     std::pair("resolution", resolution)}) {
      if (value && !(*value > 0)) {
        problem(node, "limits.uncertainty",
                fmt::format("'{}': {} of {} must be above 0", limit.name, key, *value),
                "leave it out where it is not known");
        return;
      }
    }
    if (told && (accuracy || resolution)) {
      problem(node, "limits.uncertainty", fmt::format("'{}' tells its uncertainty twice", limit.name),
              "write uncertainty, or accuracy and resolution, from which it is worked out");
    }
    if (told) limit.uncertainty = told;
    if (!told && (accuracy || resolution))
      limit.uncertainty = expanded_uncertainty(accuracy.value_or(0), resolution.value_or(0));
    if (limit.uncertainty && !limit.min && !limit.max) {
      problem(node, "limits.uncertainty",
              fmt::format("'{}' has an uncertainty and no range that it could matter for", limit.name),
              "it goes with min and max");
    }
    if (limit.decision_rule && !limit.uncertainty) {
      problem(node, "limits.decision_rule",
              fmt::format("'{}' says how its uncertainty decides, and has none", limit.name),
              "write uncertainty, or accuracy and resolution");
    }
  }

  // The unit may be empty (words have none), but it must be there: a forgotten unit is the commonest wrong
  // limit.
  void read_unit(FieldReader& reader, Limit& limit) {
    const auto unit = reader.text("unit", reader.has("unit") ? Need::optional : Need::required);
    if (!unit) return;
    limit.unit = *unit;
    const std::string canonical = canonical_unit(*unit);
    if (canonical != *unit) {
      problems_.push_back({reader.place(), "limits.unit", fmt::format("'{}' is not a UCUM unit", *unit),
                           fmt::format("write {}", canonical)});
    }
    if (unit->empty() && (limit.min || limit.max)) {
      problems_.push_back({reader.place(), "limits.unit",
                           fmt::format("the range of '{}' has no unit", limit.name),
                           "for pure numbers write unit: \"1\""});
    }
  }

  void check_rule(const YamlNode& node, const FieldReader& reader, const Limit& limit) {
    if (!reader.is_map()) return;
    const int rules = (reader.has("min") || reader.has("max") ? 1 : 0) + (reader.has("equals") ? 1 : 0) +
                      (reader.has("one_of") ? 1 : 0) + (reader.has("at_least_version") ? 1 : 0) +
                      (reader.has("expected") ? 1 : 0);
    constexpr const char* kRules = "use min and/or max, equals, one_of, at_least_version or expected";
    if (rules == 0)
      problem(node, "limits.no_rule",
              fmt::format("'{}' has no rule, so nothing could be judged by it", limit.name), kRules);
    if (rules > 1)
      problem(node, "limits.two_rules", fmt::format("'{}' has more than one rule", limit.name), kRules);
    if ((reader.has("marginal") && !reader.has("max")) ||
        (reader.has("marginal_min") && !reader.has("min"))) {
      problem(node, "limits.marginal",
              fmt::format("'{}' has a marginal band without the limit it belongs to", limit.name),
              "marginal goes with max, marginal_min with min");
    }
  }

  void check_range(const YamlNode& node, const Limit& limit) {
    if (limit.min && limit.max && *limit.min > *limit.max) {
      problem(node, "limits.range",
              fmt::format("'{}': min {} is above max {}", limit.name, *limit.min, *limit.max));
    }
    const bool above = limit.marginal && limit.max && *limit.marginal > *limit.max;
    const bool below = limit.marginal_min && limit.min && *limit.marginal_min < *limit.min;
    const bool crossed = (limit.marginal && limit.min && *limit.marginal < *limit.min) ||
                         (limit.marginal_min && limit.max && *limit.marginal_min > *limit.max) ||
                         (limit.marginal && limit.marginal_min && *limit.marginal_min > *limit.marginal);
    if (above || below || crossed) {
      problem(node, "limits.marginal",
              fmt::format("'{}': the marginal band is not inside the limit {}", limit.name, limit.text()));
    }
  }

  std::vector<Problem>& problems_;
};

}  // namespace

Limit read_limit_row(const YamlNode& node, std::vector<Problem>& problems) {
  return RowReader(problems).read(node);
}

void check_guard_band(const Limit& row, std::vector<Problem>& problems) {
  const DecisionRule rule = row.decision_rule.value_or(DecisionRule::simple);
  if (!row.uncertainty || rule == DecisionRule::simple) return;
  const auto problem = [&row, &problems](const std::string& what, const std::string& suggestion) {
    problems.push_back({row.place, "limits.uncertainty",
                        fmt::format("'{}': {}: {}", row.name, what, row.text()), suggestion});
  };
  const std::optional<double> low =
      row.min ? std::optional(accepted_min(*row.min, *row.uncertainty)) : row.min;
  const std::optional<double> high =
      row.max ? std::optional(accepted_max(*row.max, *row.uncertainty)) : row.max;
  if (low && high && *low > *high) {
    problem("no value could be accepted, the guard bands meet",
            "measure it more exactly, or judge it by decision_rule: simple");
  } else if (rule == DecisionRule::binary && ((row.marginal && high && *row.marginal > *high) ||
                                              (row.marginal_min && low && *row.marginal_min < *low))) {
    problem("the marginal band lies where the guard band fails", "leave it out, or draw it inside");
  }
}

LogAllowance read_log_allowance(const YamlNode& node, std::vector<Problem>& problems) {
  constexpr int kHighestCount = 1'000'000;
  LogAllowance row;
  row.place = node.place;
  FieldReader reader(node, "allowed log entry", problems);
  row.message_id = reader.text("message_id").value_or("");
  row.origin = reader.text("origin").value_or("");
  row.message = reader.text("message").value_or("");
  const std::string up_to = reader.word("up_to", {"OK", "Warning", "Critical", "any"}).value_or("Warning");
  row.up_to = up_to == "any" ? LogSeverity::other : log_severity_from(up_to);
  row.count = reader.integer("count", 1, kHighestCount);
  row.reason = reader.text("reason", Need::required).value_or("");
  row.source = reader.text("source", Need::required).value_or("");
  reader.finish();
  const auto says_nothing = [](const std::string& text) {
    return text.find_first_not_of('*') == std::string::npos;
  };
  if (reader.is_map() && says_nothing(row.message_id) && says_nothing(row.origin) &&
      says_nothing(row.message)) {
    problems.push_back({node.place, "limits.allows_anything", "this row would allow every entry of every log",
                        "say which by message_id, origin or message"});
  }
  if (row.message_id.find('*') != std::string::npos) {
    problems.push_back({node.place, "limits.allows_anything",
                        fmt::format("'{}' is no MessageId", row.message_id),
                        "write REGISTRY.VERSION.MESSAGE; the version is passed over by itself"});
  }
  return row;
}

}  // namespace kiln
