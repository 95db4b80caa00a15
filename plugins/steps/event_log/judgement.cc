#include "judgement.h"

#include <fmt/format.h>

#include <utility>

#include "new_entries.h"

namespace kiln::event_log {

Judged Allowances::judge(LogEntry entry, std::string log, std::string window, const Dut& dut) {
  Judged one;
  one.log = std::move(log);
  one.window = std::move(window);
  one.part = part_of(entry, dut);
  one.severity = log_severity_from(entry.severity);
  const LogWords words{entry.message_id, entry.origin, entry.message, entry.severity};
  for (const LogAllowance& row : rows_) {
    if (one.severity == LogSeverity::ok || one.allowed != nullptr || !allows(row, words)) continue;
    if (row.count && used_[&row] >= *row.count) {
      one.why_not = fmt::format("only {} of them are allowed", *row.count);
      continue;
    }
    ++used_[&row];
    one.allowed = &row;
  }
  one.entry = std::move(entry);
  return one;
}

std::string sentence_of(const Judged& one) {
  const LogEntry& entry = one.entry;
  std::string text =
      fmt::format("{} {}: {}", entry.severity.empty() ? "no severity" : entry.severity,
                  entry.message_id.empty() ? "without MessageId" : entry.message_id, entry.message);
  text += fmt::format(" ({}, {}", entry.created.empty() ? "no time" : entry.created, one.window);
  if (!entry.origin.empty()) text += ", from " + entry.origin;
  text += fmt::format(", {})", entry.uri.empty() ? one.log + " entry " + entry.id : entry.uri);
  if (!one.why_not.empty()) text += "; " + one.why_not;
  return text;
}

}  // namespace kiln::event_log
