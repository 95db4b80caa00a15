#include "bmc/large_body.h"

#include <algorithm>
#include <string_view>

namespace kiln {
namespace {

constexpr Nanoseconds kOthersTurn = std::chrono::milliseconds(1);

}  // namespace

boost::asio::awaitable<Status> append_in_slices(const Ctx& ctx, std::string& to, const std::string& from) {
  to.reserve(to.size() + from.size());
  for (std::size_t at = 0; at < from.size(); at += kBodySlice) {
    if (at > 0) {
      const Status waited = co_await ctx.sleep_for(kOthersTurn);
      if (!waited) co_return waited;
    }
    to.append(from, at, kBodySlice);
  }
  co_return success();
}

boost::asio::awaitable<Result<bool>> occurs_in_slices(const Ctx& ctx, const std::string& text,
                                                      std::string wanted) {
  if (wanted.empty()) co_return true;
  const std::string_view all = text;
  for (std::size_t at = 0; at < all.size(); at += kBodySlice) {
    if (at > 0) {
      const Status waited = co_await ctx.sleep_for(kOthersTurn);
      if (!waited) co_return waited.error();
    }
    // One that lies across the end of this slice begins in it.
    if (all.substr(at, kBodySlice + wanted.size() - 1).find(wanted) != std::string_view::npos) co_return true;
  }
  co_return false;
}

}  // namespace kiln
