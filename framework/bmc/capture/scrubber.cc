#include "bmc/capture/scrubber.h"

#include <algorithm>
#include <utility>

#include "base/keyed_hash.h"
#include "bmc/capture/json_strings.h"

namespace kiln {
namespace {

constexpr std::size_t kKeyLength = 32;
constexpr std::size_t kBeginning = 3;  // bytes by which terms are looked up; none is shorter
constexpr const char* kScrubbed = "scrubbed";

std::string small_of(std::string_view text) {
  std::string small(text);
  for (char& c : small) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return small;
}

bool letter_or_figure(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::size_t figures_in(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

bool has_letters(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return letter_or_figure(c) && (c < '0' || c > '9'); });
}

std::size_t different_signs(const std::string& text) {
  return std::set<char>(text.begin(), text.end()).size();
}

std::string without_separators(const std::string& text) {
  std::string bare;
  std::copy_if(text.begin(), text.end(), std::back_inserter(bare), letter_or_figure);
  return bare;
}

/// As long and in as many lines.
std::string filler_for(const std::string& original) {
  std::string filler = original;
  std::replace_if(filler.begin(), filler.end(), letter_or_figure, 'x');
  return filler;
}

/// Long and odd enough that the same text elsewhere is the same thing: "GPU1" may be anything.
bool is_distinctive(const std::string& value) {
  if (different_signs(value) < 3) return false;
  if (has_letters(value)) return value.size() >= 5 && figures_in(value) > 0;
  return value.size() >= 7 && value != "0123456789" && value != "1234567890" && value != "123456789" &&
         value != "1234567" && value != "12345678";
}

/// It may even stand inside a longer word ("SN1654922006001").
bool is_unmistakable(const std::string& value) {
  return is_distinctive(value) && value.size() >= 8 && figures_in(value) >= 3 && different_signs(value) >= 4;
}

std::uint16_t first_two(std::string_view small, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(small[at]) << 8U |
                                    static_cast<unsigned char>(small[at + 1]));
}

}  // namespace

Scrubber::Scrubber(std::set<ScrubKind> keep, std::string key)
    : keep_(std::move(keep)), pseudonyms_(key.empty() ? random_bytes(kKeyLength) : std::move(key)) {
  keep_.erase(ScrubKind::secret);
}

void Scrubber::add_term(ScrubKind kind, StandIn form, const std::string& original, bool within_words,
                        bool exact) {
  if (original.size() < kBeginning) return;
  Term term{small_of(original), exact ? original : std::string(), kind, form, within_words};
  if (!term_texts_.insert(term.small + "|" + term.exact).second) return;
  beginnings_.set(first_two(term.small, 0));
  terms_by_beginning_[term.small.substr(0, kBeginning)].push_back(terms_.size());
  terms_.push_back(std::move(term));
}

void Scrubber::learn_finding(const Finding& finding, const std::string& original) {
  const bool term = finding.sure && is_distinctive(original);
  switch (finding.form) {
    case StandIn::filler:
      return;
    case StandIn::ipv4:
      pseudonyms_.known_ipv4(original);
      return;
    case StandIn::ipv6:
      pseudonyms_.known_ipv6(original);
      return;
    case StandIn::fixed_word:
      if (term && original.size() >= 8) add_term(finding.kind, finding.form, original, false, true);
      return;
    case StandIn::hexadecimal:
    case StandIn::uuid: {
      pseudonyms_.known(original);
      const std::string bare = without_separators(original);
      if (finding.sure && is_unmistakable(bare)) add_term(finding.kind, finding.form, bare, true, false);
      return;
    }
    case StandIn::host: {
      for (std::size_t begin = 0; begin <= original.size();) {
        const std::size_t end = std::min(original.find('.', begin), original.size());
        pseudonyms_.known(original.substr(begin, end - begin));
        begin = end + 1;
      }
      const std::string first = original.substr(0, original.find('.'));
      if (finding.sure && first != original && !is_common_host(first))
        add_term(finding.kind, finding.form, original, false, false);
      if (finding.sure && is_distinctive(first) && !is_common_host(first))
        add_term(finding.kind, finding.form, first, false, false);
      return;
    }
    case StandIn::like:
      break;
  }
  pseudonyms_.known(original);
  if (finding.kind == ScrubKind::user) {
    if (finding.sure && !is_shipped_account(original))
      add_term(finding.kind, finding.form, original, false, true);
    return;
  }
  if (term) add_term(finding.kind, finding.form, original, is_unmistakable(original), false);
}

void Scrubber::learn_text(const std::string& property, std::string_view raw) {
  const DecodedText text(raw);
  const std::optional<ScrubKind> kind = kind_of_property(property);
  const std::vector<Finding> found =
      kind ? find_in_property(text.text(), *kind) : find_patterns(text.text(), is_version_property(property));
  for (const Finding& finding : found) {
    if (keep_.contains(finding.kind)) continue;
    learn_finding(finding, text.text().substr(finding.begin, finding.end - finding.begin));
  }
}

void Scrubber::learn(const std::string& body) {
  const bool is_json =
      for_each_json_string(body, [this, &body](const std::string& name, std::size_t begin, std::size_t end) {
        learn_text(name, std::string_view(body).substr(begin, end - begin));
      });
  if (!is_json) learn_text({}, body);
}

void Scrubber::learn_value(ScrubKind kind, const std::string& value) {
  if (keep_.contains(kind)) return;
  for (const Finding& finding : find_in_property(value, kind))
    learn_finding(finding, value.substr(finding.begin, finding.end - finding.begin));
}

void Scrubber::learn_secret(const Secret& secret) {
  if (secret.expose().size() < kBeginning) return;
  add_term(ScrubKind::secret, StandIn::fixed_word, secret.expose(), secret.expose().size() >= 8, true);
}

const Scrubber::Term* Scrubber::term_at(std::string_view text, std::string_view small, std::size_t at) const {
  const auto candidates = terms_by_beginning_.find(std::string(small.substr(at, kBeginning)));
  if (candidates == terms_by_beginning_.end()) return nullptr;
  const Term* best = nullptr;
  for (const std::size_t index : candidates->second) {
    const Term& term = terms_[index];
    const std::size_t length = term.small.size();
    if (best != nullptr && length <= best->small.size()) continue;
    if (small.substr(at, length) != term.small) continue;
    if (!term.exact.empty() && text.substr(at, length) != term.exact) continue;
    const bool begins = at == 0 || !letter_or_figure(text[at - 1]);
    const bool ends = at + length == text.size() || !letter_or_figure(text[at + length]);
    if (term.within_words || (begins && ends)) best = &term;
  }
  return best;
}

void Scrubber::find_terms(std::string_view text, std::vector<Finding>& found) const {
  if (terms_.empty()) return;
  const std::string small = small_of(text);
  std::vector<Finding> all;
  std::size_t next = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (next < found.size() && at >= found[next].begin) {
      all.push_back(found[next]);
      at = std::max(at, found[next++].end);
      continue;
    }
    const bool may_be = at + kBeginning <= text.size() && beginnings_.test(first_two(small, at));
    const Term* term = may_be ? term_at(text, small, at) : nullptr;
    if (term == nullptr) {
      ++at;
      continue;
    }
    const std::size_t end = at + term->small.size();
    // The longer of the two that overlap.
    if (next < found.size() && end > found[next].begin) {
      if (end < found[next].end) {
        ++at;
        continue;
      }
      while (next < found.size() && found[next].begin < end) ++next;
    }
    all.push_back({at, end, term->kind, term->form, true});
    at = end;
  }
  for (; next < found.size(); ++next) all.push_back(found[next]);
  found = std::move(all);
}

std::vector<Finding> Scrubber::find(const std::string& property, const DecodedText& text) const {
  const std::optional<ScrubKind> kind = kind_of_property(property);
  std::vector<Finding> found =
      kind ? find_in_property(text.text(), *kind) : find_patterns(text.text(), is_version_property(property));
  std::erase_if(found, [this](const Finding& finding) { return keep_.contains(finding.kind); });
  find_terms(text.text(), found);
  return found;
}

std::string Scrubber::stand_in(const Finding& finding, const std::string& original) {
  switch (finding.form) {
    case StandIn::fixed_word:
      return kScrubbed;
    case StandIn::filler:
      return filler_for(original);
    case StandIn::ipv4:
      return pseudonyms_.ipv4(original);
    case StandIn::ipv6:
      return pseudonyms_.ipv6(original);
    case StandIn::host:
      return pseudonyms_.host(original);
    case StandIn::hexadecimal:
      return pseudonyms_.made(original) ? original : pseudonyms_.hexadecimal(original);
    case StandIn::uuid:
      return pseudonyms_.made(original) ? original : pseudonyms_.uuid(original);
    case StandIn::like:
      return pseudonyms_.made(original) ? original : pseudonyms_.like(original);
  }
  return kScrubbed;
}

bool Scrubber::replace_all(const std::string& property, DecodedText& text) {
  for (const Finding& finding : find(property, text)) {
    const std::string original = text.text().substr(finding.begin, finding.end - finding.begin);
    const std::string with = stand_in(finding, original);
    if (with == original) continue;
    text.replace(finding.begin, finding.end, with);
    ++replaced_[finding.kind];
  }
  return text.changed();
}

std::string Scrubber::scrub(const std::string& body) {
  std::string out;
  std::size_t done = 0;
  const bool is_json = for_each_json_string(
      body, [this, &body, &out, &done](const std::string& name, std::size_t begin, std::size_t end) {
        DecodedText text(std::string_view(body).substr(begin, end - begin));
        if (!replace_all(name, text)) return;
        out += std::string_view(body).substr(done, begin - done);
        out += text.raw();
        done = end;
      });
  if (!is_json) return scrub_line(body);
  out += std::string_view(body).substr(done);
  return out;
}

std::string Scrubber::scrub_line(const std::string& text) {
  DecodedText decoded(text);
  return replace_all({}, decoded) ? decoded.raw() : text;
}

}  // namespace kiln
