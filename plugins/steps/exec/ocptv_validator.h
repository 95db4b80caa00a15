#pragma once
// One validator of an OCPTV measurement (specification 2.0, json_spec/README.md, Validator): the measured
// value is the left operand. Pure.

#include <boost/json.hpp>
#include <optional>

namespace kiln {

/// Whether it holds; nullopt when that cannot be said: a type that the specification does not know, operands
/// of different types, and regular expressions, whose dialect it does not name.
std::optional<bool> holds(const boost::json::value& measured, const boost::json::value& validator);

}  // namespace kiln
