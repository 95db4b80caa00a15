#include "pdf/column_widths.h"

#include <algorithm>

namespace kiln {

std::vector<double> column_widths(const std::vector<ColumnWish>& wishes, double width, bool is_narrow) {
  // One endless word must not starve the others: beyond its fair share a column breaks it.
  const double fair = wishes.empty() ? width : width / static_cast<double>(wishes.size());
  std::vector<double> least;
  double whole = 0;
  double words = 0;
  for (const ColumnWish& wish : wishes) {
    least.push_back(std::min(wish.word, std::max(fair, 60.0)));
    whole += wish.whole;
    words += least.back();
  }
  std::vector<double> widths;
  for (std::size_t index = 0; index < wishes.size(); ++index) {
    const double wish = wishes[index].whole;
    if (whole <= width) {
      widths.push_back(is_narrow || whole <= 0 ? wish : wish + (width - whole) * wish / whole);
    } else if (words >= width) {
      widths.push_back(words <= 0 ? fair : width * least[index] / words);
    } else {
      widths.push_back(least[index] +
                       (width - words) * std::max(0.0, wish - least[index]) / std::max(1e-9, whole - words));
    }
  }
  return widths;
}

}  // namespace kiln
