#pragma once
// Waiting for the end of a firmware write whose station died: until its BMC has shown that it is over
// (firmware_write.h). WriteLooks is how the BMC is looked at: the warden's own over its line; the station's
// is in station/end_of_write.h, the fake testing/fake_write_looks.h. Loop thread only.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "safety/firmware_write.h"
#include "safety/redfish_line.h"

namespace kiln {

class WriteLooks {
 public:
  virtual ~WriteLooks() = default;
  /// What cannot be read is empty in the look. `component`: whose version is asked for; empty: none.
  virtual boost::asio::awaitable<WriteLook> look(const Ctx& ctx, std::string component) = 0;
};

/// A task that is not over is an update where it says so (as bmc/firmware_update.h has it), and else another.
std::unique_ptr<WriteLooks> make_redfish_write_looks(std::shared_ptr<RedfishLine> line);

/// Looks once a second, at the inventory once in ten. `began_ns`: monotonic. `tell`: a word for people
/// whenever what is waited for has changed; may be empty. Returns what has shown the end; empty: `ctx` has
/// ended.
boost::asio::awaitable<std::string> wait_for_end_of_write(const Ctx& ctx, WriteLooks& looks,
                                                          std::optional<FirmwareWrite> write,
                                                          std::int64_t began_ns,
                                                          std::function<void(const std::string& what)> tell);

}  // namespace kiln
