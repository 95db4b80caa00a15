#pragma once
// WriteLooks over what the test puts there. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>

#include "safety/write_looks.h"

namespace kiln {

class FakeWriteLooks final : public WriteLooks {
 public:
  /// `there`: what each look sees; its version only when that is asked for.
  explicit FakeWriteLooks(std::shared_ptr<WriteLook> there) : there_(std::move(there)) {}
  boost::asio::awaitable<WriteLook> look(const Ctx& /*ctx*/, std::string component) override {
    WriteLook seen = *there_;
    if (component.empty() || !seen.updates) seen.version.reset();
    co_return seen;
  }

 private:
  std::shared_ptr<WriteLook> there_;
};

}  // namespace kiln
