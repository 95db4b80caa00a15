#include "station/redacted_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "bmc/capture/scrubber.h"
#include "model/verdict.h"
#include "station/file_hash.h"
#include "station/host_name.h"
#include "store/event_json.h"
#include "store/rewritten_run.h"
#include "store/run_bundle.h"

namespace kiln {
namespace {

constexpr std::size_t kStandInLength = 6;
constexpr std::size_t kShortestName = 3;  // shorter ones are replaced in their own fields only

bool in_a_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// How often `from` stood there as whole words.
std::uint64_t replace_words(std::string& text, const std::string& from, const std::string& to) {
  std::uint64_t count = 0;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    const std::size_t end = at + from.size();
    const bool whole = (at == 0 || !in_a_word(text[at - 1])) && (end == text.size() || !in_a_word(text[end]));
    if (!whole) {
      ++at;
      continue;
    }
    text.replace(at, from.size(), to);
    at += to.size();
    ++count;
  }
  return count;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? std::string() : path.substr(0, slash + 1);
}

/// "kiln abort by Ann" → Ann.
std::string who_stopped(const std::string& by) {
  const auto at = by.rfind(" by ");
  return at == std::string::npos ? std::string() : by.substr(at + 4);
}

/// What must stay the same.
using Essence = std::tuple<std::string, int, int, int, int, int, std::vector<std::string>>;
Essence essence_of(const RunVerdict& verdict) {
  std::vector<std::string> reasons;
  for (const DutVerdict& dut : verdict.duts) {
    for (const Reason& reason : dut.reasons) reasons.push_back(dut.id + " " + reason.code);
  }
  return {verdict.decision ? std::string(to_string(*verdict.decision)) : std::string(),
          verdict.counts.required,
          verdict.counts.measured,
          verdict.counts.failed,
          verdict.counts.marginal,
          verdict.counts.not_run,
          std::move(reasons)};
}

class RedactionWork {
 public:
  RedactionWork(const RunView& view, std::string run, std::set<ScrubKind> keep, std::string key,
                const Artifacts& artifacts)
      : view_(view),
        run_(std::move(run)),
        key_(std::move(key)),
        scrubber_(std::move(keep), key_),
        artifacts_(artifacts) {}

  Status learn();
  Result<Event> change(Event&& event);
  Status write(const std::string& to);
  Status compare() const;
  Redaction result();

 private:
  void person(const std::string& name) {
    if (!name.empty())
      people_.try_emplace(name, "person-" + sha256_hex(key_ + name).substr(0, kStandInLength));
  }
  void folder(const std::string& path) {
    if (const std::string one = folder_of(path); !one.empty()) folders_.insert(one);
  }
  void learn_names(const Event& event);
  Status learn_artifact(const ArtifactRow& row);
  std::string clean(std::string text, bool is_json);
  void clean_people(EventBody& body);

  const RunView& view_;
  std::string run_, key_;
  Scrubber scrubber_;
  const Artifacts& artifacts_;
  std::map<std::string, std::string> people_;
  std::set<std::string> folders_;
  std::set<std::string> texts_;                ///< SHA-256 of the artifacts that are text
  std::map<std::string, Attached> rewritten_;  ///< by the SHA-256 of the original
  std::string head_, kiln_version_;
  VerdictAccumulator before_, after_;
  std::uint64_t replaced_people_ = 0, replaced_folders_ = 0;
};

void RedactionWork::learn_names(const Event& event) {
  if (const auto* begun = std::get_if<RunBegun>(&event.body)) {
    person(begun->operator_name);
    kiln_version_ = begun->kiln_version;
    scrubber_.learn_value(ScrubKind::host, begun->station);
    for (const std::string* path :
         {&begun->inventory_file, &begun->limits_file, &begun->recipe_file, &begun->interlock_rules_file})
      folder(*path);
  }
  if (const auto* resumed = std::get_if<RunResumed>(&event.body)) {
    person(resumed->operator_name);
    scrubber_.learn_value(ScrubKind::host, resumed->station);
  }
  if (const auto* answered = std::get_if<PromptAnswered>(&event.body)) person(answered->by);
  if (const auto* stop = std::get_if<StopRequested>(&event.body)) person(who_stopped(stop->by));
}

Status RedactionWork::learn_artifact(const ArtifactRow& row) {
  const Result<std::string> bytes = text_of_file(row.path, kMostBundledBytes);
  if (!bytes || sha256_hex(*bytes) != row.attached.sha256)
    return Error("export.artifact",
                 fmt::format("the artifact {} of {} is not as it was recorded", row.attached.name, run_),
                 fmt::format("kiln verify {}", run_), Blame::operator_);
  if (bytes->find('\0') != std::string::npos || valid_utf8(*bytes) != *bytes) return success();
  texts_.insert(row.attached.sha256);
  scrubber_.learn(*bytes);
  return success();
}

Status RedactionWork::learn() {
  scrubber_.learn_value(ScrubKind::host, host_name());
  const Result<RunSummary> summary = view_.run(run_);
  if (!summary) return summary.error();
  head_ = summary->chain_head;
  const auto walked = view_.for_each_event(run_, 1, [this](Event&& event) {
    learn_names(event);
    if (!std::holds_alternative<SeriesChunk>(event.body))
      scrubber_.learn(to_json(event.body, Samples::apart));
    before_.add(event);
    return true;
  });
  if (!walked) return walked.error();
  const Result<std::vector<ArtifactRow>> rows = view_.artifacts(run_);
  if (!rows) return rows.error();
  for (const ArtifactRow& row : *rows) {
    const Status learnt = learn_artifact(row);
    if (!learnt) return learnt;
  }
  for (const ArtifactRow& row : *rows) {
    if (rewritten_.contains(row.attached.sha256)) continue;
    std::string bytes =
        fmt::format("Left out of the redacted copy: it is no text. SHA-256 {}\n", row.attached.sha256);
    if (texts_.contains(row.attached.sha256)) {
      Result<std::string> text = text_of_file(row.path, kMostBundledBytes);
      if (!text) return text.error();
      bytes = clean(*std::move(text), false);
    }
    const Result<Attached> kept = artifacts_.add_text(row.attached.name, "text/plain", bytes);
    if (!kept) return kept.error();
    rewritten_.emplace(row.attached.sha256, *kept);
  }
  return success();
}

std::string RedactionWork::clean(std::string text, bool is_json) {
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {  // longer ones first
    for (std::size_t at = text.find(*folder); at != std::string::npos; at = text.find(*folder, at)) {
      text.erase(at, folder->size());
      ++replaced_folders_;
    }
  }
  for (const auto& [name, stand_in] : people_) {
    if (name.size() < kShortestName) continue;
    // In JSON a name is written with its escapes.
    const std::string quoted = is_json ? to_json(EventBody(Note{name})) : std::string();
    const std::string written = is_json ? quoted.substr(9, quoted.size() - 11) : name;  // {"text":"…"}
    replaced_people_ += replace_words(text, written, stand_in);
  }
  return scrubber_.scrub(text);
}

void RedactionWork::clean_people(EventBody& body) {
  const auto stand_in = [this](std::string& name) {
    const auto known = people_.find(name);
    if (known == people_.end()) return;
    name = known->second;
    ++replaced_people_;
  };
  if (auto* begun = std::get_if<RunBegun>(&body)) {
    stand_in(begun->operator_name);
    begun->not_eligible_because.push_back(fmt::format(
        "a redacted copy: names and addresses were replaced; the record itself ends in {}", head_));
  }
  if (auto* resumed = std::get_if<RunResumed>(&body)) stand_in(resumed->operator_name);
  if (auto* answered = std::get_if<PromptAnswered>(&body)) stand_in(answered->by);
}

Result<Event> RedactionWork::change(Event&& event) {
  if (const auto* attached = std::get_if<Attached>(&event.body)) {
    Attached instead = rewritten_.at(attached->sha256);
    instead.name = attached->name;
    event.body = std::move(instead);
  }
  clean_people(event.body);
  if (!std::holds_alternative<SeriesChunk>(event.body)) {
    Result<EventBody> body =
        body_from_json(kind_name(event.body), clean(to_json(event.body, Samples::apart), true));
    if (!body)
      return Error("export.redaction",
                   fmt::format("event {} of {} cannot be read any more: {}", event.sequence, run_,
                               body.error().message),
                   "export it without --redact", Blame::station);
    event.body = *std::move(body);
  }
  after_.add(event);
  return std::move(event);
}

Status RedactionWork::write(const std::string& to) {
  std::optional<RewrittenRun> copy;
  Status done = success();
  const auto walked = view_.for_each_event(run_, 1, [&](Event&& event) {
    if (!copy) {
      Result<RewrittenRun> made = RewrittenRun::create(to, run_, event.at, kiln_version_);
      if (made) copy = *std::move(made);
      if (!made) done = made.error();
    }
    if (!done) return false;
    Result<Event> changed = change(std::move(event));
    done = changed ? copy->add(*std::move(changed)) : Status(changed.error());
    return done.has_value();
  });
  if (!walked) return walked.error();
  if (done && !copy)
    return Error("export.redaction", run_ + " has no events", "there is nothing to carry", Blame::operator_);
  return done ? copy->finish() : done;
}

Status RedactionWork::compare() const {
  if (essence_of(before_.verdict()) == essence_of(after_.verdict())) return success();
  return Error("export.redaction",
               fmt::format("without its names {} would come to another decision: nothing was written", run_),
               "export it without --redact", Blame::station);
}

Redaction RedactionWork::result() {
  Redaction done;
  done.station = scrubber_.scrub_line(host_name());
  for (const auto& [kind, places] : scrubber_.replaced())
    done.replaced[std::string(to_string(kind))] = places;
  if (replaced_people_ > 0) done.replaced["people"] = replaced_people_;
  if (replaced_folders_ > 0) done.replaced["folders"] = replaced_folders_;
  return done;
}

}  // namespace

Result<Redaction> write_redacted(const RunView& view, const std::string& run, const SigningKey& key,
                                 bool serials, const std::string& to, const Artifacts& artifacts) {
  // The same key gives the same signature (RFC 8032, 5.1.6), and nobody else can make it.
  const Result<std::string> drawn = key.sign("kiln redaction");
  if (!drawn) return drawn.error();
  std::set<ScrubKind> keep{ScrubKind::serial, ScrubKind::asset};
  if (serials) keep.clear();
  RedactionWork work(view, run, std::move(keep), sha256_hex(*drawn), artifacts);
  Status done = work.learn();
  if (done) done = work.write(to);
  if (done) done = work.compare();
  if (!done) return done.error();
  return work.result();
}

}  // namespace kiln
