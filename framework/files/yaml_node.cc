#include "files/yaml_node.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <istream>
#include <sstream>
#include <string_view>

namespace kiln {
namespace {

constexpr std::size_t kDeepest = 64;

/// YAML 1.1 reads these as booleans, 1.2 as text, people as either.
bool is_ambiguous_word(const std::string& text) {
  static constexpr std::array<std::string_view, 12> kWords{"yes", "Yes", "YES", "no",  "No",  "NO",
                                                           "on",  "On",  "ON",  "off", "Off", "OFF"};
  return std::find(kWords.begin(), kWords.end(), text) != kWords.end();
}

/// 0 when all bytes are UTF-8 text, else the number of the first line with something else in it.
int first_bad_line(const std::string& text) {
  int line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\n') ++line;
    if (byte < 0x80) {
      if ((byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f) return line;
      ++i;
      continue;
    }
    const std::size_t more = byte >= 0xf0 && byte <= 0xf4  ? 3
                             : byte >= 0xe0 && byte < 0xf0 ? 2
                             : byte >= 0xc2 && byte < 0xe0 ? 1
                                                           : 0;
    if (more == 0 || i + more >= text.size()) return line;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0U) != 0x80U) return line;
    }
    i += more + 1;
  }
  return 0;
}

/// Receives yaml-cpp's events, which still know what its Node forgets: duplicates, tags, quotes, anchors.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, Sensitivity sensitivity, std::vector<Problem>& problems)
      : file_(file), secret_(sensitivity == Sensitivity::secret), problems_(problems) {}

  std::optional<YamlNode> take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& /*name*/) override {
    problem(place(mark), "yaml.alias", "anchors are not used here", "write the value where it is needed");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    problem(place(mark), "yaml.alias", "aliases are not used here", "write the value where it is needed");
    YamlNode node;
    node.place = place(mark);
    add(std::move(node));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    YamlNode node;
    node.place = place(mark);
    add(std::move(node));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    YamlNode node;
    node.kind = YamlNode::Kind::scalar;
    node.place = place(mark);
    node.text = value;
    node.quoted = tag == "!";
    check_tag(tag, node.place);
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    open(YamlNode::Kind::list, mark, tag);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(YamlNode::Kind::map, mark, tag);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YamlNode node;
    std::optional<YamlNode> key;
  };

  [[nodiscard]] Place place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
  void problem(Place where, std::string code, std::string message, std::string suggestion = {}) {
    problems_.push_back({std::move(where), std::move(code), std::move(message), std::move(suggestion)});
  }
  [[nodiscard]] std::string shown(const std::string& text) const {
    return secret_ ? std::string("…") : fmt::format("'{}'", text);
  }
  void check_tag(const std::string& tag, const Place& where) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    problem(where, "yaml.tag", fmt::format("the tag '{}' is not known here", tag), "leave it out");
  }
  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag) {
    if (frames_.size() >= kDeepest) {
      throw YAML::ParserException(mark, "nested too deeply");
    }
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = place(mark);
    check_tag(tag, frame.node.place);
    frames_.push_back(std::move(frame));
  }
  void close() {
    YamlNode node = std::move(frames_.back().node);
    frames_.pop_back();
    add(std::move(node));
  }
  void add(YamlNode node) {
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == YamlNode::Kind::list) {
      check_word(node);
      frame.node.items.push_back(std::move(node));
      return;
    }
    if (!frame.key) {
      frame.key = std::move(node);
      return;
    }
    YamlNode key = std::move(*frame.key);
    frame.key.reset();
    check_word(node);
    if (key.kind != YamlNode::Kind::scalar) {
      problem(key.place, "yaml.key", "a key must be a plain word");
      return;
    }
    if (key.text == "<<" && !key.quoted) {
      problem(key.place, "yaml.merge_key", "merge keys are not used here",
              "write the keys where they are needed");
      return;
    }
    const auto same = std::find_if(frame.node.fields.begin(), frame.node.fields.end(),
                                   [&key](const YamlNode::Field& field) { return field.key == key.text; });
    if (same != frame.node.fields.end()) {
      problem(key.place, "yaml.duplicate_key",
              fmt::format("the key {} stands twice in one map, first in line {}", shown(key.text),
                          same->key_place.line));
      return;
    }
    frame.node.fields.push_back({std::move(key.text), std::move(key.place), std::move(node)});
  }
  void check_word(const YamlNode& node) {
    if (node.kind != YamlNode::Kind::scalar || node.quoted || !is_ambiguous_word(node.text)) return;
    problem(
        node.place, "yaml.ambiguous_word",
        secret_ ? std::string("an unquoted word that some readers take for true or false")
                : fmt::format("unquoted '{}' is text to some readers and true or false to others", node.text),
        secret_ ? std::string("put it in quotes") : fmt::format("write true, false or \"{}\"", node.text));
  }

  std::string file_;
  bool secret_;
  std::vector<Problem>& problems_;
  std::vector<Frame> frames_;
  std::optional<YamlNode> root_;
};

}  // namespace

const YamlNode* YamlNode::find(const std::string& key) const {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&key](const Field& field) { return field.key == key; });
  return found == fields.end() ? nullptr : &found->value;
}

std::string kind_text(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return "a single value";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
  }
  return "?";
}

namespace {

/// The column (from 1) of the first tab before the text of a line; 0 when there is none.
int tab_in_indentation(const std::string& text, int line) {
  std::size_t begin = 0;
  for (int at = 1; at < line; ++at) {
    begin = text.find('\n', begin);
    if (begin == std::string::npos) return 0;
    ++begin;
  }
  const std::size_t word = std::min(text.find_first_not_of(" \t", begin), text.size());
  const std::size_t tab = text.find('\t', begin);
  return line > 0 && tab < word ? static_cast<int>(tab - begin) + 1 : 0;
}

}  // namespace

std::optional<YamlNode> parse_yaml(const std::string& text, const std::string& file, Sensitivity sensitivity,
                                   std::vector<Problem>& problems) {
  if (text.size() > 8U * 1024 * 1024) {
    problems.push_back({{file, 0, 0}, "files.too_large", "is larger than 8 MB", {}});
    return std::nullopt;
  }
  if (const int line = first_bad_line(text); line != 0) {
    problems.push_back(
        {{file, line, 0}, "yaml.encoding", "holds bytes that are not UTF-8 text", "save it as UTF-8"});
    return std::nullopt;
  }
  TreeBuilder builder(file, sensitivity, problems);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      problems.push_back({{file, 1, 1}, "yaml.empty", "the file is empty", {}});
      return std::nullopt;
    }
    auto root = builder.take_root();
    TreeBuilder second(file, sensitivity, problems);
    if (parser.HandleNextDocument(second)) {
      problems.push_back(
          {{file, 1, 1}, "yaml.documents", "the file holds more than one document", "keep one per file"});
    }
    return root;
  } catch (const YAML::Exception& exception) {
    const Place where = exception.mark.is_null()
                            ? Place{file, 0, 0}
                            : Place{file, exception.mark.line + 1, exception.mark.column + 1};
    if (const int column = tab_in_indentation(text, where.line); column != 0) {
      problems.push_back({{file, where.line, column},
                          "yaml.tab",
                          "a tab stands where only spaces may indent",
                          "indent with spaces"});
    } else {
      problems.push_back({where, "yaml.syntax", fmt::format("is not YAML here: {}", exception.msg), {}});
    }
  }
  return std::nullopt;
}

}  // namespace kiln
