#pragma once
// UndoJournal in memory: what was opened and how it ended, and a disk that fails when a test says so.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "safety/guard.h"

namespace kiln {

class MemoryJournal final : public UndoJournal {
 public:
  struct Entry {
    JournaledUndo undo;
    GuardEnd state = GuardEnd::open;
    std::string message;
  };
  boost::asio::awaitable<Result<int>> open(const Ctx& /*ctx*/, JournaledUndo undo) override {
    if (refuse) co_return *refuse;
    entries.push_back({std::move(undo), GuardEnd::open, {}});
    co_return static_cast<int>(entries.size());
  }
  void end(int number, GuardEnd how, std::string message) override {
    Entry& entry = entries.at(static_cast<std::size_t>(number - 1));
    entry.state = how;
    entry.message = std::move(message);
  }
  std::vector<Entry> entries;   ///< by number - 1
  std::optional<Error> refuse;  ///< every open() is answered with this
};

}  // namespace kiln
