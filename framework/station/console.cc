#include "station/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "io/scope.h"
#include "station/screen/footer.h"
#include "station/screen/narration.h"
#include "station/screen/printable.h"
#include "station/screen/prompt_desk.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr char kEmergencyKey = 0x18;  // Ctrl-X
constexpr Nanoseconds kEmergencyTwice = std::chrono::seconds(3);
constexpr Nanoseconds kHeartbeat = std::chrono::seconds(60);
constexpr Nanoseconds kFrame = std::chrono::milliseconds(100);
constexpr Nanoseconds kIdleFrame = std::chrono::seconds(1);  // the clock in the footer moves

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class ScreenConsole final : public Console {
 public:
  ScreenConsole(Loop& loop, Terminal& terminal, ConsoleOptions options)
      : loop_(loop),
        terminal_(terminal),
        options_(std::move(options)),
        desk_(PromptDeskOptions{options_.operator_name, options_.nobody_because},
              [this](PromptDesk::Change change, const ShownPrompt& prompt) { on_prompt(change, prompt); }) {}

  void begin(const Plan& plan, const std::string& run, TypicalDurations typical) override {
    plan_ = &plan;
    typical_ = std::move(typical);
    progress_.emplace(plan);
    begun_ns_ = loop_.clock().now().monotonic_ns;
    recipe_directory_ = std::filesystem::path(plan.recipe.file).parent_path().string();
    say(Sign::running,
        fmt::format("{} {}@{} on {} ({}){}, {} DUTs, {} required checks", run, plan.recipe.name,
                    plan.recipe.version, plan.inventory.rack, plan.inventory.product,
                    plan.inventory.simulated ? " SIMULATED" : "", plan.duts.size(), plan.cells.size()));
    if (options_.live && options_.nobody_because.empty()) terminal_.take_keys(true);
  }

  void recall(const Resumption& resumption) override {
    for (const Event& event : resumption.record) {
      const auto* measured = std::get_if<Measured>(&event.body);
      const bool failed = measured != nullptr && measured->outcome == Outcome::fail;
      if (progress_ && (failed || is_kept(resumption, event.dut, event.step))) progress_->on_event(event);
    }
  }

  void on_event(const Event& event) override {
    if (!progress_) return;
    progress_->on_event(event);
    changed_ = true;
    narrate(event);
  }

  void on_progress(const std::string& dut, const std::string& step, const std::string& text) override {
    if (progress_) progress_->on_progress(dut, step, text);
    changed_ = true;
  }

  awaitable<void> keep_fresh(Ctx& ctx) override {
    Scope tasks(ctx);
    if (options_.nobody_because.empty()) tasks.start("keys", [this](Ctx& task) { return read_keys(task); });
    tasks.start("screen", [this](Ctx& task) { return options_.live ? redraw(task) : beat(task); });
    const Status ended = co_await tasks.join();
    (void)ended;  // the run does not depend on its screen
  }

  void stopping(const std::string& by) override {
    if (!stopping_.empty()) return;
    stopping_ = by;
    say(Sign::waiting,
        fmt::format("stopping ({}): what is switched on is switched off first, then the report is "
                    "written",
                    by));
  }

  void warn(const std::string& text) override { say(Sign::fail, text); }

  void set_emergency_stop(std::function<void()> stop) override {
    emergency_stop_ = std::move(stop);
    if (options_.nobody_because.empty())
      say(Sign::idle,
          "Ctrl-C stops and parks; Ctrl-X twice is the emergency stop: it cuts everything at once");
  }

  void end() override {
    draw(false);
    terminal_.take_keys(false);
    options_.live = false;
  }

  awaitable<Result<PromptAnswer>> ask(const Ctx& ctx, std::string dut, PromptRequest request) override {
    if (!request.picture.empty()) request.picture = picture_path(request.picture);
    Result<PromptAnswer> answer = co_await desk_.ask(ctx, std::move(dut), std::move(request));
    co_return answer;
  }

 private:
  // ---------------------------------------------------------------- permanent lines

  void say(Sign sign, const std::string& text) {
    const std::string clean = printable(text, options_.unicode);
    if (!options_.live) {
      terminal_.write(fmt::format("{} {} {}\n", format_utc(loop_.clock().now().utc_ns),
                                  paint(glyph(sign, options_.unicode), sign, options_.colours), clean));
      return;
    }
    const std::string time = format_utc(loop_.clock().now().utc_ns).substr(11, 8);
    lines_.push_back(fmt::format("{} {} {}", time,
                                 paint(glyph(sign, options_.unicode), sign, options_.colours, true), clean));
    changed_ = true;
  }

  void narrate(const Event& event) {
    if (const std::optional<NarratedLine> line = narration_.tell(event)) say(line->sign, line->text);
    const auto* ended = std::get_if<StepEnded>(&event.body);
    if (ended == nullptr || ended->status != WorkStatus::complete || !options_.live) return;
    if (event.step.rfind("monitor/", 0) == 0) return;
    // On a terminal the footer has shown each DUT; one line for all of them when the last one is through.
    const auto [through, planned] = progress_->ended_of(event.step);
    if (through == planned)
      say(Sign::pass,
          fmt::format("{:<33} done on {} {}, the last took {:.1f} s", event.step, planned,
                      planned == 1 ? "DUT" : "DUTs", static_cast<double>(ended->duration_ns) / 1e9));
  }

  // ---------------------------------------------------------------- questions

  [[nodiscard]] std::string picture_path(const std::string& picture) const {
    const auto beside_recipe = std::filesystem::path(recipe_directory_) / picture;
    std::error_code ignored;
    if (std::filesystem::exists(beside_recipe, ignored))
      return std::filesystem::absolute(beside_recipe, ignored).string();
    return picture + " (not found beside the recipe)";
  }

  void on_prompt(PromptDesk::Change change, const ShownPrompt& prompt) {
    changed_ = true;
    const bool open = change == PromptDesk::Change::shown || change == PromptDesk::Change::reminded ||
                      change == PromptDesk::Change::refused;
    if (progress_) progress_->set_waiting(prompt.dut, open);
    const std::string about = fmt::format("{:<6} {}: ", prompt.dut, prompt.id);
    switch (change) {
      case PromptDesk::Change::shown:
        terminal_.discard_typed();
        say(Sign::waiting, about + question_text(prompt));
        break;
      case PromptDesk::Change::reminded:
        if (terminal_.can_draw()) terminal_.write("\a");
        say(Sign::waiting, about + "still waiting for an answer: " + question_text(prompt));
        break;
      case PromptDesk::Change::refused:
        if (!options_.live) say(Sign::waiting, about + prompt.why_not);
        break;
      case PromptDesk::Change::answered:
        say(Sign::pass, about + "answered");
        break;
      case PromptDesk::Change::timed_out:
        say(Sign::unknown, about + "not answered in time");
        break;
      case PromptDesk::Change::withdrawn:
        say(Sign::idle, about + "no longer asked");
        break;
    }
  }

  [[nodiscard]] std::string question_text(const ShownPrompt& prompt) const {
    std::string text = prompt.text;
    if (!options_.live) {
      if (!prompt.picture.empty()) text += " (picture: " + prompt.picture + ")";
      text += fmt::format(" [{}; ! and why: it cannot be done]", prompt.hint);
    }
    return text;
  }

  awaitable<void> read_keys(Ctx& ctx) {
    while (true) {
      const Result<std::string> keys = co_await terminal_.read(ctx);
      if (!keys) {
        if (keys.error().code == "terminal.gone") desk_.close("the terminal is gone");
        co_return;
      }
      std::string rest;
      for (const char key : *keys) {
        if (key == kEmergencyKey) emergency_key();
        if (key != kEmergencyKey) rest += key;
      }
      if (!rest.empty()) desk_.typed(rest);
      changed_ = true;
    }
  }

  /// Once may be a slip; twice is a wish.
  void emergency_key() {
    if (!emergency_stop_) return;
    const std::int64_t now_ns = loop_.clock().now().monotonic_ns;
    const bool again = emergency_key_ns_ != 0 && now_ns - emergency_key_ns_ <= kEmergencyTwice.count();
    emergency_key_ns_ = now_ns;
    if (!again) {
      say(Sign::waiting, "Ctrl-X: once more within 3 s cuts everything at once");
      return;
    }
    say(Sign::fail, "EMERGENCY STOP");
    std::exchange(emergency_stop_, {})();
  }

  // ---------------------------------------------------------------- footer and heartbeat

  [[nodiscard]] FooterFacts facts() const {
    FooterFacts facts;
    facts.rack = plan_->inventory.rack;
    facts.recipe = plan_->recipe.name + "@" + plan_->recipe.version;
    facts.simulated = plan_->inventory.simulated;
    facts.begun_ns = begun_ns_;
    facts.now_ns = loop_.clock().now().monotonic_ns;
    facts.left = time_left(*plan_, *progress_, typical_, facts.now_ns);
    facts.stopping = stopping_;
    return facts;
  }

  void draw(bool with_footer) {
    if (!options_.live || !progress_) return;
    const TerminalSize window = terminal_.size();
    std::string frame = erase_footer(window.columns);
    for (const auto& line : lines_) frame += line + "\r\n";
    lines_.clear();
    drawn_widths_.clear();
    if (with_footer) {
      ScreenSize size;
      size.rows = window.rows;
      size.columns = window.columns;
      FooterStyle style;
      style.unicode = options_.unicode;
      style.colours = options_.colours;
      const auto footer = footer_lines(*progress_, facts(), desk_.current(), size, style);
      for (std::size_t at = 0; at < footer.size(); ++at) {
        frame += footer[at];
        if (at + 1 < footer.size()) frame += "\r\n";
        drawn_widths_.push_back(window.columns - 1);
      }
    }
    terminal_.write(frame);
    changed_ = false;
  }

  /// Back to the first line of the footer, and everything from there away. A window made narrower has broken
  /// its lines.
  [[nodiscard]] std::string erase_footer(int columns) const {
    if (drawn_widths_.empty()) return {};
    int rows = 0;
    for (const int width : drawn_widths_) rows += std::max(1, (width + columns - 1) / std::max(1, columns));
    return rows > 1 ? fmt::format("\r\x1b[{}A\x1b[J", rows - 1) : std::string("\r\x1b[J");
  }

  awaitable<void> redraw(Ctx& ctx) {
    Nanoseconds since_last(0);
    while (true) {
      const Status waited = co_await ctx.sleep_for(kFrame);
      if (!waited) co_return;
      since_last += kFrame;
      if (!changed_ && since_last < kIdleFrame) continue;
      since_last = Nanoseconds(0);
      draw(true);
    }
  }

  awaitable<void> beat(Ctx& ctx) {
    while (true) {
      const Status waited = co_await ctx.sleep_for(kHeartbeat);
      if (!waited) co_return;
      if (!progress_) continue;
      const FooterFacts now = facts();
      std::map<std::string, int> words;
      for (const auto& dut : progress_->duts()) ++words[dut.word()];
      std::string counted;
      for (const auto& [word, count] : words)
        counted += fmt::format("{}{} {}", counted.empty() ? "" : ", ", count, word);
      say(Sign::running,
          fmt::format("… {} elapsed, {}: {}", clock_text((now.now_ns - begun_ns_) / 1'000'000'000),
                      time_left_text(now.left, options_.unicode), counted));
      for (const auto& dut : progress_->duts()) {
        if (!dut.detail.empty())
          say(dut.sign(), fmt::format("{:<6} {:<26} … {} {}", dut.id, dut.step,
                                      clock_text((now.now_ns - dut.step_began) / 1'000'000'000), dut.detail));
      }
    }
  }

  Loop& loop_;
  Terminal& terminal_;
  ConsoleOptions options_;
  PromptDesk desk_;
  const Plan* plan_ = nullptr;
  TypicalDurations typical_;
  std::optional<RunProgress> progress_;
  std::int64_t begun_ns_ = 0;
  std::string recipe_directory_;
  std::string stopping_;
  std::function<void()> emergency_stop_;
  std::int64_t emergency_key_ns_ = 0;  ///< monotonic, when it was last hit; 0: never
  bool changed_ = false;
  std::vector<std::string> lines_;  ///< permanent ones not yet drawn
  std::vector<int> drawn_widths_;   ///< of the footer's lines on the screen
  Narration narration_{options_.live};
};

}  // namespace

bool locale_is_utf8() {
  std::string locale = environment("LC_ALL");
  if (locale.empty()) locale = environment("LC_CTYPE");
  if (locale.empty()) locale = environment("LANG");
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
}

ColourDepth colour_depth(const std::string& color, int descriptor) {
  const std::string kind = environment("TERM");
  const bool terminal = isatty(descriptor) == 1 && !kind.empty() && kind != "dumb";
  const bool wanted = color == "always" || (color != "never" && terminal && *environment("NO_COLOR") == '\0');
  if (!wanted) return ColourDepth::none;
  const std::string depth = environment("COLORTERM");
  if (depth == "truecolor" || depth == "24bit") return ColourDepth::direct;
  return kind.find("256color") != std::string::npos ? ColourDepth::indexed : ColourDepth::basic;
}

ConsoleOptions console_options(const ConsoleWishes& wishes, const Terminal& terminal) {
  ConsoleOptions options;
  options.live = terminal.can_draw() && !wishes.plain;
  options.colours = colour_depth(wishes.color, STDERR_FILENO);
  options.unicode = locale_is_utf8();
  options.operator_name = wishes.operator_name;
  if (wishes.no_input) {
    options.nobody_because = "nobody is there (--no-input)";
  } else if (!terminal.can_read()) {
    options.nobody_because = "nobody is there (standard input and standard error are not a terminal)";
  }
  return options;
}

std::unique_ptr<Console> make_console(Loop& loop, Terminal& terminal, ConsoleOptions options) {
  return std::make_unique<ScreenConsole>(loop, terminal, std::move(options));
}

}  // namespace kiln
