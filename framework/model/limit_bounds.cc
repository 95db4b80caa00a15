#include "model/limit_bounds.h"

#include <algorithm>
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

/// Takes "≤ 85", "≥ 12" or "12 … 30" off the front; empty: it is none of them.
LimitBounds take_range(std::string_view& text) {
  LimitBounds bounds;
  if (take(text, "≤ ")) {
    bounds.max = take_bound(text);
  } else if (take(text, "≥ ")) {
    bounds.min = take_bound(text);
  } else {
    const auto low = take_bound(text);
    if (!low || !take(text, " … ")) return {};
    const auto high = take_bound(text);
    if (!high) return {};
    bounds.min = low;
    bounds.max = high;
  }
  return bounds;
}

/// The text after its last `word`; nullopt: it has none.
std::optional<std::string_view> after(std::string_view text, std::string_view word) {
  const auto at = text.rfind(word);
  if (at == std::string_view::npos || text.back() != ')') return std::nullopt;
  return text.substr(at + word.size());
}

/// "(binary, U = 2.4 Cel, accepted ≤ 82.6 Cel)", "(four-state, U = 2.4 Cel, pass ≤ 82.6 Cel)", or nothing.
void take_guard_band(std::string_view text, LimitBounds& bounds) {
  if (text.find("(binary, U = ") != std::string_view::npos) {
    auto accepted = after(text, ", accepted ");
    if (!accepted) return;
    const LimitBounds range = take_range(*accepted);
    if (bounds.min && range.min) bounds.min = range.min;
    if (bounds.max && range.max) bounds.max = range.max;
  } else if (text.find("(four-state, U = ") != std::string_view::npos) {
    auto pass = after(text, ", pass ");
    if (!pass) return;
    const LimitBounds range = take_range(*pass);
    if (range.min) bounds.marginal_min = std::max(bounds.marginal_min.value_or(*range.min), *range.min);
    if (range.max) bounds.marginal = std::min(bounds.marginal.value_or(*range.max), *range.max);
  }
}

}  // namespace

LimitBounds bounds_of(std::string_view limit_text) {
  std::string_view rest = limit_text;
  LimitBounds bounds = take_range(rest);
  if (bounds.empty()) return {};
  take_marginal(rest, bounds);
  take_guard_band(rest, bounds);
  return bounds;
}

}  // namespace kiln
