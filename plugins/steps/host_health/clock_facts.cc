#include "clock_facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/algorithm/string/classification.hpp>
#include <boost/algorithm/string/split.hpp>
#include <cmath>
#include <set>
#include <sstream>
#include <vector>

#include "sdk/step.h"

namespace kiln::host_health {

std::optional<ChronyTracking> read_chrony(const std::string& printed) {
  const std::string line = tidy_text(printed);
  std::vector<std::string> fields;
  boost::algorithm::split(fields, line, boost::algorithm::is_any_of(","));
  constexpr std::size_t kFields = 14, kReference = 0, kName = 1, kStratum = 2, kOffset = 4, kLeap = 13;
  if (fields.size() != kFields) return std::nullopt;
  const auto stratum = tolerant_integer(fields[kStratum]);
  const auto offset = tolerant_number_in(fields[kOffset], "");
  const bool leap_known = fields[kLeap] == "Normal" || fields[kLeap] == "Insert second" ||
                          fields[kLeap] == "Delete second" || fields[kLeap] == "Not synchronised";
  if (!stratum || !offset || !leap_known || fields[kReference].size() != 8) return std::nullopt;
  ChronyTracking tracking;
  // 7F7F0101 is the host's own clock, served to others for want of a better one.
  tracking.synchronised = fields[kLeap] != "Not synchronised" && fields[kReference] != "7F7F0101" &&
                          fields[kReference] != "00000000" && *stratum > 0 && *stratum < 16;
  tracking.reference = fmt::format("{}, stratum {}", fields[kName], *stratum);
  tracking.offset_s = std::abs(*offset);
  return tracking;
}

std::optional<bool> read_synchronised(const std::string& printed) {
  std::optional<bool> told;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    if (line == "NTPSynchronized=yes") told = true;
    if (line == "NTPSynchronized=no") told = false;
  }
  return told;
}

std::optional<std::int64_t> read_date(const std::string& printed) {
  const std::string text = tidy_text(printed);
  const auto dot = text.find('.');
  if (dot == std::string::npos || text.size() - dot - 1 != 9) return std::nullopt;
  const auto seconds = tolerant_integer(text.substr(0, dot));
  const std::string fraction = text.substr(dot + 1);
  // Kept apart: both together do not fit a double.
  if (!seconds || *seconds < 0 || *seconds > 4'000'000'000 ||
      fraction.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return *seconds * 1'000'000'000 + std::stol(fraction);
}

std::string one_or_all(const std::string& printed) {
  std::set<std::string> values;
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    const std::string value = tidy_text(line);
    if (!means_unset(value)) values.insert(value);
  }
  return fmt::format("{}", fmt::join(values, ", "));
}

}  // namespace kiln::host_health
