#include "station/end_of_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kiln {

using boost::asio::awaitable;

awaitable<WriteLook> BmcWriteLooks::look(const Ctx& ctx, std::string component) {
  WriteLook seen;
  const Result<std::size_t> count = co_await bmc_.updates_under_way(ctx);
  if (!count) co_return seen;
  seen.updates = *count;
  if (*count > 0 || component.empty()) co_return seen;
  const Result<std::vector<FirmwareItem>> items = co_await bmc_.firmware(ctx);
  if (!items) co_return seen;
  const auto found = std::find_if(items->begin(), items->end(),
                                  [&component](const FirmwareItem& item) { return item.id == component; });
  if (found != items->end() && !found->version.empty()) seen.version = found->version;
  co_return seen;
}

awaitable<Result<std::string>> wait_for_written(const Ctx& ctx, Bmc& bmc, GuardEntry entry,
                                                std::function<void(const std::string&)> tell) {
  // Its age is told by the wall clock, which may have jumped: it is no older than such a write can be.
  const Nanoseconds age(
      std::clamp<std::int64_t>(ctx.now().utc_ns - entry.opened_utc_ns, 0, entry.undo.budget.count()));
  const std::int64_t began_ns = ctx.now().monotonic_ns - age.count();
  const Ctx waiting = ctx.child_within("firmware write", entry.undo.budget - age);
  std::optional<FirmwareWrite> write = firmware_write_from(entry.undo.command);
  BmcWriteLooks looks(bmc);
  std::string shown =
      co_await wait_for_end_of_write(waiting, looks, std::move(write), began_ns, std::move(tell));
  if (shown.empty() && ctx.stopped()) co_return ctx.check().error();
  co_return shown;
}

std::string sentence_about(const GuardEntry& entry, Nanoseconds left, std::int64_t utc_ns) {
  const std::optional<FirmwareWrite> write = firmware_write_from(entry.undo.command);
  const std::string how = write ? fmt::format(
                                      "it is over sooner when its BMC shows it: no update under way, and {} "
                                      "listed at {} (it was {})",
                                      write->component, write->wanted, write->was)
                                : std::string("it is over sooner when its BMC is seen to end an update");
  return fmt::format("{}: {} (until {} at the latest); {}", entry.undo.dut, entry.undo.description,
                     format_utc(utc_ns + left.count()), how);
}

}  // namespace kiln
