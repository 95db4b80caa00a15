// Damaged and hostile input: no parser may crash, hang, or take a foreign text for a pass. Seeded, so a
// failure comes again; run under AddressSanitizer in CI.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tool_output/test_fixtures.h"
#include "tool_output/test_parsers.h"

namespace kiln::tool_output {
namespace {

using testing_all::Parser;
using testing_all::Seen;

struct Fixture {
  std::string_view parser;
  std::string text;
};

const std::vector<Fixture>& all_fixtures() {
  static const std::vector<Fixture> all = {
      {"query",
       fixtures::query(fixtures::rack_gpu() + fixtures::rack_gpu("00000009:01:00.0", "1640000000002"), "2")},
      {"nvlink-status", fixtures::kNvlinkStatus},
      {"nvlink-errors", fixtures::kNvlinkErrors},
      {"nvlink-errors", fixtures::kNvlink5Errors},
      {"csv", fixtures::kCsv},
      {"dcgm-json", fixtures::kDcgm4},
      {"dcgm-json", fixtures::kDcgm2},
      {"dcgm-table", fixtures::kDcgmTable},
      {"kernel", fixtures::kKernelLog},
      {"gpu-burn", fixtures::kGpuBurn},
      {"nccl", fixtures::kNccl},
      {"nvbandwidth", fixtures::kNvbandwidthText},
      {"nvbandwidth", fixtures::kNvbandwidthJson},
      {"nvloom", fixtures::kNvloom},
      {"stress-ng", fixtures::kStressNg},
      {"stressapptest", fixtures::kStressAppTest},
      {"fio", fixtures::kFio},
  };
  return all;
}

class Mutator {
 public:
  explicit Mutator(std::uint32_t seed) : random_(seed) {}

  std::string damage(std::string text) {
    const std::size_t times = 1 + below(4);
    for (std::size_t i = 0; i < times && !text.empty(); ++i) {
      const std::size_t at = below(text.size());
      const std::size_t length = 1 + below(std::min<std::size_t>(text.size() - at, 64));
      switch (below(8)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(at, text.substr(at, length));
          break;
        case 3:
          text.resize(at);
          break;
        case 4:
          text.insert(at, std::string(length, static_cast<char>(below(256))));
          break;
        case 5: {
          // Digits hurt most: counters, ids, percentages.
          const std::size_t digit = text.find_first_of("0123456789", at);
          if (digit != std::string::npos) text.replace(digit, 1, kNumbers[below(std::size(kNumbers))]);
          break;
        }
        case 6: {
          const Fixture& other = all_fixtures()[below(all_fixtures().size())];
          text.insert(at, other.text.substr(below(other.text.size()), 200));
          break;
        }
        default:
          std::swap(text[at], text[below(text.size())]);
          break;
      }
    }
    return text;
  }

 private:
  static constexpr const char* kNumbers[] = {"-1", "99999999999999999999", "1e999", "nan", "0x10",
                                             "",   "9223372036854775807"};

  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  std::mt19937 random_;
};

TEST(Garbage, EveryFixtureIsReadByItsOwnParserOnly) {
  for (const Fixture& fixture : all_fixtures()) {
    for (const Parser& parser : testing_all::all_parsers()) {
      const Seen seen = parser.run(fixture.text);
      EXPECT_EQ(seen.accepted, parser.name == fixture.parser)
          << parser.name << " on a fixture of " << fixture.parser;
    }
  }
}

TEST(Garbage, NoMutationCrashesAParserOrPassesAForeignText) {
  constexpr int kMutations = 2000;
  Mutator mutator(20260301);
  std::size_t accepted = 0;
  for (int i = 0; i < kMutations; ++i) {
    const Fixture& fixture = all_fixtures()[static_cast<std::size_t>(i) % all_fixtures().size()];
    const std::string text = mutator.damage(fixture.text);
    for (const Parser& parser : testing_all::all_parsers()) {
      const Seen seen = parser.run(text);
      accepted += seen.accepted ? 1U : 0U;
      if (parser.name != fixture.parser) {
        EXPECT_NE(seen.verdict, ToolVerdict::pass) << "mutation " << i << ": " << parser.name << "\n" << text;
      }
    }
  }
  EXPECT_GT(accepted, 200U) << "the mutations must not all be refused at the door";
}

TEST(Garbage, RandomBytesAreRefused) {
  std::mt19937 random(7);
  for (int i = 0; i < 50; ++i) {
    std::string text(1 + random() % 5000, '\0');
    for (char& c : text) c = static_cast<char>(random() % 256);
    for (const Parser& parser : testing_all::all_parsers())
      EXPECT_FALSE(parser.run(text).accepted) << parser.name;
  }
}

TEST(Garbage, HostileShapesAreReadInBoundedTime) {
  constexpr std::size_t kSize = std::size_t{1} << 18;
  const auto repeated = [](std::string_view part) {
    std::string text;
    text.reserve(kSize + part.size());
    while (text.size() < kSize) text += part;
    return text;
  };
  const std::vector<std::string> texts = {
      repeated("{"),
      repeated("["),
      repeated("{\"fio version\":"),
      repeated("{\"DCGM Diagnostic\":"),
      "{\"nvbandwidth\":" + repeated("["),
      "<nvidia_smi_log>" + repeated("<gpu>"),
      "<nvidia_smi_log><gpu>" + repeated("<a>ERR!") + "</nvidia_smi_log>",
      "<nvidia_smi_log>" + repeated("<gpu id=\"0000:01:00.0\"></gpu>") + "</nvidia_smi_log>",
      repeated("\r"),
      repeated("\n"),
      repeated(","),
      repeated("x"),
      repeated("GPU 0: x (UUID: GPU-1)\n Link 0: 25 GB/s\n"),
      repeated("GPU 0: x (UUID: GPU-1)\n Link 0: CRC Errors: 1\n"),
      "index, temperature.gpu\n" + repeated("1, 2\n"),
      repeated("[1.000000] NVRM: Xid (PCI:0000:3b:00): 48, Link Link Link x\n"),
      repeated("[1.000000] nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Data {0x1}\n"),
      "[1.000000] " + repeated("EDAC MC0: 1 CE on AER: "),
      repeated("[1.000000] {1}[Hardware Error]: x\n"),
      repeated("\r1.0%  proc'd: 1 (1 Gflop/s) - 1 (1 Gflop/s) errors: 0 - 0 temps: 1 C - 1 C"),
      "proc'd: " + repeated("1 - "),
      repeated("Tested 9 GPUs:\n\tGPU 0: OK\n"),
      repeated("nvbandwidth Version: v0\nRunning a.\n 0 1\n0 1 1\nSUM a 2\n"),
      repeated("#       size         count      type   busbw  x y z #iters\n 1 1 float 1 1 1 1 1 1 1 1 1\n"),
      repeated("stress-ng: info:  [1] passed: 1: a (1) b (1)\n"),
      repeated("| Diagnostic | Result |\n| a | Pass |\n"),
      std::string(kSize, '\0'),
      repeated("\xff\xfe\xc3"),
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (const Parser& parser : testing_all::all_parsers()) {
      const Seen seen = parser.run(texts[i]);
      if (seen.verdict == ToolVerdict::pass) {
        // Whole outputs repeated are no foreign text; nothing else may pass.
        EXPECT_TRUE(parser.name == "dcgm-table" || parser.name == "nccl") << i << " " << parser.name;
      }
    }
  }
}

}  // namespace
}  // namespace kiln::tool_output
