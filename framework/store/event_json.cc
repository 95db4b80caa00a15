#include "store/event_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <cmath>
#include <limits>
#include <type_traits>

#include "store/aggregate_size.h"

namespace kiln {

// The members by name, in order of declaration. A member that is missing here does not compile: see
// kAllMembersNamed.
BOOST_DESCRIBE_STRUCT(Cell, (), (step, dut, measurement, kind, part))
BOOST_DESCRIBE_STRUCT(Source, (), (kind, detail))
BOOST_DESCRIBE_STRUCT(Instrument, (), (name, what, certificate, due_utc_ns, measures))
BOOST_DESCRIBE_STRUCT(RunBegun, (),
                      (recipe, recipe_version, recipe_sha256, purpose, rack, product, inventory_file,
                       inventory_sha256, limits_file, limits_sha256, limits_revision, firmware_baseline,
                       firmware_baseline_sha256, interlock_rules, interlock_rules_sha256, recipe_file,
                       interlock_rules_file, selection, simulated, time_scale, marginal_is_conditional,
                       operator_name, scanned_serial, station, kiln_version, build_stamp, retest_of,
                       not_eligible_because, approvals, instruments, parameters, overridden, plugins))
BOOST_DESCRIBE_STRUCT(DutPlanned, (), (role, slot, expected_serial, serial, bmc_url, host_address, tls))
BOOST_DESCRIBE_STRUCT(CellPlanned, (), (cell, limit_text, unit))
BOOST_DESCRIBE_STRUCT(PartSeen, (), (kind, part, serial, part_number, model, firmware, source))
BOOST_DESCRIBE_STRUCT(PhaseBegun, (), (phase))
BOOST_DESCRIBE_STRUCT(PhaseEnded, (), (phase, status, reason))
BOOST_DESCRIBE_STRUCT(StepBegun, (), (use, monitor, teardown))
BOOST_DESCRIBE_STRUCT(StepEnded, (), (status, code, message, action, teardown, duration_ns))
BOOST_DESCRIBE_STRUCT(Measured, (),
                      (name, kind, part, value, unit, outcome, limit_text, limit_source, limits_revision,
                       margin_percent, reason, fault_code, action, source))
BOOST_DESCRIBE_STRUCT(SeriesChunk, (), (name, part, unit, samples))
BOOST_DESCRIBE_STRUCT(Diagnosed, (), (code, part, message, action))
BOOST_DESCRIBE_STRUCT(Disturbance, (), (code, message, count))
BOOST_DESCRIBE_STRUCT(Retried, (), (code, message, next_attempt))
BOOST_DESCRIBE_STRUCT(Attached, (), (name, media_type, sha256, bytes))
BOOST_DESCRIBE_STRUCT(Interlocked, (),
                      (cause, code, part, message, hazard_read, detected_ns, load_stopped_ns,
                       off_confirmed_ns))
BOOST_DESCRIBE_STRUCT(PermitGranted, (), (energy, reason))
BOOST_DESCRIBE_STRUCT(GuardOpened, (), (undo))
BOOST_DESCRIBE_STRUCT(GuardClosed, (), (undo, done, message))
BOOST_DESCRIBE_STRUCT(PromptShown, (), (prompt, text))
BOOST_DESCRIBE_STRUCT(PromptAnswered, (), (prompt, answer, by, surface, timed_out))
BOOST_DESCRIBE_STRUCT(StopRequested, (), (by, signal))
BOOST_DESCRIBE_STRUCT(Note, (), (text))
BOOST_DESCRIBE_STRUCT(RunResumed, (),
                      (number, after_sequence, interrupted_utc_ns, gap_ns, operator_name, station,
                       kiln_version, build_stamp, not_eligible_because))
BOOST_DESCRIBE_STRUCT(StepResumed, (), (kept, policy, reason))
BOOST_DESCRIBE_STRUCT(RunEnded, (), (status, message))
BOOST_DESCRIBE_STRUCT(DetectorMasked, (), (part, masked, message))
BOOST_DESCRIBE_STRUCT(PopulationRow, (), (measurement, unit, role, slot, part, n, median, sigma))
BOOST_DESCRIBE_STRUCT(PopulationGiven, (), (id, file, sha256, racks, rows))

namespace {

namespace json = boost::json;
namespace dom = simdjson::dom;

template <class T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public>;

template <class T>
constexpr bool kAllMembersNamed = boost::mp11::mp_size<Members<T>>::value == aggregate_size<T>();

template <class T, template <class...> class Template>
struct IsInstance : std::false_type {};
template <template <class...> class Template, class... Args>
struct IsInstance<Template<Args...>, Template> : std::true_type {};

using SampleList = decltype(SeriesChunk::samples);

// ---- words of the enums
// ------------------------------------------------------------------------------------------

std::optional<Role> word_to(std::string_view word, Role*) { return role_from(word); }
std::optional<ComponentKind> word_to(std::string_view word, ComponentKind*) {
  return component_kind_from(word);
}
std::optional<WorkStatus> word_to(std::string_view word, WorkStatus*) { return work_status_from(word); }
std::optional<Outcome> word_to(std::string_view word, Outcome*) { return outcome_from(word); }
std::optional<ResumePolicy> word_to(std::string_view word, ResumePolicy*) { return resume_policy_from(word); }

// ---- writing
// -----------------------------------------------------------------------------------------------------

struct Writer {
  json::storage_ptr storage;
  Samples samples;

  json::value text(std::string_view value) const {
    if (simdjson::validate_utf8(value.data(), value.size()))
      return json::value(json::string_view(value), storage);
    return json::value(json::string_view(valid_utf8(value)), storage);
  }
  json::value number(double value) const {
    if (std::isfinite(value)) return json::value(value, storage);
    if (std::isnan(value)) return json::value("NaN", storage);
    return json::value(value > 0 ? "Infinity" : "-Infinity", storage);
  }

  template <class T>
  json::value write(const T& value) const {
    if constexpr (std::is_same_v<T, std::string>) {
      return text(value);
    } else if constexpr (std::is_same_v<T, bool> || std::is_integral_v<T>) {
      return json::value(value, storage);
    } else if constexpr (std::is_same_v<T, double>) {
      return number(value);
    } else if constexpr (std::is_enum_v<T>) {
      return text(to_string(value));
    } else if constexpr (IsInstance<T, std::optional>::value) {
      if (!value) return json::value(nullptr, storage);
      return write(*value);
    } else if constexpr (std::is_same_v<T, Value>) {
      return write_value(value);
    } else if constexpr (std::is_same_v<T, SampleList>) {
      json::array list(storage);
      list.reserve(value.size());
      for (const auto& [t, sample] : value) {
        json::array pair(storage);
        pair.reserve(2);
        pair.push_back(number(t));
        pair.push_back(number(sample));
        list.push_back(std::move(pair));
      }
      return list;
    } else if constexpr (IsInstance<T, std::vector>::value) {
      json::array list(storage);
      for (const auto& item : value) list.push_back(write(item));
      return list;
    } else if constexpr (IsInstance<T, std::map>::value) {
      json::object object(storage);
      for (const auto& [key, item] : value) object[valid_utf8(key)] = write(item);
      return object;
    } else {
      static_assert(kAllMembersNamed<T>, "a member of this struct is missing in its BOOST_DESCRIBE_STRUCT");
      json::object object(storage);
      object.reserve(boost::mp11::mp_size<Members<T>>::value);
      boost::mp11::mp_for_each<Members<T>>([&](auto member) {
        const auto& field = value.*member.pointer;
        if constexpr (std::is_same_v<std::decay_t<decltype(field)>, SampleList>) {
          if (samples == Samples::apart) return;
        }
        object.emplace(member.name, write(field));
      });
      return object;
    }
  }

  json::value write_value(const Value& value) const {
    return std::visit(
        [this](const auto& held) -> json::value {
          using Held = std::decay_t<decltype(held)>;
          if constexpr (std::is_same_v<Held, std::monostate>) {
            return json::value(nullptr, storage);
          } else if constexpr (std::is_same_v<Held, double>) {
            if (std::isfinite(held)) return json::value(held, storage);
            json::object object(storage);
            object.emplace("real", number(held));
            return object;
          } else {
            return write(held);
          }
        },
        value);
  }
};

// ---- reading
// -----------------------------------------------------------------------------------------------------

Error malformed(const std::string& field, std::string_view expected) {
  return {"event.malformed",
          fmt::format("the recorded event's field '{}' is not {}", field, expected),
          {},
          Blame::station};
}

Result<double> read_number(const dom::element& element, const std::string& field) {
  double number = 0;
  if (element.get_double().get(number) == simdjson::SUCCESS) return number;
  std::string_view word;
  if (element.get_string().get(word) == simdjson::SUCCESS) {
    if (word == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (word == "Infinity") return std::numeric_limits<double>::infinity();
    if (word == "-Infinity") return -std::numeric_limits<double>::infinity();
  }
  return malformed(field, "a number");
}

Status read_measured_value(const dom::element& element, const std::string& field, Value& into) {
  switch (element.type()) {
    case dom::element_type::NULL_VALUE:
      into = std::monostate{};
      return success();
    case dom::element_type::BOOL:
      into = bool(element);
      return success();
    case dom::element_type::INT64:
      into = std::int64_t(element);
      return success();
    case dom::element_type::DOUBLE:
      into = double(element);
      return success();
    case dom::element_type::STRING:
      into = std::string(std::string_view(element));
      return success();
    case dom::element_type::OBJECT: {
      dom::element real;
      if (element["real"].get(real) != simdjson::SUCCESS) break;
      const Result<double> number = read_number(real, field);
      if (!number) return number.error();
      into = *number;
      return success();
    }
    default:
      break;
  }
  return malformed(field, "a measured value");
}

template <class T>
Status read(const dom::element& element, const std::string& field, T& into) {
  if constexpr (std::is_same_v<T, std::string>) {
    std::string_view text;
    if (element.get_string().get(text) != simdjson::SUCCESS) return malformed(field, "a text");
    into = std::string(text);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (element.get_bool().get(into) != simdjson::SUCCESS) return malformed(field, "true or false");
  } else if constexpr (std::is_integral_v<T>) {
    std::int64_t number = 0;
    if (element.get_int64().get(number) != simdjson::SUCCESS || number < std::numeric_limits<T>::min() ||
        number > std::numeric_limits<T>::max()) {
      return malformed(field, "a whole number in range");
    }
    into = static_cast<T>(number);
  } else if constexpr (std::is_same_v<T, double>) {
    const Result<double> number = read_number(element, field);
    if (!number) return number.error();
    into = *number;
  } else if constexpr (std::is_enum_v<T>) {
    std::string_view word;
    if (element.get_string().get(word) != simdjson::SUCCESS) return malformed(field, "a word");
    const std::optional<T> known = word_to(word, static_cast<T*>(nullptr));
    if (!known) return malformed(field, fmt::format("a word this program knows ('{}')", word));
    into = *known;
  } else if constexpr (IsInstance<T, std::optional>::value) {
    if (element.is_null()) {
      into.reset();
    } else {
      return read(element, field, into.emplace());
    }
  } else if constexpr (std::is_same_v<T, Value>) {
    return read_measured_value(element, field, into);
  } else if constexpr (std::is_same_v<T, SampleList>) {
    dom::array list;
    if (element.get_array().get(list) != simdjson::SUCCESS) return malformed(field, "a list");
    into.reserve(list.size());
    for (const dom::element item : list) {
      dom::array pair;
      if (item.get_array().get(pair) != simdjson::SUCCESS || pair.size() != 2) {
        return malformed(field, "a list of pairs");
      }
      const Result<double> t = read_number(pair.at(0).value_unsafe(), field);
      if (!t) return t.error();
      const Result<double> sample = read_number(pair.at(1).value_unsafe(), field);
      if (!sample) return sample.error();
      into.emplace_back(*t, *sample);
    }
  } else if constexpr (IsInstance<T, std::vector>::value) {
    dom::array list;
    if (element.get_array().get(list) != simdjson::SUCCESS) return malformed(field, "a list");
    for (const dom::element item : list) {
      const Status done = read(item, field, into.emplace_back());
      if (!done) return done;
    }
  } else if constexpr (IsInstance<T, std::map>::value) {
    dom::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS) return malformed(field, "an object");
    for (const auto& [key, item] : object) {
      const Status done = read(item, fmt::format("{}.{}", field, key), into[std::string(key)]);
      if (!done) return done;
    }
  } else {
    if (!element.is_object()) return malformed(field, "an object");
    Status done = success();
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      dom::element inner;
      if (!done || element[member.name].get(inner) != simdjson::SUCCESS) return;
      done = read(inner, field.empty() ? member.name : fmt::format("{}.{}", field, member.name),
                  into.*member.pointer);
    });
    return done;
  }
  return success();
}

/// One parser per thread: it keeps its buffers between events.
Result<dom::element> parse(std::string_view text) {
  thread_local dom::parser parser;
  dom::element root;
  if (const auto code = parser.parse(text.data(), text.size()).get(root); code != simdjson::SUCCESS) {
    return Error("event.malformed",
                 fmt::format("a recorded event is not JSON: {}", simdjson::error_message(code)), {},
                 Blame::station);
  }
  return root;
}

template <std::size_t... Index>
Result<EventBody> read_body(std::string_view kind, const dom::element& element,
                            std::index_sequence<Index...>) {
  std::optional<Result<EventBody>> result;
  const auto attempt = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
    using Body = std::variant_alternative_t<I, EventBody>;
    EventBody body{std::in_place_index<I>};
    if (result || kind_name(body) != kind) return;
    const Status done = read(element, std::string(), std::get<Body>(body));
    if (done) {
      result.emplace(std::move(body));
    } else {
      result.emplace(Error(done.error()).while_doing(fmt::format("reading an event of kind {}", kind)));
    }
  };
  (attempt(std::integral_constant<std::size_t, Index>{}), ...);
  if (!result) {
    return Error("event.unknown_kind",
                 fmt::format("the record holds an event of kind '{}', unknown to this program", kind),
                 "use the version of Kiln that wrote the record, or a newer one", Blame::station);
  }
  return *std::move(result);
}

Result<EventBody> read_body(std::string_view kind, const dom::element& element) {
  return read_body(kind, element, std::make_index_sequence<std::variant_size_v<EventBody>>{});
}

json::value write_body(const EventBody& body, const json::storage_ptr& storage, Samples samples) {
  const Writer writer{storage, samples};
  return std::visit([&writer](const auto& held) { return writer.write(held); }, body);
}

}  // namespace

std::string to_json(const EventBody& body, Samples samples) {
  std::array<unsigned char, 8192> buffer;  // NOLINT: filled by the resource
  json::monotonic_resource resource(buffer.data(), buffer.size());
  return json::serialize(write_body(body, &resource, samples));
}

Result<EventBody> body_from_json(std::string_view kind, std::string_view text) {
  const Result<dom::element> root = parse(text);
  if (!root) return root.error();
  return read_body(kind, *root);
}

std::string to_json(const Event& event) {
  json::monotonic_resource resource;
  const json::storage_ptr storage(&resource);
  const Writer writer{storage, Samples::inside};
  json::object object(storage);
  object.reserve(10);
  object.emplace("sequence", event.sequence);
  object.emplace("kind", writer.text(kind_name(event.body)));
  object.emplace("dut", writer.text(event.dut));
  object.emplace("step", writer.text(event.step));
  object.emplace("iteration", event.iteration);
  object.emplace("attempt", event.attempt);
  object.emplace("monotonic_ns", event.at.monotonic_ns);
  object.emplace("utc_ns", event.at.utc_ns);
  object.emplace("utc", writer.text(format_utc(event.at.utc_ns)));
  object.emplace("body", write_body(event.body, storage, Samples::inside));
  return json::serialize(object);
}

Result<Event> event_from_json(std::string_view text) {
  const Result<dom::element> root = parse(text);
  if (!root) return root.error();
  if (!root->is_object()) return malformed("event", "an object");
  Event event;
  Status done = success();
  const auto take = [&](const char* name, auto& into) {
    dom::element inner;
    if (done && (*root)[name].get(inner) == simdjson::SUCCESS) done = read(inner, name, into);
  };
  std::string kind;
  take("sequence", event.sequence);
  take("kind", kind);
  take("dut", event.dut);
  take("step", event.step);
  take("iteration", event.iteration);
  take("attempt", event.attempt);
  take("monotonic_ns", event.at.monotonic_ns);
  take("utc_ns", event.at.utc_ns);
  if (!done) return done.error();
  dom::element inner;
  if ((*root)["body"].get(inner) != simdjson::SUCCESS) return malformed("body", "there");
  Result<EventBody> body = read_body(kind, inner);
  if (!body) return body.error();
  event.body = *std::move(body);
  return event;
}

std::string valid_utf8(std::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) return std::string(text);
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string good;
  good.reserve(text.size() + 8);
  while (!text.empty()) {
    // The shortest prefix that is valid by itself is one character; none: the first byte belongs to nothing.
    std::size_t length = 1;
    while (length <= 4 && length <= text.size() && !simdjson::validate_utf8(text.data(), length)) ++length;
    if (length > 4 || length > text.size()) {
      good += kReplacement;
      text.remove_prefix(1);
    } else {
      good += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return good;
}

}  // namespace kiln
