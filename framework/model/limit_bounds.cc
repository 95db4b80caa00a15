#include "model/limit_bounds.h"

#include <charconv>
#include <cmath>
#include <string>

namespace kiln {
namespace {

/// Takes a word off the front; false leaves the text as it was.
bool take(std::string_view& text, std::string_view word) {
  if (text.substr(0, word.size()) != word) return false;
  text.remove_prefix(word.size());
  return true;
}

/// Takes a number off the front. Limits are finite; "NaN" and "infinity" draw no line.
std::optional<double> take_bound(std::string_view& text) {
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || !std::isfinite(number)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

/// "(marginal below 12 or above 30)", either half alone, or nothing.
void take_marginal(std::string_view text, LimitBounds& bounds) {
  const auto open = text.rfind("(marginal ");
  if (open == std::string_view::npos || text.back() != ')') return;
  text.remove_prefix(open);
  take(text, "(marginal ");
  if (take(text, "below ")) {
    bounds.marginal_min = take_bound(text);
    take(text, " or ");
  }
  if (take(text, "above ")) bounds.marginal = take_bound(text);
}

}  // namespace

LimitBounds bounds_of(std::string_view limit_text) {
  LimitBounds bounds;
  std::string_view rest = limit_text;
  if (take(rest, "≤ ")) {
    bounds.max = take_bound(rest);
  } else if (take(rest, "≥ ")) {
    bounds.min = take_bound(rest);
  } else {
    const auto low = take_bound(rest);
    if (!low || !take(rest, " … ")) return {};
    const auto high = take_bound(rest);
    if (!high) return {};
    bounds.min = low;
    bounds.max = high;
  }
  if (bounds.empty()) return {};
  take_marginal(rest, bounds);
  return bounds;
}

}  // namespace kiln
