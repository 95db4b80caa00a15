#pragma once
// The bytes of a file a person wrote, and their hash. Any thread; blocks on the disk.

#include <string>
#include <vector>

#include "base/sha256.h"
#include "files/problem.h"

namespace kiln {

/// Larger ones are refused: nobody writes 8 MB of YAML by hand, and a parser should not be tried with it.
constexpr std::size_t kLargestFile = 8U * 1024 * 1024;

struct FileText {
  std::string bytes;
  unsigned mode = 0;  ///< permission bits
  bool owned_by_us_or_root = false;
};

/// Problems: files.missing, files.unreadable, files.not_a_file, files.too_large.
Parsed<FileText> read_file_text(const std::string& path);

/// The path that a file names: relative ones are taken from that file's folder.
std::string beside(const std::string& file, const std::string& path);

}  // namespace kiln
