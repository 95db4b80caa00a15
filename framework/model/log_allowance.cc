#include "model/log_allowance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "model/tolerant.h"

namespace kiln {
namespace {

std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

}  // namespace

std::string_view to_string(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::ok:
      return "OK";
    case LogSeverity::warning:
      return "Warning";
    case LogSeverity::critical:
      return "Critical";
    case LogSeverity::other:
      return "other";
  }
  return "?";
}

LogSeverity log_severity_from(const std::string& printed) {
  const std::string word = in_lower_case(tidy_text(printed));
  if (word == "ok") return LogSeverity::ok;
  if (word == "warning") return LogSeverity::warning;
  if (word == "critical") return LogSeverity::critical;
  return LogSeverity::other;
}

std::string without_registry_version(const std::string& message_id) {
  const std::size_t first = message_id.find('.');
  const std::size_t last = message_id.rfind('.');
  if (first == std::string::npos || first == last) return message_id;
  return message_id.substr(0, first) + message_id.substr(last);
}

bool fits_pattern(std::string_view pattern, std::string_view text) {
  std::size_t at = 0, in = 0;
  std::size_t star = std::string_view::npos, taken = 0;
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      taken = in;
    } else if (at < pattern.size() && pattern[at] == text[in]) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++taken;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

bool allows(const LogAllowance& allowance, const LogWords& entry) {
  if (log_severity_from(entry.severity) > allowance.up_to) return false;
  if (!allowance.message_id.empty() &&
      without_registry_version(allowance.message_id) != without_registry_version(entry.message_id))
    return false;
  if (!allowance.origin.empty() && !fits_pattern(allowance.origin, entry.origin)) return false;
  return allowance.message.empty() || fits_pattern(allowance.message, entry.message);
}

std::string LogAllowance::text() const {
  std::string said = message_id.empty() ? std::string("any message") : without_registry_version(message_id);
  if (!message.empty()) said += fmt::format(" '{}'", message);
  if (!origin.empty()) said += fmt::format(" from {}", origin);
  said += up_to == LogSeverity::other ? std::string(", of any severity")
                                      : fmt::format(", up to {}", to_string(up_to));
  if (count) said += fmt::format(", at most {}", *count);
  return said;
}

}  // namespace kiln
