#pragma once
// Where the strings of a JSON text stand, so that they can be exchanged without touching anything else:
// order, blanks, repeated names and the spelling of numbers stay as they were sent. Pure.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace kiln {

/// Called for every string that is a value, in order: the name of its member (of the list it stands in, for
/// an element; empty at the top), and where its raw text lies, without quotes.
using StringSink = std::function<void(const std::string& name, std::size_t begin, std::size_t end)>;

/// False, before any call, when the text is not JSON from end to end or nests too deep.
bool for_each_json_string(const std::string& text, const StringSink& sink);

}  // namespace kiln
