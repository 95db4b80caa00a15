#include "station/last_scan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "model/bmc_place.h"
#include "station/addresses.h"

namespace kiln {
namespace {

namespace json = boost::json;

std::string file_in(const std::string& state_directory) { return state_directory + "/discovered.json"; }

Error not_kept(const std::string& file, const std::string& why) {
  return {"discover.last_scan", fmt::format("{}: {}", file, why),
          "put the file aside; the next scan then takes every certificate for a new one", Blame::station};
}

std::string text_of(const json::object& from, const char* name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

json::object json_of(const SeenBmc& seen) {
  json::object parts, firmware;
  for (const auto& [kind, count] : seen.parts) parts[kind] = count;
  for (const auto& [id, version] : seen.firmware) firmware[id] = version;
  return {{"pin_sha256", seen.pin_sha256},  {"serial", seen.serial},     {"model", seen.model},
          {"platform", seen.platform},      {"host_key", seen.host_key}, {"parts", std::move(parts)},
          {"firmware", std::move(firmware)}};
}

SeenBmc seen_from(const std::string& url, const json::object& said) {
  SeenBmc seen;
  seen.url = url;
  seen.pin_sha256 = text_of(said, "pin_sha256");
  seen.serial = text_of(said, "serial");
  seen.model = text_of(said, "model");
  seen.platform = text_of(said, "platform");
  seen.host_key = text_of(said, "host_key");
  if (const json::value* parts = said.if_contains("parts"); parts != nullptr && parts->is_object()) {
    for (const auto& part : parts->get_object()) {
      if (part.value().is_int64())
        seen.parts[std::string(part.key())] = static_cast<int>(part.value().as_int64());
    }
  }
  if (const json::value* items = said.if_contains("firmware"); items != nullptr && items->is_object()) {
    for (const auto& item : items->get_object()) {
      if (item.value().is_string())
        seen.firmware[std::string(item.key())] = std::string(item.value().as_string());
    }
  }
  return seen;
}

std::string printed(const std::map<std::string, int>& parts) {
  std::string text;
  for (const auto& [kind, count] : parts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  return text.empty() ? "none" : text;
}

}  // namespace

Result<LastScan> read_last_scan(const std::string& state_directory) {
  const std::string file = file_in(state_directory);
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    if (errno == ENOENT) return LastScan();
    return not_kept(file, std::strerror(errno));
  }
  std::stringstream text;
  text << in.rdbuf();
  boost::system::error_code failed;
  const json::value said = json::parse(text.str(), failed);
  const json::value* bmcs = !failed && said.is_object() ? said.get_object().if_contains("bmcs") : nullptr;
  if (bmcs == nullptr || !bmcs->is_object()) return not_kept(file, "is not what a scan has written");
  LastScan scan;
  for (const auto& bmc : bmcs->get_object()) {
    const std::string url(bmc.key());
    if (bmc.value().is_object()) scan[url] = seen_from(url, bmc.value().get_object());
  }
  return scan;
}

Status write_last_scan(const std::string& state_directory, const LastScan& scan) {
  const std::string file = file_in(state_directory), fresh = file + ".new";
  json::object bmcs;
  for (const auto& [url, seen] : scan) bmcs[url] = json_of(seen);
  const std::string text = json::serialize(json::object{{"bmcs", std::move(bmcs)}}) + "\n";
  std::error_code failed;
  std::filesystem::create_directories(state_directory, failed);
  const int descriptor =
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return not_kept(fresh, std::strerror(errno));
  const ssize_t wrote = ::write(descriptor, text.data(), text.size());
  const bool whole = wrote == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
  const int why = errno;
  ::close(descriptor);
  if (whole && ::rename(fresh.c_str(), file.c_str()) == 0) return success();
  const std::string reason = std::strerror(whole ? errno : why);
  ::unlink(fresh.c_str());
  return not_kept(file, reason);
}

Status remember_pin(const std::string& state_directory, const BmcAccess& bmc) {
  if (bmc.tls.kind != TlsTrust::Kind::pin || bmc.tls.value.empty()) return success();
  Result<LastScan> scan = read_last_scan(state_directory);
  if (!scan) return scan.error();
  const std::string url = bmc_place(bmc);
  SeenBmc& seen = (*scan)[url];
  if (seen.pin_sha256 == bmc.tls.value) return success();
  seen.url = url;
  seen.pin_sha256 = bmc.tls.value;
  return write_last_scan(state_directory, *scan);
}

std::string other_ways(const LastScan& scan, const std::string& url) {
  const std::string behind = bmc_address(url) + " by ";
  std::string hosts;
  for (const auto& [place, seen] : scan) {
    if (place.rfind(behind, 0) == 0) hosts += (hosts.empty() ? "" : ", ") + place.substr(behind.size());
  }
  if (!hosts.empty()) {
    return fmt::format(
        " (another BMC of this address is known behind jump host {}; now it was reached directly: which was "
        "meant?)",
        hosts);
  }
  return " (a BMC behind a jump host may have had this address at the last scan; now it was reached "
         "directly, and that is another one)";
}

LastScan updated(LastScan before, const std::vector<DiscoveredBmc>& found) {
  for (const DiscoveredBmc& bmc : found) {
    SeenBmc seen;
    seen.url = bmc_place(*bmc.dut.bmc);
    const auto known = before.find(seen.url);
    if (known != before.end()) seen.pin_sha256 = known->second.pin_sha256;  // never forgotten
    const bool accepted =
        bmc.state == DiscoveredBmc::State::read || bmc.state == DiscoveredBmc::State::unreadable;
    if (accepted && bmc.dut.bmc->tls.kind == TlsTrust::Kind::pin && !bmc.dut.bmc->tls.value.empty())
      seen.pin_sha256 = bmc.dut.bmc->tls.value;
    if (bmc.state != DiscoveredBmc::State::read) {
      // A password was sent to this certificate: the next scan sends it to no other.
      if (accepted && !seen.pin_sha256.empty()) {
        const std::string pin = seen.pin_sha256;
        if (known != before.end()) seen = known->second;
        seen.pin_sha256 = pin;
        before[seen.url] = seen;
      }
      continue;
    }
    seen.serial = bmc.identity.serial;
    seen.model = bmc.identity.model;
    seen.platform = bmc.identity.platform;
    seen.host_key = bmc.host_key;
    seen.parts = bmc.part_counts();
    for (const FirmwareItem& item : bmc.firmware) seen.firmware[item.id] = item.version;
    before[seen.url] = std::move(seen);
  }
  return before;
}

std::vector<std::string> changes(const LastScan& before, const std::vector<DiscoveredBmc>& found) {
  std::vector<std::string> said;
  std::map<std::string, std::string> was_at;  // serial → address
  for (const auto& [url, seen] : before) {
    if (!seen.serial.empty()) was_at[seen.serial] = url;
  }
  for (const DiscoveredBmc& bmc : found) {
    const std::string url = bmc_place(*bmc.dut.bmc);
    const auto known = before.find(bmc_place(*bmc.dut.bmc));
    if (bmc.state != DiscoveredBmc::State::read) {
      if (known != before.end() && !known->second.serial.empty())
        said.push_back(fmt::format("{}: {} {} was there and could not be read now", url, known->second.model,
                                   known->second.serial));
      continue;
    }
    const std::string& serial = bmc.identity.serial;
    const auto other = was_at.find(serial);
    if (known == before.end()) {
      said.push_back(other == was_at.end()
                         ? fmt::format("{}: new, {} {}", url, bmc.identity.model, serial)
                         : fmt::format("{}: {} has moved here from {}", url, serial, other->second));
      continue;
    }
    const SeenBmc& seen = known->second;
    if (seen.serial.empty()) {  // its certificate was seen, and nothing else
      said.push_back(fmt::format("{}: new, {} {}", url, bmc.identity.model, serial));
      continue;
    }
    if (seen.serial != serial) {
      said.push_back(fmt::format("{}: {} is there now, before it was {}", url, serial, seen.serial));
      continue;  // another machine: nothing of it can be compared
    }
    const std::map<std::string, int> parts = bmc.part_counts();
    if (parts != seen.parts)
      said.push_back(fmt::format("{}: has {}, before {}", url, printed(parts), printed(seen.parts)));
    for (const FirmwareItem& item : bmc.firmware) {
      const auto version = seen.firmware.find(item.id);
      if (version != seen.firmware.end() && version->second != item.version)
        said.push_back(
            fmt::format("{}: {} is at {}, before {}", url, item.id, item.version, version->second));
    }
  }
  return said;
}

}  // namespace kiln
