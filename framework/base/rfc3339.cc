#include "base/rfc3339.h"

#include <fmt/format.h>

#include <chrono>
#include <string_view>

namespace kiln {
namespace {

constexpr std::size_t kToSeconds = 19;  // "2026-03-01T12:00:00"
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

Error no_time(const std::string& text, const char* why) {
  return Error("time.invalid", fmt::format("'{}' is no moment: {}", text, why),
               "write date, time and offset, such as 2026-03-01T13:00:00+01:00, or with Z for UTC",
               Blame::operator_);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// -1: not all are digits.
int digits(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return -1;
    value = value * 10 + (c - '0');
  }
  return text.empty() ? -1 : value;
}

}  // namespace

Result<std::int64_t> parse_rfc3339(const std::string& text) {
  const std::string_view all = text;
  if (all.size() < kToSeconds || all[4] != '-' || all[7] != '-' || (all[10] != 'T' && all[10] != 't') ||
      all[13] != ':' || all[16] != ':')
    return no_time(text, "it is not of the form YYYY-MM-DDThh:mm:ss");
  const int year = digits(all.substr(0, 4)), month = digits(all.substr(5, 2)), day = digits(all.substr(8, 2));
  const int hour = digits(all.substr(11, 2)), minute = digits(all.substr(14, 2)),
            second = digits(all.substr(17, 2));
  if (year < 1970 || year > 2200 || month < 0 || day < 0 || hour < 0 || minute < 0 || second < 0)
    return no_time(text, "it is not of the form YYYY-MM-DDThh:mm:ss");
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return no_time(text, "there is no such day");
  if (hour > 23 || minute > 59 || second > 59) return no_time(text, "there is no such time of day");
  std::string_view rest = all.substr(kToSeconds);
  std::int64_t fraction_ns = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    std::int64_t unit = kNanosecondsPerSecond / 10;
    if (rest.empty() || !is_digit(rest.front())) return no_time(text, "its seconds end in a point");
    while (!rest.empty() && is_digit(rest.front())) {
      fraction_ns += (rest.front() - '0') * unit;
      unit /= 10;
      rest.remove_prefix(1);
    }
  }
  std::int64_t offset_s = 0;
  if (rest != "Z" && rest != "z") {
    if (rest.empty()) return no_time(text, "it does not say of which time zone");
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':')
      return no_time(text, "what is behind it is no offset");
    const int hours = digits(rest.substr(1, 2)), minutes = digits(rest.substr(4, 2));
    if (hours < 0 || minutes < 0 || hours > 23 || minutes > 59)
      return no_time(text, "what is behind it is no offset");
    offset_s = (hours * 60 + minutes) * 60;
    if (rest[0] == '-' && offset_s == 0) return no_time(text, "-00:00 says that its time zone is unknown");
    if (rest[0] == '-') offset_s = -offset_s;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset_s;
  return seconds * kNanosecondsPerSecond + fraction_ns;
}

}  // namespace kiln
