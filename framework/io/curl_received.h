#pragma once
// What curl's callbacks take in of one exchange, and where they stop it: at the caps, at an answer that
// contradicts itself, and before curl sends a second time what may have been carried out. Nothing here calls
// curl. Private to io/. Loop thread only.

#include <cstddef>
#include <functional>
#include <string>

#include "io/http.h"

namespace kiln::detail {

/// Headers of one answer together. Far above any BMC's; a peer that sends more is broken or hostile.
inline constexpr std::size_t kMaxHeaderBytes = 256U * 1024U;

struct Received {
  std::size_t max_body = 0;
  HttpHeaders headers;
  std::size_t header_bytes = 0;
  std::string body;
  bool body_too_large = false;
  bool headers_too_large = false;
  bool headers_complete = false;  ///< curl takes an answer that ends within its headers for a whole one
  bool contradicts_itself = false;
  bool may_be_repeated = true;  ///< by curl, which does so when a kept connection breaks before the answer
  int sendings = 0;             ///< more than one: kept connections broke
  std::function<void(const std::string&)> on_piece;  ///< of a stream; empty otherwise
  bool good = false;                                 ///< the status is 200
};

/// CURLOPT_WRITEFUNCTION, _HEADERFUNCTION and _PREREQFUNCTION; `target` is a Received.
std::size_t on_body(const char* data, std::size_t size, std::size_t count, void* target) noexcept;
std::size_t on_header(const char* data, std::size_t size, std::size_t count, void* target) noexcept;
/// Called for every connection a request is sent on.
int on_sending(void* target, char* ours, char* theirs, int our_port, int their_port) noexcept;

}  // namespace kiln::detail
