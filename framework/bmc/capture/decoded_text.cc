#include "bmc/capture/decoded_text.h"

#include <charconv>
#include <cstdint>
#include <optional>

namespace kiln {
namespace {

/// The value of `count` hexadecimal digits.
std::optional<std::uint32_t> hex_value(std::string_view text, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  if (at + count > text.size()) return std::nullopt;
  const char* first = text.data() + at;
  const auto [end, failure] = std::from_chars(first, first + count, value, 16);
  if (failure != std::errc() || end != first + count) return std::nullopt;
  return value;
}

std::string utf8_of(std::uint32_t point) {
  std::string out;
  const auto add = [&out](std::uint32_t byte) { out += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (point < 0x80) {
    add(point);
  } else if (point < 0x800) {
    add(0xc0U | point >> 6U);
    add(0x80U | (point & 0x3fU));
  } else if (point < 0x10000) {
    add(0xe0U | point >> 12U);
    add(0x80U | (point >> 6U & 0x3fU));
    add(0x80U | (point & 0x3fU));
  } else {
    add(0xf0U | point >> 18U);
    add(0x80U | (point >> 12U & 0x3fU));
    add(0x80U | (point >> 6U & 0x3fU));
    add(0x80U | (point & 0x3fU));
  }
  return out;
}

char short_escape(char letter) {
  switch (letter) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '"':
    case '\\':
    case '/':
      return letter;
    default:
      return '\0';
  }
}

}  // namespace

DecodedText::DecodedText(std::string_view raw) : raw_(raw) {
  text_.reserve(raw.size());
  at_.reserve(raw.size() + 1);
  read_json_escapes();
  is_address_ = text_.starts_with('/') || text_.substr(0, 16).find("://") != std::string::npos;
  if (is_address_ && text_.find('%') != std::string::npos) read_percent_escapes();
  at_.push_back(raw_.size());
}

void DecodedText::put(std::string_view bytes, std::size_t at) {
  text_ += bytes;
  at_.insert(at_.end(), bytes.size(), at);
}

void DecodedText::read_json_escapes() {
  for (std::size_t i = 0; i < raw_.size();) {
    if (raw_[i] != '\\' || i + 1 == raw_.size()) {
      put(raw_.substr(i, 1), i);
      ++i;
      continue;
    }
    if (const char meant = short_escape(raw_[i + 1]); meant != '\0') {
      put(std::string_view(&meant, 1), i);
      i += 2;
      continue;
    }
    std::optional<std::uint32_t> point = raw_[i + 1] == 'u' ? hex_value(raw_, i + 2, 4) : std::nullopt;
    if (!point) {
      put(raw_.substr(i, 1), i);
      ++i;
      continue;
    }
    std::size_t length = 6;
    if (*point >= 0xd800 && *point < 0xdc00 && raw_.substr(i + 6).starts_with("\\u")) {
      const std::optional<std::uint32_t> low = hex_value(raw_, i + 8, 4);
      if (low && *low >= 0xdc00 && *low < 0xe000) {
        point = 0x10000 + ((*point - 0xd800) << 10U) + (*low - 0xdc00);
        length = 12;
      }
    }
    put(utf8_of(*point), i);
    i += length;
  }
}

void DecodedText::read_percent_escapes() {
  std::string text;
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < text_.size(); ++i) {
    const std::optional<std::uint32_t> byte = text_[i] == '%' ? hex_value(text_, i + 1, 2) : std::nullopt;
    text += byte ? static_cast<char>(static_cast<unsigned char>(*byte)) : text_[i];
    at.push_back(at_[i]);
    if (byte) i += 2;
  }
  text_ = std::move(text);
  at_ = std::move(at);
}

void DecodedText::replace(std::size_t begin, std::size_t end, const std::string& with) {
  Edit edit{at_[begin], at_[end], {}};
  if (with.size() != end - begin) {
    edit.with = with;
  } else {
    for (std::size_t i = 0; i < with.size(); ++i) {
      const std::size_t raw_begin = at_[begin + i], raw_end = at_[begin + i + 1];
      if (with[i] == text_[begin + i]) {
        edit.with += raw_.substr(raw_begin, raw_end - raw_begin);
      } else {
        edit.with += with[i];
      }
    }
  }
  edits_.push_back(std::move(edit));
}

std::string DecodedText::raw() const {
  std::string out;
  std::size_t done = 0;
  for (const Edit& edit : edits_) {
    out += raw_.substr(done, edit.begin - done);
    out += edit.with;
    done = edit.end;
  }
  out += raw_.substr(done);
  return out;
}

}  // namespace kiln
