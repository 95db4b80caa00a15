#include "html/look.h"

namespace kiln {
namespace {

constexpr Look kGo{"go", "✔", "#009E73", "#E2F4EE", "#00543D", "#009E73", "stroke-width=\"1.6\""};
constexpr Look kNoGo{
    "no-go", "✖", "#D55E00", "#FBEBE0", "#7A3300", "url(#kiln-hatch)", "stroke-width=\"3.4\""};
constexpr Look kConditional{"conditional",
                            "▲",
                            "#E69F00",
                            "#FDF3DF",
                            "#5E4100",
                            "url(#kiln-dots)",
                            "stroke-width=\"2.6\" stroke-dasharray=\"0.1 4.6\" stroke-linecap=\"round\""};
constexpr Look kIncomplete{"incomplete",
                           "?",
                           "#CC79A7",
                           "#F8EBF3",
                           "#6A2850",
                           "url(#kiln-dashes)",
                           "stroke-width=\"2\" stroke-dasharray=\"7 4\""};
constexpr Look kNeutral{"survey", "·", "#777777", "#F1F1F1", "#333333", "#CCCCCC", "stroke-width=\"1\""};
constexpr Look kDone{"complete", "✔", "#56B4E9", "#E8F4FC", "#0B4468", "#56B4E9", "stroke-width=\"1\""};

}  // namespace

const Look& look_of(std::string_view decision) {
  if (decision == "GO") return kGo;
  if (decision == "NO-GO") return kNoGo;
  if (decision == "CONDITIONAL") return kConditional;
  if (decision == "SURVEY") return kNeutral;
  return kIncomplete;
}

const Look& look_of(WorkStatus status) {
  switch (status) {
    case WorkStatus::complete:
      return kDone;
    case WorkStatus::interlocked:
      return kNoGo;
    case WorkStatus::aborted:
      return kConditional;
    case WorkStatus::skipped:
      return kNeutral;
    case WorkStatus::error:
      return kIncomplete;
  }
  return kIncomplete;
}

const Look& look_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return kGo;
    case Outcome::marginal:
      return kConditional;
    case Outcome::fail:
      return kNoGo;
    case Outcome::informational:
      return kNeutral;
    case Outcome::unset:
    case Outcome::skipped:
      return kIncomplete;
  }
  return kIncomplete;
}

std::string look_patterns() {
  return R"svg(<svg class="defs" width="0" height="0" aria-hidden="true"><defs>
<pattern id="kiln-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="7" height="7" fill="#F3C6A5"/><rect width="3.5" height="7" fill="#D55E00"/></pattern>
<pattern id="kiln-dots" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#F8DFA8"/><circle cx="3" cy="3" r="1.7" fill="#E69F00"/></pattern>
<pattern id="kiln-dashes" width="8" height="6" patternUnits="userSpaceOnUse"><rect width="8" height="6" fill="#F0D6E5"/><rect x="1" y="2" width="5" height="2" fill="#CC79A7"/></pattern>
</defs></svg>)svg";
}

}  // namespace kiln
