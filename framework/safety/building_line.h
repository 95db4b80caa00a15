#pragma once
// The line to the building: an MQTT client that feeds Building, tells the BMS that we are alive, comes back
// when the broker was lost, and asks for isolation. The owner runs run() in a Scope of its own for as long as
// the line is wanted; without it nothing comes in. Loop thread only; every wait is under the caller's Ctx.

#include <array>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "io/completion.h"
#include "io/mqtt.h"
#include "safety/building.h"

namespace kiln {

struct BuildingLineOptions {
  std::string rack_location_id;  ///< as agreed with the site; our inventory holds it
  std::string integration;       ///< our name in the BMS's metadata; empty: we only listen
  /// In this order, so that metadata comes before values (AsyncAPI, "Topic structure").
  std::vector<std::string> filters{"BMS/v1/PUB/Metadata/#", "BMS/v1/PUB/Value/#"};
};

/// What was read back.
struct BuildingIsolation {
  BuildingAnswer liquid;      ///< unknown with an empty sentence: was not asked for
  BuildingAnswer electrical;  ///< likewise
};

class BuildingLine {
 public:
  /// `client` outlives it and serves nobody else.
  BuildingLine(MqttClient& client, BuildingLineOptions options);
  BuildingLine(const BuildingLine&) = delete;
  BuildingLine& operator=(const BuildingLine&) = delete;

  /// Until ctx ends, then says goodbye. Connects, subscribes, sends our heartbeat every 10 s, and tries again
  /// 1 s after a loss, then twice as long each time, up to 30 s.
  boost::asio::awaitable<void> run(const Ctx& ctx);

  /// Called when an answer, the topics or the connection have changed, also by time alone (within 1 s); must
  /// not block nor destroy the line. Set before run.
  void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

  /// Whether a tray leaks by our own reading, for RackLeakDetectTray where the BMS names us as its writer:
  /// told within a second, again every 100 s and after each loss of the broker. For information; nobody acts
  /// on it.
  void tell_tray_leak(bool leaking);

  [[nodiscard]] const Building& building() const { return building_; }
  [[nodiscard]] bool connected() const { return connected_; }
  /// Why there is no connection; of no meaning while there is one.
  [[nodiscard]] const Error& trouble() const { return trouble_; }

  /// Asks the BMS to isolate the rack, and waits until every status that was asked for reads Isolated. Asks
  /// what can be asked even if the rest cannot. A request stands until the line is gone: it is repeated every
  /// 100 s and after each loss of the broker, and taken back by nobody but a person at the BMS. Errors:
  /// building.not_isolated (ctx has ended; says which is not confirmed, and why), building.no_request_topic
  /// (2 s after it was asked the BMS had not named us as the writer; says for which, and what became of the
  /// other).
  boost::asio::awaitable<Result<BuildingIsolation>> isolate(const Ctx& ctx, bool liquid, bool electrical);

 private:
  struct Seen {
    std::array<BuildingState, 5> states{};
    std::size_t topics = 0;
    bool connected = false;
    bool operator==(const Seen&) const = default;
  };
  struct Request {
    bool wanted = false;
    std::int64_t asked_ns = 0;  ///< monotonic, when it last went out; 0: not on this connection
  };

  boost::asio::awaitable<Status> open(const Ctx& ctx);
  boost::asio::awaitable<Error> serve(const Ctx& ctx);
  boost::asio::awaitable<void> tick(Ctx& ctx);
  boost::asio::awaitable<void> look_when_told(Ctx& ctx);
  boost::asio::awaitable<void> beat(const Ctx& ctx);
  boost::asio::awaitable<void> tell(const Ctx& ctx);
  boost::asio::awaitable<void> ask(const Ctx& ctx);
  boost::asio::awaitable<void> speak(const Ctx& ctx, Request& request, std::vector<std::string> topics);
  boost::asio::awaitable<void> news(const Ctx& ctx);
  [[nodiscard]] Error not_isolated(const Ctx& ctx, bool liquid, bool electrical) const;
  void heard(const MqttMessage& message);
  void look();
  void lose(const Error& why);

  MqttClient& client_;
  BuildingLineOptions options_;
  Building building_;
  Loop* loop_ = nullptr;  ///< while run() runs
  std::function<void()> on_change_;
  Seen seen_;
  bool connected_ = false;
  Error trouble_{"building.not_connected", "the line to the building was not started", "", Blame::station};
  Request liquid_, electrical_;
  std::int64_t beat_ns_ = 0;  ///< monotonic, our last heartbeat
  bool tray_leak_ = false;
  std::int64_t tray_told_ns_ = 0;  ///< monotonic; 0: not on this connection, or not what holds now
  Completion<bool> told_;          ///< a message that may have changed an answer
  std::vector<Completion<bool>> waiting_;
};

}  // namespace kiln
