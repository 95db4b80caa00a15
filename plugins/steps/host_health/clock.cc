#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "clock_facts.h"
#include "host_steps.h"
#include "sections.h"

namespace kiln::host_health {

using boost::asio::awaitable;

namespace {

constexpr Nanoseconds kFactsBudget = std::chrono::seconds(60), kDateBudget = std::chrono::seconds(10);
constexpr int kFactSeconds = 10;
constexpr int kDates = 3;
/// The answer of `date` was written somewhere between question and answer: beyond this the guess is no value.
constexpr double kMostDoubt_s = 0.05;
constexpr const char* kDate = "date +%s.%N";

const std::vector<Question>& questions() {
  static const std::vector<Question> all{
      {"chrony", "chronyc -c tracking"},
      {"timedatectl", "timedatectl show --property=NTPSynchronized"},
      {"clocksource", "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"},
      {"governor", "grep -hs '' /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"}};
  return all;
}

/// The host's clock against the station's, from the quickest of a few questions.
struct AgainstStation {
  std::optional<double> offset_s;
  double doubt_s = 1e9;
};

awaitable<Result<AgainstStation>> compare(StepContext& context, Shell& shell) {
  AgainstStation best;
  for (int i = 0; i < kDates; ++i) {
    const Ctx limited = context.ctx().child_within("the host's date", kDateBudget);
    const Instant asked = context.ctx().now();
    Command command(kDate);
    const Result<CommandResult> answer = co_await shell.run(limited, std::move(command));
    if (!answer) co_return answer.error();
    const Instant told = context.ctx().now();
    const auto date = answer->exit_status == 0 ? read_date(answer->out) : std::nullopt;
    const auto half_ns = (told.monotonic_ns - asked.monotonic_ns) / 2;
    const double doubt_s = static_cast<double>(half_ns) * 1e-9;
    if (!date || doubt_s >= best.doubt_s) continue;
    best.doubt_s = doubt_s;
    best.offset_s = std::abs(static_cast<double>(*date - (asked.utc_ns + half_ns)) * 1e-9);
  }
  co_return best;
}

Reading offset_reading(const AgainstStation& station) {
  Reading offset("host.clock.offset", "", std::monostate{}, Source{"ssh", kDate});
  if (!station.offset_s) {
    offset.reason = "no time service of the host tells, and its date could not be read";
    return offset;
  }
  // What it is off at least fails it however slow the way was; that it is not off needs a quick one.
  const double least = std::max(0.0, *station.offset_s - station.doubt_s);
  offset.value = station.doubt_s > kMostDoubt_s ? least : *station.offset_s;
  offset.at_least = station.doubt_s > kMostDoubt_s;
  offset.reason = fmt::format("the host's date is known to {:.0f} ms only, and no time service of it tells",
                              station.doubt_s * 1000);
  return offset;
}

awaitable<Status> record_word(StepContext& context, const char* name, std::string word, const char* source) {
  Reading reading(name, "", std::monostate{}, Source{"ssh", source});
  if (!word.empty()) reading.value = std::move(word);
  reading.reason = "the host does not tell";
  const Result<Outcome> outcome = co_await context.record(std::move(reading));
  if (!outcome) co_return outcome.error();
  co_return success();
}

}  // namespace

const StepDescription& HostClock::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "host_health.clock";
    made.summary = "The host's clock is right, so that its logs can be laid beside those of others";
    const ComponentKind whole = ComponentKind::whole_dut;
    made.measurements = {
        {"host.clock.offset", "s", whole, true, "host.clock_astray",
         "let chrony or systemd-timesyncd set the clock from the site's time server",
         "how far the clock is off: by chrony where it is synchronised, else against the station"},
        {"host.clock.reference", "", whole, false, "", "", "what the host keeps its time by"},
        {"host.clocksource", "", whole, false, "", "", "what the kernel counts time with"},
        {"host.cpu.governor", "", whole, false, "", "", "how the CPUs choose their clock"}};
    made.default_timeout = std::chrono::minutes(3);
    return made;
  }();
  return description;
}

awaitable<Status> HostClock::run(StepContext& context) {
  const Result<Shell*> shell = context.shell();
  if (!shell) co_return shell.error();
  const Ctx limited = context.ctx().child_within("the host's time services", kFactsBudget);
  Command command(ask_all(questions(), kFactSeconds));
  const Result<CommandResult> printed = co_await (*shell)->run(limited, std::move(command));
  if (!printed) co_return printed.error();
  const auto answers = answers_of(printed->out, questions());
  if (!answers) co_return answers.error();
  const auto chrony = read_chrony(answers->at("chrony"));
  const auto synchronised = read_synchronised(answers->at("timedatectl"));
  Reading offset("host.clock.offset", "", std::monostate{}, Source{"ssh", "chronyc -c tracking"});
  std::string reference = "nothing";
  if (chrony && chrony->synchronised) {
    offset.value = chrony->offset_s;
    reference = chrony->reference;
  } else {
    const Result<AgainstStation> station = co_await compare(context, **shell);
    if (!station) co_return station.error();
    offset = offset_reading(*station);
    if (synchronised.value_or(false)) reference = "a time service that timedatectl knows";
    if (!chrony && !synchronised) reference.clear();
  }
  const Result<Outcome> outcome = co_await context.record(std::move(offset));
  if (!outcome) co_return outcome.error();
  const Status by = co_await record_word(context, "host.clock.reference", reference, "chronyc, timedatectl");
  if (!by) co_return by;
  std::string clocksource = one_or_all(answers->at("clocksource")),
              governor = one_or_all(answers->at("governor"));
  const Status counted = co_await record_word(context, "host.clocksource", std::move(clocksource),
                                              "/sys/devices/system/clocksource");
  if (!counted) co_return counted;
  const Status governed =
      co_await record_word(context, "host.cpu.governor", std::move(governor), "/sys/devices/system/cpu");
  co_return governed;
}

}  // namespace kiln::host_health
