// kiln capture: takes home what one BMC says, scrubbed, for whoever has to teach the station to understand
// it. It only reads.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <optional>

#include "base/nearest.h"
#include "bmc/capture/scrubber.h"
#include "files/credentials.h"
#include "files/inventory_file.h"
#include "io/loop.h"
#include "station/capture_folder.h"
#include "station/commands/commands.h"
#include "station/console.h"
#include "station/real_devices.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"
#include "station/version.h"

namespace kiln {
namespace {

namespace json = boost::json;

constexpr Nanoseconds kCaptureLogout = std::chrono::seconds(5);
constexpr std::size_t kTellEvery = 500;  // answers
constexpr std::size_t kMostToldUnanswered = 10;

int refuse_capture(const CommandLine& line, const std::vector<SetupProblem>& problems, int exit_code) {
  for (const SetupProblem& problem : problems) {
    const std::string text = fmt::format("{}{}{} [{}]", problem.place, problem.place.empty() ? "" : ": ",
                                         problem.message, problem.code);
    std::cerr << "kiln: " << printable(text, locale_is_utf8()) << "\n";
  }
  if (line.json) std::cout << problems_json(problems) << std::endl;
  return exit_code;
}

int refuse_capture(const CommandLine& line, const Error& error, int exit_code) {
  return refuse_capture(line, {{"", error.code, error.sentence()}}, exit_code);
}

void take_problems(std::vector<SetupProblem>& into, const std::vector<Problem>& from) {
  for (const Problem& problem : from) {
    std::string message = problem.message;
    if (!problem.suggestion.empty()) message += "; " + problem.suggestion;
    into.push_back({problem.place.text(), problem.code, std::move(message)});
  }
}

/// What was asked for, checked before anything is touched.
struct CaptureWish {
  Inventory inventory;
  Credentials credentials;
  const Dut* dut = nullptr;
  std::set<ScrubKind> keep;
  Nanoseconds within{};
  std::vector<SetupProblem> problems;
};

void read_kept(const CommandLine& line, CaptureWish& wish) {
  std::vector<std::string> words;
  for (const ScrubKind kind : kScrubKinds) {
    if (kind != ScrubKind::secret) words.emplace_back(to_string(kind));
  }
  for (const std::string& word : line.keep) {
    const std::optional<ScrubKind> kind = scrub_kind_from(word);
    if (kind && *kind != ScrubKind::secret) wish.keep.insert(*kind);
    if (kind && *kind != ScrubKind::secret) continue;
    wish.problems.push_back(
        {"--keep", "usage.keep",
         kind ? std::string("secrets are never kept")
              : fmt::format("'{}' is nothing that can be kept{}", word, did_you_mean(word, words))});
  }
}

void read_wish(const CommandLine& line, CaptureWish& wish) {
  read_kept(line, wish);
  const Result<Nanoseconds> within = parse_duration(line.within);
  if (within && *within > Nanoseconds(0)) wish.within = *within;
  if (wish.within == Nanoseconds(0))
    wish.problems.push_back(
        {"--within", "usage.within", fmt::format("'{}' is no time like 30m", line.within)});
  Parsed<Inventory> inventory = read_inventory(line.rack_file);
  take_problems(wish.problems, inventory.problems);
  if (!inventory) return;
  wish.inventory = std::move(*inventory.value);
  std::vector<std::string> ids;
  for (const Dut& dut : wish.inventory.duts) ids.push_back(dut.id);
  wish.dut = wish.inventory.find(line.dut);
  if (wish.dut == nullptr) {
    wish.problems.push_back({line.rack_file, "usage.dut",
                             fmt::format("there is no DUT '{}'{}", line.dut, did_you_mean(line.dut, ids))});
  } else if (!wish.dut->bmc) {
    wish.problems.push_back({line.rack_file, "bmc.none", fmt::format("{} has no BMC", line.dut)});
  }
  if (wish.inventory.credentials_file.empty()) return;
  Parsed<Credentials> credentials = read_credentials(wish.inventory.credentials_file);
  take_problems(wish.problems, credentials.problems);
  if (!credentials) return;
  wish.credentials = std::move(*credentials.value);
  take_problems(wish.problems, check_credential_names(wish.inventory, wish.credentials));
}

boost::asio::awaitable<void> capture_bmc(Ctx& ctx, RedfishClient& client, CaptureOptions options,
                                         Nanoseconds within, std::function<void(std::size_t)> on_progress,
                                         Ctx*& root, std::optional<Result<CaptureReport>>& report) {
  root = &ctx;
  const Ctx limited = ctx.child_within("capture", within);
  Capture capture(client, options);
  Result<CaptureReport> captured = co_await capture.run(limited, std::move(on_progress));
  report.emplace(std::move(captured));
  RedfishClient* door = &client;
  const Status out =
      co_await shielded(ctx, "logout", kCaptureLogout, [door](Ctx& leave) { return door->logout(leave); });
  (void)out;  // a session that stays open ends by itself
  root = nullptr;
}

std::string word_of_service(const json::object& from, const char* name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

/// All answers, scrubbed in their places; what it replaced is counted in `scrubber`.
void scrub_answers(Scrubber& scrubber, CaptureReport& report) {
  for (const CapturedAnswer& answer : report.answers) {
    scrubber.learn(answer.body);
    for (const auto& [name, value] : answer.headers) scrubber.learn(value);
  }
  for (CapturedAnswer& answer : report.answers) {
    answer.body = scrubber.scrub(answer.body);
    answer.uri = scrubber.scrub_line(answer.uri);
    for (auto& [name, value] : answer.headers) value = scrubber.scrub_line(value);
  }
  for (std::string& line : report.unanswered) line = scrubber.scrub_line(line);
  report.incomplete_because = scrubber.scrub_line(report.incomplete_because);
}

json::object numbers_of(const CaptureReport& report) {
  json::object numbers;
  numbers["answers"] = report.answers.size();
  numbers["resources"] = report.resources;
  numbers["errors"] = report.errors;
  numbers["links_to_nothing"] = report.links_to_nothing;
  numbers["not_json"] = report.not_json;
  numbers["unanswered"] = report.unanswered.size();
  numbers["left_out"] = report.left_out;
  numbers["bytes"] = report.bytes;
  numbers["requests"] = report.requests;
  return numbers;
}

json::object manifest_of(const CaptureReport& report, const Scrubber& scrubber, const CaptureWish& wish,
                         std::int64_t utc_ns) {
  json::object root;
  root["kiln"] = kVersion;
  root["captured"] = format_utc(utc_ns);
  root["complete"] = report.complete;
  root["incomplete_because"] = report.incomplete_because;
  json::object service;
  boost::system::error_code failed;
  const json::value body = json::parse(report.answers.front().body, failed);
  for (const char* name : {"RedfishVersion", "Vendor", "Product"})
    service[name] = !failed && body.is_object() ? word_of_service(body.as_object(), name) : std::string();
  root["service"] = std::move(service);
  root["numbers"] = numbers_of(report);
  json::object replaced;
  for (const ScrubKind kind : kScrubKinds) {
    const auto count = scrubber.replaced().find(kind);
    replaced[to_string(kind)] = count == scrubber.replaced().end() ? 0 : count->second;
  }
  root["replaced"] = std::move(replaced);
  json::array kept;
  for (const ScrubKind kind : wish.keep) kept.emplace_back(to_string(kind));
  root["kept"] = std::move(kept);
  json::array unanswered;
  for (const std::string& line : report.unanswered) unanswered.emplace_back(line);
  root["unanswered"] = std::move(unanswered);
  return root;
}

void tell_result(const CommandLine& line, const CaptureReport& report, const Scrubber& scrubber,
                 const std::string& directory, json::object manifest) {
  if (line.json) {
    manifest["directory"] = directory;
    std::cout << json::serialize(manifest) << std::endl;
    return;
  }
  std::cout << fmt::format(
      "{}: {} resources, {} errors, {} links to nothing, {} not JSON; {} requests, {} KiB\n", line.dut,
      report.resources, report.errors, report.links_to_nothing, report.not_json, report.requests,
      report.bytes >> 10U);
  std::string replaced;
  for (const auto& [kind, count] : scrubber.replaced())
    replaced += fmt::format("{}{} {}", replaced.empty() ? "" : ", ", count, to_string(kind));
  std::cout << "replaced: " << (replaced.empty() ? "nothing" : replaced) << "\n";
  std::cout
      << directory
      << "\nLook through it before you send it: what gives a site away in words of its own is not found.\n";
}

void tell_incomplete(const CaptureReport& report) {
  if (report.complete) return;
  const bool unicode = locale_is_utf8();
  std::cerr << "kiln: the capture is NOT COMPLETE: " << printable(report.incomplete_because, unicode) << "\n";
  for (std::size_t i = 0; i < std::min(report.unanswered.size(), kMostToldUnanswered); ++i)
    std::cerr << "kiln:   " << printable(report.unanswered[i], unicode) << "\n";
  if (report.unanswered.size() > kMostToldUnanswered)
    std::cerr << "kiln:   and " << report.unanswered.size() - kMostToldUnanswered
              << " more; see capture.json\n";
}

}  // namespace

int capture_command(const CommandLine& line, const Paths& paths) {
  CaptureWish wish;
  read_wish(line, wish);
  if (!wish.problems.empty()) return refuse_capture(line, wish.problems, 2);
  if (const Status good = check_capture_folder(line.out_directory); !good)
    return refuse_capture(line, good.error(), good.error().code == "capture.not_empty" ? 2 : 4);
  const BmcAccess& access = *wish.dut->bmc;
  Scrubber scrubber(wish.keep);
  if (const auto login = wish.credentials.find(access.credential); login != wish.credentials.end()) {
    scrubber.learn_secret(login->second.password);
    scrubber.learn_value(ScrubKind::user, login->second.user);
  }
  scrubber.learn_value(ScrubKind::host, access.url);
  if (access.jump) scrubber.learn_value(ScrubKind::host, access.jump->address);
  if (access.jump) scrubber.learn_value(ScrubKind::user, access.jump->user);
  const std::unique_ptr<Loop> loop = Loop::real();
  RealDevices devices(*loop, std::move(wish.credentials), paths.state);
  const Result<std::unique_ptr<RedfishClient>> client = devices.open_redfish(*wish.dut);
  if (!client) return refuse_capture(line, client.error(), 2);
  CaptureOptions options;
  options.schemas = line.schemas;
  options.most_addresses = line.most_addresses;
  std::cerr << fmt::format("kiln: {}: reading everything its BMC links to\n", line.dut);
  std::size_t told = 0;
  const auto on_progress = [&line, &told](std::size_t kept) {
    if (kept / kTellEvery == told / kTellEvery) return;
    told = kept;
    std::cerr << fmt::format("kiln: {}: {} answers\n", line.dut, kept);
  };
  std::optional<Result<CaptureReport>> captured;
  Ctx* root = nullptr;
  loop->run(
      [&](Ctx& ctx) { return capture_bmc(ctx, **client, options, wish.within, on_progress, root, captured); },
      [&root](int /*signal*/) {
        if (root != nullptr) root->request_stop(StopReason::operator_stop, "somebody stops the capture");
      });
  if (!captured || !*captured) {
    const Error error = captured ? captured->error() : Error("capture.stopped", "the capture was stopped");
    return refuse_capture(line, error, 4);
  }
  CaptureReport report = std::move(**captured);
  scrub_answers(scrubber, report);
  json::object manifest = manifest_of(report, scrubber, wish, loop->clock().now().utc_ns);
  const Status written = write_capture(line.out_directory, report.answers, json::serialize(manifest) + "\n");
  if (!written) return refuse_capture(line, written.error(), 4);
  std::error_code failed;
  const std::string directory =
      std::filesystem::absolute(line.out_directory, failed).lexically_normal().string();
  tell_result(line, report, scrubber, directory, std::move(manifest));
  tell_incomplete(report);
  return report.complete ? 0 : 4;
}

}  // namespace kiln
