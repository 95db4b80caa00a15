// demo only starts the rack program and then does what run does: same setup, same runner, same reports.

#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <iostream>

#include "io/loop.h"
#include "io/process.h"
#include "station/commands/commands.h"
#include "station/commands/execute_run.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kRackStartBudget = std::chrono::seconds(60);

Result<std::string> inventory_of(const std::string& ready_line) {
  boost::system::error_code failed;
  const boost::json::value ready = boost::json::parse(ready_line, failed);
  if (!failed && ready.is_object()) {
    const auto* inventory = ready.as_object().if_contains("inventory");
    if (inventory != nullptr && inventory->is_string()) return std::string(inventory->as_string());
  }
  return Error("demo.rack_not_ready", "the virtual rack's first line is not its ready line: " + ready_line,
               "run kiln-virtual-rack by hand to see why", Blame::station);
}

/// A directory of our own for the rack's inventory and keys, removed when the demo ends.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kiln-demo-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

awaitable<int> demo_on_rack(Ctx& ctx, CommandLine line, const Paths& paths, RunningProcess& rack,
                            StopSwitch& stop) {
  Ctx start = ctx.child_within("virtual rack starts", kRackStartBudget);
  const Result<std::string> ready = co_await rack.read_line(start);
  if (!ready) {
    std::cerr << "kiln: the virtual rack did not start: " << ready.error().sentence() << "\n";
    co_return 2;
  }
  const Result<std::string> inventory = inventory_of(*ready);
  if (!inventory) {
    std::cerr << "kiln: " << inventory.error().sentence() << "\n";
    co_return 2;
  }
  line.rack_file = *inventory;
  line.rack_ends_with_us = true;
  const std::string recipe_of_rack = line.demo_rack == "shelves" ? "small" : line.demo_rack;
  const std::string recipe = line.recipe.empty() ? "demo/" + recipe_of_rack : line.recipe;
  RunSetup setup = set_up(line, paths, recipe);
  if (!setup.ok()) {
    print_problems(setup.problems);
    if (line.json) std::cout << problems_json(setup.problems) << std::endl;
    co_return 2;
  }
  const int code = co_await execute_run(ctx, line, paths, setup, stop);
  co_return code;
}

/// The servers that a demo is asked for; empty: trays.
std::string product_of(const std::string& rack) {
  if (rack == "hgx") return "hgx-h100";
  const bool trays = rack == "small" || rack == "shelves" || rack == "nvl72";
  return trays ? std::string() : rack;
}

awaitable<void> demo_main(Ctx& ctx, const CommandLine& line, const Paths& paths, StopSwitch& stop,
                          int& code) {
  const ScratchDirectory scratch;
  const std::string product = product_of(line.demo_rack);
  const std::string rack_name = product.empty() ? line.demo_rack : "hgx";
  std::vector<std::string> argv{paths.virtual_rack, "--rack",           rack_name, "--out",
                                scratch.path(),     "--exit-with-stdin"};
  if (!product.empty()) {
    argv.emplace_back("--product");
    argv.push_back(product);
  }
  if (line.demo_firmware_current) argv.emplace_back("--firmware-current");
  if (line.demo_firmware_behind) argv.emplace_back("--firmware-behind");
  if (line.seed) {
    argv.emplace_back("--seed");
    argv.push_back(std::to_string(*line.seed));
  }
  for (const auto& fault : line.faults) {
    argv.emplace_back("--fault");
    argv.push_back(fault);
  }
  const std::unique_ptr<ProcessLauncher> launcher = make_process_launcher(ctx.loop());
  ProcessSpec spec(std::move(argv));
  Result<std::unique_ptr<RunningProcess>> rack = co_await launcher->start(ctx, std::move(spec));
  if (!rack) {
    std::cerr << "kiln: cannot start the virtual rack: " << rack.error().sentence() << "\n";
    co_return;
  }
  code = co_await demo_on_rack(ctx, line, paths, **rack, stop);
  const CommandResult ended = co_await (*rack)->stop();
  if (code == 2 && !ended.err.empty()) std::cerr << ended.err;
}

/// The burn-in of a whole rack, as long as somebody may want to watch it; of servers in a minute unless asked
/// for.
CommandLine with_level(CommandLine line) {
  const std::string product = product_of(line.demo_rack);
  const bool asked = line.recipe == "l11";
  if (!asked && (product.empty() || !line.recipe.empty())) return line;
  line.recipe = product.empty() ? "gb300-nvl72/l11-rack" : product + "/l11-rack";
  line.demo_firmware_current = true;
  std::vector<std::string> settings;
  if (product == "generic-server") {
    settings = {asked ? "host=10m" : "host=20s"};
  } else if (asked) {
    settings = {"soak=10m", "settle=1m", "diagnostic=2", "host=1m"};
    if (product.empty()) settings.emplace_back("flow_samples=3");
  } else {
    settings = {"soak=15s", "settle=4s",    "slope=30",      "diagnostic=1",  "host=2s",
                "burst=4s", "cool_down=8s", "link_every=3s", "link_window=3s"};
  }
  settings.insert(settings.end(), line.settings.begin(), line.settings.end());  // the person's own come last
  line.settings = std::move(settings);
  return line;
}

}  // namespace

int demo_command(const CommandLine& wish, const Paths& paths) {
  const CommandLine line = with_level(wish);
  int code = 2;
  StopSwitch stop;
  const std::unique_ptr<Loop> loop = Loop::real();
  loop->run([&](Ctx& ctx) { return demo_main(ctx, line, paths, stop, code); },
            [&stop](int number) { stop.signal(number); });
  return code;
}

}  // namespace kiln
