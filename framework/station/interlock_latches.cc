#include "station/interlock_latches.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/sha256.h"
#include "model/bmc_place.h"

namespace kiln {

// Its members by name, as the file has them.
BOOST_DESCRIBE_STRUCT(InterlockLatch, (),
                      (dut, rack, key, bmc, run, cause, code, part, message, read, utc_ns, released_by,
                       reason, inspected_by, inspection, released_utc_ns))

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

Error not_writable(const std::string& path, int cause) {
  return {"latch.not_writable", fmt::format("{}: {}", path, std::strerror(cause)),
          "make room there, and give it to the user who runs kiln", Blame::station};
}

std::string file_of(const std::string& directory, const std::string& key) {
  return fmt::format("{}/{}.json", directory, sha256_hex(key).substr(0, 24));
}

/// On disk under its own name or not at all.
Status write_durably(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return not_writable(fresh, errno);
  const bool written = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(descriptor) == 0;
  const int cause = errno == 0 ? ENOSPC : errno;
  ::close(descriptor);
  if (!written) return not_writable(fresh, cause);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return not_writable(path, errno);
  const int folder = ::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return success();
}

/// What cannot be read is latched all the same: nobody knows what it guards.
InterlockLatch read_latch(const std::string& path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  boost::system::error_code failed;
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  const json::value parsed = json::parse(text.str(), failed, {}, options);
  if (!failed) {
    const boost::system::result<InterlockLatch> latch = json::try_value_to<InterlockLatch>(parsed);
    if (latch) return *latch;
  }
  InterlockLatch unknown;
  unknown.code = "latch.damaged";
  unknown.message = "its latch cannot be read: " + path;
  return unknown;
}

}  // namespace

std::string latch_key(const Dut& dut, const std::string& serial) {
  if (!serial.empty()) return "serial " + serial;
  if (!dut.expect.serial.empty()) return "serial " + dut.expect.serial;
  return dut.bmc ? "bmc " + bmc_place(*dut.bmc) : "dut " + dut.id;
}

InterlockLatch latch_of(const Dut& dut, const std::string& serial, const std::string& rack,
                        const std::string& run, const Interlocked& cut, std::int64_t utc_ns) {
  InterlockLatch latch;
  latch.dut = dut.id;
  latch.rack = rack;
  latch.key = latch_key(dut, serial);
  if (dut.bmc) latch.bmc = bmc_place(*dut.bmc);
  latch.run = run;
  latch.cause = cut.cause;
  latch.code = cut.code;
  latch.part = cut.part;
  latch.message = cut.message;
  latch.read = cut.hazard_read;
  latch.utc_ns = utc_ns;
  return latch;
}

InterlockLatches::InterlockLatches(const std::string& state_directory)
    : directory_(state_directory + "/latches") {}

Status InterlockLatches::set(const InterlockLatch& latch) const {
  std::error_code failed;
  fs::create_directories(directory_ + "/released", failed);
  if (failed) return not_writable(directory_, failed.value());
  fs::permissions(directory_, fs::perms::owner_all, failed);
  const std::string path = file_of(directory_, latch.key);
  if (fs::exists(path, failed)) return success();
  return write_durably(path, json::serialize(json::value_from(latch)) + "\n");
}

std::optional<InterlockLatch> InterlockLatches::find(const Dut& dut, const std::string& serial) const {
  Dut nameless = dut;
  nameless.expect.serial.clear();
  // Older files name no jump host: any BMC with that URL may be meant.
  Dut by_url = nameless;
  if (by_url.bmc) by_url.bmc->jump.reset();
  for (const std::string& key :
       {latch_key(dut, serial), latch_key(dut, ""), latch_key(nameless, ""), latch_key(by_url, "")}) {
    const std::string path = file_of(directory_, key);
    std::error_code failed;
    if (!fs::exists(path, failed)) continue;
    InterlockLatch latch = read_latch(path);
    latch.key = key;
    if (latch.dut.empty()) latch.dut = dut.id;
    return latch;
  }
  if (!serial.empty() || !dut.bmc) return std::nullopt;
  const std::string place = bmc_place(*dut.bmc);
  for (InterlockLatch& latch : all()) {
    if (latch.bmc == place || latch.bmc == bmc_address(dut.bmc->url)) return std::move(latch);
  }
  return std::nullopt;
}

std::vector<InterlockLatch> InterlockLatches::all() const {
  std::vector<InterlockLatch> latches;
  std::error_code failed;
  for (fs::directory_iterator it(directory_, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() == ".json") latches.push_back(read_latch(it->path().string()));
  }
  std::sort(latches.begin(), latches.end(),
            [](const InterlockLatch& a, const InterlockLatch& b) { return a.dut < b.dut; });
  return latches;
}

Status InterlockLatches::release(const InterlockLatch& latch) const {
  const std::string path = file_of(directory_, latch.key);
  std::error_code failed;
  if (!fs::exists(path, failed))
    return Error("latch.none", latch.dut + " is not latched", "", Blame::operator_);
  const std::string kept = fmt::format("{}/released/{}-{}.json", directory_, fs::path(path).stem().string(),
                                       latch.released_utc_ns);
  // What was said is on disk before the latch is gone.
  const Status written = write_durably(kept, json::serialize(json::value_from(latch)) + "\n");
  if (!written) return written;
  if (::unlink(path.c_str()) != 0) return not_writable(path, errno);
  return success();
}

Status InterlockLatches::readable() const {
  // A store that cannot be looked into may hold a latch of any DUT.
  std::error_code failed;
  const fs::file_status store = fs::symlink_status(directory_, failed);
  if (!fs::exists(store)) return success();
  if (fs::is_directory(store) && ::access(directory_.c_str(), R_OK | X_OK) == 0) return success();
  return Error("latch.unreadable",
               directory_ + " is no directory that can be read: nobody knows what is latched",
               "put back the directory of the latches", Blame::station);
}

Status InterlockLatches::refuse_latched(const Plan& plan, const DutSerials& serials) const {
  Status known = readable();
  if (!known) return known;
  std::string text, ids;
  for (const std::string& id : plan.duts) {
    const auto serial = serials.find(id);
    const std::optional<InterlockLatch> latch =
        find(*plan.inventory.find(id), serial == serials.end() ? "" : serial->second);
    if (!latch) continue;
    text += fmt::format("{}{} (run {}, {}: {})", text.empty() ? "" : "; ", id, latch->run, latch->code,
                        latch->message);
    ids += (ids.empty() ? "" : ", ") + id;
  }
  if (text.empty()) return success();
  return Error(
      "interlock.latched", fmt::format("an interlock has cut, and nobody has released it: {}", text),
      fmt::format("look at {}, mend the cause, then: kiln release DUT --rack FILE --by NAME --reason TEXT",
                  ids),
      Blame::operator_);
}

LatchingObserver::LatchingObserver(RunObserver& next, const InterlockLatches& latches, const Plan& plan,
                                   DutSerials serials, std::string run, Otherwise otherwise)
    : next_(next),
      latches_(latches),
      plan_(plan),
      serials_(std::move(serials)),
      run_(std::move(run)),
      otherwise_(std::move(otherwise)) {}

void LatchingObserver::on_progress(const std::string& dut, const std::string& step, const std::string& text) {
  next_.on_progress(dut, step, text);
}

void LatchingObserver::on_event(const Event& event) {
  next_.on_event(event);
  const auto* cut = std::get_if<Interlocked>(&event.body);
  const Dut* dut = cut == nullptr ? nullptr : plan_.inventory.find(event.dut);
  if (dut == nullptr) return;
  const auto serial = serials_.find(dut->id);
  const InterlockLatch latch = latch_of(*dut, serial == serials_.end() ? "" : serial->second,
                                        plan_.inventory.rack, run_, *cut, event.at.utc_ns);
  const Status set = latches_.set(latch);
  if (set) return;
  trouble_ = set.error().sentence();
  otherwise_(latch, *cut);
}

}  // namespace kiln
