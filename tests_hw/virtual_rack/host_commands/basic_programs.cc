// The small programs every Linux host has, as far as a station asks for them.

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <regex.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "tests_hw/virtual_rack/host_commands/host_files.h"
#include "tests_hw/virtual_rack/host_commands/programs.h"
#include "tests_hw/virtual_rack/power.h"

namespace kiln::virtual_rack {

namespace {

std::string missing_file(const std::string& program, const std::string& path) {
  return fmt::format("{}: {}: No such file or directory\n", program, path);
}

/// A POSIX extended regular expression; one that cannot be read matches as plain text.
class Pattern {
 public:
  explicit Pattern(std::string text) : text_(std::move(text)) {
    valid_ = ::regcomp(&compiled_, text_.c_str(), REG_EXTENDED) == 0;
  }
  ~Pattern() {
    if (valid_) ::regfree(&compiled_);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  [[nodiscard]] bool found_in(const std::string& line) const {
    return valid_ ? ::regexec(&compiled_, line.c_str(), 0, nullptr, 0) == 0
                  : line.find(text_) != std::string::npos;
  }
  [[nodiscard]] bool is_all_of(const std::string& line) const {
    regmatch_t where{};
    return valid_ ? ::regexec(&compiled_, line.c_str(), 1, &where, 0) == 0 && where.rm_so == 0 &&
                        static_cast<std::size_t>(where.rm_eo) == line.size()
                  : line == text_;
  }

 private:
  std::string text_;
  regex_t compiled_{};
  bool valid_ = false;
};

struct ProcessQuery {
  int signal_number = SIGTERM;
  bool exact = false;
  bool list_name = false;
  std::string pattern;
  std::string problem;
};

ProcessQuery read_process_query(const Arguments& arguments) {
  ProcessQuery query;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "-x" || word == "--exact") {
      query.exact = true;
    } else if (word == "-f" || word == "-a" || word == "-l") {
      query.list_name = word != "-f";
    } else if (word == "-TERM" || word == "-SIGTERM" || word == "-15") {
      query.signal_number = SIGTERM;
    } else if (word == "-KILL" || word == "-SIGKILL" || word == "-9") {
      query.signal_number = SIGKILL;
    } else if (word == "-INT" || word == "-2") {
      query.signal_number = SIGINT;
    } else if (word == "--") {
      continue;
    } else if (word.starts_with("-")) {
      query.problem = fmt::format("{}: invalid option -- '{}'\n", arguments[0], word.substr(1));
    } else if (query.pattern.empty()) {
      query.pattern = word;
    } else {
      query.problem = fmt::format("{}: only one pattern can be provided\n", arguments[0]);
    }
  }
  if (query.problem.empty() && query.pattern.empty()) {
    query.problem = fmt::format("{}: no matching criteria specified\n", arguments[0]);
  }
  return query;
}

std::vector<Process*> matching(Host host, const ProcessQuery& query) {
  std::vector<Process*> found;
  const Pattern pattern(query.pattern);
  for (Process& process : host.dut.processes) {
    const bool match = query.exact ? pattern.is_all_of(process.name) : pattern.found_in(process.name);
    if (match) {
      found.push_back(&process);
    }
  }
  return found;
}

/// strftime with GNU date's %N and %s added.
std::string format_time(std::string format, std::int64_t utc_ns) {
  const std::int64_t seconds = utc_ns / 1'000'000'000;
  const std::int64_t nanoseconds = utc_ns % 1'000'000'000;
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (std::size_t at = format.find(from); at != std::string::npos;
         at = format.find(from, at + to.size())) {
      format.replace(at, from.size(), to);
    }
  };
  replace("%N", fmt::format("{:09}", nanoseconds));
  replace("%3N", fmt::format("{:03}", nanoseconds / 1'000'000));
  replace("%6N", fmt::format("{:06}", nanoseconds / 1000));
  replace("%s", std::to_string(seconds));
  replace("%:z", "+00:00");
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  parts.tm_zone = "UTC";
  char buffer[256];
  // The format is the caller's, as date(1) has it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const std::size_t size = std::strftime(buffer, sizeof buffer, format.c_str(), &parts);
#pragma GCC diagnostic pop
  return std::string(buffer, size);
}

const char* level_name(int level) {
  switch (level) {
    case 0:
      return "emerg";
    case 1:
      return "alert";
    case 2:
      return "crit";
    case 3:
      return "err";
    case 4:
      return "warn";
    case 5:
      return "notice";
    case 6:
      return "info";
    default:
      return "debug";
  }
}

}  // namespace

std::unique_ptr<Command> run_cat(Host host, const Arguments& arguments) {
  std::string out;
  std::string err;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    for (const std::string& path : expand_host_path(host, arguments[i])) {
      if (const auto text = read_host_file(host, path)) {
        out += *text;
      } else {
        err += missing_file("cat", path);
      }
    }
  }
  const int status = err.empty() ? 0 : 1;
  return finished(std::move(out), status, std::move(err));
}

std::unique_ptr<Command> run_grep(Host host, const Arguments& arguments) {
  bool with_name = false;
  bool without_name = false;
  bool quiet_errors = false;
  bool quiet = false;
  std::vector<std::string> words;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i].size() > 1 && arguments[i].front() == '-') {
      for (const char option : arguments[i].substr(1)) {
        with_name = with_name || option == 'H';
        without_name = without_name || option == 'h';
        quiet_errors = quiet_errors || option == 's';
        quiet = quiet || option == 'q';
      }
    } else {
      words.push_back(arguments[i]);
    }
  }
  if (words.size() < 2) {
    return finished("", 2, "Usage: grep [OPTION]... PATTERNS [FILE]...\n");
  }
  const Pattern pattern(words[0]);
  std::vector<std::string> paths;
  for (std::size_t i = 1; i < words.size(); ++i) {
    for (std::string& path : expand_host_path(host, words[i])) {
      paths.push_back(std::move(path));
    }
  }
  const bool show_name = with_name || (paths.size() > 1 && !without_name);
  std::string out;
  std::string err;
  bool found = false;
  for (const std::string& path : paths) {
    const auto text = read_host_file(host, path);
    if (!text) {
      err += quiet_errors ? "" : missing_file("grep", path);
      continue;
    }
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t end = std::min(text->find('\n', at), text->size());
      const std::string line = text->substr(at, end - at);
      at = end + 1;
      if (pattern.found_in(line)) {
        found = true;
        out += (show_name ? path + ":" : std::string()) + line + "\n";
      }
    }
  }
  const int status = !err.empty() ? 2 : found ? 0 : 1;
  return finished(quiet ? "" : std::move(out), status, std::move(err));
}

/// head -v -c BYTES: the beginning of each file behind its name.
std::unique_ptr<Command> run_head(Host host, const Arguments& arguments) {
  std::size_t bytes = std::string::npos;
  bool names = false;
  std::string out, err;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i] == "-c" && i + 1 < arguments.size()) {
      bytes = std::strtoul(arguments[++i].c_str(), nullptr, 10);
      continue;
    }
    if (arguments[i].starts_with("-")) {
      names = names || arguments[i] == "-v";
      continue;
    }
    for (const std::string& path : expand_host_path(host, arguments[i])) {
      const auto text = read_host_file(host, path);
      if (!text) {
        err += fmt::format("head: cannot open '{}' for reading: No such file or directory\n", path);
        continue;
      }
      if (names) out += fmt::format("{}==> {} <==\n", out.empty() ? "" : "\n", path);
      out += text->substr(0, bytes);
    }
  }
  const int status = err.empty() ? 0 : 1;
  return finished(std::move(out), status, std::move(err));
}

std::unique_ptr<Command> run_date(Host host, const Arguments& arguments) {
  std::string format = "%a %b %e %H:%M:%S UTC %Y";
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.starts_with("+")) {
      format = word.substr(1);
    } else if (word == "-Ins" || word == "--iso-8601=ns") {
      format = "%Y-%m-%dT%H:%M:%S,%N%:z";
    } else if (word == "-Is" || word == "--iso-8601=seconds") {
      format = "%Y-%m-%dT%H:%M:%S%:z";
    } else if (word != "-u" && word != "--utc") {
      return finished("", 1, fmt::format("date: invalid date '{}'\n", word));
    }
  }
  return finished(format_time(format, host_utc_ns(host.rack, host.dut, host.rack.now_ns)) + "\n");
}

std::unique_ptr<Command> run_uname(Host host, const Arguments& arguments) {
  const std::string release = host_kernel_release(host.dut);
  const std::string machine = machine_of(host.dut);
  const std::string option = arguments.size() > 1 ? arguments[1] : "-s";
  if (option == "-r") return finished(release + "\n");
  if (option == "-m") return finished(machine + "\n");
  if (option == "-n") return finished(host.dut.hostname + "\n");
  if (option == "-s") return finished("Linux\n");
  if (option == "-a") {
    return finished(fmt::format("Linux {} {} #24 SMP PREEMPT_DYNAMIC {} {} {} GNU/Linux\n", host.dut.hostname,
                                release, machine, machine, machine));
  }
  return finished("", 1, fmt::format("uname: extra operand '{}'\n", option));
}

std::unique_ptr<Command> run_nproc(Host host, const Arguments& /*arguments*/) {
  int cores = 0;
  for (const Cpu& cpu : host.dut.cpus) {
    cores += cpu.cores;
  }
  return finished(fmt::format("{}\n", cores));
}

std::unique_ptr<Command> run_true(Host /*host*/, const Arguments& /*arguments*/) { return finished(""); }
std::unique_ptr<Command> run_false(Host /*host*/, const Arguments& /*arguments*/) { return finished("", 1); }

std::unique_ptr<Command> run_echo(Host /*host*/, const Arguments& arguments) {
  const std::size_t first = arguments.size() > 1 && arguments[1] == "-n" ? 2 : 1;
  std::string out;
  for (std::size_t i = first; i < arguments.size(); ++i) {
    out += (i > first ? " " : "") + arguments[i];
  }
  return finished(out + (first == 2 ? "" : "\n"));
}

std::unique_ptr<Command> run_hostname(Host host, const Arguments& /*arguments*/) {
  return finished(host.dut.hostname + "\n");
}

std::unique_ptr<Command> run_uptime(Host host, const Arguments& /*arguments*/) {
  const auto minutes = (host.rack.now_ns - host.dut.boot_ns) / 60'000'000'000;
  const std::int64_t utc = host_utc_ns(host.rack, host.dut, host.rack.now_ns);
  return finished(fmt::format(" {} up {} min,  0 users,  load average: {}", format_time("%H:%M:%S", utc),
                              minutes, read_host_file(host, "/proc/loadavg").value_or("\n")));
}

namespace {

class Sleep final : public Command {
 public:
  Sleep(Host host, double seconds)
      : host_(host), ends_ns_(host.rack.now_ns + static_cast<std::uint64_t>(seconds * 1e9)) {}

  std::optional<Exit> step(Output& /*output*/) override {
    if (signal_ != 0) return Exit{0, signal_};
    if (host_.rack.now_ns < ends_ns_) return std::nullopt;
    return Exit{};
  }
  void signal(int number) override { signal_ = number; }

 private:
  Host host_;
  std::uint64_t ends_ns_;
  int signal_ = 0;
};

}  // namespace

std::unique_ptr<Command> run_sleep(Host host, const Arguments& arguments) {
  double seconds = 0;
  const std::string text = arguments.size() > 1 ? arguments[1] : "";
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (problem != std::errc() || end != text.data() + text.size() || seconds < 0) {
    return finished("", 1, fmt::format("sleep: invalid time interval '{}'\n", text));
  }
  return std::make_unique<Sleep>(host, seconds);
}

std::unique_ptr<Command> run_pgrep(Host host, const Arguments& arguments) {
  const ProcessQuery query = read_process_query(arguments);
  if (!query.problem.empty()) {
    return finished("", 2, query.problem);
  }
  std::string out;
  for (const Process* process : matching(host, query)) {
    out += query.list_name ? fmt::format("{} {}\n", process->pid, process->name)
                           : fmt::format("{}\n", process->pid);
  }
  const int status = out.empty() ? 1 : 0;
  return finished(std::move(out), status);
}

std::unique_ptr<Command> run_pkill(Host host, const Arguments& arguments) {
  const ProcessQuery query = read_process_query(arguments);
  if (!query.problem.empty()) {
    return finished("", 2, query.problem);
  }
  const std::vector<Process*> found = matching(host, query);
  for (Process* process : found) {
    process->signalled = query.signal_number;
  }
  return finished("", found.empty() ? 1 : 0);
}

std::unique_ptr<Command> run_dmesg(Host host, const Arguments& arguments) {
  bool iso = false;
  bool human = false;
  bool decode = false;
  std::vector<std::string> levels;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word == "--time-format=iso" ||
        (word == "--time-format" && i + 1 < arguments.size() && arguments[i + 1] == "iso")) {
      i += word == "--time-format" ? 1U : 0U;
      iso = true;
    } else if (word == "-T" || word == "--ctime") {
      human = true;
    } else if (word == "-x" || word == "--decode") {
      decode = true;
    } else if (word.starts_with("--level=")) {
      const std::string list = word.substr(8);
      for (std::size_t at = 0; at <= list.size();) {
        const std::size_t comma = std::min(list.find(',', at), list.size());
        levels.push_back(list.substr(at, comma - at));
        at = comma + 1;
      }
    } else if (word != "--nopager" && word != "-P" && word != "--color=never" && word != "-k" &&
               word != "--kernel") {
      return finished(
          "", 1,
          fmt::format("dmesg: unrecognized option '{}'\nTry 'dmesg --help' for more information.\n", word));
    }
  }
  std::string out;
  for (const KernelLine& line : host.dut.kernel_log) {
    const std::string level = level_name(line.level);
    if (!levels.empty() && std::find(levels.begin(), levels.end(), level) == levels.end()) {
      continue;
    }
    const std::int64_t utc = host_utc_ns(host.rack, host.dut, line.monotonic_ns);
    if (decode) {
      out += fmt::format("{:<6}:{:<6}: ", "kern", level);
    }
    if (iso) {
      out += format_time("%Y-%m-%dT%H:%M:%S,%6N%:z", utc) + " ";
    } else if (human) {
      out += "[" + format_time("%a %b %e %H:%M:%S %Y", utc) + "] ";
    } else {
      const double since_boot =
          (static_cast<double>(line.monotonic_ns) - static_cast<double>(host.dut.boot_ns)) * 1e-9;
      out += fmt::format("[{:>12.6f}] ", std::max(0.0, since_boot));
    }
    out += line.text + "\n";
  }
  return finished(std::move(out));
}

std::unique_ptr<Command> run_which(Host host, const Arguments& arguments) {
  // "command -v NAME" and "which NAME".
  const std::size_t first = arguments.size() > 2 && arguments[1] == "-v" ? 2 : 1;
  std::string out;
  bool all = arguments.size() > first;
  for (std::size_t i = first; i < arguments.size(); ++i) {
    if (find_program(host.dut, arguments[i]) != nullptr) {
      out += "/usr/bin/" + arguments[i] + "\n";
    } else {
      all = false;
    }
  }
  return finished(std::move(out), all ? 0 : 1);
}

}  // namespace kiln::virtual_rack
