#include "model/bring_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <tuple>
#include <utility>

#include "base/rfc3339.h"
#include "model/enum_words.h"

namespace kiln {
namespace {

using What = RackNote::What;

constexpr std::array<EnumWord<What>, 5> kNoteWords{{{What::arrived, "arrived"},
                                                    {What::waits_for_parts, "waits_for_parts"},
                                                    {What::waits_for_plant, "waits_for_plant"},
                                                    {What::waits_for_people, "waits_for_people"},
                                                    {What::goes_on, "goes_on"}}};
constexpr std::int64_t kClockWasSet =
    2'000'000'000;  // ours: what a clock that is only slewed does not differ by

std::string words(std::int64_t ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return format_duration(Nanoseconds((ns + kSecond / 2) / kSecond * kSecond));
}

/// From when to when, UTC.
struct Span {
  std::int64_t from = 0, to = 0;
};

/// A run on one time line: its monotonic times, hung on the wall clock of its beginning.
class RunLine {
 public:
  explicit RunLine(const ClockedRun& run) : run_(run) {
    for (const Event& event : run.events) add(event);
    if (!begun_) return;
    end_ = utc_of(run.last);
    if (end_ >= from_) work_.push_back({from_, end_});
    for (const auto& [key, since] : open_) questions_.push_back({since, end_});
  }

  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] std::int64_t begin() const { return begin_; }
  [[nodiscard]] std::int64_t end() const { return end_; }
  [[nodiscard]] const std::vector<Span>& work() const { return work_; }
  [[nodiscard]] const std::vector<Span>& questions() const { return questions_; }
  [[nodiscard]] std::int64_t clock_set_by() const { return set_by_; }
  [[nodiscard]] const std::optional<ClockMilestone>& powered() const { return powered_; }
  [[nodiscard]] const std::optional<ClockMilestone>& first_token() const { return first_token_; }

  /// Phases that every DUT of the whole rack has passed, with the moment of the last of them.
  [[nodiscard]] std::vector<ClockMilestone> phases() const {
    std::vector<ClockMilestone> passed;
    if (!run_.about.selection.empty()) return passed;
    for (const auto& [phase, by_dut] : phases_) {
      std::int64_t at = 0;
      bool all = !duts_.empty();
      for (const std::string& dut : duts_) {
        const auto found = by_dut.find(dut);
        all = all && found != by_dut.end();
      }
      for (const auto& [dut, ended] : by_dut) {
        all = all && ended.first;
        at = std::max(at, ended.second);
      }
      if (all) passed.push_back({phase, at, run_.id});
    }
    return passed;
  }

 private:
  [[nodiscard]] std::int64_t utc_of(const Instant& at) const {
    return base_utc_ + (at.monotonic_ns - base_mono_);
  }

  void add(const Event& event) {
    if (!begun_) {
      begun_ = true;
      base_utc_ = begin_ = from_ = end_ = event.at.utc_ns;
      base_mono_ = event.at.monotonic_ns;
    }
    if (const auto* resumed = std::get_if<RunResumed>(&event.body)) resume(event, *resumed);
    const std::int64_t at = utc_of(event.at);
    const std::int64_t apart = event.at.utc_ns - at;
    if (std::abs(apart) > std::abs(set_by_)) set_by_ = apart;
    std::visit([&](const auto& body) { take(event, at, body); }, event.body);
  }

  void resume(const Event& event, const RunResumed& resumed) {
    // The station may have booted meanwhile: from here on its monotonic clock is another one.
    const std::int64_t died = std::max(resumed.interrupted_utc_ns, from_);
    work_.push_back({from_, died});
    for (const auto& [key, since] : open_) questions_.push_back({since, std::max(since, died)});
    open_.clear();
    base_utc_ = from_ = died + resumed.gap_ns;
    base_mono_ = event.at.monotonic_ns;
  }

  template <class Body>
  void take(const Event& /*event*/, std::int64_t /*at*/, const Body& /*body*/) {}
  void take(const Event& event, std::int64_t /*at*/, const DutPlanned& body) {
    if (body.role != Role::rack) duts_.insert(event.dut);  // the rack walks no phases of its own
  }
  void take(const Event& event, std::int64_t at, const PhaseEnded& body) {
    phases_[body.phase][event.dut] = {body.status == WorkStatus::complete && body.reason.empty(), at};
  }
  void take(const Event& event, std::int64_t at, const PromptShown& body) {
    open_[{event.dut, event.step, body.prompt}] = at;
  }
  void take(const Event& event, std::int64_t at, const PromptAnswered& body) {
    const auto shown = open_.find({event.dut, event.step, body.prompt});
    if (shown == open_.end()) return;
    questions_.push_back({shown->second, at});
    open_.erase(shown);
  }
  void take(const Event& /*event*/, std::int64_t at, const Measured& body) {
    const bool* on = std::get_if<bool>(&body.value);
    if (body.name == "power.on.confirmed" && on != nullptr && *on && !powered_)
      powered_ = ClockMilestone{"", at, run_.id};
    const auto* text = std::get_if<std::string>(&body.value);
    if (body.name != "first_token.at" || text == nullptr || first_token_) return;
    // What the value says is when it came; the event was written when its answer was whole.
    const Result<std::int64_t> said = parse_rfc3339(*text);
    const bool within = said && *said >= from_ - kClockWasSet && *said <= at + kClockWasSet;
    first_token_ = ClockMilestone{"", within ? *said : at, run_.id};
  }

  const ClockedRun& run_;
  bool begun_ = false;
  std::int64_t base_utc_ = 0, base_mono_ = 0, begin_ = 0, from_ = 0, end_ = 0, set_by_ = 0;
  std::vector<Span> work_, questions_;
  std::map<std::tuple<std::string, std::string, std::string>, std::int64_t> open_;
  std::set<std::string> duts_;
  std::map<std::string, std::map<std::string, std::pair<bool, std::int64_t>>> phases_;
  std::optional<ClockMilestone> powered_, first_token_;
};

/// What was waited for between the runs, as noted: from each note to the next, or to the next run.
std::vector<std::pair<What, Span>> waits_of(std::vector<RackNote> notes, const std::vector<RunLine>& lines) {
  std::erase_if(notes, [](const RackNote& note) { return note.what == What::arrived; });
  std::stable_sort(notes.begin(), notes.end(),
                   [](const RackNote& a, const RackNote& b) { return a.at_utc_ns < b.at_utc_ns; });
  std::vector<std::pair<What, Span>> waits;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    if (notes[i].what == What::goes_on) continue;
    std::int64_t to =
        i + 1 < notes.size() ? notes[i + 1].at_utc_ns : std::numeric_limits<std::int64_t>::max();
    for (const RunLine& line : lines) {
      if (line.begin() >= notes[i].at_utc_ns) to = std::min(to, line.begin());
    }
    waits.push_back({notes[i].what, {notes[i].at_utc_ns, to}});
  }
  return waits;
}

/// Every moment of `whole` to exactly one: an open question before a run, a run before what was noted.
ClockShares share_out(const Span& whole, const std::vector<RunLine>& lines,
                      const std::vector<std::pair<What, Span>>& waits) {
  enum Layer : std::size_t { question, work, people, parts, plant, layers };
  std::vector<std::tuple<std::int64_t, std::size_t, int>> edges;  // when, layer, +1 or -1
  const auto add = [&](Span span, std::size_t layer) {
    span.from = std::max(span.from, whole.from);
    span.to = std::min(span.to, whole.to);
    if (span.from >= span.to) return;
    edges.emplace_back(span.from, layer, 1);
    edges.emplace_back(span.to, layer, -1);
  };
  for (const RunLine& line : lines) {
    for (const Span& span : line.work()) add(span, work);
    for (const Span& span : line.questions()) add(span, question);
  }
  for (const auto& [what, span] : waits) {
    add(span, what == What::waits_for_parts ? parts : what == What::waits_for_plant ? plant : people);
  }
  std::sort(edges.begin(), edges.end());
  edges.emplace_back(whole.to, work, 0);
  ClockShares shares;
  std::array<int, layers> open{};
  std::int64_t since = whole.from;
  for (const auto& [at, layer, change] : edges) {
    const std::int64_t passed = at - since;
    if (open[question] > 0) {
      shares.people_ns += passed;
    } else if (open[work] > 0) {
      shares.tests_ns += passed;
    } else if (open[people] > 0) {
      shares.people_ns += passed;
    } else if (open[parts] > 0) {
      shares.parts_ns += passed;
    } else if (open[plant] > 0) {
      shares.plant_ns += passed;
    } else {
      shares.nobody_ns += passed;
    }
    open.at(layer) += change;
    since = at;
  }
  return shares;
}

void take_earlier(std::optional<ClockMilestone>& kept, const std::optional<ClockMilestone>& other) {
  if (other && (!kept || other->at_utc_ns < kept->at_utc_ns)) kept = other;
}

}  // namespace

std::string_view to_string(RackNote::What what) { return word_of(kNoteWords, what); }
std::optional<RackNote::What> rack_note_from(std::string_view word) { return value_of(kNoteWords, word); }

bool same_rack(const ClockedRun& run, const ClockedRun& other) {
  if (run.about.simulated != other.about.simulated) return false;
  if (run.serials.empty() || other.serials.empty()) return run.about.rack == other.about.rack;
  std::size_t common = 0;
  for (const std::string& serial : run.serials) common += other.serials.count(serial);
  return 2 * common >= std::min(run.serials.size(), other.serials.size());
}

std::optional<std::int64_t> BringUp::since_arrival(const std::optional<ClockMilestone>& milestone) const {
  if (!arrived || !milestone || milestone->at_utc_ns < arrived->at_utc_ns) return std::nullopt;
  return milestone->at_utc_ns - arrived->at_utc_ns;
}

BringUp bring_up_of(const ClockedRun& run, const std::vector<RackNote>& notes,
                    const std::vector<ClockedRun>& runs) {
  BringUp clock;
  clock.rack = run.about.rack;
  std::vector<RunLine> lines;
  std::optional<std::int64_t> renamed;  // the first run under the name it has now
  std::string before;
  for (const ClockedRun& other : runs) {
    if (!same_rack(run, other)) continue;
    RunLine line(other);
    if (!line.begun()) continue;
    ++clock.runs;
    if (other.about.rack == clock.rack) {
      if (!renamed) renamed = line.begin();
    } else if (std::find(clock.formerly.begin(), clock.formerly.end(), other.about.rack) ==
               clock.formerly.end()) {
      clock.formerly.push_back(other.about.rack);
    }
    if (std::abs(line.clock_set_by()) > kClockWasSet) {
      clock.remarks.push_back(fmt::format(
          "the station's clock was set {} by {} during {}: what is before and after it is apart by "
          "that much more or less",
          line.clock_set_by() < 0 ? "back" : "forward", words(std::abs(line.clock_set_by())), other.id));
    }
    if (!lines.empty() && line.begin() < lines.back().begin()) {
      clock.remarks.push_back(
          fmt::format("the station's clock was set back by {} or more between {} and {}: times before it are "
                      "later than they should be",
                      words(lines.back().begin() - line.begin()), before, other.id));
    }
    before = other.id;
    take_earlier(clock.first_run, ClockMilestone{"", line.begin(), other.id});
    take_earlier(clock.powered, line.powered());
    take_earlier(clock.first_token, line.first_token());
    for (ClockMilestone& phase : line.phases()) {
      const auto known = std::find_if(clock.phases.begin(), clock.phases.end(),
                                      [&](const ClockMilestone& one) { return one.what == phase.what; });
      if (known == clock.phases.end()) {
        clock.phases.push_back(std::move(phase));
      } else if (phase.at_utc_ns < known->at_utc_ns) {
        *known = std::move(phase);
      }
    }
    lines.push_back(std::move(line));
  }
  std::stable_sort(
      clock.phases.begin(), clock.phases.end(),
      [](const ClockMilestone& a, const ClockMilestone& b) { return a.at_utc_ns < b.at_utc_ns; });
  for (const RackNote& note : notes) {
    // Under a former name: only what was said while it had that one, as another rack may have it now.
    const bool former =
        std::find(clock.formerly.begin(), clock.formerly.end(), note.rack) != clock.formerly.end();
    if (note.rack != clock.rack && !(former && (!renamed || note.noted_utc_ns <= *renamed))) continue;
    clock.notes.push_back(note);
    if (note.what == What::arrived) clock.arrived = note;
  }
  if (lines.empty()) return clock;
  clock.begins_utc_ns = clock.first_run->at_utc_ns;
  if (clock.arrived && clock.arrived->at_utc_ns <= *clock.begins_utc_ns) {
    clock.begins_utc_ns = clock.arrived->at_utc_ns;
  } else if (clock.arrived) {
    clock.remarks.push_back(
        fmt::format("{} was worked on {} before it arrived, as noted: correct its arrival", clock.rack,
                    words(clock.arrived->at_utc_ns - *clock.begins_utc_ns)));
  }
  clock.ends_utc_ns = *clock.begins_utc_ns;
  for (const RunLine& line : lines) clock.ends_utc_ns = std::max(*clock.ends_utc_ns, line.end());
  if (clock.first_token) clock.ends_utc_ns = std::max(*clock.begins_utc_ns, clock.first_token->at_utc_ns);
  clock.shares = share_out({*clock.begins_utc_ns, *clock.ends_utc_ns}, lines, waits_of(clock.notes, lines));
  return clock;
}

}  // namespace kiln
