#pragma once
// What the station is given in place of the world: devices that are a rack in this process, a warden at the
// other end of a pipe, and a record that keeps no more than the verdict needs. One loop; all outlive the run.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bmc/bmc_peer.h"
#include "bmc/dialect.h"
#include "engine/devices.h"
#include "io/companion.h"
#include "io/message_socket.h"
#include "model/verdict.h"
#include "rack_in_process.h"
#include "safety/warden.h"
#include "store/event_sink.h"

namespace kiln {
struct LoginDoor;
}

namespace kiln::matrix {

/// As RealDevices, without what a socket needs.
class RackDevices final : public Devices {
 public:
  RackDevices(RackInProcess& rack, Dialects dialects) : rack_(rack), dialects_(std::move(dialects)) {}
  Result<std::unique_ptr<Bmc>> open_bmc(const Dut& dut) override;
  Result<std::unique_ptr<Shell>> open_shell(const Dut& dut) override;
  ProcessLauncher& processes() override { return none_; }
  Result<std::unique_ptr<HttpClient>> open_model_server(const ServingAccess& server,
                                                        std::size_t at_once) override;

 private:
  class NoProcesses final : public ProcessLauncher {
   public:
    boost::asio::awaitable<Result<CommandResult>> run(const Ctx& ctx, ProcessSpec spec) override;
    boost::asio::awaitable<Result<std::unique_ptr<RunningProcess>>> start(const Ctx& ctx,
                                                                          ProcessSpec spec) override;
  };
  RackInProcess& rack_;
  Dialects dialects_;
  std::map<std::string, std::shared_ptr<BmcPeer>> peers_;
  std::map<std::string, std::shared_ptr<LoginDoor>> login_doors_;
  NoProcesses none_;
};

/// As warden_main.cc opens them.
Result<WardenBmc> open_warden_bmc(RackInProcess& rack, const WardenDut& dut);
Result<std::unique_ptr<Shell>> open_warden_shell(RackInProcess& rack, const WardenDut& dut);
WardenDut told_to_warden(const Dut& dut, const std::string& user, const std::string& password);

/// Two ends that keep messages apart, as the socket between station and warden.
class MessagePipe {
 public:
  std::unique_ptr<MessageSocket> near_end();
  std::unique_ptr<MessageSocket> far_end();
  void close();

 private:
  struct Way {
    std::deque<std::string> waiting;
    std::optional<Completion<bool>> news;
  };
  class End;
  Way there_, back_;
  bool closed_ = false;
};

/// The warden is no program here; it has ended when its coroutine has.
class WardenTask final : public Companion {
 public:
  explicit WardenTask(Completion<int> ended) : ended_(std::move(ended)) {}
  [[nodiscard]] int pid() const override { return 1; }
  boost::asio::awaitable<Result<int>> ended(const Ctx& ctx) override;

 private:
  Completion<int> ended_;
};

/// Nobody answers a question.
class NobodyThere final : public Operator {
 public:
  boost::asio::awaitable<Result<PromptAnswer>> ask(const Ctx& ctx, std::string dut,
                                                   PromptRequest request) override;
};

/// Rolls events up as they come and forgets them, or keeps all but the samples of series: a day of telemetry
/// fits into no memory.
class VerdictSink final : public EventSink {
 public:
  boost::asio::awaitable<Result<std::int64_t>> append(const Ctx& ctx, Event event) override;
  boost::asio::awaitable<Result<std::int64_t>> append_durable(const Ctx& ctx, Event event) override;
  void keep_beside(const Event& event) override;
  void keep_record() { keeps_record_ = true; }
  [[nodiscard]] std::vector<Event> take_record() { return std::move(record_); }
  [[nodiscard]] RunVerdict verdict() const { return verdict_.verdict(); }
  [[nodiscard]] std::int64_t events() const { return last_; }

 private:
  std::int64_t take(Event event);
  VerdictAccumulator verdict_;
  bool keeps_record_ = false;
  std::vector<Event> record_;
  std::int64_t last_ = 0;
};

}  // namespace kiln::matrix
