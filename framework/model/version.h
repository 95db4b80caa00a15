#pragma once
// Canonical comparison of firmware versions as vendors print them ("GB200Nvl-25.08-B", "3.00.0", "01.05.0 ",
// "XX-1.2"). Pure. Never compares as plain strings.

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// A version split into numeric and alphabetic runs, trimmed, with a leading "v", "XX-" or "XX_" prefix
/// dropped.
struct CanonicalVersion {
  std::vector<std::string> runs;    ///< numbers without leading zeros, words in lower case
  std::vector<std::string> fields;  ///< what stands between separators, in lower case, zeros kept
  std::string original;
  /// Printed byte by byte ("0x00 0x0b") or as one number of base 16 ("0x000b0304"): `runs` are its bytes as
  /// numbers, `fields` the same with two signs of base 16 each.
  bool is_bytes = false;

  [[nodiscard]] bool empty() const { return runs.empty(); }
};

/// How a field of digits and the letters a to f is meant: "0e" is 14, or revision e of 0.
enum class VersionFields {
  by_form,  ///< as far as the two versions themselves tell
  decimal,  ///< a number and a word
  hex       ///< one number of base 16
};
std::string_view to_string(VersionFields fields);
std::optional<VersionFields> version_fields_from(std::string_view word);
std::vector<std::string> version_fields_names();

CanonicalVersion canonical_version(const std::string& printed);
/// equal: the same runs; less/greater: the first different run decides, numbers as numbers, a missing run is
/// less, but what has a pre-release word more ("1.5-rc1", "2.0 beta") comes before the release; unordered: a
/// number meets a word, or either is empty.
///
/// Where two fields could be of base 16, because all their signs are and one of them has a letter ("0a" and
/// "09", "3c" and "22"), they are so by_form when everything in both versions that could be is written with
/// two signs ("97.10.4A.00.08", "GB200Nvl-25.05-0b"; not "1.03b" beside "1.4"). Else they are ordered only
/// where both readings order them alike, and unordered where they do not. Six signs and more with a letter
/// among them are the hash of a source tree: unordered unless it is the same.
///
/// Bytes beside a text: the text's fields are numbers of base 16 where it shows that ("00.0b.03.04"); else
/// both readings of it must agree. A text without separators ("000b0304") is the same when it has the same
/// signs.
std::partial_ordering compare(const CanonicalVersion& a, const CanonicalVersion& b,
                              VersionFields fields = VersionFields::by_form);

/// compare() says equal. The one way in which two printed versions are taken for the same.
bool same_version(const std::string& a, const std::string& b, VersionFields fields = VersionFields::by_form);

}  // namespace kiln
