#pragma once
// What every fuzz target is: one function that takes any bytes, does nothing real (no sockets, no files,
// virtual time) and ends the program when something it promises does not hold. Under clang libFuzzer calls it
// (libfuzzer.cc), under g++ the replay of the committed corpus does (replay.cc), so that a target cannot rot.

#include <string>

namespace kiln {

/// Feeds `input` to what this target is about. Deterministic: the same bytes do the same.
void fuzz_one(const std::string& input);

/// Says what does not hold and ends the program the way a sanitizer would.
void require(bool holds, const std::string& what);

}  // namespace kiln
