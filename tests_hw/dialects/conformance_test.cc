// What every dialect must show on its own mockup: it is recognised, and by it alone on its layer; every verb
// of Bmc does what expected.json says; every quirk it declares is lived with, and none that nobody declared.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "sdk/dialect.h"
#include "tests_hw/dialects/mockup_service_for_test.h"

namespace kiln {

/// The key to permits, in this program only: the real office is above this floor.
class PermitOffice {
 public:
  static Permit make(Energy energy, std::shared_ptr<const bool> valid) {
    return Permit("C01", energy, std::move(valid));
  }
};

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using boost::asio::awaitable;
using testing::UnorderedElementsAreArray;

std::vector<std::string> dialect_folders() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(KILN_DIALECTS)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with("_")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// As the plugin ships.
std::shared_ptr<const Dialect> load_dialect(const std::string& name) {
  const std::string file = std::string(KILN_PLUGINS) + "/" + name + ".so";
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) throw std::runtime_error(dlerror());
  const auto* plugin = static_cast<const PluginDescriptor*>(dlsym(library, "kiln_plugin_descriptor"));
  if (plugin == nullptr || plugin->magic != kPluginMagic || plugin->make_dialects == nullptr)
    throw std::runtime_error(file + " is no dialect");
  Dialects made;
  plugin->make_dialects(made);
  if (made.size() != 1 || made.front()->name() != name || plugin->name != name)
    throw std::runtime_error(file + " does not bring the dialect of its folder");
  return made.front();
}

const Dialects& all_dialects() {
  static const Dialects all = [] {
    Dialects made;
    for (const std::string& name : dialect_folders()) made.push_back(load_dialect(name));
    return made;
  }();
  return all;
}

class DialectConformance : public testing::TestWithParam<std::string> {
 protected:
  DialectConformance()
      : mockup(folder() + "/service.json"),
        expected(read_json_file(folder() + "/expected.json")),
        bmc(mockup.bmc(all_dialects())) {}
  [[nodiscard]] std::string folder() const { return KILN_DIALECTS "/" + GetParam() + "/mockup"; }

  /// The reply of a verb, which fails exactly as expected.json says; nullopt when it does.
  template <class T>
  std::optional<T> reads(const std::string& verb, std::function<awaitable<Result<T>>(const Ctx&)> question) {
    Result<T> answer = desk.ask<Result<T>>(std::move(question));
    EXPECT_EQ(answer ? std::string() : answer.error().code, expected_error(verb))
        << verb << ": " << (answer ? "" : answer.error().sentence());
    if (!answer) return std::nullopt;
    return std::move(*answer);
  }
  void does(const std::string& verb, std::function<awaitable<Status>(const Ctx&)> question) {
    const Status done = desk.ask<Status>(std::move(question));
    EXPECT_EQ(done ? std::string() : done.error().code, expected_error(verb))
        << verb << ": " << (done ? "" : done.error().sentence());
  }
  std::string expected_error(const std::string& verb) {
    const json::value* error = expected.at("errors").as_object().if_contains(verb);
    return error == nullptr ? std::string() : std::string(error->as_string());
  }
  std::size_t number(const std::string& name) {
    return static_cast<std::size_t>(expected.at(name).as_int64());
  }
  std::vector<std::string> words(const std::string& name) {
    std::vector<std::string> list;
    for (const json::value& word : expected.at(name).as_array()) list.emplace_back(word.as_string());
    return list;
  }
  static Permit permit(Energy energy) {
    static const std::shared_ptr<const bool> valid = std::make_shared<const bool>(true);
    return PermitOffice::make(energy, valid);
  }

  Desk desk;
  MockupService mockup;
  json::object expected;
  std::unique_ptr<Bmc> bmc;
};

TEST_P(DialectConformance, IsRecognisedAndSaysWhoItIs) {
  const auto identity = reads<BmcIdentity>("identity", [this](const Ctx& ctx) { return bmc->identity(ctx); });
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->platform, std::string(expected.at("platform").as_string()));
  EXPECT_EQ(identity->platform.substr(0, identity->platform.find(',')), GetParam());
  std::set<DialectLayer> layers;
  for (const auto& dialect : all_dialects()) {
    if (("," + identity->platform + ",").find(dialect->name() + ",") == std::string::npos) continue;
    EXPECT_TRUE(layers.insert(dialect->layer()).second)
        << "two dialects of one layer: " << identity->platform;
  }
  EXPECT_EQ(identity->serial, std::string(expected.at("serial").as_string()));
  EXPECT_FALSE(identity->serial_source.empty());
  EXPECT_FALSE(identity->redfish_version.empty());
  EXPECT_FALSE(identity->manager_firmware.empty());
}

TEST_P(DialectConformance, EveryReadingIsWhole) {
  const auto power =
      reads<PowerState>("power_state", [this](const Ctx& ctx) { return bmc->power_state(ctx); });
  ASSERT_TRUE(power);
  EXPECT_EQ(to_string(*power), std::string(expected.at("power").as_string()));
  const auto parts = reads<std::vector<Part>>("parts", [this](const Ctx& ctx) { return bmc->parts(ctx); });
  ASSERT_TRUE(parts);
  std::map<std::string, std::size_t> counted, wanted;
  for (const Part& part : *parts) {
    EXPECT_EQ(part.unread, "") << part.uri;
    EXPECT_FALSE(part.name.empty()) << part.uri;
    if (part.kind != ComponentKind::whole_dut) ++counted[std::string(to_string(part.kind))];
  }
  for (const auto& kind : expected.at("parts").as_object())
    wanted[std::string(kind.key())] = static_cast<std::size_t>(kind.value().as_int64());
  EXPECT_EQ(counted, wanted);
  const auto sensors =
      reads<std::vector<SensorReading>>("sensors", [this](const Ctx& ctx) { return bmc->sensors(ctx); });
  ASSERT_TRUE(sensors);
  EXPECT_EQ(sensors->size(), number("sensors"));
  for (const SensorReading& sensor : *sensors) {
    EXPECT_TRUE(sensor.value) << sensor.uri;
    EXPECT_FALSE(sensor.unit.empty()) << sensor.uri;
  }
  const auto leaks =
      reads<LeakCensus>("leak_detectors", [this](const Ctx& ctx) { return bmc->leak_detectors(ctx); });
  ASSERT_TRUE(leaks);
  EXPECT_EQ(leaks->detectors.size(), number("leak_detectors"));
  for (const LeakDetectorReading& detector : leaks->detectors)
    EXPECT_EQ(detector.verdict.reading, LeakReading::dry) << detector.uri;
  const auto coolant =
      reads<std::vector<CoolantReading>>("coolant", [this](const Ctx& ctx) { return bmc->coolant(ctx); });
  ASSERT_TRUE(coolant);
  EXPECT_EQ(coolant->size(), number("coolant"));
  const auto pumps =
      reads<std::vector<PumpReading>>("pumps", [this](const Ctx& ctx) { return bmc->pumps(ctx); });
  ASSERT_TRUE(pumps);
  EXPECT_EQ(pumps->size(), number("pumps"));
  const auto units = reads<std::vector<CoolingUnitReading>>(
      "cooling_units", [this](const Ctx& ctx) { return bmc->cooling_units(ctx); });
  ASSERT_TRUE(units);
  EXPECT_EQ(units->size(), number("cooling_units"));
  const auto chain =
      reads<PowerChain>("power_chain", [this](const Ctx& ctx) { return bmc->power_chain(ctx); });
  ASSERT_TRUE(chain);
  EXPECT_EQ(chain->supplies.size(), number("power_supplies"));
  const auto setup =
      reads<PlatformSetup>("platform_setup", [this](const Ctx& ctx) { return bmc->platform_setup(ctx); });
  ASSERT_TRUE(setup);
  EXPECT_EQ(setup->bios.size(), number("bios_attributes"));
  const auto gpus = reads<std::vector<GpuReading>>("gpus", [this](const Ctx& ctx) { return bmc->gpus(ctx); });
  ASSERT_TRUE(gpus);
  EXPECT_EQ(gpus->size(), number("gpus"));
  for (const GpuReading& gpu : *gpus) EXPECT_TRUE(gpu.temperature && gpu.power && gpu.clock_mhz) << gpu.uri;
  const auto links =
      reads<std::vector<NvlinkReading>>("nvlinks", [this](const Ctx& ctx) { return bmc->nvlinks(ctx); });
  ASSERT_TRUE(links);
  EXPECT_EQ(links->size(), number("nvlinks"));
  for (const NvlinkReading& link : *links) EXPECT_EQ(link.link_status, "LinkUp") << link.uri;
  const auto policies = reads<std::vector<LeakPolicy>>(
      "leak_policies", [this](const Ctx& ctx) { return bmc->leak_policies(ctx); });
  EXPECT_TRUE(policies);
  const auto log =
      reads<std::vector<LogEntry>>("event_log", [this](const Ctx& ctx) { return bmc->event_log(ctx, ""); });
  ASSERT_TRUE(log);
  EXPECT_EQ(log->size(), number("log_entries"));
  const auto logs =
      reads<std::vector<EventLog>>("event_log", [this](const Ctx& ctx) { return bmc->event_logs(ctx); });
  ASSERT_TRUE(logs);
  for (int again = 0; again < 2; ++again) {
    const auto same = reads<std::vector<EventLog>>(
        "event_log", [this](const Ctx& ctx) { return bmc->event_logs_again(ctx); });
    ASSERT_TRUE(same);
    ASSERT_EQ(same->size(), logs->size());
    for (std::size_t i = 0; i < logs->size(); ++i) {
      EXPECT_EQ(same->at(i).uri, logs->at(i).uri);
      EXPECT_EQ(same->at(i).entries.size(), logs->at(i).entries.size()) << logs->at(i).uri;
    }
  }
  const auto clock =
      reads<std::optional<double>>("clock_offset", [this](const Ctx& ctx) { return bmc->clock_offset(ctx); });
  ASSERT_TRUE(clock);
  EXPECT_TRUE(clock->has_value());
  const auto survey = reads<SurveyReport>("survey", [this](const Ctx& ctx) { return bmc->survey(ctx); });
  ASSERT_TRUE(survey);
  EXPECT_TRUE(survey->complete);
  EXPECT_EQ(survey->not_understood + survey->unanswered + survey->error_bodies, 0);
}

TEST_P(DialectConformance, FirmwareIsWhatRuns) {
  const auto items =
      reads<std::vector<FirmwareItem>>("firmware", [this](const Ctx& ctx) { return bmc->firmware(ctx); });
  ASSERT_TRUE(items);
  std::vector<std::string> ids;
  for (const FirmwareItem& item : *items) {
    ids.push_back(item.id);
    EXPECT_FALSE(item.version.empty()) << item.uri;
  }
  EXPECT_THAT(ids, UnorderedElementsAreArray(words("firmware")));
}

/// Everything that changes something, and at the end what had to be lived with.
TEST_P(DialectConformance, EveryVerbActsAndEveryDeclaredQuirkIsLivedWith) {
  const auto identity = reads<BmcIdentity>("identity", [this](const Ctx& ctx) { return bmc->identity(ctx); });
  const auto gpus = reads<std::vector<GpuReading>>("gpus", [this](const Ctx& ctx) { return bmc->gpus(ctx); });
  const auto parts = reads<std::vector<Part>>("parts", [this](const Ctx& ctx) { return bmc->parts(ctx); });
  const auto items =
      reads<std::vector<FirmwareItem>>("firmware", [this](const Ctx& ctx) { return bmc->firmware(ctx); });
  const auto state =
      reads<PowerState>("power_state", [this](const Ctx& ctx) { return bmc->power_state(ctx); });
  ASSERT_TRUE(identity && gpus && parts && items && state);
  const std::string gpu = gpus->empty() ? "GPU_0" : gpus->front().name;
  reads<double>("raise_power_limit", [this, gpu](const Ctx& ctx) -> awaitable<Result<double>> {
    const Permit leave = permit(Energy::power_limit);
    Result<double> before = co_await bmc->raise_power_limit(ctx, leave, gpu, 800);
    co_return before;
  });
  reads<double>("lower_power_limit",
                [this, gpu](const Ctx& ctx) { return bmc->lower_power_limit(ctx, gpu, 600); });
  does("open_valve", [this](const Ctx& ctx) -> awaitable<Status> {
    const Permit leave = permit(Energy::valve);
    std::string connector = "1/Secondary_1";
    Status done = co_await bmc->open_valve(ctx, leave, std::move(connector));
    co_return done;
  });
  does("close_valve", [this](const Ctx& ctx) { return bmc->close_valve(ctx, "1/Secondary_1"); });
  const std::string component = items->empty() ? "BMC" : items->front().id;
  const auto updated = reads<UpdateOutcome>(
      "update_firmware", [this, component](const Ctx& ctx) -> awaitable<Result<UpdateOutcome>> {
        const Permit leave = permit(Energy::flash);
        UpdateRequest request{component, "image.bin", "IMAGE"};
        std::function<void(const UpdateProgress&)> nobody;
        Result<UpdateOutcome> outcome =
            co_await bmc->update_firmware(ctx, leave, std::move(request), std::move(nobody));
        co_return outcome;
      });
  if (updated) {
    EXPECT_TRUE(updated->task_ok) << updated->message;
  }
  const auto under_way =
      reads<std::size_t>("updates_under_way", [this](const Ctx& ctx) { return bmc->updates_under_way(ctx); });
  if (under_way) {
    EXPECT_EQ(*under_way, 0U);
  }
  const auto waited = reads<std::vector<UpdateOutcome>>(
      "wait_for_updates", [this](const Ctx& ctx) -> awaitable<Result<std::vector<UpdateOutcome>>> {
        std::function<void(const UpdateProgress&)> nobody;
        Result<std::vector<UpdateOutcome>> ended = co_await bmc->wait_for_updates(ctx, std::move(nobody));
        co_return ended;
      });
  if (waited) {
    EXPECT_TRUE(waited->empty());
  }
  does("full_power_cycle", [this](const Ctx& ctx) -> awaitable<Status> {
    const Permit leave = permit(Energy::power);
    Status done = co_await bmc->full_power_cycle(ctx, leave);
    co_return done;
  });
  does("restart", [this](const Ctx& ctx) -> awaitable<Status> {
    const Permit leave = permit(Energy::power);
    Status done = co_await bmc->restart(ctx, leave);
    co_return done;
  });
  does("graceful_shutdown", [this](const Ctx& ctx) { return bmc->graceful_shutdown(ctx); });
  does("power_on", [this](const Ctx& ctx) -> awaitable<Status> {
    const Permit leave = permit(Energy::power);
    Status done = co_await bmc->power_on(ctx, leave);
    co_return done;
  });
  does("force_off", [this](const Ctx& ctx) { return bmc->force_off(ctx); });
  does("reset_manager", [this](const Ctx& ctx) { return bmc->reset_manager(ctx); });
  does("logout", [this](const Ctx& ctx) { return bmc->logout(ctx); });
  std::vector<std::string> lived_with;
  for (const AppliedQuirk& quirk : bmc->take_quirks()) {
    lived_with.push_back(quirk.quirk);
    EXPECT_NE(quirk.dialect, "") << quirk.quirk << " at " << quirk.uri << " is declared by no dialect of it";
  }
  EXPECT_THAT(lived_with, UnorderedElementsAreArray(words("quirks")));
}

INSTANTIATE_TEST_SUITE_P(All, DialectConformance, testing::ValuesIn(dialect_folders()),
                         [](const auto& one) { return one.param; });

/// Each declared quirk is lived with by some mockup, so that it has a test.
TEST(Dialects, EveryDeclaredQuirkHasAMockupThatShowsIt) {
  std::set<std::string> declared, shown;
  for (const std::string& name : dialect_folders()) {
    const json::object expected = read_json_file(KILN_DIALECTS "/" + name + "/mockup/expected.json");
    for (const json::value& quirk : expected.at("quirks").as_array()) shown.emplace(quirk.as_string());
  }
  ServiceFacts facts;
  for (const auto& dialect : all_dialects()) {
    for (const KnownQuirk& quirk : dialect->quirks(facts)) {
      declared.emplace(quirk_facts(quirk.quirk).name);
      EXPECT_FALSE(quirk.sentence.empty() || quirk.source.empty()) << dialect->name();
    }
  }
  EXPECT_EQ(shown, declared);
}

/// Nobody wrote the captured trees for us. Those that say nothing of themselves are generic, which is right.
TEST(Dialects, CapturedTreesAreRecognised) {
  const fs::path trees = shared_trees();
  if (trees.empty()) GTEST_SKIP() << "needs the captured trees: set KILN_SHARED to where they lie";
  const std::map<std::string, std::string> platforms{{"nvidia-gh200-bmc", "nvidia_hgx, openbmc"},
                                                     {"lenovo-sr670-xcc", "lenovo_xcc"},
                                                     {"hpe-dl380a-ilo6", "hpe_ilo"},
                                                     {"supermicro-x10", "supermicro"},
                                                     {"intel", "generic"},
                                                     {"hpe-cray-ex235n", "generic"},
                                                     {"cray-cmm", "generic"},
                                                     {"lambda-powershelf-delta", "power_shelf"},
                                                     {"dmtf/public-cooling-unit", "cdu"},
                                                     {"dmtf/public-power-shelf", "power_shelf"},
                                                     {"dmtf/public-rackmount1", "generic"},
                                                     {"ecclesia-features/managers", "openbmc"}};
  for (const auto& [tree, platform] : platforms) {
    MockService service;
    service.bodies = load_tree(trees / tree);
    RedfishOptions options;
    options.dialects = all_dialects();
    const std::unique_ptr<Bmc> one = service.bmc(std::move(options));
    Desk desk;
    const Result<BmcIdentity> identity =
        desk.ask<Result<BmcIdentity>>([&one](const Ctx& ctx) { return one->identity(ctx); });
    ASSERT_TRUE(identity) << tree << ": " << identity.error().sentence();
    EXPECT_EQ(identity->platform, platform) << tree;
  }
}

}  // namespace
}  // namespace kiln
