#pragma once
// What the engine needs of the world, as interfaces that the station wires and tests fake.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "bmc/bmc.h"
#include "engine/step_context.h"
#include "io/http.h"
#include "io/process.h"
#include "io/shell.h"
#include "model/building_report.h"
#include "model/inventory.h"

namespace kiln {

/// Opens connections to DUTs. Opening does not yet talk to the device.
class Devices {
 public:
  virtual ~Devices() = default;
  virtual Result<std::unique_ptr<Bmc>> open_bmc(const Dut& dut) = 0;
  virtual Result<std::unique_ptr<Shell>> open_shell(const Dut& dut) = 0;
  virtual ProcessLauncher& processes() = 0;
  /// What sends the server's API key, where it has one, with every request to it, and nothing to anybody
  /// else.
  virtual Result<std::unique_ptr<HttpClient>> open_model_server(const ServingAccess& server,
                                                                std::size_t at_once) = 0;
  /// What the building says of the rack (safety/stay_clear.h, listen_to_building), on a connection of its
  /// own. Errors: building.none (the rack file names none, or nobody here speaks to one),
  /// credentials.unknown, those of `ctx`.
  virtual boost::asio::awaitable<Result<BuildingReport>> listen_to_building(const Ctx& ctx,
                                                                            const Inventory& inventory,
                                                                            Nanoseconds settle,
                                                                            Nanoseconds patience);
};

/// The person at the station. One question at a time; the implementation queues.
class Operator {
 public:
  virtual ~Operator() = default;
  /// Errors: prompt.timeout, prompt.no_input (nobody can answer: --no-input), prompt.invalid.
  virtual boost::asio::awaitable<Result<PromptAnswer>> ask(const Ctx& ctx, std::string dut,
                                                           PromptRequest request) = 0;
};

/// Sees what happens while it happens, for screens. Must be quick and must not throw.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on_event(const Event& event) = 0;
  virtual void on_progress(const std::string& dut, const std::string& step, const std::string& text) = 0;
};

/// Keeps files by hash; the store behind it.
class ArtifactSink {
 public:
  virtual ~ArtifactSink() = default;
  virtual Result<Attached> keep(const std::string& name, const std::string& media_type,
                                const std::string& bytes) = 0;
};

}  // namespace kiln
