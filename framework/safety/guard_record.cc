#include "safety/guard_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>
#include <cstring>

namespace kiln {
namespace {

constexpr std::string_view kMagic = "KILNGRD";
constexpr std::size_t kVersionAt = 7, kSequenceAt = 8, kLengthAt = 16, kCrcAt = 20, kTextAt = 24;

std::uint32_t crc_of(const unsigned char* bytes, std::size_t length) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes, kCrcAt);
  crc.process_bytes(bytes + kTextAt, length);
  return crc.checksum();
}

}  // namespace

Result<GuardRecordBytes> encode_guard_record(const GuardRecord& record) {
  if (record.text.size() > kGuardTextBytes) {
    return Error("guard.too_long",
                 fmt::format("an undo of {} bytes does not fit into a journal record of {}",
                             record.text.size(), kGuardTextBytes),
                 "shorten the command that ends the load", Blame::station);
  }
  GuardRecordBytes bytes{};
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  bytes[kVersionAt] = kGuardFormatVersion;
  boost::endian::store_little_u64(bytes.data() + kSequenceAt, record.sequence);
  boost::endian::store_little_u32(bytes.data() + kLengthAt, static_cast<std::uint32_t>(record.text.size()));
  std::copy(record.text.begin(), record.text.end(), bytes.begin() + kTextAt);
  boost::endian::store_little_u32(bytes.data() + kCrcAt, crc_of(bytes.data(), record.text.size()));
  return bytes;
}

Result<std::optional<GuardRecord>> decode_guard_record(std::string_view bytes) {
  const Error damaged("guard.damaged", "a record of the guard journal is torn or not ours", "",
                      Blame::station);
  if (bytes.size() != kGuardRecordBytes) return damaged;
  static const GuardRecordBytes zeros{};
  if (std::memcmp(bytes.data(), zeros.data(), zeros.size()) == 0) return std::optional<GuardRecord>{};
  if (!bytes.starts_with(kMagic)) return damaged;
  GuardRecordBytes raw{};
  std::memcpy(raw.data(), bytes.data(), raw.size());
  const std::uint32_t length = boost::endian::load_little_u32(raw.data() + kLengthAt);
  if (length > kGuardTextBytes) return damaged;
  // The frame's check is the same in every version, so a torn record is never taken for one of a newer
  // program.
  if (boost::endian::load_little_u32(raw.data() + kCrcAt) != crc_of(raw.data(), length)) return damaged;
  if (raw[kVersionAt] == 0 || raw[kVersionAt] > kGuardFormatVersion) {
    return Error("guard.newer_format",
                 fmt::format("the guard journal has format {}, this program knows {}", raw[kVersionAt],
                             kGuardFormatVersion),
                 "recover with the version of kiln that wrote it", Blame::station);
  }
  GuardRecord record;
  record.sequence = boost::endian::load_little_u64(raw.data() + kSequenceAt);
  record.text = std::string(bytes.substr(kTextAt, length));
  return std::optional<GuardRecord>(std::move(record));
}

}  // namespace kiln
