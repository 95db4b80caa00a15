#include "station/leftovers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

namespace kiln {
namespace {

constexpr std::size_t kNamed = 4;

bool ended_with_its_rack(const GuardJournalContent& content) {
  return content.owner.simulated && content.owner.rack_ends_with_us;
}

}  // namespace

std::string guard_directory(const std::string& state_directory) { return state_directory + "/guards"; }

std::vector<Leftover> find_leftovers(const std::string& state_directory) {
  std::vector<Leftover> found;
  for (const std::string& path : guard_journals(guard_directory(state_directory))) {
    if (GuardJournal::in_use(path)) continue;
    Result<GuardJournalContent> content = GuardJournal::read(path);
    if (!content && content.error().code == "guard.not_readable" && !std::filesystem::exists(path)) continue;
    if (content && (!content->any_outstanding() || ended_with_its_rack(*content))) {
      ::unlink(path.c_str());
      continue;
    }
    found.push_back({path, std::filesystem::path(path).stem().string(), std::move(content)});
  }
  return found;
}

std::string describe(const Leftover& leftover) {
  if (!leftover.content) return fmt::format("{}: {}", leftover.run, leftover.content.error().message);
  std::string text;
  std::size_t count = 0;
  for (const GuardEntry& entry : leftover.content->entries) {
    if (!outstanding(entry.state)) continue;
    if (count++ < kNamed) text += (text.empty() ? "" : "; ") + entry.undo.description;
  }
  if (count > kNamed) text += fmt::format("; and {} more", count - kNamed);
  if (!leftover.content->unreadable.empty()) {
    text += fmt::format("{}{} that cannot be read", text.empty() ? "" : "; ",
                        leftover.content->unreadable.size());
  }
  return fmt::format("{}: {}", leftover.run, text);
}

Status refuse_with_leftovers(const std::string& state_directory) {
  const std::vector<Leftover> leftovers = find_leftovers(state_directory);
  if (leftovers.empty()) return success();
  std::string text;
  for (const Leftover& leftover : leftovers) text += (text.empty() ? "" : " | ") + describe(leftover);
  return Error("station.leftovers",
               fmt::format("a run of this station ended without undoing what it did: {}", text),
               "finish it first: kiln recover", Blame::operator_);
}

}  // namespace kiln
