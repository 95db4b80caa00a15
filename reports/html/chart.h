#pragma once
// What the plots and the timeline share: from values to places on the picture, ticks a person would choose,
// and the marks of load and cuts over time. Pure; numbers are printed with one decimal, never as nan or inf.

#include <limits>
#include <string>
#include <vector>

#include "common/run_document.h"

namespace kiln {

/// Grows with the finite numbers it is shown.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value);
  [[nodiscard]] bool empty() const { return !(low <= high); }
  [[nodiscard]] double span() const { return high - low; }
};

/// A rectangle of the picture and what it stands for.
struct Frame {
  double left = 0, top = 0, right = 0, bottom = 0;
  Range time, value;
  [[nodiscard]] double x(double t) const;
  [[nodiscard]] double y(double v) const;
};

/// Between 3 and 7 round numbers inside the range.
std::vector<double> ticks(const Range& range);
/// Round numbers of seconds, minutes or hours.
std::vector<double> time_ticks(const Range& range);
/// "12 s", "3:20", "4 h 05": one style for all ticks of a picture that is `span` seconds wide.
std::string time_text(double seconds, double span);

/// Seconds since the run began, as series count them.
double seconds_into(const RunDocument& document, std::int64_t monotonic_ns);

/// The stretches under load, those that touch merged: behind everything else. `dut` empty: of all DUTs.
std::string draw_loads(const RunDocument& document, const Frame& frame, const std::string& dut = {});

/// Where interlocks cut, as far as it lies in the picture: lines before everything else, each with its words
/// in a row of its own outside the frame, where they hide nothing.
struct CutMarks {
  std::string svg;
  double height = 0;  ///< of the rows of words
};
/// `words_top`: upper edge of the rows of words, above or below the frame. `dut` empty: of all DUTs.
CutMarks draw_cuts(const RunDocument& document, const Frame& frame, double words_top,
                   const std::string& dut = {});
/// The height that the words will take; needed before the frame is known.
double height_of_cuts(const RunDocument& document, const std::string& dut = {});

}  // namespace kiln
