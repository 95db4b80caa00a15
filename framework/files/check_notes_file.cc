#include "files/check_notes_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "files/field_reader.h"
#include "files/file_text.h"
#include "files/yaml_node.h"

namespace kiln {
namespace {

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t dot = name.find('.');
    words.emplace_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return words;
    name.remove_prefix(dot + 1);
  }
}

bool stands_for(const std::string& pattern, const std::string& name) {
  const std::vector<std::string> wanted = words_of(pattern), given = words_of(name);
  return wanted.size() == given.size() && std::equal(wanted.begin(), wanted.end(), given.begin(),
                                                     [](const std::string& word, const std::string& said) {
                                                       return word == "*" || word == said;
                                                     });
}

CheckNote read_note(const YamlNode& node, std::vector<Problem>& problems) {
  CheckNote note;
  note.place = node.place;
  FieldReader reader(node, "check", problems);
  note.check = reader.text("check", Need::required).value_or("");
  note.source = reader.text("source", Need::required).value_or("");
  note.proof = reader.text("proof", Need::required).value_or("");
  if (note.proof == "none") note.proof.clear();
  note.not_it = reader.text("not_it", Need::required).value_or("");
  const YamlNode* others = reader.take_list("others", Need::required);
  if (others != nullptr) {
    for (const YamlNode& one : others->items) note.others.push_back(one.text);
  }
  reader.finish();
  std::string plain = note.check;
  std::replace(plain.begin(), plain.end(), '*', 'x');
  if (!note.check.empty() && !is_dotted_name(plain)) {
    problems.push_back(
        {node.place, "checks.name", fmt::format("'{}' is not a name of a measurement", note.check), {}});
  }
  return note;
}

}  // namespace

Parsed<CheckNotes> parse_check_notes(const std::string& text, const std::string& file) {
  Parsed<CheckNotes> parsed;
  auto& problems = parsed.problems;
  const auto tree = parse_yaml(text, file, Sensitivity::plain, problems);
  if (!tree) return parsed;
  FieldReader reader(*tree, "the notes on checks", problems);
  CheckNotes notes;
  std::set<std::string> seen;
  if (const YamlNode* list = reader.take_list("checks", Need::required)) {
    for (const YamlNode& node : list->items) {
      CheckNote note = read_note(node, problems);
      if (!note.check.empty() && !seen.insert(note.check).second)
        problems.push_back(
            {node.place, "checks.duplicate", fmt::format("'{}' stands there twice", note.check), {}});
      notes.push_back(std::move(note));
    }
  }
  reader.finish();
  sort_by_place(problems);
  if (problems.empty()) parsed.value = std::move(notes);
  return parsed;
}

Parsed<CheckNotes> read_check_notes(const std::string& path) {
  auto text = read_file_text(path);
  if (text) return parse_check_notes(text.value->bytes, path);
  Parsed<CheckNotes> parsed;
  parsed.problems = std::move(text.problems);
  return parsed;
}

const CheckNote* find_note(const CheckNotes& notes, const std::string& measurement) {
  const CheckNote* by_pattern = nullptr;
  for (const CheckNote& note : notes) {
    if (note.check == measurement) return &note;
    if (by_pattern == nullptr && stands_for(note.check, measurement)) by_pattern = &note;
  }
  return by_pattern;
}

}  // namespace kiln
