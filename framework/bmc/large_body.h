#pragma once
// Large bodies without holding up the loop: to copy or to search 150 MB at once takes tenths of a second, in
// which no leak is read and nobody is stopped. In slices, with everybody else's turn in between. Loop thread.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "io/ctx.h"

namespace kiln {

/// Bytes between two turns: a millisecond or less for a copy or a search.
inline constexpr std::size_t kBodySlice = 1U << 20U;

/// Appends `from` to `to`. `from` and `to` outlive the call. Errors: those of a stopped Ctx.
boost::asio::awaitable<Status> append_in_slices(const Ctx& ctx, std::string& to, const std::string& from);

/// Whether `wanted` is somewhere in `text`, which outlives the call.
boost::asio::awaitable<Result<bool>> occurs_in_slices(const Ctx& ctx, const std::string& text,
                                                      std::string wanted);

}  // namespace kiln
