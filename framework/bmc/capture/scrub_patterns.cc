#include "bmc/capture/scrub_patterns.h"

#include <algorithm>
#include <optional>

#include "bmc/capture/pseudonyms.h"

namespace kiln {
namespace {

constexpr std::size_t kLongestAddress = 45;  // INET6_ADDRSTRLEN
constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestHost = 254;  // RFC 1035 2.3.4, and one more
constexpr std::size_t kLongestScheme = 32;
constexpr std::size_t kShortestToken = 8;
constexpr std::size_t kShortestPublicKey = 40;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_figure(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_figure(c) || is_letter(c); }
bool is_base64(char c) { return is_word(c) || c == '+' || c == '/' || c == '=' || c == '-' || c == '_'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

StandIn form_of(ScrubKind kind) {
  switch (kind) {
    case ScrubKind::secret:
      return StandIn::fixed_word;
    case ScrubKind::mac:
      return StandIn::hexadecimal;
    case ScrubKind::host:
      return StandIn::host;
    case ScrubKind::uuid:
      return StandIn::uuid;
    default:
      return StandIn::like;
  }
}

class PatternScan {
 public:
  PatternScan(std::string_view text, bool is_version, bool with_names)
      : text_(text), is_version_(is_version), with_names_(with_names) {}

  std::vector<Finding> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '-' && pem()) continue;
      const bool begins = at_ == 0 || !is_word(text_[at_ - 1]);
      if (begins && c == ':' && ipv6()) continue;
      if (!is_word(c)) {
        ++at_;
        continue;
      }
      if (begins && (public_key_or_token() || url() || uuid() || hardware_address() || ipv4() || ipv6() ||
                     email() || domain_name() || (with_names_ && named_value())))
        continue;
      while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    }
    return std::move(found_);
  }

 private:
  [[nodiscard]] char peek(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  bool take(std::size_t begin, std::size_t end, ScrubKind kind, StandIn form, bool sure = true) {
    found_.push_back({begin, end, kind, form, sure});
    at_ = end;
    return true;
  }

  /// Between the lines that name it: a key or a certificate.
  bool pem() {
    static constexpr std::string_view kBegin = "-----BEGIN ";
    if (!text_.substr(at_).starts_with(kBegin)) return false;
    const std::size_t line_end = text_.find("-----", at_ + kBegin.size());
    if (line_end == std::string_view::npos) return false;
    const std::size_t begin = line_end + 5;
    const std::size_t end = std::min(text_.find("-----END", begin), text_.size());
    if (end > begin) take(begin, end, ScrubKind::secret, StandIn::filler);
    // The last line is of the same form as the first.
    const std::size_t closed = text_.find("-----", std::min(end + 8, text_.size()));
    at_ = closed == std::string_view::npos ? text_.size() : closed + 5;
    return true;
  }

  template <class Allowed>
  [[nodiscard]] std::size_t run_of(std::size_t from, Allowed allowed,
                                   std::size_t most = std::string_view::npos) const {
    const std::size_t last = most < text_.size() - std::min(from, text_.size()) ? from + most : text_.size();
    while (from < last && allowed(text_[from])) ++from;
    return from;
  }

  bool public_key_or_token() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("AAAA")) {
      const std::size_t end = run_of(at_, is_base64);
      return end - at_ >= kShortestPublicKey && take(at_, end, ScrubKind::secret, StandIn::fixed_word);
    }
    if (rest.starts_with("eyJ")) {  // a JSON object in base64, as JSON Web Tokens begin (RFC 7519)
      const std::size_t end = run_of(at_, [](char c) { return is_base64(c) || c == '.'; });
      return end - at_ > 2 * kShortestToken && take(at_, end, ScrubKind::secret, StandIn::fixed_word);
    }
    for (const std::string_view scheme : {"Basic ", "Bearer ", "basic ", "bearer "}) {
      if (!rest.starts_with(scheme)) continue;
      const std::size_t begin = at_ + scheme.size();
      const std::size_t end = run_of(begin, [](char c) { return is_base64(c) || c == '.' || c == '~'; });
      const std::string_view token = text_.substr(begin, end - begin);
      const bool looks_random =
          std::any_of(token.begin(), token.end(), [](char c) { return is_figure(c) || c == '='; });
      if (token.size() >= kShortestToken && looks_random)
        return take(begin, end, ScrubKind::secret, StandIn::fixed_word);
    }
    return false;
  }

  bool url() {
    const std::size_t scheme_end = run_of(
        at_, [](char c) { return is_word(c) || c == '+' || c == '-'; }, kLongestScheme);
    if (!text_.substr(scheme_end).starts_with("://")) return false;
    const std::size_t begin = scheme_end + 3;
    const std::size_t end = std::min(text_.find_first_of("/?#\"'<>\\ \t\r\n,;", begin), text_.size());
    std::size_t host = begin;
    const std::size_t who = text_.substr(begin, end - begin).rfind('@');
    if (who != std::string_view::npos) {
      take(begin, begin + who, ScrubKind::secret, StandIn::fixed_word);
      host = begin + who + 1;
    }
    const std::size_t host_end =
        run_of(host, [](char c) { return is_word(c) || c == '-' || c == '.' || c == '_'; });
    const std::string_view name = text_.substr(host, host_end - host);
    at_ = host;  // where addresses are found as anywhere
    const bool has_letter = std::any_of(name.begin(), name.end(), is_letter);
    const bool is_part_of_ipv6 = peek(host_end) == ':' && !is_figure(peek(host_end + 1));
    if (has_letter && !is_part_of_ipv6) {
      at_ = host_end;
      if (!is_public_host(name) && !is_common_host(name))
        take(host, host_end, ScrubKind::host, StandIn::host);
    }
    return true;
  }

  bool uuid() {
    static constexpr std::string_view kShape = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    if (at_ + kShape.size() > text_.size()) return false;
    for (std::size_t i = 0; i < kShape.size(); ++i) {
      if (kShape[i] == '-' ? text_[at_ + i] != '-' : !is_hex(text_[at_ + i])) return false;
    }
    const std::size_t end = at_ + kShape.size();
    return !is_word(peek(end)) && form_if_telling(end, ScrubKind::uuid, StandIn::uuid);
  }

  /// Also of what is none, because nothing else is in it.
  bool form_if_telling(std::size_t end, ScrubKind kind, StandIn form) {
    if (!says_nothing(text_.substr(at_, end - at_))) return take(at_, end, kind, form);
    at_ = end;
    return true;
  }

  /// MAC-48, EUI-64 or WWN, InfiniBand: 6, 8 or 20 pairs; or three fours with dots.
  bool hardware_address() {
    if (!is_hex(text_[at_]) || !is_hex(peek(at_ + 1))) return false;
    const char separator = peek(at_ + 2);
    if (separator == ':' || separator == '-') {
      std::size_t pairs = 1, end = at_ + 2;
      while (peek(end) == separator && is_hex(peek(end + 1)) && is_hex(peek(end + 2)) &&
             !is_word(peek(end + 3))) {
        end += 3;
        ++pairs;
      }
      const bool whole = !is_word(peek(end)) && !(peek(end) == separator && is_hex(peek(end + 1)));
      return whole && (pairs == 6 || pairs == 8 || pairs == 20) &&
             form_if_telling(end, ScrubKind::mac, StandIn::hexadecimal);
    }
    static constexpr std::string_view kShape = "hhhh.hhhh.hhhh";
    if (at_ + kShape.size() > text_.size()) return false;
    bool has_letter = false;
    for (std::size_t i = 0; i < kShape.size(); ++i) {
      if (kShape[i] == '.' ? text_[at_ + i] != '.' : !is_hex(text_[at_ + i])) return false;
      has_letter = has_letter || is_letter(text_[at_ + i]);
    }
    const std::size_t end = at_ + kShape.size();
    return has_letter && !is_word(peek(end)) && peek(end) != '.' &&
           form_if_telling(end, ScrubKind::mac, StandIn::hexadecimal);
  }

  /// "firmware 1.2.3.4"
  [[nodiscard]] bool follows_version() const {
    std::size_t end = at_;
    while (end > 0 && (text_[end - 1] == ' ' || text_[end - 1] == ':' || text_[end - 1] == '=')) --end;
    std::size_t begin = end;
    while (begin > 0 && is_letter(text_[begin - 1])) --begin;
    const std::string_view before = text_.substr(begin, end - begin);
    return is_version_property(before) || before == "firmware" || before == "Firmware" || before == "FW" ||
           before == "ver" || before == "rev";
  }

  bool ipv4() {
    std::size_t at = at_;
    for (int octet = 0; octet < 4; ++octet) {
      if (octet > 0 && peek(at++) != '.') return false;
      const std::size_t end = run_of(at, is_figure);
      const std::size_t length = end - at;
      if (length == 0 || length > 3 || (length > 1 && text_[at] == '0')) return false;
      if (length == 3 && text_.substr(at, 3) > "255") return false;
      at = end;
    }
    const bool goes_on = is_word(peek(at)) || (peek(at) == '.' && is_figure(peek(at + 1)));
    const bool began_before = at_ > 0 && text_[at_ - 1] == '.';
    if (goes_on || began_before || is_version_ || follows_version()) return false;
    return take(at_, at, ScrubKind::address, StandIn::ipv4);
  }

  bool ipv6() {
    if (at_ > 0 && text_[at_ - 1] == ':') return false;
    std::size_t end = run_of(at_, [](char c) { return is_hex(c) || c == ':'; });
    if (peek(end) == '.' && is_figure(peek(end + 1))) return false;  // what follows is IPv4
    if (end - at_ > 2 && text_[end - 1] == ':' && text_[end - 2] != ':') --end;
    const std::string address(text_.substr(at_, std::min(end - at_, kLongestAddress + 1)));
    const auto colons = std::count(address.begin(), address.end(), ':');
    std::uint32_t groups[8] = {};
    if (colons < 2 || address.size() > kLongestAddress || is_word(peek(end)) || !ipv6_groups(address, groups))
      return false;
    return take(at_, end, ScrubKind::address, StandIn::ipv6);
  }

  /// The end of a host's name that begins there; nullopt: none does.
  [[nodiscard]] std::optional<std::size_t> host_end(std::size_t begin) const {
    const std::size_t end = run_of(
        begin, [](char c) { return is_word(c) || c == '-' || c == '.'; }, kLongestHost);
    if (end - begin == kLongestHost) return std::nullopt;
    std::string_view name = text_.substr(begin, end - begin);
    while (!name.empty() && (name.back() == '.' || name.back() == '-')) name.remove_suffix(1);
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || name.find("..") != std::string_view::npos)
      return std::nullopt;
    const std::string_view last = name.substr(dot + 1);
    const bool small = std::all_of(last.begin(), last.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (!small || !is_common_domain(last)) return std::nullopt;
    if (!is_long_domain(last)) {
      // Two letters end other things too: libraries, programs, message ids.
      if (name.find('.') == dot) return std::nullopt;
      for (std::size_t from = 0; from < dot;) {
        const std::size_t to = std::min(name.find('.', from), name.size());
        const std::string_view label = name.substr(from, to - from);
        if (std::all_of(label.begin(), label.end(), is_figure)) return std::nullopt;
        from = to + 1;
      }
    }
    return begin + name.size();
  }

  bool email() {
    const std::size_t end = run_of(
        at_, [](char c) { return is_word(c) || c == '.' || c == '_' || c == '+' || c == '-'; }, kLongestName);
    if (peek(end) != '@') return false;
    const std::string_view domain = text_.substr(end + 1);
    if (domain.starts_with("odata.") || domain.starts_with("Redfish.") || domain.starts_with("Message."))
      return false;
    const std::optional<std::size_t> domain_end = host_end(end + 1);
    if (!domain_end) return false;
    take(at_, end, ScrubKind::user, StandIn::like);
    return take(end + 1, *domain_end, ScrubKind::host, StandIn::host);
  }

  bool domain_name() {
    const std::optional<std::size_t> end = host_end(at_);
    if (!end) return false;
    const std::string_view name = text_.substr(at_, *end - at_);
    if (is_public_host(name) || is_common_host(name)) {
      at_ = *end;
      return true;
    }
    return take(at_, *end, ScrubKind::host, StandIn::host);
  }

  [[nodiscard]] std::string_view word_before() const {
    std::size_t end = at_;
    if (end == 0 || text_[end - 1] != ' ') return {};
    --end;
    std::size_t begin = end;
    while (begin > 0 && (is_word(text_[begin - 1]) || text_[begin - 1] == '/')) --begin;
    return text_.substr(begin, end - begin);
  }

  /// name=value, "name": "value", Name: value, <Name>value</Name>.
  bool named_value() {
    const std::size_t name_end = run_of(
        at_, [](char c) { return is_word(c) || c == '_' || c == '-'; }, kLongestName);
    const std::string_view name = text_.substr(at_, name_end - at_);
    if (name.size() == kLongestName) return false;
    const bool quoted_name = peek(name_end) == '"' || peek(name_end) == '\'';
    std::size_t at = run_of(name_end + (quoted_name ? 1 : 0), is_blank);
    const char sign = peek(at);
    const bool element = sign == '>' && at_ > 0 && text_[at_ - 1] == '<';
    if ((sign != '=' && sign != ':' && !element) || peek(at + 1) == ':') return false;
    std::optional<ScrubKind> kind = kind_of_property(name);
    if (!kind) kind = kind_of_property(std::string(word_before()) + std::string(name));
    const bool common_word = name.size() <= 7 && (kind == ScrubKind::host || kind == ScrubKind::user);
    if (!kind || (common_word && sign == ':' && !quoted_name)) return false;
    at = run_of(at + 1, is_blank);
    const char quote = peek(at) == '"' || peek(at) == '\'' ? peek(at) : '\0';
    if (quote != '\0') ++at;
    std::size_t end = quote != '\0' ? text_.find(quote, at)
                      : element     ? text_.find('<', at)
                                    : text_.find_first_of(" \t\r\n,;&<>\"')]}|", at);
    if (*kind == ScrubKind::secret && quote == '\0' && !element) {
      for (const std::string_view scheme : {"Basic ", "Bearer ", "Digest ", "Token "}) {
        if (text_.substr(at).starts_with(scheme)) end = text_.find_first_of("\r\n\"'<,}", at);
      }
    }
    end = std::min(end, text_.size());
    for (Finding finding : find_in_property(text_.substr(at, end - at), *kind)) {
      finding.begin += at;
      finding.end += at;
      finding.sure = finding.sure && (quoted_name || element);
      found_.push_back(finding);
    }
    at_ = std::max(end, name_end);
    return true;
  }

  std::string_view text_;
  bool is_version_, with_names_;
  std::size_t at_ = 0;
  std::vector<Finding> found_;
};

/// Nothing but signs is left beside what was found.
bool covers(std::string_view text, const std::vector<Finding>& found) {
  std::size_t done = 0;
  const auto only_signs = [text](std::size_t begin, std::size_t end) {
    bool port = false;
    for (std::size_t at = begin; at < end; ++at) {
      port = text[at] == ':' || (port && is_figure(text[at]));
      if (is_word(text[at]) && !port) return false;
    }
    return true;
  };
  for (const Finding& finding : found) {
    if (!only_signs(done, finding.begin)) return false;
    done = finding.end;
  }
  return !found.empty() && only_signs(done, text.size());
}

}  // namespace

std::vector<Finding> find_patterns(std::string_view text, bool is_version) {
  return PatternScan(text, is_version, true).run();
}

std::vector<Finding> find_in_property(std::string_view text, ScrubKind kind) {
  if (kind == ScrubKind::secret ? is_no_secret(text) : says_nothing(text)) return {};
  if (kind == ScrubKind::secret) {
    if (text.find("-----BEGIN ") != std::string_view::npos) return find_patterns(text, false);
    if (text.starts_with("/redfish/")) return PatternScan(text, false, false).run();
    return {{0, text.size(), kind, StandIn::fixed_word, true}};
  }
  if (kind == ScrubKind::host && (is_common_host(text) || is_public_host(text))) return {};
  std::vector<Finding> found = PatternScan(text, false, false).run();
  const bool an_address = text.starts_with('/') || text.find("://") != std::string_view::npos;
  if (an_address || covers(text, found)) return found;
  std::size_t begin = 0, end = text.size();
  while (is_blank(text[begin])) ++begin;
  while (is_blank(text[end - 1])) --end;
  StandIn form = form_of(kind);
  const auto hexadecimal = [](char c) { return is_hex(c) || !is_word(c); };
  if (form == StandIn::uuid && !std::all_of(text.begin(), text.end(), hexadecimal)) form = StandIn::like;
  return {{begin, end, kind, form, true}};
}

}  // namespace kiln
