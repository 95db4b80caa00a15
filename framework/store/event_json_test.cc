#include "store/event_json.h"

#include <gtest/gtest.h>

#include <bit>
#include <boost/json.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>

namespace kiln {
namespace {

namespace json = boost::json;

const Source kSource{"redfish", "/redfish/v1/Chassis/1/Sensors/GPU_0_Temp"};

/// Every kind with every field set to something that is not its default.
std::vector<EventBody> filled_bodies() {
  std::vector<EventBody> all;
  RunBegun begun;
  begun.recipe = "gb300-nvl72-l11";
  begun.recipe_version = "1.4.0";
  begun.recipe_sha256 = "aa";
  begun.purpose = "burn-in";
  begun.rack = "R01";
  begun.product = "virtual-gb300-nvl72";
  begun.inventory_file = "/srv/rack.yaml";
  begun.inventory_sha256 = "bb";
  begun.limits_file = "limits/x.yaml";
  begun.limits_sha256 = "cc";
  begun.limits_revision = 7;
  begun.firmware_baseline = "site revision 1 (/srv/site.yaml)";
  begun.firmware_baseline_sha256 = "ff";
  begun.interlock_rules = "hall-3 revision 2 (/etc/kiln/interlock_rules.yaml)";
  begun.interlock_rules_sha256 = "dd";
  begun.recipe_file = "/srv/recipes/x.yaml";
  begun.interlock_rules_file = "/etc/kiln/interlock_rules.yaml";
  begun.selection = {"C01", "switch_tray"};
  begun.simulated = true;
  begun.time_scale = 60.5;
  begun.marginal_is_conditional = true;
  begun.operator_name = "Žofie \"Q\" \\ Müller";
  begun.scanned_serial = "SN1";
  begun.station = "bench-3";
  begun.kiln_version = "0.1.0";
  begun.build_stamp = "stamp";
  begun.retest_of = "R-20260301-120000-4f2a";
  begun.not_eligible_because = {"simulated", "no operator"};
  begun.approvals = {"recipe l11@1.0.0 approved by method@site until 2027-11-30"};
  begun.instruments = {
      {"flow-meter-7", "clamp-on", "K-118", 1'772'366'400'000'000'000, {"coolant.flow", "coolant.*"}}};
  begun.parameters = {{"soak", "24h"}, {"a", ""}};
  begun.overridden = {{"soak", "1m"}};
  begun.plugins = {{"cooling", "1.0"}};
  all.emplace_back(begun);
  DutPlanned dut;
  dut.role = Role::cdu;
  dut.slot = 11;
  dut.expected_serial = "SN2";
  dut.serial = "SN3";
  dut.bmc_url = "https://127.0.0.1:4101";
  dut.host_address = "127.0.0.1";
  dut.tls = "pin";
  all.emplace_back(dut);
  CellPlanned cell;
  cell.cell = {"cooling/census", "C01", "leak.state", ComponentKind::leak_detector, "Detector_1"};
  cell.limit_text = "= dry";
  cell.unit = "1";
  all.emplace_back(cell);
  PartSeen part;
  part.kind = ComponentKind::gpu;
  part.part = "GPU_0";
  part.serial = "1";
  part.part_number = "2";
  part.model = "3";
  part.firmware = "4";
  part.source = kSource;
  all.emplace_back(part);
  all.emplace_back(PhaseBegun{"cooling"});
  all.emplace_back(PhaseEnded{"cooling", WorkStatus::interlocked, "leak"});
  all.emplace_back(StepBegun{"cooling.flow", true, true});
  StepEnded ended;
  ended.status = WorkStatus::skipped;
  ended.code = "gate.failed";
  ended.message = "m";
  ended.action = "a";
  ended.teardown = true;
  ended.duration_ns = std::numeric_limits<std::int64_t>::max();
  all.emplace_back(ended);
  Measured measured;
  measured.name = "gpu.temperature.max";
  measured.kind = ComponentKind::gpu;
  measured.part = "GPU_0";
  measured.value = 61.5;
  measured.unit = "Cel";
  measured.outcome = Outcome::marginal;
  measured.limit_text = "≤ 85 Cel";
  measured.limit_source = "doc, rev, page";
  measured.limits_revision = 3;
  measured.margin_percent = -1.25;
  measured.reason = "r";
  measured.fault_code = "gpu.hot";
  measured.action = "reseat";
  measured.source = kSource;
  all.emplace_back(measured);
  SeriesChunk chunk;
  chunk.name = "gpu.power";
  chunk.part = "GPU_0";
  chunk.unit = "W";
  chunk.samples = {{0.1, 700.25}, {1.1, std::numeric_limits<double>::quiet_NaN()}, {2.1, -0.0}};
  all.emplace_back(chunk);
  all.emplace_back(Diagnosed{"nvlink.down", "GPU_0/NVLink_3", "m", "a"});
  all.emplace_back(Disturbance{"bmc.reset", "m", 4});
  all.emplace_back(Retried{"bmc.unreachable", "m", 3});
  all.emplace_back(Attached{"dmesg.txt", "text/plain", "dd", 1LL << 40});
  Interlocked cut;
  cut.cause = "leak";
  cut.code = "leak.detected";
  cut.part = "Detector_1";
  cut.message = "m";
  cut.hazard_read = false;
  cut.detected_ns = 1;
  cut.load_stopped_ns = 2;
  cut.off_confirmed_ns = -3;
  all.emplace_back(cut);
  all.emplace_back(PermitGranted{"load", "r"});
  all.emplace_back(GuardOpened{"power.off C01"});
  all.emplace_back(GuardClosed{"power.off C01", false, "m"});
  all.emplace_back(PromptShown{"p", "t"});
  all.emplace_back(PromptAnswered{"p", "yes", "Ann", "terminal", true});
  all.emplace_back(StopRequested{"SIGTERM", 15});
  all.emplace_back(Note{"line\nbreak\ttab\x01 end"});
  all.emplace_back(
      RunResumed{2, 812, 1, 3'600'000'000'000, "Bob", "bench-4", "0.1.1", "other", {"no operator"}});
  all.emplace_back(StepResumed{true, ResumePolicy::verify, "it was measured in full"});
  all.emplace_back(RunEnded{"stopped", "m"});
  all.emplace_back(DetectorMasked{"Detector_1", false, "m"});
  all.emplace_back(
      PopulationGiven{"P",
                      "/p.yaml",
                      "00ff",
                      41,
                      {{"gpu.power.mean", "W", Role::compute_tray, 11, "GPU_0", 40, 1352.5, 8.25}}});
  return all;
}

template <std::size_t... Index>
std::vector<EventBody> default_bodies(std::index_sequence<Index...>) {
  return {EventBody(std::in_place_index<Index>)...};
}
std::vector<EventBody> default_bodies() {
  return default_bodies(std::make_index_sequence<std::variant_size_v<EventBody>>{});
}

TEST(EventJson, EveryKindWithEveryFieldComesBackTheSame) {
  const std::vector<EventBody> filled = filled_bodies();
  const std::vector<EventBody> defaults = default_bodies();
  ASSERT_EQ(filled.size(), defaults.size()) << "a kind is missing in this test";
  for (std::size_t at = 0; at < filled.size(); ++at) {
    ASSERT_EQ(filled[at].index(), at);
    SCOPED_TRACE(std::string(kind_name(filled[at])));
    const std::string text = to_json(filled[at]);
    const Result<EventBody> back = body_from_json(kind_name(filled[at]), text);
    ASSERT_TRUE(back) << back.error().full();
    EXPECT_EQ(back->index(), at);
    EXPECT_EQ(to_json(*back), text);
    EXPECT_NE(to_json(defaults[at]), text);
  }
}

/// Names of fields that have the same value in both, at any depth.
void same_fields(const json::value& a, const json::value& b, const std::string& path,
                 std::vector<std::string>& same) {
  if (a.is_object() && b.is_object() && !a.as_object().empty()) {
    for (const auto& [key, inner] : a.as_object()) {
      if (const json::value* other = b.as_object().if_contains(key)) {
        same_fields(inner, *other, path + "." + std::string(key), same);
      }
    }
  } else if (a == b) {
    same.push_back(path);
  }
}

TEST(EventJson, NoFieldOfTheFilledBodiesIsLeftAtItsDefault) {
  const std::vector<EventBody> filled = filled_bodies();
  const std::vector<EventBody> defaults = default_bodies();
  for (std::size_t at = 0; at < filled.size(); ++at) {
    std::vector<std::string> same;
    same_fields(json::parse(to_json(filled[at])), json::parse(to_json(defaults[at])),
                std::string(kind_name(filled[at])), same);
    EXPECT_TRUE(same.empty()) << same.front() << " was not filled, so its way through JSON is not tested";
  }
}

TEST(EventJson, DefaultsOfEveryKindComeBackTheSame) {
  for (const EventBody& body : default_bodies()) {
    const Result<EventBody> back = body_from_json(kind_name(body), to_json(body));
    ASSERT_TRUE(back) << back.error().full();
    EXPECT_EQ(to_json(*back), to_json(body));
  }
}

Value value_through_json(const Value& value) {
  Measured measured;
  measured.value = value;
  const Result<EventBody> back = body_from_json("measured", to_json(EventBody(measured)));
  if (!back) {
    ADD_FAILURE() << back.error().full();
    return {};
  }
  return std::get<Measured>(*back).value;
}

TEST(EventJson, AMeasuredValueKeepsItsTypeAndEveryBit) {
  const double numbers[] = {0.0,
                            -0.0,
                            61.0,
                            0.1,
                            1e300,
                            -1e-300,
                            std::numeric_limits<double>::denorm_min(),
                            std::numeric_limits<double>::max(),
                            std::numeric_limits<double>::infinity(),
                            -std::numeric_limits<double>::infinity()};
  for (const double number : numbers) {
    const Value back = value_through_json(number);
    ASSERT_TRUE(std::holds_alternative<double>(back)) << number;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(std::get<double>(back)), std::bit_cast<std::uint64_t>(number));
  }
  EXPECT_TRUE(std::isnan(std::get<double>(value_through_json(std::numeric_limits<double>::quiet_NaN()))));
  const std::int64_t integers[] = {0,
                                   -1,
                                   61,
                                   std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max(),
                                   9223372036854775794};
  for (const std::int64_t integer : integers) EXPECT_EQ(value_through_json(integer), Value(integer));
  EXPECT_EQ(value_through_json(true), Value(true));
  EXPECT_EQ(value_through_json(Value()), Value());
  for (const char* text : {"", "NaN", "N/A", "12", "{\"real\":1}"}) {
    EXPECT_EQ(value_through_json(std::string(text)), Value(std::string(text)));
  }
}

TEST(EventJson, RandomDoublesComeBackBitForBit) {
  std::mt19937_64 random(20260301);
  for (int round = 0; round < 5'000; ++round) {
    const double number = std::bit_cast<double>(random());
    if (std::isnan(number)) continue;
    const Value back = value_through_json(number);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(std::get<double>(back)), std::bit_cast<std::uint64_t>(number));
  }
}

TEST(EventJson, AWholeEventComesBackWithItsPlaceAndTime) {
  Event event;
  event.sequence = 17;
  event.at = {-5, 1'700'000'000'123'456'789};
  event.dut = "C01";
  event.step = "soak/load";
  event.iteration = 3;
  event.attempt = 2;
  event.body = Note{"hello"};
  const std::string text = to_json(event);
  EXPECT_NE(text.find("\"utc\":\"2023-11-14T22:13:20.123Z\""), std::string::npos) << text;
  const Result<Event> back = event_from_json(text);
  ASSERT_TRUE(back) << back.error().full();
  EXPECT_EQ(to_json(*back), text);
  EXPECT_EQ(back->at.utc_ns, 1'700'000'000'123'456'789);
  EXPECT_EQ(back->attempt, 2);
}

TEST(EventJson, SamplesCanBeKeptApart) {
  SeriesChunk chunk;
  chunk.name = "gpu.power";
  chunk.samples = {{1, 2}};
  const std::string text = to_json(EventBody(chunk), Samples::apart);
  EXPECT_EQ(text.find("samples"), std::string::npos);
  const Result<EventBody> back = body_from_json("series_chunk", text);
  ASSERT_TRUE(back);
  EXPECT_TRUE(std::get<SeriesChunk>(*back).samples.empty());
}

TEST(EventJson, BytesThatAreNotUtf8AreReplacedAndTheRestIsKept) {
  const Result<EventBody> back = body_from_json("note", to_json(EventBody(Note{"fan \xff\xfe ok \xe2\x82"})));
  ASSERT_TRUE(back) << back.error().full();
  EXPECT_EQ(std::get<Note>(*back).text, "fan \uFFFD\uFFFD ok \uFFFD\uFFFD");
  EXPECT_EQ(valid_utf8("≤ 85 Cel 🙂"), "≤ 85 Cel 🙂");
}

TEST(EventJson, AnUnknownKindIsRefusedByName) {
  const Result<EventBody> back = body_from_json("teleported", "{}");
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, "event.unknown_kind");
  EXPECT_NE(back.error().message.find("teleported"), std::string::npos);
}

TEST(EventJson, AFieldOfTheWrongTypeIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"name":5})", "name"},
      {R"({"outcome":"perfect"})", "outcome"},
      {R"({"source":{"kind":[]}})", "source.kind"},
      {R"({"limits_revision":3000000000})", "limits_revision"},
      {R"({"margin_percent":"low"})", "margin_percent"},
      {R"({"value":[1]})", "value"},
      {R"([])", ""},
  };
  for (const auto& [text, field] : cases) {
    const Result<EventBody> back = body_from_json("measured", text);
    ASSERT_FALSE(back) << text;
    EXPECT_EQ(back.error().code, "event.malformed");
    EXPECT_NE(back.error().message.find("'" + std::string(field) + "'"), std::string::npos)
        << back.error().message;
  }
  for (const char* text : {"", "{", "nonsense", "\xff"}) EXPECT_FALSE(body_from_json("note", text)) << text;
}

TEST(EventJson, MissingFieldsKeepTheirDefaultAndUnknownOnesAreIgnored) {
  const Result<EventBody> back = body_from_json("retried", R"({"code":"x","invented":{"a":1}})");
  ASSERT_TRUE(back) << back.error().full();
  EXPECT_EQ(std::get<Retried>(*back).code, "x");
  EXPECT_EQ(std::get<Retried>(*back).next_attempt, 2);
}

}  // namespace
}  // namespace kiln
