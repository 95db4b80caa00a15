#pragma once
// StopDoor: where a person knocks at a running warden who wants everything off, whatever the station does.
// Serves until it is closed. Owned by the warden; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>

#include "io/message_door.h"
#include "io/scope.h"
#include "safety/interlock_watch.h"

namespace kiln {

class StopDoor {
 public:
  /// `run`: what this warden guards. `is_told`: whether a DUT's cut is of interest to who stops everything.
  /// All outlive it.
  StopDoor(const Ctx& owner, MessageDoor& door, std::string run, InterlockWatch& watch,
           std::function<bool(const std::string& dut)> is_told);

  void open();
  /// Ends the listening, and waits for who is being answered.
  boost::asio::awaitable<void> close();

 private:
  boost::asio::awaitable<void> listen(Ctx& task);
  boost::asio::awaitable<void> serve(std::shared_ptr<MessageSocket> guest, Ctx& task);

  MessageDoor& door_;
  std::string run_;
  InterlockWatch& watch_;
  std::function<bool(const std::string& dut)> is_told_;
  Scope guests_;  ///< the listening, and who has come in
};

}  // namespace kiln
