#include "tests_hw/virtual_rack/host_commands/shell_words.h"

#include <fmt/format.h>

#include <string_view>

namespace kiln::virtual_rack {

namespace {

Error syntax(std::string message) { return Error("shell.syntax", std::move(message)); }

class Splitter {
 public:
  explicit Splitter(const std::string& line) : line_(line) {}

  Result<std::vector<SimpleCommand>> run() {
    while (!at_end()) {
      const char c = peek();
      if (c == ' ' || c == '\t') {
        ++at_;
      } else if (c == '\n' || c == ';' || c == '&' || c == '|') {
        if (Status joined = read_operator(); !joined) {
          return joined.error();
        }
      } else if (starts_with("2>&1")) {
        current_.err_to_out = true;
        at_ += 4;
      } else if (c == '>' || starts_with("2>") || starts_with("1>") || starts_with("&>")) {
        if (Status redirected = read_redirection(); !redirected) {
          return redirected.error();
        }
      } else if (starts_with("</dev/null")) {
        at_ += 10;  // no program here would read anything that is not given to it
      } else if (c == '<' || c == '(' || c == ')' || c == '`') {
        return syntax(fmt::format("syntax error near unexpected token `{}'", c));
      } else {
        if (Status read = read_word(); !read) {
          return read.error();
        }
      }
    }
    if (current_.words.empty() && current_.joint != Joint::always) {
      return syntax("syntax error: unexpected end of file");
    }
    close_command();
    return std::move(commands_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= line_.size(); }
  [[nodiscard]] char peek() const { return line_[at_]; }
  [[nodiscard]] bool starts_with(std::string_view text) const {
    return std::string_view(line_).substr(at_).starts_with(text);
  }

  void close_command() {
    if (!current_.words.empty()) {
      commands_.push_back(std::move(current_));
    }
    current_ = {};
  }

  Status read_operator() {
    const auto join = [&](Joint joint, std::size_t length, const char* text) -> Status {
      if (current_.words.empty() && joint != Joint::always) {
        return syntax(fmt::format("syntax error near unexpected token `{}'", text));
      }
      close_command();
      current_.joint = joint;
      at_ += length;
      return {};
    };
    if (starts_with("&&")) return join(Joint::on_success, 2, "&&");
    if (starts_with("||")) return join(Joint::on_failure, 2, "||");
    if (starts_with(";") || starts_with("\n")) return join(Joint::always, 1, ";");
    return syntax(fmt::format("syntax error near unexpected token `{}'", peek()));
  }

  Status read_redirection() {
    const bool error_only = starts_with("2>");
    const bool both = starts_with("&>");
    at_ += error_only || both || starts_with("1>") ? 2U : 1U;
    while (!at_end() && peek() == ' ') {
      ++at_;
    }
    if (starts_with("&2") && !error_only) {
      return syntax("redirections to stderr are not available");
    }
    if (!starts_with("/dev/null")) {
      return syntax("redirections to files are not available");
    }
    at_ += 9;
    current_.drop_err = current_.drop_err || error_only || both;
    current_.drop_out = current_.drop_out || !error_only;
    return {};
  }

  Status read_word() {
    std::string word;
    while (!at_end() && std::string_view(" \t\n;&|<>()").find(peek()) == std::string_view::npos) {
      const char c = line_[at_++];
      if (c == '\\') {
        if (!at_end()) word += line_[at_++];
      } else if (c == '\'' || c == '"') {
        if (Status quoted = read_quoted(c, word); !quoted) {
          return quoted;
        }
      } else if (c == '$' && !at_end() && (peek() == '(' || peek() == '{')) {
        return syntax("substitutions are not available");
      } else if (c == '`') {
        return syntax("substitutions are not available");
      } else {
        word += c;
      }
    }
    current_.words.push_back(std::move(word));
    return {};
  }

  Status read_quoted(char quote, std::string& word) {
    while (!at_end()) {
      const char c = line_[at_++];
      if (c == quote) {
        return {};
      }
      if (c == '\\' && quote == '"' && !at_end() &&
          std::string_view("\"\\$`").find(peek()) != std::string_view::npos) {
        word += line_[at_++];
      } else {
        word += c;
      }
    }
    return syntax(fmt::format("unexpected EOF while looking for matching `{}'", quote));
  }

  const std::string& line_;
  std::size_t at_ = 0;
  SimpleCommand current_;
  std::vector<SimpleCommand> commands_;
};

}  // namespace

Result<std::vector<SimpleCommand>> split_command_line(const std::string& line) {
  return Splitter(line).run();
}

}  // namespace kiln::virtual_rack
