#pragma once
// Reads the attempts of all runs of several databases for framework/quality. What cannot be read, is not as
// it was written, or goes on still is left out and said; nothing is left out silently. Blocking.

#include <set>
#include <string>
#include <vector>

#include "quality/quality_report.h"

namespace kiln {

struct QualityRecords {
  std::vector<UnitAttempt> attempts;
  std::vector<ExcludedRun> excluded;
  std::vector<std::string> unreadable;  ///< "FILE: why"
  std::size_t databases = 0;            ///< that were read
  std::set<std::string> measurements;   ///< with numbers, of all runs
};

/// `check`: the measurement whose values are kept; empty: none. The same run in two databases counts once, by
/// the copy that is as it was written; two such copies that differ exclude it.
QualityRecords read_quality_records(const std::vector<std::string>& databases, const std::string& check);

}  // namespace kiln
