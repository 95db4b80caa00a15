#include "store/chain.h"

#include <fmt/format.h>

#include "base/sha256.h"

namespace kiln {
namespace {

void append_big_endian(std::string& to, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) to += static_cast<char>((number >> shift) & 0xff);
}

void append_field(std::string& to, std::string_view field) {
  fmt::format_to(std::back_inserter(to), "{}:", field.size());
  to += field;
}

void append_field(std::string& to, std::int64_t number) {
  const fmt::format_int text(number);
  append_field(to, std::string_view(text.data(), text.size()));
}

}  // namespace

ChainHash next_hash(const ChainHash& before, const StoredEvent& event) {
  std::string bytes;
  bytes.reserve(event.body.size() + event.samples.size() + 256);
  append_field(bytes, event.run);
  append_field(bytes, event.kind);
  append_field(bytes, event.dut);
  append_field(bytes, event.step);
  append_field(bytes, event.iteration);
  append_field(bytes, event.attempt);
  append_field(bytes, event.monotonic_ns);
  append_field(bytes, event.utc_ns);
  append_field(bytes, event.body);
  append_field(bytes, event.samples);

  std::string prefix = "kiln1";
  prefix.append(before.begin(), before.end());
  append_big_endian(prefix, static_cast<std::uint64_t>(event.sequence));
  append_big_endian(prefix, bytes.size());

  Sha256 digest;
  digest.add(prefix);
  digest.add(bytes);
  return digest.finish();
}

std::string to_hex(const ChainHash& hash) {
  std::string text;
  text.reserve(hash.size() * 2);
  for (const unsigned char byte : hash) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

}  // namespace kiln
