#pragma once
// A run told in lines, for whoever is at its station and for whoever joins later: which events are worth a
// line, and how it reads. Shows; does not judge. Loop thread only.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "model/event.h"
#include "station/screen/vocabulary.h"

namespace kiln {

struct NarratedLine {
  Sign sign = Sign::idle;
  std::string text;  ///< with what devices said in it: not yet printable()
};

class Narration {
 public:
  /// `brief`: beside something that shows the state of each DUT, so that steps which went well have no lines
  /// of their own and what does not run for the same reason has one.
  explicit Narration(bool brief) : brief_(brief) {}

  /// nullopt: not worth a line, or told already.
  std::optional<NarratedLine> tell(const Event& event);

 private:
  std::optional<NarratedLine> tell_end(const Event& event, const StepEnded& ended);

  bool brief_;
  std::map<std::pair<std::string, std::string>, int> fails_;  ///< by DUT and step
  std::set<std::string> told_;
};

}  // namespace kiln
