#include "tests_hw/virtual_rack/host_commands/interpreter.h"

#include <fmt/format.h>

#include <charconv>
#include <csignal>
#include <deque>

#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/host_commands/shell_words.h"

namespace kiln::virtual_rack {

namespace {

constexpr int kTimedOut = 124;  // timeout(1)
constexpr int kNotFound = 127;
constexpr int kSyntax = 2;
constexpr int kTimeoutFailed = 125;

std::unique_ptr<Command> build(Host host, const SimpleCommand& simple);
std::unique_ptr<Command> build_words(Host host, Arguments words);

/// timeout(1): TERM (or the signal asked for) when the time is over, KILL after the grace; 124 if it had to.
class TimeoutCommand final : public Command {
 public:
  TimeoutCommand(Host host, std::unique_ptr<Command> inner, double seconds, double grace_s, int signal_number)
      : host_(host), inner_(std::move(inner)), signal_(signal_number), grace_s_(grace_s) {
    ends_ns_ = seconds > 0 ? host.rack.now_ns + static_cast<std::uint64_t>(seconds * 1e9) : UINT64_MAX;
  }

  std::optional<Exit> step(Output& output) override {
    const std::uint64_t now = host_.rack.now_ns;
    if (!expired_ && now >= ends_ns_) {
      expired_ = true;
      kills_ns_ = grace_s_ > 0 ? now + static_cast<std::uint64_t>(grace_s_ * 1e9) : UINT64_MAX;
      inner_->signal(signal_);
    } else if (expired_ && now >= kills_ns_) {
      kills_ns_ = UINT64_MAX;
      inner_->signal(SIGKILL);
      killed_ = true;
    }
    const std::optional<Exit> end = inner_->step(output);
    if (end && expired_) {
      return killed_ ? Exit{0, SIGKILL} : Exit{kTimedOut, 0};
    }
    return end;
  }

  void signal(int number) override { inner_->signal(number); }

 private:
  Host host_;
  std::unique_ptr<Command> inner_;
  int signal_;
  double grace_s_;
  std::uint64_t ends_ns_;
  std::uint64_t kills_ns_ = UINT64_MAX;
  bool expired_ = false;
  bool killed_ = false;
};

/// What "sh -c SCRIPT kiln-lease SECONDS LINE" does on a real host.
class LeasedCommand final : public Command {
 public:
  LeasedCommand(Host host, std::unique_ptr<Command> inner, double seconds)
      : host_(host), inner_(std::move(inner)), lease_ns_(static_cast<std::uint64_t>(seconds * 1e9)) {
    renewed_ns_ = host.rack.now_ns;
  }

  std::optional<Exit> step(Output& output) override {
    if (!killed_ && host_.rack.now_ns - renewed_ns_ > lease_ns_) kill();
    const std::optional<Exit> end = inner_->step(output);
    if (end && killed_) return Exit{128 + SIGKILL, 0};
    return end;
  }
  void signal(int number) override { inner_->signal(number); }
  void input(const std::string& bytes) override {
    if (!bytes.empty()) renewed_ns_ = host_.rack.now_ns;
  }
  void input_ended() override { kill(); }

 private:
  void kill() {
    killed_ = true;
    inner_->signal(SIGKILL);
  }

  Host host_;
  std::unique_ptr<Command> inner_;
  std::uint64_t lease_ns_;
  std::uint64_t renewed_ns_ = 0;
  bool killed_ = false;
};

/// Commands joined by ; && ||, with the redirections of each.
class Sequence final : public Command {
 public:
  Sequence(Host host, std::vector<SimpleCommand> commands)
      : host_(host), left_(commands.begin(), commands.end()), single_(commands.size() == 1) {}

  std::optional<Exit> step(Output& output) override {
    while (true) {
      if (!current_ && !next()) {
        return last_;
      }
      Output raw;
      const std::optional<Exit> end = current_->step(raw);
      output.out += redirect_.drop_out ? "" : raw.out;
      if (!redirect_.drop_err) {
        (redirect_.err_to_out ? output.out : output.err) += raw.err;
      }
      if (!end) {
        return std::nullopt;
      }
      current_.reset();
      last_ = *end;
      // bash runs a single command in its own place, so that the client sees the signal; in a list it reports
      // 128+n.
      if (!single_ && last_.signal != 0) {
        last_ = Exit{128 + last_.signal, 0};
      }
    }
  }

  void signal(int number) override {
    left_.clear();
    if (current_) {
      current_->signal(number);
    }
  }

  void input(const std::string& bytes) override {
    if (current_) current_->input(bytes);
  }
  void input_ended() override {
    if (current_) current_->input_ended();
  }

 private:
  bool next() {
    while (!left_.empty()) {
      SimpleCommand simple = std::move(left_.front());
      left_.pop_front();
      const bool failed = last_.status != 0 || last_.signal != 0;
      if ((simple.joint == Joint::on_success && failed) || (simple.joint == Joint::on_failure && !failed)) {
        continue;
      }
      current_ = build(host_, simple);
      redirect_ = std::move(simple);
      return true;
    }
    return false;
  }

  Host host_;
  std::deque<SimpleCommand> left_;
  bool single_;
  std::unique_ptr<Command> current_;
  SimpleCommand redirect_;
  Exit last_;
};

bool is_assignment(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == 0 || equals == std::string::npos) {
    return false;
  }
  for (std::size_t i = 0; i < equals; ++i) {
    const char c = word[i];
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
      return false;
    }
  }
  return true;
}

/// "10", "0.5", "5s", "2m", "1h", "1d": durations of timeout(1) and sleep(1).
std::optional<double> read_seconds(const std::string& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  if (problem != std::errc() || value < 0) {
    return std::nullopt;
  }
  if (unit.empty() || unit == "s") return value;
  if (unit == "m") return value * 60;
  if (unit == "h") return value * 3600;
  if (unit == "d") return value * 86400;
  return std::nullopt;
}

std::optional<int> read_signal(std::string name) {
  if (name.starts_with("SIG")) {
    name = name.substr(3);
  }
  if (name == "TERM" || name == "15") return SIGTERM;
  if (name == "KILL" || name == "9") return SIGKILL;
  if (name == "INT" || name == "2") return SIGINT;
  if (name == "HUP" || name == "1") return SIGHUP;
  return std::nullopt;
}

std::unique_ptr<Command> build_timeout(Host host, const Arguments& words) {
  int signal_number = SIGTERM;
  double grace = 0;
  std::size_t at = 1;
  const auto fail = [](const std::string& text) {
    return finished("", kTimeoutFailed,
                    "timeout: " + text + "\nTry 'timeout --help' for more information.\n");
  };
  for (; at < words.size() && words[at].starts_with("-"); ++at) {
    const std::string& word = words[at];
    const auto value = [&](const char* long_name, const char* short_name) -> std::optional<std::string> {
      if (word.starts_with(std::string(long_name) + "="))
        return word.substr(std::string(long_name).size() + 1);
      if ((word == short_name || word == long_name) && at + 1 < words.size()) return words[++at];
      return std::nullopt;
    };
    if (const auto text = value("--signal", "-s")) {
      const auto number = read_signal(*text);
      if (!number) return fail(fmt::format("'{}': invalid signal", *text));
      signal_number = *number;
    } else if (const auto after = value("--kill-after", "-k")) {
      const auto seconds = read_seconds(*after);
      if (!seconds) return fail(fmt::format("invalid time interval '{}'", *after));
      grace = *seconds;
    } else if (word != "--foreground" && word != "-v" && word != "--verbose") {
      return fail(fmt::format("unrecognized option '{}'", word));
    }
  }
  if (at + 1 >= words.size()) {
    return fail("missing operand");
  }
  const auto seconds = read_seconds(words[at]);
  if (!seconds) {
    return fail(fmt::format("invalid time interval '{}'", words[at]));
  }
  const Arguments inner(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
  if (find_program(host.dut, inner.front()) == nullptr) {
    return finished(
        "", kNotFound,
        fmt::format("timeout: failed to run command '{}': No such file or directory\n", inner.front()));
  }
  return std::make_unique<TimeoutCommand>(host, build_words(host, inner), *seconds, grace, signal_number);
}

/// Drops what only changes how a program is started: sudo -n, nice -n 5, env A=b, stdbuf -oL, exec.
bool strip_prefix(Arguments& words) {
  const std::string name = words.front();
  if (name != "sudo" && name != "nice" && name != "env" && name != "stdbuf" && name != "exec" &&
      name != "ionice") {
    return false;
  }
  words.erase(words.begin());
  while (!words.empty() && (words.front().starts_with("-") || is_assignment(words.front()))) {
    const bool takes_value = words.front() == "-n" && (name == "nice" || name == "ionice");
    words.erase(words.begin());
    if (takes_value && !words.empty()) {
      words.erase(words.begin());
    }
  }
  return true;
}

std::unique_ptr<Command> build_words(Host host, Arguments words) {
  while (!words.empty() && is_assignment(words.front())) {
    words.erase(words.begin());
  }
  while (!words.empty() && strip_prefix(words)) {
  }
  if (words.empty()) {
    return finished("");
  }
  std::string& name = words.front();
  if (name == "timeout") {
    return build_timeout(host, words);
  }
  if (name == "sh" && words.size() == 6 && words[1] == "-c" && words[3] == "kiln-lease") {
    const auto seconds = read_seconds(words[4]);
    if (!seconds)
      return finished("", kSyntax, fmt::format("timeout: invalid time interval '{}'\n", words[4]));
    return std::make_unique<LeasedCommand>(host, interpret(host, words[5]), *seconds);
  }
  for (const char* folder :
       {"/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/local/bin/", "/opt/gpu-burn/"}) {
    if (name.starts_with(folder)) {
      name = name.substr(std::string(folder).size());
      break;
    }
  }
  const Program program = find_program(host.dut, name);
  if (program == nullptr) {
    const char* words_of_bash =
        name.find('/') == std::string::npos ? "command not found" : "No such file or directory";
    return finished("", kNotFound, fmt::format("bash: line 1: {}: {}\n", name, words_of_bash));
  }
  return program(host, words);
}

std::unique_ptr<Command> build(Host host, const SimpleCommand& simple) {
  return build_words(host, simple.words);
}

}  // namespace

std::unique_ptr<Command> interpret(Host host, const std::string& line) {
  Result<std::vector<SimpleCommand>> commands = split_command_line(line);
  if (!commands) {
    return finished("", kSyntax, fmt::format("bash: line 1: {}\n", commands.error().message));
  }
  if (commands->empty()) {
    return finished("");
  }
  return std::make_unique<Sequence>(host, std::move(*commands));
}

}  // namespace kiln::virtual_rack
