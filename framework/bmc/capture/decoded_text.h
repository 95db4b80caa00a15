#pragma once
// What stands in a piece of raw text once its escapes are read, with the place of every byte in the raw text:
// a word is found however it is spelled, and only its own bytes are replaced. JSON's escapes (RFC 8259 7) are
// always read; %XX (RFC 3986 2.1) only in what is an address. What is no escape stands for itself. Pure.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

class DecodedText {
 public:
  /// `raw` without the quotes around it.
  explicit DecodedText(std::string_view raw);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// The text begins as an address does: "/redfish/v1", "https://".
  [[nodiscard]] bool is_address() const { return is_address_; }

  /// The raw bytes with [begin, end) of text() replaced. Where the stand-in is as long as the original, a
  /// byte that stays the same keeps its spelling.
  void replace(std::size_t begin, std::size_t end, const std::string& with);
  [[nodiscard]] bool changed() const { return !edits_.empty(); }
  /// The raw text with all replacements, which were given in order and do not overlap.
  [[nodiscard]] std::string raw() const;

 private:
  void put(std::string_view bytes, std::size_t at);
  void read_json_escapes();
  void read_percent_escapes();

  struct Edit {
    std::size_t begin, end;  ///< in raw
    std::string with;
  };
  std::string_view raw_;
  std::string text_;
  std::vector<std::size_t> at_;  ///< of each byte of text_, and of the end
  bool is_address_ = false;
  std::vector<Edit> edits_;
};

}  // namespace kiln
