// NVSwitch error numbers: Fabric Manager user guide, appendix on SXid, which lists them as non-fatal, fatal
// by their circumstances, and always fatal.

#include <algorithm>
#include <iterator>

#include "tool_output/nvidia_xid.h"

namespace kiln::tool_output {
namespace {

constexpr XidFru kSwitch = XidFru::nvswitch;
constexpr XidFru kLink = XidFru::link;

/// Numbers of one unit of the switch lie together.
struct SwitchUnit {
  int first, last;
  std::string_view meaning;
  XidFru fru;
};
constexpr SwitchUnit kUnits[] = {
    {10000, 10999, "the switch's host interface", kSwitch},
    {11000, 11999, "ingress of a switch port", kSwitch},
    {12000, 12999, "egress of a switch port", kSwitch},
    {19000, 19999, "transaction layer of a link", kLink},
    {20000, 20999, "data link layer of a link", kLink},
    {22000, 22999, "link controller of the switch", kLink},
    {24000, 24999, "tracking of requests in the switch", kSwitch},
    {28000, 28999, "temperature and multicast of the switch", kSwitch},
};

struct Known {
  int code;
  std::string_view meaning;
};
/// Those whose meaning is known beyond their unit. Sorted.
constexpr Known kMeanings[] = {
    {10003, "switch interrupt without a handler"},
    {11004, "packet refused by the ingress access list"},
    {12028, "egress privilege error, often sympathetic to a GPU error"},
    {19084, "heartbeat of the link protocol timed out"},
    {20001, "packets were sent again (replay)"},
    {20009, "short-term receive error rate above threshold"},
    {20034, "link training state machine fault, the link went down"},
    {22013, "link controller request to bring the link down"},
    {24007, "tracked request timed out"},
    {28002, "thermal warning of the switch ended"},
    {28006, "multicast response timed out"},
};

struct Listed {
  int first, last;
};
constexpr Listed kAlwaysFatal[] = {
    {10003, 10003}, {12020, 12020}, {22003, 22003}, {22011, 22011}, {23001, 23017}};
constexpr Listed kNonFatal[] = {
    {11004, 11004}, {11012, 11012}, {11021, 11023}, {12021, 12021}, {12023, 12023}, {12028, 12028},
    {15008, 15008}, {15011, 15011}, {19049, 19049}, {19055, 19055}, {19057, 19057}, {19059, 19059},
    {19062, 19062}, {19065, 19065}, {19068, 19068}, {19071, 19071}, {19084, 19084}, {20001, 20001},
    {20009, 20009}, {20012, 20012}, {22013, 22013}, {24001, 24003}};
constexpr Listed kMayBeFatal[] = {
    {10001, 10002}, {10004, 10005}, {11001, 11001}, {11009, 11009}, {11013, 11013}, {11018, 11020},
    {12001, 12002}, {12022, 12022}, {12024, 12027}, {12030, 12032}, {14017, 14017}, {15001, 15001},
    {15006, 15006}, {15009, 15010}, {15012, 15013}, {19047, 19048}, {19054, 19054}, {19056, 19056},
    {19058, 19058}, {19060, 19061}, {19063, 19064}, {19066, 19067}, {19069, 19070}, {20034, 20034},
    {22012, 22012}, {24004, 24007}};

template <std::size_t N>
bool listed(const Listed (&ranges)[N], int code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Listed& range) { return code >= range.first && code <= range.last; });
}

SXidList list_of(int code) {
  if (listed(kAlwaysFatal, code)) return SXidList::always_fatal;
  if (listed(kMayBeFatal, code)) return SXidList::may_be_fatal;
  return listed(kNonFatal, code) ? SXidList::non_fatal : SXidList::unlisted;
}

const Known* meaning_of(int code) {
  const auto* found = std::lower_bound(std::begin(kMeanings), std::end(kMeanings), code,
                                       [](const Known& known, int wanted) { return known.code < wanted; });
  return found != std::end(kMeanings) && found->code == code ? found : nullptr;
}

bool weighs(SXidList list, std::optional<bool> fatal) {
  switch (list) {
    case SXidList::always_fatal:
      return true;
    case SXidList::non_fatal:
      return fatal.value_or(false);
    case SXidList::may_be_fatal:
    case SXidList::unlisted:
      break;
  }
  return fatal.value_or(true);
}

}  // namespace

std::string_view to_string(SXidList list) {
  switch (list) {
    case SXidList::always_fatal:
      return "always fatal";
    case SXidList::may_be_fatal:
      return "fatal unless the driver says otherwise";
    case SXidList::non_fatal:
      return "not fatal unless the driver says otherwise";
    case SXidList::unlisted:
      break;
  }
  return "in no list: fatal unless the driver says otherwise";
}

bool sxid_is_catalogued(int code) {
  return list_of(code) != SXidList::unlisted || meaning_of(code) != nullptr;
}

std::vector<int> catalogued_sxids() {
  std::vector<int> codes;
  for (int code = std::begin(kUnits)->first; code <= std::prev(std::end(kUnits))->last; ++code) {
    if (sxid_is_catalogued(code)) codes.push_back(code);
  }
  return codes;
}

SXidEntry sxid_entry(int code, std::optional<bool> fatal) {
  SXidEntry entry;
  entry.code = code;
  entry.list = list_of(code);
  entry.meaning = "not in this catalogue";
  const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits), [code](const SwitchUnit& each) {
    return code >= each.first && code <= each.last;
  });
  if (unit != std::end(kUnits)) {
    entry.fru = unit->fru;
    if (entry.list != SXidList::unlisted) entry.meaning = unit->meaning;
  } else if (entry.list != SXidList::unlisted) {
    entry.meaning = "an internal unit of the switch";
  }
  if (const Known* known = meaning_of(code)) entry.meaning = known->meaning;
  if (!sxid_is_catalogued(code)) entry.source = "none: the number is in no table of this release";
  const bool fails = weighs(entry.list, fatal);
  entry.weight = fails ? XidWeight::fail : XidWeight::note;
  entry.action = fails ? "reset the switch and its GPUs; check the link's cable and seating; retest"
                       : "count over the run; check the link when it comes again";
  return entry;
}

}  // namespace kiln::tool_output
