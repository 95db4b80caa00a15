// Any program, on the DUT's host or on the station, as a step: its exit status, the measurements it prints as
// OCP Test & Validation JSON lines, and the diagnoses it makes (ocptv_stream.h). What the recipe requires and
// the program does not deliver is not run; a foreign FAIL is a fail, a foreign PASS proves nothing, and a
// stream that lacks something is an error.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <string>

#include "ocptv_stream.h"
#include "sdk/step.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr int kCommandNotFound = 127;  // POSIX shell
constexpr int kSignalled = 128;        // POSIX shell: 128 and the number of the signal
constexpr int kLastSignal = 64;

/// On a host nobody ends what a lost connection leaves behind: `timeout` does, also when the station is gone.
/// It leads a process group of its own; what the program left in the background there, also what ignores
/// TERM, ends with it. `mark` is what the undo finds the group by. (dash takes a group only as `kill -s NAME
/// -- -GROUP`.)
std::string for_host(const std::string& line, const std::string& mark, Nanoseconds limit) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count() + 1;
  return fmt::format(
      "sh -c 'timeout --signal=TERM --kill-after=5 {} env KILN_EXEC={} sh -c \"$1\" & g=$!; wait $g; s=$?; "
      "kill -s TERM -- -$g 2>/dev/null && {{ sleep 1; kill -s KILL -- -$g 2>/dev/null; }}; exit $s' "
      "kiln-exec {}",
      seconds, mark, shell_quoted(line));
}

/// Ends the group, and after a second also what ignores TERM. Status 1: nothing was left.
std::string undo_on_host(const std::string& mark) {
  return fmt::format(
      "for g in $(pgrep -f '^timeout .*KILN_EXEC={} '); do kill -s TERM -- -$g; sleep 1; kill -s KILL -- -$g "
      "2>/dev/null; done",
      mark);
}

/// Unlike any other on that host at that time.
std::string mark_of(const StepContext& context) {
  return fmt::format("kiln-exec-{}-{}", context.dut().id, context.ctx().now().monotonic_ns);
}

class Run final : public Step {
 public:
  const StepDescription& describe() const override {
    static const StepDescription description = [] {
      StepDescription made;
      made.use = "exec.run";
      made.summary = "Run any program on the host or the station and read OCPTV JSON lines from it";
      made.measurements = {
          {"exec.exit_code", "1", ComponentKind::whole_dut, false, "exec.exit_code",
           "read the attached output", "exit status"},
          {"exec.failed_diagnoses", "1", ComponentKind::whole_dut, true, "exec.diagnosis_fail",
           "read the diagnoses of the program", "diagnoses of type FAIL"},
          {"exec.output_lines", "1", ComponentKind::whole_dut, false, "", "", "lines on standard output"},
          {"exec.garbage_lines", "1", ComponentKind::whole_dut, false, "", "",
           "lines that begin as OCPTV and cannot be understood"}};
      made.parameters = {{"command", ParameterType::text, std::nullopt, "as a POSIX shell reads it"},
                         {"where", ParameterType::text, "host", "host (of the DUT, over SSH) or station"}};
      made.recipe_declares_measurements = true;
      made.looks_back = true;  // what a program looks at is not known here
      made.default_timeout = std::chrono::minutes(10);
      return made;
    }();
    return description;
  }

  Status check(const Parameters& with) const override {
    const std::string& where = with.text("where");
    if (where == "host" || where == "station") return success();
    return Error("recipe.parameters",
                 fmt::format("where '{}' is not known{}", where, did_you_mean(where, {"host", "station"})),
                 "", Blame::recipe);
  }

  awaitable<Status> run(StepContext& context) override {
    const std::string line = context.with().text("command");
    const Source source{context.with().text("where") == "station" ? "process" : "ssh", line};
    OcptvReader reader;
    Result<CommandResult> result = co_await execute(context, line, reader);
    reader.end();
    const ForeignOutput& output = reader.output();
    if (!result) {
      // It was stopped, or hung: what it said is kept, a fail stays a fail, and its silence proves nothing.
      const Status kept = co_await record_output(context, output, source, false);
      if (!kept) co_return kept;
      co_return result.error();
    }
    if (result->exit_status == kCommandNotFound) {
      co_return Error(
          "tool.not_installed",
          fmt::format("{}: '{}' was not found: {}", context.dut().id, line, tidy_text(result->err)),
          "install it, or correct the command", Blame::peer);
    }
    const Status attached = co_await context.attach("output.txt", "text/plain", result->out + result->err);
    if (!attached) co_return attached;
    Value exit_code;
    const int status = result->exit_status;
    if (!result->signal && status > kSignalled && status <= kSignalled + kLastSignal)
      result->signal = std::to_string(status - kSignalled);
    if (!result->signal) exit_code = std::int64_t{status};
    Reading exit_reading("exec.exit_code", "", exit_code, source);
    exit_reading.reason = fmt::format("ended by signal {}", result->signal.value_or("?"));
    const Result<Outcome> exit_outcome = co_await context.record(std::move(exit_reading));
    if (!exit_outcome) co_return exit_outcome.error();
    const Status counted = co_await record_lines(context, output, result->dropped_bytes, source);
    if (!counted) co_return counted;
    const Status recorded = co_await record_output(context, output, source, true);
    if (!recorded) co_return recorded;
    // Killed, or cut: what it printed before says nothing about what it would have found.
    if (result->signal) {
      co_return Error("exec.killed", fmt::format("'{}' was ended by signal {}", line, *result->signal), "",
                      Blame::peer);
    }
    if (output.too_many) {
      co_return Error("exec.output_too_large",
                      fmt::format("'{}' made more measurements, diagnoses or series than are kept", line),
                      "let it summarise", Blame::recipe);
    }
    // What it found stands, what it lacks is nothing that could pass.
    if (output.trouble) {
      co_return Error(output.trouble->code, fmt::format("'{}': {}", line, output.trouble->message),
                      "read the attached output", Blame::peer);
    }
    co_return success();
  }

 private:
  /// The program's diagnoses and measurements. No FAIL of a program that was not seen to its end is no value.
  static awaitable<Status> record_output(StepContext& context, const ForeignOutput& output, Source source,
                                         bool ended) {
    std::int64_t failed = 0;
    for (const auto& diagnosis : output.diagnoses) {
      if (diagnosis.failed) ++failed;
      Diagnosed event;
      event.code = "exec." + diagnosis.verdict;
      event.part = diagnosis.part;
      event.message = diagnosis.message;
      const Status recorded = co_await context.diagnose(std::move(event));
      if (!recorded) co_return recorded;
    }
    if (ended || failed > 0) {
      Reading diagnoses("exec.failed_diagnoses", "", failed, source);
      const Result<Outcome> diagnoses_outcome = co_await context.record(std::move(diagnoses));
      if (!diagnoses_outcome) co_return diagnoses_outcome.error();
    }
    for (const auto& measured : output.measurements) {
      // A program must not be able to overwrite what this step itself measured.
      if (measured.name.starts_with("exec.")) continue;
      Reading reading(measured.name, measured.part, measured.value, source);
      reading.unit = measured.unit;
      reading.reason = "the program printed no value";
      const Result<Outcome> outcome = co_await context.record(std::move(reading));
      if (!outcome) co_return outcome.error();
    }
    co_return success();
  }

  static awaitable<Status> record_lines(StepContext& context, const ForeignOutput& output,
                                        std::size_t dropped_bytes, Source source) {
    Reading lines("exec.output_lines", "", output.lines, source);
    const Result<Outcome> lines_outcome = co_await context.record(std::move(lines));
    if (!lines_outcome) co_return lines_outcome.error();
    Reading garbage("exec.garbage_lines", "", output.garbage_lines, source);
    const Result<Outcome> garbage_outcome = co_await context.record(std::move(garbage));
    if (!garbage_outcome) co_return garbage_outcome.error();
    std::string text;
    if (output.garbage_lines > 0) {
      text = fmt::format("{} lines begin as OCPTV and cannot be understood, such as: {}",
                         output.garbage_lines, fmt::join(output.examples, " | "));
    }
    if (output.validators_not_worked_out > 0) {
      text += fmt::format("{}{} validators of the program cannot be worked out here and prove nothing",
                          text.empty() ? "" : "; ", output.validators_not_worked_out);
    }
    if (dropped_bytes > 0) {
      text += fmt::format("{}all lines were read, but the last {} bytes are not in the attached output",
                          text.empty() ? "" : "; ", dropped_bytes);
    }
    if (text.empty()) co_return success();
    const Status noted = co_await context.note(std::move(text));
    co_return noted;
  }

  static awaitable<Result<CommandResult>> execute(StepContext& context, std::string line,
                                                  OcptvReader& reader) {
    std::function<void(const std::string&)> on_output = [&reader](const std::string& piece) {
      reader.take(piece);
    };
    if (context.with().text("where") == "station") {
      ProcessSpec spec({"/bin/sh", "-c", line});
      spec.on_output = std::move(on_output);
      Result<CommandResult> result = co_await context.processes().run(context.ctx(), std::move(spec));
      co_return result;
    }
    const Result<Shell*> shell = context.shell();
    if (!shell) co_return shell.error();
    const std::string mark = mark_of(context);
    Undo undo(Undo::Kind::shell_command, fmt::format("end '{}'", line), undo_on_host(mark));
    const Result<int> guard = co_await context.open_guard(std::move(undo));
    if (!guard) co_return guard.error();
    Command command(for_host(line, mark, context.ctx().remaining()));
    command.on_output = std::move(on_output);
    Result<CommandResult> result = co_await (*shell)->run(context.ctx(), std::move(command));
    if (!result) co_return result.error();
    const Status released = co_await context.release_guard(*guard, "it ended by itself");
    if (!released) co_return released.error();
    co_return result;
  }
};

}  // namespace
}  // namespace kiln

KILN_PLUGIN("exec", "1.0.0", "any program as a step", kiln::Run)
