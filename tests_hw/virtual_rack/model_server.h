#pragma once
// A server of a large language model on the rack, as a station meets one: HTTP with the paths, bodies and
// event streams of the OpenAI API reference ("List models", "Create chat completion", "Create completion" and
// their streaming), and the error bodies of vLLM 0.6 and newer, behind one API key. There is no model: what
// it answers, and when, is fixed. It works while every compute tray's host is up, heats their GPUs while it
// answers, and loses its streams when one of them goes down. The lengths below are assumed. Thread: the
// rack's loop. It knows no timer: whoever owns it calls tick() at next_ns().

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/http_message.h"
#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/request_log.h"

namespace kiln::virtual_rack {

class ModelServer {
 public:
  static constexpr const char* kModel = "virtual-llm";
  static constexpr const char* kOtherModel = "virtual-llm-draft";  ///< of the fault model-other
  static constexpr std::chrono::seconds kLoads{20};            ///< rack time, from the last host that came up
  static constexpr std::chrono::milliseconds kFirstToken{60};  ///< alone, wall time
  static constexpr std::chrono::milliseconds kFirstTokenPerStream{4};  ///< for each other answer under way
  static constexpr std::chrono::milliseconds kToken{8};                ///< from one token to the next
  static constexpr std::chrono::milliseconds kSlowFirstToken{
      3000};                                                   ///< instead, of the fault first-token-slow
  static constexpr std::chrono::milliseconds kSlowToken{400};  ///< instead, of the fault tokens-slow
  static constexpr std::chrono::seconds kLoadingFor{
      4};                                          ///< of the fault model-loading, from the first request
  static constexpr std::size_t kNaturalEnd = 256;  ///< tokens of an answer that nobody limits
  static constexpr std::size_t kStrikeAfter = 4;   ///< tokens before a stream stalls or is cut

  ModelServer(RackModel& rack, RequestLog& log, std::string api_key,
              std::function<std::uint64_t()> now = &monotonic_ns);
  ~ModelServer();
  ModelServer(const ModelServer&) = delete;
  ModelServer& operator=(const ModelServer&) = delete;

  [[nodiscard]] HttpResponse handle(const HttpRequest& request);
  /// Sends the tokens that are due, and sees whether peers have left or a tray is gone.
  void tick();
  /// When the next token is due; nothing while no answer is under way.
  [[nodiscard]] std::optional<std::uint64_t> next_ns() const;
  [[nodiscard]] std::size_t answers_under_way() const { return answers_.size(); }

 private:
  struct Answer;
  struct Asked;
  [[nodiscard]] bool loaded();
  [[nodiscard]] bool struck(FaultKind kind) const;
  [[nodiscard]] bool loading_fault();
  [[nodiscard]] std::string model() const;
  HttpResponse complete(const HttpRequest& request, bool chat);
  HttpResponse whole_answer(const Asked& asked) const;
  [[nodiscard]] std::string token(std::size_t number) const;
  void send_due(Answer& answer, std::uint64_t now_ns);
  void put_load();

  RackModel& rack_;
  RequestLog& log_;
  std::string api_key_;
  std::function<std::uint64_t()> now_;
  std::uint64_t up_since_ns_ = 0;       ///< all hosts; 0: one is down
  std::uint64_t fault_loading_ns_ = 0;  ///< first request since model-loading became active
  std::uint64_t fault_seen_ns_ = 0;     ///< the activation that belongs to
  std::vector<std::unique_ptr<Answer>> answers_;
  std::map<std::string, int> processes_;  ///< by DUT: what heats its GPUs
  std::uint64_t number_ = 0;
};

}  // namespace kiln::virtual_rack
