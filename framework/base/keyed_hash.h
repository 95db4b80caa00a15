#pragma once
// HMAC-SHA-256 (RFC 2104) by OpenSSL, and the random bytes a key is made of: for names that nobody can trace
// back without the key. Any thread.

#include <cstddef>
#include <string>

namespace kiln {

/// From the system's random numbers (RAND_bytes).
std::string random_bytes(std::size_t count);

/// 32 bytes.
std::string hmac_sha256(const std::string& key, const std::string& bytes);

}  // namespace kiln
