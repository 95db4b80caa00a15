#pragma once
// The size and SHA-256 of a file, read piece by piece. Blocking.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace kiln {

struct FileHash {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< lower-case hexadecimal
};

/// A regular file, no link. Errors: "file.not_readable".
Result<FileHash> hash_of_file(const std::string& path);

/// All of a regular file of at most `most` bytes. Errors: "file.not_readable".
Result<std::string> text_of_file(const std::string& path, std::uint64_t most);

}  // namespace kiln
