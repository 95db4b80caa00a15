#include "html/page_sections.h"

#include <fmt/format.h>

#include <set>
#include <tuple>

#include "common/how_to_verify.h"
#include "html/look.h"
#include "html/plot.h"
#include "html/timeline.h"

namespace kiln {
namespace {

constexpr std::size_t kOpenTimelines = 8;  // more DUTs show only those where something was not complete

PageData pairs(const std::vector<std::pair<std::string, std::string>>& items) {
  PageData rows = page_list();
  for (const auto& [name, value] : items) {
    PageData row;
    row.set("name", name);
    row.set("value", value);
    rows.push_back(row);
  }
  return rows;
}

PageData environment(const ReportInput& input, const RunDocument& document) {
  const RunBegun& about = document.about;
  std::vector<std::pair<std::string, std::string>> rows;
  const auto add = [&rows](const std::string& name, const std::string& value) {
    if (!value.empty()) rows.emplace_back(name, value);
  };
  add("run", input.run.id);
  if (document.begun) {
    add("recipe", fmt::format("{}@{}, SHA-256 {}", about.recipe, about.recipe_version, about.recipe_sha256));
    add("purpose", about.purpose);
    add("retest of", about.retest_of);
    add("rack file", fmt::format("{}, SHA-256 {}", about.inventory_file, about.inventory_sha256));
    add("limits", fmt::format("{} revision {}, SHA-256 {}", about.limits_file, about.limits_revision,
                              about.limits_sha256));
    if (!about.firmware_baseline.empty())
      add("firmware baseline",
          fmt::format("{}, SHA-256 {}", about.firmware_baseline, about.firmware_baseline_sha256));
    if (!about.interlock_rules.empty())
      add("interlock rules",
          fmt::format("{}, SHA-256 {}", about.interlock_rules, about.interlock_rules_sha256));
    add("operator", about.operator_name.empty() ? "none: engineering run" : about.operator_name);
    add("scanned", about.scanned_serial);
    for (const Instrument& instrument : about.instruments)
      add("instrument " + instrument.name, calibration_sentence(instrument));
    add("station", about.station);
    add("Kiln", fmt::format("{}, build {}", about.kiln_version, about.build_stamp));
  }
  std::string plugins;
  for (const auto& [name, version] : about.plugins)
    plugins += fmt::format("{}{} {}", plugins.empty() ? "" : ", ", name, version);
  add("plugins", plugins);
  std::string parameters;
  for (const auto& [name, value] : about.parameters)
    parameters += fmt::format("{}{} = {}", parameters.empty() ? "" : ", ", name, value);
  add("parameters", parameters);
  for (const auto& [name, value] : about.overridden)
    add("deviation: " + name, value + " (set on the command line)");
  if (input.verdict.simulated)
    add("time scaling", fmt::format("physics runs {} times faster than real time", about.time_scale));
  for (const auto& [id, dut] : document.duts) {
    if (dut.tls.rfind("insecure", 0) == 0) add("not secured: " + id, dut.tls);
  }
  add("begun", format_utc(document.begun_utc_ns));
  add("ended", format_utc(document.ended_utc_ns));
  add("record", fmt::format("{} events, chain head {}", input.run.events, input.run.chain_head));
  return pairs(rows);
}

}  // namespace

PageData page_list() { return PageData{PageData::type::list}; }

PageData page_text(const std::string& text) { return text.empty() ? PageData(false) : PageData(text); }

std::string after_text(std::int64_t from_ns, std::int64_t to_ns) {
  if (from_ns == 0 || to_ns == 0) return "not confirmed";
  return fmt::format("{:.0f} ms", static_cast<double>(to_ns - from_ns) / 1e6);
}

std::string attempt_text(int iteration, int attempt) {
  return iteration > 1 ? fmt::format("{}, round {}", attempt, iteration) : std::to_string(attempt);
}

void set_attempts(PageData& page, const RunDocument& document) {
  PageData sticky = page_list();
  for (const auto& item : document.sticky_fails) {
    const DocumentMeasurement& first = document.measurements[item.measurements.front()];
    std::string history;
    for (const std::size_t index : item.measurements) {
      const DocumentMeasurement& entry = document.measurements[index];
      history += fmt::format("{}attempt {}: {} {}", history.empty() ? "" : " → ",
                             attempt_text(entry.iteration, entry.attempt), value_text(entry.measured),
                             to_string(entry.measured.outcome));
    }
    PageData row;
    row.set("dut", first.dut);
    row.set("part", first.measured.part.empty() ? first.dut : first.measured.part);
    row.set("name", first.measured.name);
    row.set("history", history);
    sticky.push_back(row);
  }
  page.set("any_sticky", !document.sticky_fails.empty());
  page.set("sticky", sticky);

  // A step that was repeated is shown with all its attempts, also the complete one.
  std::set<std::tuple<std::string, std::string, int>> repeated;
  for (const auto& step : document.steps) {
    if (step.attempt > 1) repeated.insert({step.dut, step.step, step.iteration});
  }
  PageData attempts = page_list();
  int shown = 0;
  int rest = 0;
  for (const auto& step : document.steps) {
    const bool complete = step.ended.status == WorkStatus::complete;
    if (complete && repeated.count({step.dut, step.step, step.iteration}) == 0) {
      ++rest;
      continue;
    }
    ++shown;
    const Look& look = look_of(step.ended.status);
    PageData row;
    row.set("class", complete ? "" : look.css_class);
    row.set("glyph", look.glyph);
    row.set("dut", step.dut);
    row.set("step", step.step + (step.monitor ? " (monitor)" : step.teardown ? " (teardown)" : ""));
    row.set("attempt", attempt_text(step.iteration, step.attempt));
    row.set("status", std::string(to_string(step.ended.status)));
    const std::int64_t end = step.ended_ns == 0 ? document.ended_ns : step.ended_ns;
    row.set("took", step.begun_ns == 0
                        ? "not begun"
                        : fmt::format("{:.1f} s", static_cast<double>(end - step.begun_ns) / 1e9));
    std::string why = step.ended.code;
    if (!step.ended.message.empty()) why += (why.empty() ? "" : ": ") + step.ended.message;
    if (!step.ended.action.empty()) why += " → " + step.ended.action;
    row.set("why", why);
    attempts.push_back(row);
  }
  page.set("any_attempt", shown > 0);
  page.set("attempts", attempts);
  page.set("attempts_rest",
           fmt::format("{} {}step runs were complete at their first attempt; the timeline shows them.", rest,
                       shown > 0 ? "other " : ""));
}

void set_drawings(PageData& page, const RunDocument& document, PageUse use) {
  const std::vector<Timeline> timelines = draw_timelines(document);
  PageData timeline_list = page_list();
  for (const auto& timeline : timelines) {
    PageData item;
    item.set("dut", timeline.dut.empty() ? "the run" : timeline.dut);
    item.set("summary", timeline.summary);
    const bool is_open = timelines.size() <= kOpenTimelines || !timeline.all_complete;
    item.set("open", is_open);
    item.set("svg", is_open || use == PageUse::screen ? timeline.svg : "");
    timeline_list.push_back(item);
  }
  page.set("any_timeline", !timelines.empty());
  page.set("timelines", timeline_list);
  const std::vector<Plot> plots = draw_series(document);
  PageData plot_list = page_list();
  for (const auto& plot : plots) {
    PageData item;
    item.set("title", plot.title);
    item.set("caption", plot.caption);
    item.set("svg", plot.svg);
    plot_list.push_back(item);
  }
  page.set("any_plot", !plots.empty());
  page.set("plots", plot_list);
}

void set_record(PageData& page, const ReportInput& input, const RunDocument& document) {
  PageData disturbances = page_list();
  for (const auto& item : document.disturbances) {
    PageData row;
    row.set("dut", item.dut);
    row.set("count", std::to_string(item.count));
    row.set("code", item.code);
    row.set("message", item.message);
    disturbances.push_back(row);
  }
  page.set("any_disturbance", !document.disturbances.empty());
  page.set("disturbances", disturbances);
  std::vector<std::pair<std::string, std::string>> prompts;
  for (const auto& [place, prompt] : document.prompts) {
    prompts.emplace_back(place, fmt::format("{}: {} ({}{})", prompt.prompt, prompt.answer, prompt.by,
                                            prompt.timed_out ? ", timed out" : ""));
  }
  page.set("any_prompt", !prompts.empty());
  page.set("prompts", pairs(prompts));
  page.set("any_note", !document.notes.empty());
  page.set("notes", pairs(document.notes));
  std::vector<std::pair<std::string, std::string>> parts;
  for (const auto& [dut, part] : document.parts) {
    if (part.serial.empty()) continue;
    parts.emplace_back(fmt::format("{} {}", dut, part.part),
                       fmt::format("serial {} ({} {})", part.serial, part.source.kind, part.source.detail));
  }
  page.set("any_part", !parts.empty());
  page.set("parts", pairs(parts));
  page.set("environment", environment(input, document));
  page.set("is_sealed", !input.station_key.empty());
  page.set("key_short", input.station_key.substr(0, 16));
  PageData reviews = page_list();
  for (const ReviewEntry& entry : input.reviews.entries) {
    const bool good = entry.invalid_because.empty();
    PageData row;
    row.set("class", page_text(good ? "" : "no-go"));
    row.set("number", review_number(entry));
    row.set("at", format_utc(entry.recorded_utc_ns));
    row.set("says", review_sentence(entry));
    row.set("key", page_text(entry.key));
    row.set("holds", good ? std::string("✔ signature holds") : "✖ DOES NOT HOLD: " + entry.invalid_because);
    reviews.push_back(row);
  }
  page.set("any_review", !input.reviews.entries.empty());
  page.set("reviews", reviews);
  PageData steps = page_list();
  for (const VerifyStep& step : how_to_verify(input.station_key, input.reviews.entries)) {
    PageData commands = page_list();
    for (const std::string& command : step.commands) {
      PageData one;
      one.set("command", command);
      commands.push_back(one);
    }
    PageData row;
    row.set("question", step.question);
    row.set("commands", commands);
    steps.push_back(row);
  }
  page.set("verify_steps", steps);
}

}  // namespace kiln
