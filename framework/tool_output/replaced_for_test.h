#pragma once
// A tool's output with one place of it changed. Test code only.

#include <gtest/gtest.h>

#include <string>

namespace kiln::tool_output {

/// The text with the first `from` replaced; one must be there.
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

}  // namespace kiln::tool_output
