#pragma once
// A MessageSocket whose other end is the test: what it is told is kept, what it hears is put in. Closing it
// is the other program's death; while nothing is put in, the other program is silent. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/completion.h"
#include "io/message_door.h"
#include "io/message_socket.h"

namespace kiln {

class ScriptedSocket final : public MessageSocket {
 public:
  boost::asio::awaitable<Status> send(const Ctx& /*ctx*/, std::string message) override {
    if (closed_) co_return Error("socket.closed", "closed by the test");
    sent.push_back(std::move(message));
    co_return success();
  }
  boost::asio::awaitable<Result<std::string>> receive(const Ctx& ctx) override {
    while (heard_.empty() && !closed_) {
      const Completion<bool> news;
      news_ = news;
      const Result<bool> waited = co_await news.wait(ctx);
      news_.reset();
      if (!waited) co_return waited.error();
    }
    if (heard_.empty()) co_return Error("socket.closed", "closed by the test");
    std::string text = std::move(heard_.front());
    heard_.pop_front();
    co_return text;
  }

  void put(std::string message) {
    heard_.push_back(std::move(message));
    if (news_) news_->complete(true);
  }
  /// What was put in before is still heard, as from a real socket.
  void close() {
    closed_ = true;
    if (news_) news_->complete(true);
  }

  std::vector<std::string> sent;

 private:
  std::deque<std::string> heard_;
  std::optional<Completion<bool>> news_;
  bool closed_ = false;
};

/// A door through which the test sends its guests in.
class ScriptedDoor final : public MessageDoor {
 public:
  boost::asio::awaitable<Result<std::unique_ptr<MessageSocket>>> accept(const Ctx& ctx) override {
    while (guests_.empty()) {
      const Completion<bool> news;
      news_ = news;
      const Result<bool> waited = co_await news.wait(ctx);
      news_.reset();
      if (!waited) co_return waited.error();
    }
    std::unique_ptr<MessageSocket> guest = std::move(guests_.front());
    guests_.pop_front();
    co_return std::move(guest);
  }
  void send_in(std::unique_ptr<MessageSocket> guest) {
    guests_.push_back(std::move(guest));
    if (news_) news_->complete(true);
  }

 private:
  std::deque<std::unique_ptr<MessageSocket>> guests_;
  std::optional<Completion<bool>> news_;
};

}  // namespace kiln
