#include "tool_output/kernel_log_line.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "tool_output/tolerant_text.h"

namespace kiln::tool_output {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

bool is_decimal_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_decimal_digit);
}

/// "16:24:18" or "16:24:18.123456" (also with a comma) -> nanoseconds of the day.
std::optional<std::int64_t> time_of_day(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const auto hours = to_integer(text.substr(0, 2));
  const auto minutes = to_integer(text.substr(3, 2));
  const auto seconds = to_integer(text.substr(6, 2));
  if (!hours || !minutes || !seconds || *hours < 0 || *hours > 23 || *minutes < 0 || *minutes > 59 ||
      *seconds < 0 || *seconds > 60) {
    return std::nullopt;
  }
  std::int64_t total = ((*hours * 60 + *minutes) * 60 + *seconds) * kNanosecondsPerSecond;
  if (text.size() > 8) {
    if (text[8] != '.' && text[8] != ',') return std::nullopt;
    std::int64_t scale = kNanosecondsPerSecond / 10;
    for (const char c : text.substr(9)) {
      if (!is_decimal_digit(c)) return std::nullopt;
      total += (c - '0') * scale;
      scale /= 10;
    }
  }
  return total;
}

std::optional<std::int64_t> days_since_1970(std::int64_t year, std::int64_t month, std::int64_t day) {
  if (year < 1970 || year > 9999) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

// 9999-12-31 in nanoseconds does not fit 64 bits; 2262 does.
std::optional<std::int64_t> nanoseconds(std::optional<std::int64_t> days, std::int64_t of_day) {
  constexpr std::int64_t kLastDay = 106'000;
  if (!days || *days > kLastDay) return std::nullopt;
  return *days * 86'400 * kNanosecondsPerSecond + of_day;
}

/// English month names only; kernels print others when the locale says so.
std::optional<std::int64_t> month_number(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<std::int64_t>(i) + 1;
  }
  return std::nullopt;
}

struct IsoTime {
  KernelTime time;
  std::size_t length = 0;
};

/// "2025-01-21T04:41:44,283302+00:00", "...+0000", "...Z", "2025-01-21T04:41:44.5", also without a zone.
std::optional<IsoTime> read_iso(std::string_view text) {
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' || text[10] != 'T') return std::nullopt;
  const auto year = to_integer(text.substr(0, 4));
  const auto month = to_integer(text.substr(5, 2));
  const auto day = to_integer(text.substr(8, 2));
  std::size_t end = 19;
  if (end < text.size() && (text[end] == '.' || text[end] == ',')) {
    ++end;
    while (end < text.size() && is_decimal_digit(text[end])) ++end;
  }
  const auto of_day = time_of_day(text.substr(11, end - 11));
  if (!year || !month || !day || !of_day) return std::nullopt;
  const auto days = days_since_1970(*year, *month, *day);
  if (!days) return std::nullopt;
  IsoTime iso;
  std::optional<std::int64_t> offset_minutes;
  if (end < text.size() && text[end] == 'Z') {
    offset_minutes = 0;
    ++end;
  } else if (end < text.size() && (text[end] == '+' || text[end] == '-')) {
    const std::int64_t sign = text[end] == '-' ? -1 : 1;
    std::string_view zone = text.substr(end + 1);
    const bool colon = zone.size() >= 5 && zone[2] == ':';
    const std::size_t digits = colon ? 5 : 4;
    if (zone.size() < digits) return std::nullopt;
    const auto hours = to_integer(zone.substr(0, 2));
    const auto minutes = to_integer(zone.substr(colon ? 3 : 2, 2));
    if (!hours || !minutes || *hours < 0 || *minutes < 0) return std::nullopt;
    offset_minutes = sign * (*hours * 60 + *minutes);
    end += 1 + digits;
  }
  if (end < text.size() && text[end] != ' ' && text[end] != '\t') return std::nullopt;
  const auto wall = nanoseconds(days, *of_day);
  if (wall && offset_minutes) {
    iso.time.utc_ns = *wall - *offset_minutes * 60 * kNanosecondsPerSecond;
  } else {
    iso.time.wall_ns = wall;
  }
  iso.time.text = std::string(text.substr(0, end));
  iso.length = end;
  return iso;
}

/// Seconds since boot "131453.740743" -> nanoseconds.
std::optional<std::int64_t> read_boot_time(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !all_digits(text.substr(0, dot)) ||
      !all_digits(text.substr(dot + 1)) || dot > 9 || text.size() - dot > 10) {
    return std::nullopt;
  }
  const auto seconds = to_integer(text.substr(0, dot));
  std::int64_t total = seconds.value_or(0) * kNanosecondsPerSecond;
  std::int64_t scale = kNanosecondsPerSecond / 10;
  for (const char c : text.substr(dot + 1)) {
    total += (c - '0') * scale;
    scale /= 10;
  }
  return total;
}

/// Inside of "[...]": since boot, ctime, "Feb14 03:36" or "+2.141017".
std::optional<KernelTime> read_bracket(std::string_view inside) {
  const std::string_view text = trim(inside);
  KernelTime time;
  time.text = std::string(text.substr(0, 64));
  if (const auto boot = read_boot_time(text)) {
    time.boot_ns = boot;
    return time;
  }
  if (text.starts_with('+') && read_boot_time(trim(text.substr(1)))) return time;
  const std::vector<std::string_view> fields = split_fields(text);
  if (fields.size() == 2 && fields[1].size() == 5 && fields[1][2] == ':' &&
      all_digits(fields[1].substr(0, 2)) && all_digits(fields[1].substr(3)) && fields[0].size() >= 3 &&
      is_decimal_digit(fields[0].back())) {
    return time;  // "Feb14 03:36": no year
  }
  // ctime "Sun Feb 23 16:24:18 2025", possibly in another language and word order: the year stands last, a
  // time of day right before it, and three words before that.
  if (fields.size() >= 4 && fields.size() <= 6 && fields.back().size() == 4 && all_digits(fields.back())) {
    const auto of_day = time_of_day(fields[fields.size() - 2]);
    if (!of_day) return std::nullopt;
    if (fields.size() == 5) {
      const auto month = month_number(fields[1]);
      const auto day = to_integer(fields[2]);
      const auto year = to_integer(fields[4]);
      if (month && day && year) time.wall_ns = nanoseconds(days_since_1970(*year, *month, *day), *of_day);
    }
    return time;
  }
  return std::nullopt;
}

/// "[  12.345678][    T0] message" -> the message; the second bracket names a task or CPU.
bool read_bracket_head(std::string_view text, KernelLine& line) {
  if (!text.starts_with('[')) return false;
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos || close > 64) return false;
  const auto time = read_bracket(text.substr(1, close - 1));
  if (!time) return false;
  line.time = *time;
  std::string_view rest = text.substr(close + 1);
  if (rest.starts_with('[')) {
    const std::size_t caller_end = rest.find(']');
    if (caller_end != std::string_view::npos && caller_end <= 16) {
      const std::string_view caller = trim(rest.substr(1, caller_end - 1));
      if (caller.size() > 1 && (caller[0] == 'T' || caller[0] == 'C') && all_digits(caller.substr(1))) {
        rest.remove_prefix(caller_end + 1);
      }
    }
  }
  line.message = trim(rest);
  line.stamped = !line.message.empty();
  return line.stamped;
}

/// "6,3964,206764307,-;message": priority, sequence, microseconds since boot, flags.
bool read_kmsg_head(std::string_view text, KernelLine& line) {
  const std::size_t semicolon = text.find(';');
  if (semicolon == std::string_view::npos || semicolon > 80 ||
      !is_decimal_digit(text.empty() ? ' ' : text[0]))
    return false;
  const std::string_view head = text.substr(0, semicolon);
  std::array<std::string_view, 4> parts;
  std::size_t count = 0;
  std::size_t start = 0;
  while (count < 4) {
    const std::size_t comma = head.find(',', start);
    parts[count++] = head.substr(start, comma == std::string_view::npos ? comma : comma - start);
    if (comma == std::string_view::npos) break;
    start = comma + 1;
  }
  if (count < 4 || !all_digits(parts[0]) || !all_digits(parts[1]) || !all_digits(parts[2])) return false;
  const auto microseconds = to_integer(parts[2]);
  if (!microseconds || *microseconds > INT64_MAX / 1000) return false;
  line.level = static_cast<int>(to_integer(parts[0]).value_or(7) % 8);
  line.time.boot_ns = *microseconds * 1000;
  line.time.text = std::string(parts[2]);
  line.message = trim(text.substr(semicolon + 1));
  line.stamped = true;
  return true;
}

/// "host tag[pid]: message" after a syslog or journal time. The kernel's tag may carry a second, inner stamp.
bool read_host_and_tag(std::string_view text, KernelLine& line) {
  text = trim(text);
  const std::size_t host_end = text.find(' ');
  if (host_end == std::string_view::npos) return false;
  const std::string_view rest = trim(text.substr(host_end + 1));
  const std::size_t colon = rest.find(": ");
  const std::size_t tag_end = colon != std::string_view::npos ? colon
                              : rest.ends_with(':')           ? rest.size() - 1
                                                              : colon;
  if (tag_end == std::string_view::npos || tag_end == 0 || tag_end > 64) return false;
  const std::string_view tag = rest.substr(0, tag_end);
  if (tag.find(' ') != std::string_view::npos) return false;
  line.from_kernel = tag == "kernel" || tag.starts_with("kernel[");
  line.message = trim(rest.substr(std::min(tag_end + 1, rest.size())));
  line.stamped = true;
  if (line.from_kernel && line.message.starts_with('[')) {
    KernelLine inner;
    if (read_bracket_head(line.message, inner)) {
      line.message = inner.message;
      if (!line.time.utc_ns && !line.time.wall_ns && inner.time.boot_ns) line.time = inner.time;
    }
  }
  return true;
}

/// "Aug 17 00:00:24[.123456] host tag: message": no year.
bool read_syslog_head(std::string_view text, KernelLine& line) {
  std::string_view rest = text;
  std::array<std::string_view, 3> fields;
  for (std::string_view& field : fields) {
    rest = trim(rest);
    const std::size_t end = rest.find(' ');
    if (end == std::string_view::npos) return false;
    field = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  const auto day = to_integer(fields[1]);
  const bool month_like = !all_digits(fields[0]) && fields[0].size() <= 16 &&
                          fields[0].find(':') == std::string_view::npos &&
                          fields[0].find('[') == std::string_view::npos;
  if (!month_like || !day || *day < 1 || *day > 31 || !time_of_day(fields[2])) return false;
  line.time.text = std::string(
      text.substr(0, static_cast<std::size_t>(fields[2].data() + fields[2].size() - text.data())));
  return read_host_and_tag(rest, line);
}

/// dmesg -x: "kern  :warn  : " in front of any other format.
std::string_view drop_facility(std::string_view text, bool& dropped, std::optional<int>& level) {
  constexpr std::array<std::string_view, 13> kFacilities = {"kern",     "user", "mail",  "daemon", "auth",
                                                            "syslog",   "lpr",  "news",  "uucp",   "cron",
                                                            "authpriv", "ftp",  "local0"};
  dropped = false;
  const std::size_t first = text.find(':');
  if (first == std::string_view::npos || first > 10) return text;
  const std::string_view facility = trim(text.substr(0, first));
  if (std::find(kFacilities.begin(), kFacilities.end(), facility) == kFacilities.end()) return text;
  const std::size_t second = text.find(':', first + 1);
  if (second == std::string_view::npos || second - first > 9) return text;
  dropped = true;
  constexpr std::array<std::string_view, 8> kLevels = {"emerg", "alert",  "crit", "err",
                                                       "warn",  "notice", "info", "debug"};
  const std::string_view name = trim(text.substr(first + 1, second - first - 1));
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (name == kLevels[i]) level = static_cast<int>(i);
  }
  std::string_view rest = text.substr(second + 1);
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  return rest;
}

}  // namespace

KernelLine read_kernel_line(std::string_view whole) {
  KernelLine line;
  line.message = trim(whole);
  if (whole.size() > 2 && whole[0] == ' ' && whole.find('=') != std::string_view::npos &&
      whole.find(' ', 1) == std::string_view::npos) {
    line.continuation = true;  // " SUBSYSTEM=pci"
    return line;
  }
  std::string_view text = trim(whole);
  if (text.size() > 3 && text[0] == '<' && is_decimal_digit(text[1])) {
    const std::size_t close = text.find('>');
    if (close != std::string_view::npos && close <= 4 && all_digits(text.substr(1, close - 1))) {
      // Facility times eight plus level.
      line.level = static_cast<int>(to_integer(text.substr(1, close - 1)).value_or(7) % 8);
      text = trim(text.substr(close + 1));
      line.message = text;
    }
  }
  bool facility = false;
  text = drop_facility(text, facility, line.level);
  if (facility) line.message = trim(text);
  if (read_bracket_head(text, line) || read_kmsg_head(text, line)) return line;
  if (const auto iso = read_iso(text)) {
    line.time = iso->time;
    const std::string_view rest = trim(text.substr(iso->length));
    if (facility) {
      line.message = rest;
      line.stamped = true;
      return line;
    }
    // dmesg --time-format=iso has a comma in its fraction and no host. Everything else is a syslog or journal
    // line with host and tag: without those it is some other program's log.
    if (iso->time.text.find(',') != std::string::npos) {
      line.message = rest;
      line.stamped = !rest.empty();
      return line;
    }
    if (!read_host_and_tag(rest, line)) {
      line.time = {};
      line.from_kernel = false;
    }
    return line;
  }
  if (read_syslog_head(text, line)) return line;
  if (facility) line.stamped = true;
  return line;
}

}  // namespace kiln::tool_output
