#pragma once
// Lines that do the same work in turns, round by round, so that a disturbance of the machine meets them
// alike. A line's ratio is taken inside each round against its ceiling's figure of that round; printed are
// the median and both ends. What counts is CPU time: on a shared machine the wall says more about the
// neighbours. One thread.

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <deque>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace kiln::bench {

struct Used {
  double count = 0;  ///< of what is counted
  double cpu_seconds = 0;
  double wall_seconds = 0;
};

/// What this process uses from here on: all its threads, none of its children.
class Meter {
 public:
  Meter() : cpu_(cpu_now()), wall_(std::chrono::steady_clock::now()) {}
  [[nodiscard]] Used used(double count) const {
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_).count();
    return {count, std::max(cpu_now() - cpu_, 1e-9), std::max(wall, 1e-9)};
  }

 private:
  static double cpu_now() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  double cpu_;
  std::chrono::steady_clock::time_point wall_;
};

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

class Comparison {
 public:
  /// `what` is counted: "rows", "GETs".
  explicit Comparison(std::string what) : what_(std::move(what)) {}

  /// One round of one line. `ceilings` name the lines it is divided by, noted earlier in the same round.
  void note(const std::string& name, const std::vector<std::string>& ceilings, const Used& used) {
    Line& line = line_of(name);
    const double cpu = used.count / used.cpu_seconds;
    const double wall = used.count / used.wall_seconds;
    line.per_cpu_second.push_back(cpu);
    line.per_wall_second.push_back(wall);
    for (const std::string& ceiling : ceilings) {
      const Line& best = line_of(ceiling);
      Ratios& ratios = line.of[ceiling];
      ratios.by_cpu.push_back(cpu / best.per_cpu_second.back());
      ratios.by_wall.push_back(wall / best.per_wall_second.back());
    }
  }

  void print() const {
    fmt::print("{:<44}{:>14}{:>12}{:>12}\n", "median of the rounds", what_ + "/CPU s", "us CPU each",
               what_ + "/s");
    for (const Line& line : lines_) {
      const double rate = median(line.per_cpu_second);
      fmt::print("{:<44}{:>14.0f}{:>12.2f}{:>12.0f}\n", line.name, rate, 1e6 / rate,
                 median(line.per_wall_second));
      for (const auto& [ceiling, ratios] : line.of) {
        const auto [least, most] = std::minmax_element(ratios.by_cpu.begin(), ratios.by_cpu.end());
        fmt::print("    {:.2f} of {} by CPU ({:.2f} to {:.2f}), {:.2f} by wall\n", median(ratios.by_cpu),
                   ceiling, *least, *most, median(ratios.by_wall));
      }
    }
  }

  [[nodiscard]] boost::json::object json() const {
    boost::json::array all;
    for (const Line& line : lines_) {
      boost::json::object one;
      one["line"] = line.name;
      one["per_cpu_second"] = boost::json::value_from(line.per_cpu_second);
      one["per_wall_second"] = boost::json::value_from(line.per_wall_second);
      boost::json::object of;
      for (const auto& [ceiling, ratios] : line.of) of[ceiling] = boost::json::value_from(ratios.by_cpu);
      one["of"] = std::move(of);
      all.push_back(std::move(one));
    }
    boost::json::object object;
    object["counted"] = what_;
    object["lines"] = std::move(all);
    return object;
  }

  void write(const std::string& file) const {
    if (file.empty()) return;
    std::ofstream out(file);
    out << boost::json::serialize(json()) << "\n";
    if (!out.flush()) throw std::runtime_error(file + " cannot be written");
  }

 private:
  struct Ratios {
    std::vector<double> by_cpu, by_wall;
  };
  struct Line {
    std::string name;
    std::vector<double> per_cpu_second, per_wall_second;
    std::map<std::string, Ratios> of;  // by ceiling
  };
  Line& line_of(const std::string& name) {
    for (Line& line : lines_) {
      if (line.name == name) return line;
    }
    Line fresh;
    fresh.name = name;
    lines_.push_back(std::move(fresh));
    return lines_.back();
  }

  std::string what_;
  std::deque<Line> lines_;  // references stay good
};

}  // namespace kiln::bench
