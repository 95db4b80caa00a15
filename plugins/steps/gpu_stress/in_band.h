#pragma once
// What the host says about its GPUs: nvidia-smi and the kernel log, read with deadlines. Loop thread.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/gpu_match.h"
#include "sdk/step.h"
#include "sdk/tool_output.h"

namespace kiln::gpu_stress {

inline constexpr const char* kQueryCommand = "nvidia-smi -q -x";
/// Times since boot: unlike wall-clock stamps they do not move when the host's clock is set.
inline constexpr const char* kKernelLogCommand = "dmesg";
inline constexpr Nanoseconds kQueryBudget = std::chrono::seconds(60);
/// Beyond the limit on the DUT itself: time for timeout(1) to kill, and for the answer to arrive.
inline constexpr Nanoseconds kAnswerBudget = std::chrono::seconds(20);
inline constexpr int kTimedOut = 124;  // timeout(1): the command was ended by TERM
inline constexpr int kKilled = 137;    // and by KILL, as a shell reports it

/// Errors: nvidia_smi.not_installed, those of Shell and of the parser. Output of a lost GPU is data, not an
/// error.
boost::asio::awaitable<Result<tool_output::NvidiaSmiQuery>> query_gpus(const Ctx& ctx, Shell& shell,
                                                                       Nanoseconds budget);

/// gpu_burn for so long, under a hard limit of `margin` more. By the parameters directory, tensor and margin.
std::string burn_line(const Parameters& with, Nanoseconds length);

/// "command not found" of a POSIX shell or of timeout(1), as an Error with the package to install.
std::optional<Error> not_installed(const CommandResult& result, const std::string& program,
                                   const std::string& dut, const std::string& action);
/// The first non-blank line of what a command printed, errors first; at most 200 bytes.
std::string first_line(const CommandResult& result);

/// The place in the kernel log up to which everything was there before.
struct KernelMark {
  bool valid = false;
  std::string last_line;
  std::string why;  ///< when not valid
};
boost::asio::awaitable<KernelMark> mark_kernel_log(const Ctx& ctx, Shell& shell);

/// "GPU has fallen off the bus" (NVIDIA's Xid catalog).
inline constexpr int kXidOffBus = 79;

/// GPU errors since the mark.
struct XidFindings {
  bool complete = false;  ///< the log reaches from the mark to now, so that silence proves silence
  std::string why;        ///< when not complete
  struct PerGpu {
    std::int64_t hardware = 0;  ///< events whose weight is fail
    std::int64_t other = 0;     ///< notes, and what programs did wrong
    bool off_bus =
        false;  ///< it is gone until somebody has seen to it: Xid 79, or what the kernel says with it
    int first_code = 0;
    std::string first_text;    ///< of the first hardware event
    std::string first_action;  ///< what to do about it, and with which part
    std::vector<std::string>
        unknown;  ///< texts of events whose number no table has; each counts in `other` too
  };
  std::map<std::string, PerGpu> by_part;  ///< expected part, or the PCI address when it is none
  PerGpu switches;                        ///< SXids of the NVSwitches this host drives
};
boost::asio::awaitable<XidFindings> xids_since(const Ctx& ctx, Shell& shell, KernelMark mark,
                                               std::map<std::string, std::string> part_of_bus);

}  // namespace kiln::gpu_stress
