#pragma once
// Chance for tests that bend what others say. The seed is printed; KILN_FUZZ=N: so many times as much,
// KILN_FUZZ_SEED=N: that seed.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace kiln {

inline int fuzz_rounds(int usual) {
  const char* more = std::getenv("KILN_FUZZ");
  return more == nullptr ? usual : usual * std::max(1, std::atoi(more));
}

class Chance {
 public:
  explicit Chance(const char* what) : seed_(seed_of_today()), engine_(seed_) {
    std::cout << what << ": seed " << seed_ << "\n";
  }
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  char byte() { return static_cast<char>(below(256)); }

 private:
  static unsigned seed_of_today() {
    const char* wanted = std::getenv("KILN_FUZZ_SEED");
    return wanted == nullptr ? std::random_device{}()
                             : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
  }
  unsigned seed_;
  std::mt19937 engine_;
};

/// `text` with one to four of: a byte changed, cut short, bytes put in or taken out, the rest of another,
/// deep brackets, an endless number.
inline std::string bent(std::string text, const std::vector<std::string>& others, Chance& chance) {
  const std::size_t times = 1 + chance.below(4);
  for (std::size_t i = 0; i < times && !text.empty(); ++i) {
    const std::size_t at = chance.below(text.size());
    switch (chance.below(7)) {
      case 0:
        text[at] = chance.byte();
        break;
      case 1:
        text.resize(at);
        break;
      case 2:
        text.insert(at, 1 + chance.below(8), chance.byte());
        break;
      case 3:
        text.erase(at, 1 + chance.below(8));
        break;
      case 4: {
        const std::string& other = others[chance.below(others.size())];
        text.replace(at, std::string::npos, other.substr(std::min(at, other.size())));
      } break;
      case 5:
        text.insert(at, std::string(chance.below(100'000), '['));
        break;
      default:
        text.insert(at, "-9999999999999999999999");
        break;
    }
  }
  return text;
}

}  // namespace kiln
