#pragma once
// Stand-ins for what must not leave a site, of the same length and form as far as the form allows: the same
// original has the same stand-in for as long as this object lives, in any spelling (upper or lower case, with
// or without separators), so that relations between texts survive. They are drawn with HMAC-SHA-256 under a
// random key; without the key, which dies with this object, nobody can try originals out.
//
// Two originals have two stand-ins, and none equals an original that was announced with known(), as long as
// the form leaves room (a serial number of one digit does not). Addresses keep their prefixes: what was one
// subnet stays one. Owned by the Scrubber; any one thread.

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace kiln {

class Pseudonyms {
 public:
  explicit Pseudonyms(std::string key) : key_(std::move(key)) {}

  /// Announces an original before the first stand-in is drawn. Text of any kind but addresses.
  void known(const std::string& original) { originals_.insert(canonical(original)); }
  void known_ipv4(const std::string& original);
  void known_ipv6(const std::string& original);

  /// A letter for a letter of the same case, a digit for a digit; everything else stays.
  std::string like(const std::string& original);
  /// A hexadecimal digit for a hexadecimal digit; MAC addresses, WWNs, GUIDs.
  std::string hexadecimal(const std::string& original);
  /// As hexadecimal, but version and variant stay (RFC 4122 4.1).
  std::string uuid(const std::string& original);
  /// Label by label; a last label that everybody has (com, local) stays.
  std::string host(const std::string& original);
  /// Dotted decimal, each number of as many digits. Loopback, masks, multicast and 0.0.0.0 stay.
  std::string ipv4(const std::string& original);
  /// Each group of as many digits. Loopback, multicast, "::" and the prefix of link-local addresses stay.
  std::string ipv6(const std::string& original);

  /// It is one of the stand-ins.
  [[nodiscard]] bool made(const std::string& text) const { return taken_.contains(canonical(text)); }

 private:
  enum class Form { like, hexadecimal, uuid };
  static std::string canonical(const std::string& text);
  std::string draw(Form form, const std::string& original);
  [[nodiscard]] std::string candidate(Form form, const std::string& canonical_text,
                                      const std::string& original, std::uint32_t turn) const;
  /// A number for a number of an address, the same one below the same prefix only.
  std::uint32_t number_below(const std::string& prefix, std::uint32_t original, std::uint32_t low,
                             std::uint32_t high, const std::set<std::uint32_t>& but_not);
  [[nodiscard]] std::string stream(const std::string& about, std::uint32_t turn, std::size_t length) const;

  struct Numbers {
    std::map<std::uint32_t, std::uint32_t> given;
    std::set<std::uint32_t> taken;
  };
  std::string key_;
  std::set<std::string> originals_, taken_;
  std::map<std::string, std::uint32_t> turns_;  ///< form and canonical original → the turn that was free
  std::map<std::string, Numbers> numbers_;      ///< by prefix
  std::set<std::uint32_t> first_of_ipv4_, first_of_ipv6_;  ///< of the originals
};

/// The eight groups of an IPv6 address as written, without zone; false when it is none.
bool ipv6_groups(const std::string& text, std::uint32_t (&groups)[8]);

}  // namespace kiln
