#pragma once
// PostListener: where BMCs deliver what they were asked to tell (DSP0266 12.1): an HTTPS server of the
// station that takes POST on addresses nobody can guess, and nothing else. It proves nothing about who posts:
// what arrives says where to look, and is never believed by itself. Loop thread only. The fake is
// testing/fake_post_listener.h.
//
// Whoever comes has bounded time for each of handshake, request and the pause between two requests, a bounded
// body, and one of a bounded number of places. Answers: 204 taken, 400 no HTTP or no body, 404 no such
// address, 405 no POST, 413 too much.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "io/loop.h"

namespace kiln {

class PostListener {
 public:
  using OnPost = std::function<void(const std::string& body)>;

  /// One address; posts are taken while it lives. It may outlive the listener.
  class Place {
   public:
    virtual ~Place() = default;
    /// https://host:port/ and 256 random bits. Whoever knows it may post: never printed, stored or in argv.
    [[nodiscard]] virtual Secret url() const = 0;
  };

  virtual ~PostListener() = default;
  virtual std::unique_ptr<Place> open(OnPost on_post) = 0;
};

struct PostListenerOptions {
  std::string address = "127.0.0.1";       ///< numeric; on which it listens
  std::uint16_t port = 0;                  ///< 0: any
  std::string told_as;                     ///< host by which BMCs reach it; empty: `address`
  std::string certificate_file, key_file;  ///< PEM; both empty: self-signed, made now, kept nowhere
  std::size_t most_bytes = 1U << 20;       ///< of one body
  std::size_t most_connections = 128;
  Nanoseconds handshake_within{10'000'000'000};
  Nanoseconds request_within{10'000'000'000};
  Nanoseconds idle{60'000'000'000};
};

/// Errors: listener.address (not to be listened on), listener.certificate (unusable files).
Result<std::shared_ptr<PostListener>> open_post_listener(Loop& loop, const PostListenerOptions& options);

}  // namespace kiln
