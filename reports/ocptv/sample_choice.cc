#include "ocptv/sample_choice.h"

#include <algorithm>

namespace kiln {

std::vector<std::size_t> choose_samples(const std::vector<std::pair<double, double>>& samples,
                                        std::size_t most) {
  std::vector<std::size_t> usable;
  for (std::size_t index = 0; index < samples.size(); ++index) {
    if (has_value(samples[index])) usable.push_back(index);
  }
  if (usable.size() <= most) return usable;
  const std::size_t stretches = std::max<std::size_t>(most / 2, 1);
  std::vector<std::size_t> chosen;
  for (std::size_t stretch = 0; stretch < stretches; ++stretch) {
    const auto from = usable.begin() + static_cast<std::ptrdiff_t>(usable.size() * stretch / stretches);
    const auto to = usable.begin() + static_cast<std::ptrdiff_t>(usable.size() * (stretch + 1) / stretches);
    const auto [least, greatest] = std::minmax_element(
        from, to, [&samples](std::size_t a, std::size_t b) { return samples[a].second < samples[b].second; });
    chosen.push_back(std::min(*least, *greatest));
    if (*least != *greatest) chosen.push_back(std::max(*least, *greatest));
  }
  return chosen;
}

}  // namespace kiln
