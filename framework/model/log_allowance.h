#pragma once
// Which entries of a BMC's event log are none of a product's faults, as limits/<product>.yaml lists them, and
// what every other entry is. Plain data, pure functions.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/recipe.h"

namespace kiln {

/// How bad an entry says that it is. other: a word that Redfish does not have (LogEntry v1.x: OK, Warning,
/// Critical), or none at all; it cannot be ruled out that it is the worst.
enum class LogSeverity { ok, warning, critical, other };
std::string_view to_string(LogSeverity severity);
LogSeverity log_severity_from(const std::string& printed);

/// One row of `allowed_log_entries`. What is empty allows anything; all that is given must hold.
struct LogAllowance {
  std::string message_id;  ///< registry and message, whatever the version: "Base.1.18.X" is "Base.1.19.X"
  std::string origin;      ///< address it came from; "*" stands for any number of characters
  std::string message;     ///< the whole text, likewise
  LogSeverity up_to = LogSeverity::warning;
  std::optional<int> count;  ///< in one run on one DUT; more are not allowed
  std::string reason, source;
  Place place;
  /// "ResourceEvent…PowerChanged from /redfish/v1/Systems/*, up to Warning": for people.
  [[nodiscard]] std::string text() const;
};

/// What of an entry an allowance looks at.
struct LogWords {
  std::string message_id, origin, message, severity;
};

/// Whether the entry is one that the row means; its count is the caller's.
bool allows(const LogAllowance& allowance, const LogWords& entry);

/// True when `text` is `pattern`, in which "*" stands for any number of characters. Linear in the text for
/// each "*"; letters count as they are.
bool fits_pattern(std::string_view pattern, std::string_view text);

/// "Base.1.18.X" → "Base.X"; a text of fewer than three parts stays.
std::string without_registry_version(const std::string& message_id);

}  // namespace kiln
