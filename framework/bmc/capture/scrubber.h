#pragma once
// Takes out of what a BMC said whatever tells who and where it is, and every secret, and leaves the rest byte
// for byte. Two passes: learn() sees everything first, then scrub() and address() replace: what one property
// says (a serial number, a MAC address, an account) is found in all texts, addresses and links, also where
// nothing there says what it is.
//
// In JSON only the inside of string values changes; names, order, blanks, repeated members and numbers stay.
// What is not JSON is searched as one text. Scrubbing a second time changes nothing. The key is random and
// dies with this object. Owned by whoever writes a capture; any one thread.

#include <bitset>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/secret.h"
#include "bmc/capture/decoded_text.h"
#include "bmc/capture/pseudonyms.h"
#include "bmc/capture/scrub_patterns.h"

namespace kiln {

class Scrubber {
 public:
  /// What is in `keep` is left as it is; secrets never are. `key`: for tests; empty: a random one.
  explicit Scrubber(std::set<ScrubKind> keep = {}, std::string key = {});

  /// First pass: what the BMC said, of any kind.
  void learn(const std::string& body);
  /// First pass: what we know ourselves, such as the account we log in with.
  void learn_value(ScrubKind kind, const std::string& value);
  /// Never to be seen, wherever it stands.
  void learn_secret(const Secret& secret);

  /// Second pass: a body.
  std::string scrub(const std::string& body);
  /// Second pass: an address or the value of a header. The same address in a body becomes the same.
  std::string scrub_line(const std::string& text);

  /// How many places of each kind were replaced.
  [[nodiscard]] const std::map<ScrubKind, std::uint64_t>& replaced() const { return replaced_; }

 private:
  struct Term {
    std::string small;  ///< in small letters
    std::string exact;  ///< not empty: in this spelling only
    ScrubKind kind;
    StandIn form;
    bool within_words;
  };
  [[nodiscard]] std::vector<Finding> find(const std::string& property, const DecodedText& text) const;
  void learn_text(const std::string& property, std::string_view raw);
  void learn_finding(const Finding& finding, const std::string& original);
  void add_term(ScrubKind kind, StandIn form, const std::string& original, bool within_words, bool exact);
  /// Terms in what nothing was found in yet.
  void find_terms(std::string_view text, std::vector<Finding>& found) const;
  [[nodiscard]] const Term* term_at(std::string_view text, std::string_view small, std::size_t at) const;
  bool replace_all(const std::string& property, DecodedText& text);
  std::string stand_in(const Finding& finding, const std::string& original);

  std::set<ScrubKind> keep_;
  Pseudonyms pseudonyms_;
  std::vector<Term> terms_;
  std::set<std::string> term_texts_;
  std::unordered_map<std::string, std::vector<std::size_t>> terms_by_beginning_;
  std::bitset<65'536> beginnings_;  ///< by their first two bytes: most text begins no term
  std::map<ScrubKind, std::uint64_t> replaced_;
};

}  // namespace kiln
