#pragma once
// SHA-256 (FIPS 180-4) by OpenSSL: names contents in records, manifests and artifacts. Any thread; one object
// on one thread at a time.

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace kiln {

/// Of contents that come piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(std::string_view bytes);
  /// Call one of the two, once.
  std::array<unsigned char, 32> finish();
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Lower-case hexadecimal, 64 characters.
std::string sha256_hex(const std::string& bytes);

}  // namespace kiln
