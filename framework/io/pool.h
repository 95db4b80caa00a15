#pragma once
// Pool: a named concurrency budget with a depth, first come first served. Waiting respects the Ctx. Safety
// never waits in a pool. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "io/completion.h"
#include "io/ctx.h"

namespace kiln {

class Pool {
 public:
  Pool(std::string name, std::size_t depth);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Move-only; gives its place back when it dies. The pool must outlive it.
  class Lease {
   public:
    Lease() = default;
    explicit Lease(Pool* pool) : pool_(pool) {}
    Lease(Lease&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    explicit operator bool() const { return pool_ != nullptr; }

   private:
    Pool* pool_ = nullptr;
  };

  boost::asio::awaitable<Result<Lease>> acquire(const Ctx& ctx);
  /// A place that nobody waits for, without a wait; an empty lease when there is none.
  Lease take_free();
  [[nodiscard]] std::size_t free_places() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void give_back();
  std::string name_;
  std::size_t free_;
  std::deque<Completion<bool>> waiting_;
};

}  // namespace kiln
