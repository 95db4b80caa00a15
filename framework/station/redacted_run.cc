#include "station/redacted_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cctype>
#include <optional>
#include <set>
#include <string_view>
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
/// Text of more is left out: to scrub it takes some ten times as much memory.
constexpr std::uint64_t kMostScrubbedBytes = 64U << 20U;

/// Members whose text is a word of Kiln's or of the rack file, and no sentence: a person called "server" is
/// none of them.
const std::set<std::string_view> kWordsOfTheRecord{
    "kind",        "status",  "outcome", "role",           "code",   "fault_code",  "name",
    "measurement", "step",    "use",     "unit",           "cause",  "energy",      "policy",
    "media_type",  "purpose", "recipe",  "product",        "part",   "dut",         "phase",
    "prompt",      "surface", "rack",    "recipe_version", "sha256", "build_stamp", "kiln_version"};

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

bool has_word(const std::string& text, const std::string& word) {
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !in_a_word(text[at - 1])) && (end == text.size() || !in_a_word(text[end]))) return true;
  }
  return false;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 || path.front() != '/' ? std::string()
                                                                         : path.substr(0, slash + 1);
}

/// "SIGINT" is nobody; "everything was stopped by Ann: smoke" and "kiln abort by Ann" are Ann.
std::string who_is_after_by(const std::string& text) {
  const auto at = text.find(" by ");
  if (at == std::string::npos) return {};
  const auto end = text.find(':', at);
  return text.substr(at + 4, end == std::string::npos ? std::string::npos : end - at - 4);
}

bool in_a_signer(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("._%+-").find(c) != std::string_view::npos;
}

/// Of "ann@site" in a sentence: who signs is named so. By hand, as below: std::regex recurses with each
/// character.
std::vector<std::string> signers_in(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@', at + 1)) {
    std::size_t begin = at, end = at + 1;
    while (begin > 0 && in_a_signer(text[begin - 1])) --begin;
    while (end < text.size() && in_a_signer(text[end])) ++end;
    while (end > at + 1 && text[end - 1] == '.') --end;  // of the sentence
    if (begin < at && end > at + 1) names.push_back(text.substr(begin, end - begin));
  }
  return names;
}

/// A path below where people keep their files loses its folders.
std::uint64_t drop_folders(std::string& text) {
  static constexpr std::array<std::string_view, 9> kRoots{"/home/",  "/root/", "/tmp/", "/srv/",  "/mnt/",
                                                          "/media/", "/opt/",  "/var/", "/Users/"};
  constexpr std::string_view kEnds = " \t\r\n\"'():,;";
  std::uint64_t count = 0;
  std::string kept;
  std::size_t from = 0;
  for (std::size_t at = text.find('/'); at != std::string::npos;) {
    const std::string_view rest = std::string_view(text).substr(at);
    const bool begins = at == 0 || (!in_a_word(text[at - 1]) && text[at - 1] != '/');
    const bool dropped = begins && std::any_of(kRoots.begin(), kRoots.end(), [rest](std::string_view root) {
                           return rest.starts_with(root);
                         });
    const std::size_t end = dropped ? std::min(text.find_first_of(kEnds, at), text.size()) : at + 1;
    if (dropped) {
      kept.append(text, from, at - from);
      from = text.rfind('/', end - 1) + 1;
      ++count;
    }
    at = text.find('/', end);
  }
  if (count > 0) text = kept.append(text, from);
  return count;
}

/// What must stay the same.
using Essence = std::vector<std::string>;
Essence essence_of(const RunVerdict& verdict) {
  const Counts& counts = verdict.counts;
  Essence all{fmt::format("{} {} {} {} {} {} {} {}", verdict.decision ? to_string(*verdict.decision) : "",
                          counts.required, counts.measured, counts.failed, counts.marginal, counts.not_run,
                          verdict.simulated, verdict.purpose),
              fmt::format("{} {} {} {}", verdict.interlocked, verdict.ended, verdict.stop_signal,
                          verdict.run_status)};
  for (const DutVerdict& dut : verdict.duts) {
    all.push_back(
        fmt::format("{} {} {}", to_string(dut.role), to_string(dut.decision), dut.interlocks.size()));
    for (const Reason& reason : dut.reasons)
      all.push_back(fmt::format("{} {} {} {}", reason.code, to_string(reason.outcome), reason.cells,
                                reason.action.empty()));
  }
  return all;
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
  /// Nothing that was to be replaced is anywhere in the copy's file.
  Status search(const std::string& file) const;
  Redaction result();

 private:
  void person(const std::string& name) {
    if (!name.empty()) names_.try_emplace(name, "person-" + mark_of(name));
  }
  /// A host's name, whole and without its domain, whatever it looks like.
  void station(const std::string& name) {
    if (name.empty()) return;
    names_.try_emplace(name, "station-" + mark_of(name));
    const std::string first = name.substr(0, name.find('.'));
    if (first.size() >= kShortestName) names_.try_emplace(first, "station-" + mark_of(name));
  }
  [[nodiscard]] std::string mark_of(const std::string& name) const {
    return sha256_hex(key_ + name).substr(0, kStandInLength);
  }
  void folder(const std::string& path) {
    if (const std::string one = folder_of(path); !one.empty()) folders_.insert(one);
  }
  void learn_names(const Event& event);
  Status learn_artifact(const ArtifactRow& row);
  void clean_text(std::string& text);
  void clean_values(boost::json::value& value);
  std::string clean_artifact(std::string text);
  void clean_own_fields(EventBody& body);

  const RunView& view_;
  std::string run_, key_;
  Scrubber scrubber_;
  const Artifacts& artifacts_;
  /// Of people and stations; a name comes before what is a part of it.
  struct LongerFirst {
    bool operator()(const std::string& a, const std::string& b) const {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };
  std::map<std::string, std::string, LongerFirst> names_;
  std::set<std::string> addresses_;
  std::set<std::string> folders_;
  std::set<std::string> texts_;                ///< SHA-256 of the artifacts that are text
  std::map<std::string, Attached> rewritten_;  ///< by the SHA-256 of the original
  std::string head_, kiln_version_;
  VerdictAccumulator before_, after_;
  std::uint64_t replaced_names_ = 0, replaced_folders_ = 0;
};

void RedactionWork::learn_names(const Event& event) {
  if (const auto* begun = std::get_if<RunBegun>(&event.body)) {
    kiln_version_ = begun->kiln_version;
    person(begun->operator_name);
    station(begun->station);
    for (const std::string* path :
         {&begun->inventory_file, &begun->limits_file, &begun->recipe_file, &begun->interlock_rules_file})
      folder(*path);
    for (const std::vector<std::string>* list : {&begun->approvals, &begun->not_eligible_because}) {
      for (const std::string& line : *list) {
        for (const std::string& name : signers_in(line)) person(name);
      }
    }
  }
  if (const auto* resumed = std::get_if<RunResumed>(&event.body)) {
    person(resumed->operator_name);
    station(resumed->station);
  }
  if (const auto* planned = std::get_if<DutPlanned>(&event.body);
      planned != nullptr && planned->host_address.size() > 3)
    addresses_.insert(planned->host_address);
  if (const auto* answered = std::get_if<PromptAnswered>(&event.body)) person(answered->by);
  if (const auto* stop = std::get_if<StopRequested>(&event.body)) person(who_is_after_by(stop->by));
  if (const auto* cut = std::get_if<Interlocked>(&event.body);
      cut != nullptr && cut->cause == "emergency-stop")
    person(who_is_after_by(cut->message));
  if (const auto* given = std::get_if<PopulationGiven>(&event.body)) folder(given->file);
}

Status RedactionWork::learn_artifact(const ArtifactRow& row) {
  const Result<std::string> bytes = text_of_file(row.path, kMostBundledBytes);
  if (!bytes || sha256_hex(*bytes) != row.attached.sha256)
    return Error("export.artifact",
                 fmt::format("the artifact {} of {} is not as it was recorded", row.attached.name, run_),
                 fmt::format("kiln verify {}", run_), Blame::operator_);
  const bool text = bytes->size() <= kMostScrubbedBytes && bytes->find('\0') == std::string::npos;
  if (!text || valid_utf8(*bytes) != *bytes) return success();
  texts_.insert(row.attached.sha256);
  scrubber_.learn(*bytes);
  return success();
}

Status RedactionWork::learn() {
  station(host_name());
  const Result<RunSummary> summary = view_.run(run_);
  if (!summary) return summary.error();
  head_ = summary->chain_head;
  const auto walked = view_.for_each_event(run_, 1, [this](Event&& event) {
    learn_names(event);
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
    std::string bytes = fmt::format("Left out of the redacted copy: it is no text, or too long. SHA-256 {}\n",
                                    row.attached.sha256);
    if (texts_.contains(row.attached.sha256)) {
      Result<std::string> text = text_of_file(row.path, kMostBundledBytes);
      if (!text) return text.error();
      bytes = clean_artifact(*std::move(text));
    }
    const Result<Attached> kept = artifacts_.add_text(row.attached.name, "text/plain", bytes);
    if (!kept) return kept.error();
    rewritten_.emplace(row.attached.sha256, *kept);
  }
  return success();
}

void RedactionWork::clean_text(std::string& text) {
  constexpr std::string_view kFingerprint = "SHA256:";  // of a key, in OpenSSH's form: 43 figures of base64
  constexpr std::size_t kFigures = 43;
  for (auto folder = folders_.rbegin(); folder != folders_.rend();
       ++folder) {  // what is below before what is above
    for (std::size_t at = text.find(*folder); at != std::string::npos; at = text.find(*folder, at)) {
      if (at > 0 && in_a_word(text[at - 1])) {
        ++at;
        continue;
      }
      text.erase(at, folder->size());
      ++replaced_folders_;
    }
  }
  replaced_folders_ += drop_folders(text);
  for (const auto& [name, stand_in] : names_) {
    if (name.size() >= kShortestName) replaced_names_ += replace_words(text, name, stand_in);
  }
  for (std::size_t at = text.find(kFingerprint); at != std::string::npos;
       at = text.find(kFingerprint, at + 1)) {
    const std::size_t begin = at + kFingerprint.size();
    std::size_t end = begin;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '+' || text[end] == '/'))
      ++end;
    if (end - begin == kFigures) text.replace(begin, kFigures, "left-out");
  }
}

void RedactionWork::clean_values(boost::json::value& value) {
  if (auto* list = value.if_array()) {
    for (boost::json::value& one : *list) clean_values(one);
  } else if (auto* members = value.if_object()) {
    for (auto& member : *members) {
      if (!kWordsOfTheRecord.contains(member.key())) clean_values(member.value());
    }
  } else if (value.is_string()) {
    std::string text(value.get_string());
    clean_text(text);
    value = std::move(text);
  }
}

std::string RedactionWork::clean_artifact(std::string text) {
  boost::system::error_code failed;
  boost::json::value value = boost::json::parse(text, failed);
  if (!failed && (value.is_object() || value.is_array())) {
    clean_values(value);
    text = boost::json::serialize(value);
  } else {
    clean_text(text);
  }
  return scrubber_.scrub(text);
}

/// Names so short that they are replaced nowhere else, and what is only about people.
void RedactionWork::clean_own_fields(EventBody& body) {
  const auto stand_in = [this](std::string& name) {
    const auto known = names_.find(name);
    if (known == names_.end()) return;
    name = known->second;
    ++replaced_names_;
  };
  if (auto* begun = std::get_if<RunBegun>(&body)) {
    stand_in(begun->operator_name);
    stand_in(begun->station);
    replaced_names_ += begun->approvals.size();
    begun->approvals.assign(begun->approvals.size(), "approved; by whom is left out");
    begun->not_eligible_because.push_back(fmt::format(
        "a redacted copy: names and addresses were replaced; the record itself ends in {}", head_));
  }
  if (auto* resumed = std::get_if<RunResumed>(&body)) {
    stand_in(resumed->operator_name);
    stand_in(resumed->station);
  }
  if (auto* answered = std::get_if<PromptAnswered>(&body)) stand_in(answered->by);
}

Result<Event> RedactionWork::change(Event&& event) {
  if (const auto* attached = std::get_if<Attached>(&event.body)) {
    const auto kept = rewritten_.find(attached->sha256);
    if (kept == rewritten_.end())
      return Error("export.artifact",
                   fmt::format("the artifact {} of {} is not in its list", attached->name, run_),
                   fmt::format("kiln verify {}", run_), Blame::operator_);
    Attached instead = kept->second;
    instead.name = attached->name;
    event.body = std::move(instead);
  }
  clean_own_fields(event.body);
  const std::string text = to_json(event.body, Samples::apart);
  boost::system::error_code failed;
  boost::json::value value = boost::json::parse(text, failed);
  if (!failed) clean_values(value);
  Result<EventBody> body =
      body_from_json(kind_name(event.body), scrubber_.scrub(failed ? text : boost::json::serialize(value)));
  if (!body)
    return Error(
        "export.redaction",
        fmt::format("event {} of {} cannot be read any more: {}", event.sequence, run_, body.error().message),
        "export it without --redact", Blame::station);
  if (auto* chunk = std::get_if<SeriesChunk>(&*body))
    chunk->samples = std::move(std::get<SeriesChunk>(event.body).samples);
  event.body = *std::move(body);
  // A DUT that is called like its host is called like its stand-in everywhere.
  event.dut = scrubber_.scrub_line(event.dut);
  event.step = scrubber_.scrub_line(event.step);
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

Status RedactionWork::search(const std::string& file) const {
  constexpr std::size_t kShortestSought = 4;  // a shorter word is in many others
  const Result<std::string> bytes = text_of_file(file, kMostBundledBytes);
  if (!bytes) return bytes.error();
  std::vector<std::string> sought(addresses_.begin(), addresses_.end());
  sought.insert(sought.end(), folders_.begin(), folders_.end());
  for (const auto& [name, stand_in] : names_) sought.push_back(name);
  for (const std::string& word : sought) {
    if (word.size() < kShortestSought || word.starts_with("127.") || word == "localhost") continue;
    const bool found = word.back() == '/' ? bytes->find(word) != std::string::npos : has_word(*bytes, word);
    if (found)
      return Error(
          "export.redaction",
          fmt::format("'{}' is also a word of the record of {} (a DUT, a part, a step), and would still be "
                      "in the copy: nothing was written",
                      word, run_),
          "export it without --redact, or give the rack's DUTs other ids", Blame::operator_);
  }
  return success();
}

Redaction RedactionWork::result() {
  Redaction done;
  const auto known = names_.find(host_name());
  done.station = known == names_.end() ? "left out" : known->second;
  for (const auto& [kind, places] : scrubber_.replaced())
    done.replaced[std::string(to_string(kind))] = places;
  if (replaced_names_ > 0) done.replaced["people and stations"] = replaced_names_;
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
  if (done) done = work.search(to);
  if (!done) return done.error();
  return work.result();
}

}  // namespace kiln
