#pragma once
// Abstract AF_UNIX addresses (unix(7)): names of this machine without a file behind them. Private to io/.

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace kiln::detail {

/// sun_path has 108 bytes, of which the first is 0.
inline constexpr std::size_t kLongestAbstractName = 107;

struct AbstractAddress {
  /// `name`: at most kLongestAbstractName bytes; the rest is cut off.
  explicit AbstractAddress(const std::string& name) {
    const std::size_t size = name.size() < kLongestAbstractName ? name.size() : kLongestAbstractName;
    socket.sun_family = AF_UNIX;
    std::memcpy(socket.sun_path + 1, name.data(), size);
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size);
  }
  [[nodiscard]] const sockaddr* generic() const {
    return reinterpret_cast<const sockaddr*>(&socket);  // NOLINT: what the calls are made for
  }

  sockaddr_un socket{};
  socklen_t length = 0;
};

}  // namespace kiln::detail
