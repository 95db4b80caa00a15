#include "bmc/gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/predicate.hpp>
#include <string_view>
#include <utility>

#include "bmc/redfish_error.h"
#include "model/tolerant.h"

namespace kiln {
namespace {

constexpr int kReadsPerPlan = 30;

const std::vector<std::string> kMetricsFacts{"/OperatingSpeedMHz",
                                             "/Oem/Nvidia/ThrottleReasons",
                                             "/CacheMetricsTotal/LifeTime/CorrectableECCErrorCount",
                                             "/CacheMetricsTotal/LifeTime/UncorrectableECCErrorCount",
                                             "/Oem/Nvidia/SRAMECCErrorThresholdExceeded",
                                             "/PCIeErrors/CorrectableErrorCount",
                                             "/PCIeErrors/NonFatalErrorCount",
                                             "/PCIeErrors/FatalErrorCount"};
const std::vector<std::string> kEnvironmentFacts{"/TemperatureCelsius/Reading", "/PowerWatts/Reading"};
const std::vector<std::string> kMemoryFacts{"/Oem/Nvidia/RowRemappingFailed",
                                            "/Oem/Nvidia/RowRemappingPending"};
const std::vector<std::string> kMemoryMetricsFacts{"/LifeTime/CorrectableECCErrorCount",
                                                   "/LifeTime/UncorrectableECCErrorCount"};
const std::vector<std::string> kMemoryEnvironmentFacts{"/TemperatureCelsius/Reading"};
const std::vector<std::string> kSensorFacts{"/Reading"};

/// Canonical name and place in ProcessorMetrics.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kPcieErrors{
    {{"correctable", "/PCIeErrors/CorrectableErrorCount"},
     {"non_fatal", "/PCIeErrors/NonFatalErrorCount"},
     {"fatal", "/PCIeErrors/FatalErrorCount"}}};

JsonView member_at(JsonView body, const std::string& pointer) {
  std::size_t begin = 1;
  while (begin <= pointer.size() && body.exists()) {
    const std::size_t end = std::min(pointer.find('/', begin), pointer.size());
    const std::string name = pointer.substr(begin, end - begin);
    // "TemperatureCelsius": 61 is written where {"Reading": 61} belongs, and the other way round.
    if (name == "Reading" && !body.is_object()) break;
    body = body[name];
    begin = end + 1;
  }
  return body;
}

/// Words of a list, of one word, or of a list printed as text (a MetricValue is always a string).
std::vector<std::string> reasons_in(const JsonView& value, const std::string& printed) {
  std::vector<std::string> words;
  const auto keep = [&words](const std::string& word) {
    if (!word.empty() && !means_unset(word) && !boost::algorithm::iequals(word, "NA")) words.push_back(word);
  };
  if (value.exists()) {
    for (const JsonView& element : value.elements()) keep(element.word().value_or(std::string{}));
    return words;
  }
  if (printed.starts_with('[')) {
    Result<JsonDocument> list = JsonDocument::parse(printed, 4);
    if (list) return reasons_in(list->root(), "");
  }
  keep(printed);
  return words;
}

/// An Id without the number at its end.
std::string stem_of(std::string id) {
  while (!id.empty() && id.back() >= '0' && id.back() <= '9') id.pop_back();
  return id;
}

void add(std::optional<std::int64_t>& sum, std::optional<std::int64_t> more) {
  if (more) sum = sum.value_or(0) + *more;
}

std::optional<std::int64_t> flag_or_count(std::optional<std::int64_t> count, std::optional<bool> flag) {
  if (count) return count;
  if (flag) return *flag ? 1 : 0;
  return std::nullopt;
}

}  // namespace

bool is_margin_sensor(const JsonView& sensor) {
  const std::string basis = sensor["ReadingBasis"].text_or_empty();
  if (!basis.empty()) return basis != "Zero";  // Sensor v1.7.0: Zero | Delta | Headroom
  if (sensor["ReadingType"].text_or_empty() != "Temperature") return false;
  bool lower = false;
  bool upper = false;
  for (const auto& [name, threshold] : sensor["Thresholds"].members()) {
    if (!threshold["Reading"].number()) continue;
    lower = lower || name.starts_with("Lower");
    upper = upper || name.starts_with("Upper");
  }
  return lower && !upper;
}

/// Bodies read directly and values out of reports; a fact is looked up in the first, then in the second.
struct GpuReader::Facts {
  std::map<std::string, JsonView> bodies;
  std::map<Property, std::string> reported;

  [[nodiscard]] JsonView direct(const std::string& uri, const std::string& pointer) const {
    const auto body = bodies.find(uri);
    return body == bodies.end() ? JsonView() : member_at(body->second, pointer);
  }
  [[nodiscard]] std::string printed(const std::string& uri, const std::string& pointer) const {
    const auto value = reported.find(Property(uri, pointer));
    return value == reported.end() ? std::string{} : value->second;
  }
  [[nodiscard]] std::optional<double> number(const std::string& uri, const std::string& pointer) const {
    const JsonView value = direct(uri, pointer);
    if (value.exists()) return value.number();
    const std::optional<NumberWithUnit> read = tolerant_number(printed(uri, pointer));
    return read ? std::optional<double>(read->value) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::int64_t> integer(const std::string& uri,
                                                    const std::string& pointer) const {
    const JsonView value = direct(uri, pointer);
    return value.exists() ? value.integer() : tolerant_integer(printed(uri, pointer));
  }
  [[nodiscard]] std::optional<bool> boolean(const std::string& uri, const std::string& pointer) const {
    const JsonView value = direct(uri, pointer);
    return value.exists() ? value.boolean() : tolerant_boolean(printed(uri, pointer));
  }
};

std::vector<std::string> GpuReader::resources_of(const Gpu& gpu) {
  std::vector<std::string> uris{gpu.processor};
  for (const std::string& uri : {gpu.metrics, gpu.environment, gpu.temperature_sensor}) {
    if (!uri.empty()) uris.push_back(uri);
  }
  uris.insert(uris.end(), gpu.memories.begin(), gpu.memories.end());
  uris.insert(uris.end(), gpu.memory_metrics.begin(), gpu.memory_metrics.end());
  uris.insert(uris.end(), gpu.memory_environments.begin(), gpu.memory_environments.end());
  return uris;
}

GpuReading GpuReader::reading_of(const Gpu& gpu, const Facts& facts) {
  GpuReading reading;
  reading.name = gpu.name;
  reading.uri = gpu.processor;
  const auto processor = facts.bodies.find(gpu.processor);
  if (processor != facts.bodies.end()) {
    reading.state = state_of(processor->second);
    reading.health = health_of(processor->second);
  }
  if (!gpu.temperature_sensor.empty()) {
    reading.temperature = facts.number(gpu.temperature_sensor, "/Reading");
  } else if (!gpu.temperature_is_margin) {
    reading.temperature = facts.number(gpu.environment, "/TemperatureCelsius/Reading");
  }
  reading.power = facts.number(gpu.environment, "/PowerWatts/Reading");
  reading.power_limit = facts.number(gpu.environment, "/PowerLimitWatts/SetPoint");
  reading.clock_mhz = facts.number(gpu.metrics, "/OperatingSpeedMHz");
  reading.throttle_reasons = reasons_in(facts.direct(gpu.metrics, "/Oem/Nvidia/ThrottleReasons"),
                                        facts.printed(gpu.metrics, "/Oem/Nvidia/ThrottleReasons"));
  add(reading.ecc_correctable,
      facts.integer(gpu.metrics, "/CacheMetricsTotal/LifeTime/CorrectableECCErrorCount"));
  add(reading.ecc_uncorrectable,
      facts.integer(gpu.metrics, "/CacheMetricsTotal/LifeTime/UncorrectableECCErrorCount"));
  reading.sram_threshold_exceeded = facts.boolean(gpu.metrics, "/Oem/Nvidia/SRAMECCErrorThresholdExceeded");
  for (const auto& [name, pointer] : kPcieErrors) {
    const std::optional<std::int64_t> count = facts.integer(gpu.metrics, std::string(pointer));
    if (count) reading.pcie_errors.emplace(name, *count);
  }
  for (const std::string& uri : gpu.memory_metrics) {
    add(reading.ecc_correctable, facts.integer(uri, "/LifeTime/CorrectableECCErrorCount"));
    add(reading.ecc_uncorrectable, facts.integer(uri, "/LifeTime/UncorrectableECCErrorCount"));
  }
  for (const std::string& uri : gpu.memories) {
    const std::string failed = "/Oem/Nvidia/RowRemappingFailed";
    const std::string pending = "/Oem/Nvidia/RowRemappingPending";
    add(reading.row_remap_failed, flag_or_count(facts.integer(uri, failed), facts.boolean(uri, failed)));
    add(reading.row_remap_pending, flag_or_count(facts.integer(uri, pending), facts.boolean(uri, pending)));
  }
  for (const std::string& uri : gpu.memory_environments) {
    const std::optional<double> hot = facts.number(uri, "/TemperatureCelsius/Reading");
    if (hot) reading.memory_temperature = std::max(reading.memory_temperature.value_or(*hot), *hot);
  }
  return reading;
}

boost::asio::awaitable<Status> GpuReader::settle_temperature(const Ctx& ctx, const RedfishResource& processor,
                                                             const RedfishResource& environment, Gpu& gpu) {
  const JsonView source = environment.body["TemperatureCelsius"]["DataSourceUri"];
  Result<std::optional<RedfishResource>> sensor = co_await tree_.resource(ctx, environment, source);
  if (!sensor) co_return sensor.error();
  if (!*sensor && !source.exists()) co_return success();
  if (*sensor && !is_margin_sensor((*sensor)->body)) co_return success();
  gpu.temperature_is_margin = true;
  if (!*sensor) {
    // It may be a distance: one that falls while the GPU gets hotter would always pass.
    tree_.client().note_oddity(environment.uri, "TemperatureCelsius",
                               fmt::format("comes from {}, which can't be read: not used", source.printed()));
    co_return success();
  }
  const JsonView chassis_link = processor.body["Links"]["Chassis"];
  Result<std::optional<RedfishResource>> chassis = co_await tree_.resource(ctx, processor, chassis_link);
  if (!chassis) co_return chassis.error();
  if (!*chassis) co_return success();
  const JsonView sensors_link = (*chassis)->body["Sensors"];
  Result<MemberList> sensors = co_await tree_.follow(ctx, **chassis, sensors_link);
  if (!sensors) co_return sensors.error();
  std::vector<std::string> of_same_stem;
  std::vector<std::string> candidates;
  for (const RedfishResource& one : sensors->members) {
    if (one.body["ReadingType"].text_or_empty() != "Temperature" || is_margin_sensor(one.body)) continue;
    if (one.body["PhysicalContext"].text_or_empty() != "GPU" || !one.body["Reading"].number()) continue;
    candidates.push_back(one.uri);
    if (stem_of(one.id()) == stem_of((*sensor)->id())) of_same_stem.push_back(one.uri);
  }
  // "…_Temp_0" beside "…_Temp_1", not "…_DRAM_0_Temp_0": their facts are alike, only the name tells them
  // apart.
  if (of_same_stem.empty() && candidates.size() == 1) of_same_stem = candidates;
  if (!of_same_stem.empty()) {
    gpu.temperature_sensor = of_same_stem.front();
    co_return success();
  }
  tree_.client().note_oddity(environment.uri, "TemperatureCelsius",
                             "is a distance to a limit, and no absolute sensor was found");
  co_return success();
}

boost::asio::awaitable<Result<GpuReader::Gpu>> GpuReader::addresses_of(const Ctx& ctx,
                                                                       RedfishResource processor) {
  Gpu gpu;
  gpu.name = processor.id();
  gpu.processor = processor.uri;
  const JsonView body = processor.body;
  gpu.metrics = tree_.path_of(processor, body["Metrics"]).value_or(std::string{});
  const JsonView environment_link = body["EnvironmentMetrics"];
  gpu.environment = tree_.path_of(processor, environment_link).value_or(std::string{});
  if (!gpu.environment.empty()) {
    Result<std::optional<RedfishResource>> environment =
        co_await tree_.resource(ctx, processor, environment_link);
    if (!environment) co_return environment.error();
    if (*environment) {
      Status settled = co_await settle_temperature(ctx, processor, **environment, gpu);
      if (!settled) co_return settled.error();
    }
  }
  const JsonView memory_links = body["Links"]["Memory"];
  Result<MemberList> memories = co_await tree_.follow(ctx, processor, memory_links);
  if (!memories) co_return memories.error();
  for (const RedfishResource& memory : memories->members) {
    gpu.memories.push_back(memory.uri);
    const std::optional<std::string> metrics = tree_.path_of(memory, memory.body["Metrics"]);
    if (metrics) gpu.memory_metrics.push_back(*metrics);
    const JsonView own_environment = memory.body["EnvironmentMetrics"];
    const std::optional<std::string> environment_uri = tree_.path_of(memory, own_environment);
    if (!environment_uri) continue;
    Result<std::optional<RedfishResource>> environment =
        co_await tree_.resource(ctx, memory, own_environment);
    if (!environment) co_return environment.error();
    if (!*environment) continue;
    // The memory's temperature may be the same distance to a limit.
    Gpu probe;
    Status settled = co_await settle_temperature(ctx, memory, **environment, probe);
    if (!settled) co_return settled.error();
    if (!probe.temperature_is_margin) gpu.memory_environments.push_back(*environment_uri);
  }
  if (memories->members.empty()) {
    const JsonView summary = body["MemorySummary"]["Metrics"];
    const std::optional<std::string> metrics = tree_.path_of(processor, summary);
    if (metrics) gpu.memory_metrics.push_back(*metrics);
  }
  co_return gpu;
}

boost::asio::awaitable<Result<std::vector<GpuReader::Gpu>>> GpuReader::find(const Ctx& ctx) {
  std::vector<Gpu> gpus;
  Result<MemberList> systems = co_await tree_.top(ctx, "Systems");
  if (!systems) co_return systems.error();
  for (const RedfishResource& system : systems->members) {
    const JsonView link = system.body["Processors"];
    Result<MemberList> processors = co_await tree_.follow(ctx, system, link);
    if (!processors) co_return processors.error();
    if (processors->whole) co_return processors->whole->error;  // GPUs nobody could list are not absent
    for (const RedfishResource& processor : processors->members) {
      if (processor.body["ProcessorType"].text_or_empty() != "GPU") continue;
      Result<Gpu> gpu = co_await addresses_of(ctx, processor);
      if (!gpu) co_return gpu.error();
      gpus.push_back(std::move(*gpu));
    }
  }
  co_return gpus;
}

boost::asio::awaitable<Status> GpuReader::fetch(const Ctx& ctx, std::vector<std::string> uris, Facts& facts) {
  const std::vector<std::string> asked = uris;
  Result<std::vector<Result<RedfishResource>>> read = co_await tree_.client().get_all(ctx, std::move(uris));
  if (!read) co_return read.error();
  const std::int64_t now_ns = ctx.now().monotonic_ns;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Result<RedfishResource>& one = (*read)[i];
    if (!one) {
      tree_.client().note_oddity(asked[i], "", one.error().message);
      continue;
    }
    if (!one->body["MetricValues"].exists()) {
      facts.bodies[asked[i]] = one->body;
    } else if (reports_.moves(*one, now_ns)) {
      facts.reported.merge(MetricReports::values_of(*one));
    }
  }
  co_return success();
}

void GpuReader::choose_sources(const std::map<Property, std::string>& held_by, const Facts& facts,
                               Plan& plan) {
  std::set<std::string> reports;
  // A resource is left alone when every fact it has now is in some report; what it has not need not be there.
  const auto choose = [&held_by, &facts, &plan, &reports](const std::string& uri,
                                                          const std::vector<std::string>& pointers) {
    if (uri.empty()) return;
    std::set<Property> wanted;
    std::set<std::string> from;
    bool all = true;
    for (const std::string& pointer : pointers) {
      const JsonView now = facts.direct(uri, pointer);
      if (!now.text() && !now.is_array()) continue;
      const auto found = held_by.find(Property(uri, pointer));
      if (found == held_by.end()) {
        all = false;
        break;
      }
      wanted.insert(found->first);
      from.insert(found->second);
    }
    if (!all || wanted.empty()) {
      plan.direct.push_back(uri);
      return;
    }
    reports.insert(from.begin(), from.end());
    plan.in_reports[uri] = std::move(wanted);
  };
  for (const Gpu& gpu : plan.gpus) {
    plan.direct.push_back(gpu.processor);
    choose(gpu.metrics, kMetricsFacts);
    choose(gpu.environment, kEnvironmentFacts);
    choose(gpu.temperature_sensor, kSensorFacts);
    for (const std::string& uri : gpu.memories) choose(uri, kMemoryFacts);
    for (const std::string& uri : gpu.memory_metrics) choose(uri, kMemoryMetricsFacts);
    for (const std::string& uri : gpu.memory_environments) choose(uri, kMemoryEnvironmentFacts);
  }
  if (reports.size() < plan.in_reports.size()) {
    plan.reports.assign(reports.begin(), reports.end());
  } else {
    for (const auto& [uri, wanted] : plan.in_reports) plan.direct.push_back(uri);
    plan.in_reports.clear();
  }
}

boost::asio::awaitable<Status> GpuReader::use_reports(const Ctx& ctx, Plan& plan, const Facts& facts) {
  Result<std::vector<std::string>> addresses = co_await reports_.addresses(ctx);
  if (!addresses) co_return addresses.error();
  std::map<Property, std::string> held_by;
  for (const std::string& uri : *addresses) {
    Result<RedfishResource> report = co_await tree_.client().get(ctx, uri);
    if (!report) {
      if (is_exchange_error(report.error())) co_return report.error();
      continue;
    }
    if (!reports_.moves(*report, ctx.now().monotonic_ns)) continue;
    for (const auto& [property, value] : MetricReports::values_of(*report)) held_by.emplace(property, uri);
  }
  choose_sources(held_by, facts, plan);
  co_return success();
}

boost::asio::awaitable<Result<std::shared_ptr<const GpuReader::Plan>>> GpuReader::make_plan(const Ctx& ctx,
                                                                                            Facts& facts) {
  Result<std::vector<Gpu>> found = co_await find(ctx);
  if (!found) co_return found.error();
  // A GPU that was there stays in the list.
  for (const Gpu& old : known_) {
    const bool still = std::any_of(found->begin(), found->end(),
                                   [&old](const Gpu& gpu) { return gpu.processor == old.processor; });
    if (!still) found->push_back(old);
  }
  known_ = *found;
  auto plan = std::make_shared<Plan>();
  plan->gpus = std::move(*found);
  std::vector<std::string> all;
  for (const Gpu& gpu : plan->gpus) {
    const std::vector<std::string> uris = resources_of(gpu);
    all.insert(all.end(), uris.begin(), uris.end());
  }
  Status read = co_await fetch(ctx, std::move(all), facts);
  if (!read) co_return read.error();
  for (const Gpu& gpu : plan->gpus) {
    const std::optional<double> limit = facts.number(gpu.environment, "/PowerLimitWatts/SetPoint");
    if (limit) plan->power_limits[gpu.name] = *limit;
  }
  if (!plan->gpus.empty()) {
    Status used = co_await use_reports(ctx, *plan, facts);
    if (!used) co_return used.error();
  }
  reads_since_plan_ = 0;
  plan_ = plan;
  co_return plan_;
}

boost::asio::awaitable<Status> GpuReader::fetch_planned(const Ctx& ctx, const Plan& plan, Facts& facts) {
  std::vector<std::string> uris = plan.direct;
  uris.insert(uris.end(), plan.reports.begin(), plan.reports.end());
  Status read = co_await fetch(ctx, std::move(uris), facts);
  if (!read) co_return read;
  // What a report no longer holds is read where it lives.
  std::vector<std::string> missing;
  for (const auto& [uri, wanted] : plan.in_reports) {
    const bool all = std::all_of(wanted.begin(), wanted.end(), [&facts](const Property& property) {
      return facts.reported.contains(property);
    });
    if (!all) missing.push_back(uri);
  }
  if (missing.empty()) co_return success();
  reads_since_plan_ = kReadsPerPlan;
  Status rest = co_await fetch(ctx, std::move(missing), facts);
  co_return rest;
}

boost::asio::awaitable<Result<std::vector<GpuReading>>> GpuReader::read(const Ctx& ctx) {
  Facts facts;
  std::shared_ptr<const Plan> plan = plan_;
  if (!plan || reads_since_plan_ >= kReadsPerPlan) {
    Result<std::shared_ptr<const Plan>> made = co_await make_plan(ctx, facts);
    if (!made) co_return std::move(made.error()).while_doing("looking for GPUs");
    plan = *made;
  } else {
    ++reads_since_plan_;
    Status fetched = co_await fetch_planned(ctx, *plan, facts);
    if (!fetched) co_return std::move(fetched.error()).while_doing("reading GPUs");
  }
  std::vector<GpuReading> readings;
  for (const Gpu& gpu : plan->gpus) {
    GpuReading reading = reading_of(gpu, facts);
    const auto limit = plan->power_limits.find(gpu.name);
    if (!reading.power_limit && limit != plan->power_limits.end()) reading.power_limit = limit->second;
    readings.push_back(std::move(reading));
  }
  co_return readings;
}

}  // namespace kiln
