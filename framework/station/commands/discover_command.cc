// kiln discover: looks for BMCs, shows what they are and whose certificate they have, and proposes a rack
// file. Reads only.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <set>

#include "files/credentials.h"
#include "files/inventory_file.h"
#include "files/inventory_text.h"
#include "io/loop.h"
#include "model/bmc_place.h"
#include "station/addresses.h"
#include "station/commands/commands.h"
#include "station/discovery.h"
#include "station/last_scan.h"
#include "station/plugin_host.h"
#include "station/real_devices.h"
#include "station/run_setup.h"

namespace kiln {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

constexpr Nanoseconds kWholeScan = std::chrono::hours(1);

int refused(const Error& error) {
  std::cerr << "kiln: " << error.sentence() << " [" << error.code << "]\n";
  return 2;
}

template <class T>
int refused(const Parsed<T>& parsed) {
  for (const Problem& problem : parsed.problems) std::cerr << problem.text() << "\n";
  return 2;
}

struct Scan {
  Inventory known;
  Credentials credentials;
  LastScan before;
  std::vector<DiscoveryTarget> targets;
  std::vector<DiscoveredBmc> found;
};

/// Those of the rack file first, then the addresses that are not among them.
Status set_targets(const CommandLine& line, Scan& scan) {
  Result<std::vector<std::string>> urls = bmc_addresses(line.addresses);
  if (!urls) return urls.error();
  std::vector<std::string> accepted_urls;
  for (const std::string& url : line.accepted_certificates) accepted_urls.push_back(bmc_address(url));
  Result<std::string> credential = credential_to_use(line.credential, scan.credentials);
  if (!credential) return credential.error();
  std::set<std::string> listed;
  for (const Dut& dut : scan.known.duts) {
    if (!dut.bmc) continue;
    listed.insert(bmc_place(*dut.bmc));
    scan.targets.push_back({dut, true, "", ""});
  }
  for (const std::string& url : *urls) {
    if (!listed.insert(url).second) continue;
    DiscoveryTarget target;
    target.dut.bmc = BmcAccess{url, *credential, TlsTrust()};
    const auto seen = scan.before.find(url);
    const bool accepted = std::find(accepted_urls.begin(), accepted_urls.end(), url) != accepted_urls.end();
    if (seen != scan.before.end() && !accepted) target.known_pin = seen->second.pin_sha256;
    target.other_ways = other_ways(scan.before, url);
    scan.targets.push_back(std::move(target));
  }
  if (!scan.targets.empty()) return success();
  return Error("discover.nowhere", "there is nowhere to look", "name addresses, or a rack file with --rack",
               Blame::operator_);
}

void print_found(const DiscoveredBmc& bmc) {
  const std::string place = bmc_place(*bmc.dut.bmc);
  const std::string where = bmc.dut.id.empty() ? place : bmc.dut.id + " " + place;
  if (bmc.state != DiscoveredBmc::State::read) {
    if (bmc.state != DiscoveredBmc::State::nobody || !bmc.dut.id.empty())
      std::cout << fmt::format("BAD   {}\n      {} [{}]\n", where, bmc.why, bmc.code);
    return;
  }
  const BmcIdentity& who = bmc.identity;
  std::cout << fmt::format("found {}\n      {} {}, serial {}, {}{}; speaks {} (Redfish {}, manager {})\n",
                           where, who.manufacturer, who.model, who.serial.empty() ? "none" : who.serial,
                           to_string(bmc.role()), who.slot ? fmt::format(", slot {}", *who.slot) : "",
                           who.platform, who.redfish_version, who.manager_firmware);
  std::string parts;
  for (const auto& [kind, count] : bmc.part_counts()) parts += fmt::format(" {} {},", count, kind);
  parts += fmt::format(" {} firmware items", bmc.firmware.size());
  std::cout << "     " << parts << "\n";
  if (bmc.first_seen) {
    std::cout << fmt::format("      certificate seen for the first time: {}\n      SHA-256 of its key {}\n",
                             bmc.certificate.subject, bmc.certificate.pin_sha256);
  }
}

json::array words_of(const std::vector<std::string>& words) {
  json::array list;
  for (const std::string& word : words) list.emplace_back(word);
  return list;
}

json::object json_of_found(const DiscoveredBmc& bmc) {
  static const std::map<DiscoveredBmc::State, const char*> kStates{
      {DiscoveredBmc::State::nobody, "nobody"},
      {DiscoveredBmc::State::other_certificate, "other_certificate"},
      {DiscoveredBmc::State::unreadable, "unreadable"},
      {DiscoveredBmc::State::read, "read"}};
  json::object item{{"url", bmc.dut.bmc->url}, {"state", kStates.at(bmc.state)}};
  if (!bmc.dut.id.empty()) item["id"] = bmc.dut.id;
  if (bmc.state != DiscoveredBmc::State::read) {
    item["code"] = bmc.code;
    item["message"] = bmc.why;
    return item;
  }
  item["serial"] = bmc.identity.serial;
  item["model"] = bmc.identity.model;
  item["platform"] = bmc.identity.platform;
  item["role"] = std::string(to_string(bmc.role()));
  item["pin_sha256"] = bmc.dut.bmc->tls.kind == TlsTrust::Kind::pin ? bmc.dut.bmc->tls.value : "";
  item["first_seen"] = bmc.first_seen;
  json::object parts;
  for (const auto& [kind, count] : bmc.part_counts()) parts[kind] = count;
  item["parts"] = std::move(parts);
  return item;
}

/// Never over a file that is there.
Status write_proposal(const std::string& file, const std::string& text) {
  const auto failed = [&file] {
    return Error("discover.not_written", fmt::format("{}: {}", file, std::strerror(errno)),
                 "give --out a file that is not there yet", Blame::operator_);
  };
  const int descriptor =
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
  if (descriptor < 0) return failed();
  const ssize_t wrote = ::write(descriptor, text.data(), text.size());
  const bool whole = wrote == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
  const Error why = failed();
  ::close(descriptor);
  if (!whole) ::unlink(file.c_str());
  return whole ? success() : Status(why);
}

awaitable<void> run_scan(Ctx& ctx, RealDevices& devices, Scan& scan, std::string state, bool quiet,
                         Status& done) {
  const Ctx limited = ctx.child_within("discover", kWholeScan);
  std::function<void(const DiscoveredBmc&)> progress;
  if (!quiet) progress = print_found;
  std::vector<DiscoveryTarget> targets = scan.targets;
  // At once: a scan that is killed has forgotten no certificate that a password was sent to.
  std::function<Status(const BmcAccess&)> keep = [state](const BmcAccess& bmc) {
    return remember_pin(state, bmc);
  };
  done = co_await discover(limited, devices, std::move(targets), scan.found, std::move(progress),
                           std::move(keep));
}

/// What the command line names, read. -1: go on; else the exit code.
int read_inputs(const CommandLine& line, const Paths& paths, Scan& scan) {
  std::string credentials_file = line.credentials_file;
  scan.known.rack = "R01";
  scan.known.product = line.product.empty() ? "site-to-fill" : line.product;
  if (!line.rack_file.empty()) {
    Parsed<Inventory> inventory = read_inventory(line.rack_file);
    if (!inventory) return refused(inventory);
    scan.known = std::move(*inventory.value);
    if (!line.product.empty()) scan.known.product = line.product;
    if (credentials_file.empty()) credentials_file = scan.known.credentials_file;
  }
  if (!credentials_file.empty()) {
    Parsed<Credentials> credentials = read_credentials(credentials_file);
    if (!credentials) return refused(credentials);
    scan.credentials = std::move(*credentials.value);
    scan.known.credentials_file = std::filesystem::absolute(credentials_file).string();
  }
  Result<LastScan> before = read_last_scan(paths.state);
  if (!before) return refused(before.error());
  scan.before = std::move(*before);
  const Status targets = set_targets(line, scan);
  return targets ? -1 : refused(targets.error());
}

}  // namespace

int discover_command(const CommandLine& line, const Paths& paths) {
  Scan scan;
  const int early = read_inputs(line, paths, scan);
  if (early >= 0) return early;
  LoadedPlugins plugins = load_plugins(plugin_directory(line, paths));
  const std::unique_ptr<Loop> loop = Loop::real();
  Status done = success();
  {
    RealDevices devices(*loop, scan.credentials, paths.state, plugins.dialects);
    devices.read_parts_by_tag();
    loop->run([&devices, &scan, &line, &paths, &done](Ctx& ctx) {
      return run_scan(ctx, devices, scan, paths.state, line.json, done);
    });
  }
  if (!done) {
    std::cerr << "kiln: " << done.error().sentence() << "\n";
    return 4;
  }
  const auto count = [&scan](DiscoveredBmc::State state) {
    return std::count_if(scan.found.begin(), scan.found.end(),
                         [state](const DiscoveredBmc& bmc) { return bmc.state == state; });
  };
  const auto read = count(DiscoveredBmc::State::read), nobody = count(DiscoveredBmc::State::nobody);
  const std::vector<std::string> wrong = contradictions(scan.found);
  const std::vector<std::string> changed = changes(scan.before, scan.found);
  // Over what is there now: another scan may have kept something meanwhile.
  const Result<LastScan> now = read_last_scan(paths.state);
  const Status kept = now ? write_last_scan(paths.state, updated(*now, scan.found)) : Status(now.error());
  if (!kept) std::cerr << "kiln: " << kept.error().sentence() << "\n";
  std::string comment =
      "Proposed by kiln discover from what the BMCs say. Look through it before it is used: what is\n"
      "written here is what every run will expect.";
  if (scan.known.product == "site-to-fill") comment += "\nproduct: name the one whose limits apply.";
  const std::string text = inventory_text(proposed_inventory(scan.found, scan.known), comment);
  Status written = success();
  const Parsed<Inventory> readable = parse_inventory(text, line.out_directory);
  const bool only_the_product =
      std::all_of(readable.problems.begin(), readable.problems.end(),
                  [](const Problem& problem) { return problem.code == "inventory.virtual_product"; });
  if (!line.out_directory.empty() && read > 0) {
    written = readable || only_the_product ? write_proposal(line.out_directory, text)
                                           : Status(as_error(readable.problems));
    // Whatever the reader makes of it is what every run will do: nothing may have been lost on the way.
    const bool same = !readable || inventory_text(*readable.value, comment) == text;
    if (written && !same) {
      ::unlink(line.out_directory.c_str());
      written =
          Error("discover.not_written", line.out_directory + " would not be read back as it was written",
                "report this; what is printed without --out can be taken over by hand", Blame::station);
    }
  }
  if (!written) std::cerr << "kiln: " << written.error().sentence() << "\n";
  if (line.json) {
    json::array bmcs;
    for (const DiscoveredBmc& bmc : scan.found) bmcs.push_back(json_of_found(bmc));
    json::object root{
        {"bmcs", std::move(bmcs)}, {"changes", words_of(changed)}, {"contradictions", words_of(wrong)}};
    root["rack_file"] = written && read > 0 ? line.out_directory : "";
    std::cout << json::serialize(root) << std::endl;
  } else {
    for (const std::string& sentence : changed) std::cout << "changed  " << sentence << "\n";
    for (const std::string& sentence : wrong) std::cout << "WRONG    " << sentence << "\n";
    std::cout << fmt::format("{} addresses: {} BMCs read, {} not to be read, nobody at {}\n",
                             scan.found.size(), read, static_cast<long>(scan.found.size()) - read - nobody,
                             nobody);
    if (line.out_directory.empty() && read > 0) std::cout << "\n" << text;
    if (!line.out_directory.empty() && written && read > 0)
      std::cout << "rack file: " << line.out_directory << "\n";
  }
  const bool rack_answers = std::none_of(scan.found.begin(), scan.found.end(), [](const DiscoveredBmc& bmc) {
    return !bmc.dut.id.empty() && bmc.state != DiscoveredBmc::State::read;
  });
  const bool all_read = read + nobody == static_cast<long>(scan.found.size()) && rack_answers && read > 0;
  return all_read && wrong.empty() && written && kept ? 0 : 4;
}

}  // namespace kiln
