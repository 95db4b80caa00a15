#pragma once
// Samples of a series as bytes, without loss and small: quantised sensor values fit in 4 bytes. Pure. Layout:
//
//   byte 0        1 = this layout
//   byte 1        bit 0: values are float32 (else float64); bit 1: times are float32 offsets from the first
//   (else float64) bytes 2..9    float64, time of the first sample in seconds since the run began then all
//   times but the first, then all values; little-endian IEEE 754
//
// The small forms are chosen only when every sample comes back bit for bit (NaN as NaN).

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/series_extent.h"

namespace kiln {

std::string encode_samples(const SeriesSamples& samples);
/// Error "series.malformed".
Result<SeriesSamples> decode_samples(std::string_view bytes);

}  // namespace kiln
