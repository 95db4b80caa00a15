#include "common/rack_links.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "model/rack_comparison.h"

namespace kiln {
namespace {

constexpr std::size_t kNamedInText = 40;  // marked links that a terminal lists
constexpr std::size_t kGpusInLine = 4;    // of 18 links: 100 columns
constexpr const char* kErrors = "nvlink.errors.";

/// "GPU_10" behind "GPU_9": by the number at the end, then by name.
std::pair<long, std::string> order_of(const std::string& name) {
  std::size_t at = name.size();
  while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') --at;
  long number = -1;
  std::from_chars(name.data() + at, name.data() + name.size(), number);
  return {number, name};
}

void keep_worst(std::optional<double>& kept, const Value& value) {
  const std::optional<double> number = as_number(value);
  if (!number || !std::isfinite(*number)) return;
  kept = std::max(kept.value_or(*number), *number);
}

bool is_rate(const std::optional<double>& rate) { return rate && *rate > kLowestErrorRate; }

/// What is known of a link before it is marked.
struct LinkFacts {
  RackLink link;
  std::map<std::string, double> counters;  ///< the highest rise of each
  std::string failed, odd;
};

void take(LinkFacts& facts, const Measured& measured) {
  if (measured.outcome == Outcome::fail && facts.failed.empty()) {
    facts.failed = fmt::format("{} {}{}", measured.name, value_text(measured),
                               measured.limit_text.empty() ? "" : ", limit " + measured.limit_text);
  }
  if (measured.name == "nvlink.effective_ber.max") keep_worst(facts.link.effective_ber, measured.value);
  if (measured.name == "nvlink.windows.bad_share") keep_worst(facts.link.bad_share, measured.value);
  if (measured.name.starts_with(kErrors)) {
    const std::optional<double> rise = as_number(measured.value);
    if (rise && std::isfinite(*rise)) {
      double& counter = facts.counters[measured.name];
      counter = std::max(counter, *rise);
    }
  }
}

RackLink marked(LinkFacts facts) {
  RackLink link = std::move(facts.link);
  if (!facts.counters.empty()) {
    double sum = 0;
    for (const auto& [name, rise] : facts.counters) sum += rise;
    link.errors = sum;
  }
  if (!facts.failed.empty()) {
    link.mark = LinkMark::failed;
    link.what = facts.failed;
  } else if (!facts.odd.empty()) {
    link.mark = LinkMark::odd;
    link.what = facts.odd;
  } else if (!link.errors && !link.effective_ber && !link.bad_share) {
    link.mark = LinkMark::unknown;
    link.what = "nothing that was read of it has a value";
  } else if (link.errors.value_or(0) > 0 || link.bad_share.value_or(0) > 0) {
    link.mark = LinkMark::errors;
    link.what = "errors were counted, within the limits";
  } else {
    link.mark = is_rate(link.effective_ber) ? LinkMark::rate : LinkMark::quiet;
  }
  return link;
}

void count(RackLinks& links, const RackLink& link) {
  ++links.count;
  links.failed += link.mark == LinkMark::failed ? 1U : 0U;
  links.odd += link.mark == LinkMark::odd ? 1U : 0U;
  links.unknown += link.mark == LinkMark::unknown ? 1U : 0U;
  links.errors += link.mark == LinkMark::errors ? 1U : 0U;
  links.without_rate += link.effective_ber ? 0U : 1U;
}

}  // namespace

std::string_view to_string(LinkMark mark) {
  switch (mark) {
    case LinkMark::failed:
      return "failed";
    case LinkMark::odd:
      return "odd";
    case LinkMark::unknown:
      return "no value";
    case LinkMark::errors:
      return "errors";
    case LinkMark::rate:
      return "rate";
    case LinkMark::quiet:
      return "quiet";
  }
  return "no value";
}

RackLinks make_links(const RunDocument& document, const RunVerdict& verdict) {
  using Key = std::pair<std::string, std::string>;  // DUT, part
  std::map<Key, LinkFacts> found;
  const auto is_gpu_side = [&document](const std::string& dut) {
    const auto planned = document.duts.find(dut);
    return planned != document.duts.end() &&
           (planned->second.role == Role::compute_tray || planned->second.role == Role::server);
  };
  // What was planned and never read is a link, too.
  for (const CellPlanned& planned : document.cells) {
    if (planned.cell.kind == ComponentKind::nvlink && is_gpu_side(planned.cell.dut))
      found.try_emplace({planned.cell.dut, planned.cell.part});
  }
  for (const DocumentMeasurement& entry : document.measurements) {
    if (entry.measured.kind == ComponentKind::nvlink && is_gpu_side(entry.dut))
      take(found[{entry.dut, entry.measured.part}], entry.measured);
  }
  for (const Comparison& comparison : verdict.comparisons) {
    for (const OddOne& odd : comparison.odd) {
      const auto link = found.find({odd.dut, odd.part});
      if (link != found.end() && link->second.odd.empty()) link->second.odd = odd.message;
    }
  }

  RackLinks links;
  std::map<std::string, RackLinkTray> trays;
  for (auto& [key, facts] : found) {
    RackLinkTray& tray = trays[key.first];
    tray.dut = key.first;
    tray.slot = document.duts.at(key.first).slot;
    facts.link.part = key.second;
    facts.link.gpu = key.second.substr(0, key.second.find('/'));
    tray.links.push_back(marked(std::move(facts)));
    count(links, tray.links.back());
  }
  for (auto& [dut, tray] : trays) {
    std::sort(tray.links.begin(), tray.links.end(), [](const RackLink& a, const RackLink& b) {
      return std::pair(order_of(a.gpu), order_of(a.part)) < std::pair(order_of(b.gpu), order_of(b.part));
    });
    links.trays.push_back(std::move(tray));
  }
  std::stable_sort(links.trays.begin(), links.trays.end(), [](const RackLinkTray& a, const RackLinkTray& b) {
    return a.slot.value_or(-1) > b.slot.value_or(-1);
  });
  return links;
}

std::string link_character(const RackLink& link, bool unicode) {
  switch (link.mark) {
    case LinkMark::failed:
      return unicode ? "✖" : "X";
    case LinkMark::odd:
      return unicode ? "▲" : "!";
    case LinkMark::unknown:
      return "?";
    case LinkMark::errors:
      return "+";
    case LinkMark::quiet:
      return unicode ? "·" : ".";
    case LinkMark::rate:
      break;
  }
  const double exponent = std::ceil(-std::log10(link.effective_ber.value_or(kLowestErrorRate)) - 1e-9);
  return fmt::format("{}", static_cast<int>(std::clamp(exponent, 0.0, 16.0)) % 10);
}

std::vector<std::string> link_legend(bool unicode) {
  return {fmt::format("{} a check of the link failed", unicode ? "✖" : "X"),
          fmt::format("{} stands apart from the other links, for review", unicode ? "▲" : "!"),
          "? nothing that was read of it has a value",
          "+ errors were counted, within the limits",
          "a digit: the effective bit error rate, by the last digit of its exponent (3: from 1e-13 to 1e-12)",
          fmt::format("{} no error seen", unicode ? "·" : ".")};
}

std::string link_summary(const RackLinks& links) {
  return fmt::format(
      "{} NVLink{} of {} tray{}, read at the GPUs' end: {} failed, {} stand apart, {} without a value, {} "
      "with errors within the limits{}.",
      links.count, links.count == 1 ? "" : "s", links.trays.size(), links.trays.size() == 1 ? "" : "s",
      links.failed, links.odd, links.unknown, links.errors,
      links.without_rate == 0
          ? ""
          : fmt::format("; of {} no effective bit error rate is known", links.without_rate));
}

std::string link_words(const RackLink& link) {
  std::vector<std::string> words;
  if (link.effective_ber) {
    words.push_back(is_rate(link.effective_ber)
                        ? fmt::format("effective bit error rate {:.2g}", *link.effective_ber)
                        : fmt::format("effective bit error rate {:.0e} or less", kLowestErrorRate));
  }
  if (link.bad_share) words.push_back(fmt::format("{:.0f} % of windows bad", *link.bad_share * 100));
  if (link.errors) words.push_back(fmt::format("{:.0f} errors", *link.errors));
  if (words.empty()) words.emplace_back("no figure");
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string link_text(const RackLinks& links, bool unicode) {
  if (links.empty()) return {};
  std::string text = link_summary(links) + "\n";
  std::string known;
  for (const RackLinkTray& tray : links.trays) {
    std::vector<std::string> lines, headers;
    std::string gpu;
    std::size_t gpus = 0;
    for (const RackLink& link : tray.links) {
      if (link.gpu != gpu || gpus == 0) {
        const bool wraps = gpus++ % kGpusInLine == 0;
        if (wraps) lines.emplace_back();
        if (wraps) headers.emplace_back();
        if (!wraps) lines.back() += ' ';
        headers.back() += (wraps ? "" : "| ") + link.gpu + " ";
        gpu = link.gpu;
      }
      lines.back() += link_character(link, unicode);
    }
    const std::string header = fmt::format("{}", fmt::join(headers, "/ "));
    if (header != known) text += fmt::format("  {:<12} {}\n", "", header);
    known = header;
    for (std::size_t index = 0; index < lines.size(); ++index) {
      text += fmt::format("  {:<7} {:<4} {}\n", index == 0 ? tray.dut : "",
                          index == 0 && tray.slot ? fmt::format("U{}", *tray.slot) : "", lines[index]);
    }
  }
  for (const std::string& sentence : link_legend(unicode)) text += "  " + sentence + "\n";
  std::size_t named = 0;
  for (const LinkMark mark : {LinkMark::failed, LinkMark::odd, LinkMark::errors}) {
    for (const RackLinkTray& tray : links.trays) {
      for (const RackLink& link : tray.links) {
        if (link.mark != mark || ++named > kNamedInText) continue;
        text += fmt::format("  {} {} {}: {} ({})\n", link_character(link, unicode), tray.dut, link.part,
                            link.what, link_words(link));
      }
    }
  }
  if (named > kNamedInText) text += fmt::format("  and {} more\n", named - kNamedInText);
  return text;
}

}  // namespace kiln
