#pragma once
// Addresses of servers that serve a model: what a rack file and a recipe may write, and what is sent there.
// Pure; any thread.

#include <string>

#include "model/inventory.h"

namespace kiln {

/// "https://10.0.0.20:8000", "https://serving.example/rack7/v1": scheme and host, port and path if there are
/// any; without user, query and fragment.
[[nodiscard]] bool is_serving_url(const std::string& url);

/// It without a slash and without "/v1" at its end: what "/v1/models" is written behind.
[[nodiscard]] std::string serving_base(const std::string& url);

/// Plain http to a numeric address of this machine, which nobody else can listen to.
[[nodiscard]] bool is_plain_loopback(const std::string& url);

/// What is wrong with the trust in a server: TLS and nobody who vouches for it, or no TLS and no reason why.
/// Empty: nothing. `written`: a trust was named at all.
[[nodiscard]] std::string why_untrusted(const std::string& url, bool written, const TlsTrust& tls);

}  // namespace kiln
