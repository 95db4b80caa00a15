#pragma once
// One record of the guard journal: a fixed-size frame around a JSON text, written in one piece and recognised
// as whole or not when read back. Pure; any thread.
//
//   offset  size  content, numbers little-endian
//   0       8     "KILNGRD" and the format's version, 3, as a byte (1 knew no interlocks, 2 no firmware
//   writes) 8       8     sequence: grows with every write to the file; of two copies the greater counts 16
//   4     length of the JSON text 20      4     CRC-32 (ISO 3309) of bytes 0 to 19 and of the text 24      …
//   the text, then zeros

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln {

inline constexpr std::size_t kGuardRecordBytes = 2048;  ///< half a page: a copy never shares a sector
inline constexpr std::size_t kGuardTextBytes = kGuardRecordBytes - 24;
inline constexpr std::uint8_t kGuardFormatVersion = 3;

using GuardRecordBytes = std::array<unsigned char, kGuardRecordBytes>;

struct GuardRecord {
  std::uint64_t sequence = 0;
  std::string text;
};

/// Error "guard.too_long": the text does not fit.
Result<GuardRecordBytes> encode_guard_record(const GuardRecord& record);

/// nullopt: never written (all zeros). Errors: "guard.damaged" (torn or foreign bytes), "guard.newer_format"
/// (of a later version of the program, which alone may judge it).
Result<std::optional<GuardRecord>> decode_guard_record(std::string_view bytes);

}  // namespace kiln
