#pragma once
// How wide the columns of a table are. Pure.

#include <vector>

namespace kiln {

/// What the cells of one column would like: on one line, and at least (their widest word).
struct ColumnWish {
  double whole = 0, word = 0;
};

/// Widths whose sum is `width`, or what they wish where `is_narrow` and there is room for it. Columns give
/// way in proportion to what they have beyond their widest words; when not even those fit, in proportion to
/// them, and text is broken inside words.
std::vector<double> column_widths(const std::vector<ColumnWish>& wishes, double width, bool is_narrow);

}  // namespace kiln
