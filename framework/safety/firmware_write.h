#pragma once
// A firmware write as the guard journal keeps it for whoever finds its run dead: which component, what it ran
// and what it is to run. And the judgement whether it is over, from what its BMC shows: never a guess,
// because power that is taken from a component that is being written may destroy it. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/time.h"
#include "model/version.h"

namespace kiln {

/// Not an aggregate on purpose (coroutine parameters must have a constructor under g++ 12).
class FirmwareWrite {
 public:
  FirmwareWrite() = default;
  FirmwareWrite(std::string what)
      : component(std::move(what)) {}                   // NOLINT: a write of which no more is known
  FirmwareWrite(const char* what) : component(what) {}  // NOLINT: the same
  std::string component;  ///< Id in the BMC's firmware inventory, or a word for people
  /// As printed; either empty: the inventory shows nothing of this write.
  std::string was, wanted;
  VersionFields version_fields = VersionFields::by_form;
  Nanoseconds write_within{0};   ///< from its beginning to the end of its task
  Nanoseconds active_within{0};  ///< from the activation to the new version
  /// Another version afterwards than before, so that the inventory can show the end.
  [[nodiscard]] bool can_be_shown() const;
};

/// What stands in JournaledUndo::command of a firmware_write; empty where nothing can be shown, or its words
/// are too long for a record.
std::string to_text(const FirmwareWrite& write);
/// nullopt: nothing can be shown.
std::optional<FirmwareWrite> firmware_write_from(const std::string& text);

/// What one look at the BMC saw.
class WriteLook {
 public:
  /// Updates under way that it tells of; nullopt: it did not answer, or not to that.
  std::optional<std::size_t> updates;
  /// Tasks that are not over and may be none: while there are some it is not quiet, and their end shows
  /// nothing.
  std::size_t other_tasks = 0;
  /// That its inventory lists for the component; nullopt: it was not asked, or did not tell.
  std::optional<std::string> version;
};

/// No update told of for so long, by a BMC that answers: between two tasks of a bundle there is less.
inline constexpr Nanoseconds kQuietAfterUpdate = std::chrono::seconds(30);
/// The same where the version alone shows that the write has worked.
inline constexpr Nanoseconds kQuietWithVersion = std::chrono::seconds(60);

/// Whether a write is over, look by look. Over is:
///  * an update was seen under way, and none for kQuietAfterUpdate since; or
///  * the wanted version is listed, which was not there before, and no update is under way, for
///    kQuietWithVersion; or
///  * the old version is listed, and no update is under way, for all of active_within, which ended after
///    write_within was over: it has not worked, and nothing of it is left to come.
/// A look that was not answered begins each of these anew. A BMC that merely tells of no update proves
/// nothing: what writes may not be a task of its own.
class WriteEnd {
 public:
  /// `began_ns`: of the write, on the clock of see().
  WriteEnd(std::optional<FirmwareWrite> write, std::int64_t began_ns)
      : write_(std::move(write)), began_ns_(began_ns) {}
  void see(const WriteLook& look, std::int64_t now_ns);
  /// A sentence; empty: not shown.
  [[nodiscard]] const std::string& shown_by() const { return shown_by_; }
  /// The inventory may tell something now: it is quiet for long enough to be worth its requests.
  [[nodiscard]] bool wants_version(std::int64_t now_ns) const;
  /// "the BMC does not answer", for people.
  [[nodiscard]] std::string waits_for() const;

 private:
  std::optional<FirmwareWrite> write_;
  std::int64_t began_ns_;
  bool was_busy_ = false;
  bool answers_ = false;
  std::size_t updates_ = 0, other_tasks_ = 0;
  std::int64_t quiet_since_ns_ = 0, same_since_ns_ = 0;
  std::string version_, shown_by_;
};

}  // namespace kiln
