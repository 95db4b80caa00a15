#pragma once
// One firmware update at a time, over UpdateService. Owned by the Bmc; loop thread only.
//
// An image goes to MultipartHttpPushUri (DSP0266 12.6.2) where there is one, else as it is to HttpPushUri; or
// the BMC fetches it itself (UpdateService.SimpleUpdate). Where the service can be reserved
// (HttpPushUriTargetsBusy), it is, and released afterwards, whatever happened. The task that is answered is
// polled until it ends, vanishes (404 after a manager reset deletes it) or the Ctx's deadline comes. Its last
// word decides nothing: only a re-read inventory tells whether the update worked.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bmc/firmware.h"

namespace kiln {

class FirmwareUpdater {
 public:
  FirmwareUpdater(ServiceTree& tree, FirmwareReader& reader) : tree_(tree), reader_(reader) {}

  /// Errors: permit.*, bmc.unsupported, firmware.unknown_component, firmware.not_updateable,
  /// firmware.image_too_large, firmware.reserved (somebody else updates this BMC), bmc.refused and those of
  /// the exchange. The permit is asked again right before the image is sent.
  boost::asio::awaitable<Result<UpdateOutcome>> update(
      const Ctx& ctx, const Permit& permit, UpdateRequest request,
      std::function<void(const UpdateProgress&)> on_progress);

  /// See Bmc::updates_under_way and wait_for_updates. A Task is an update when its messages are of the Update
  /// registry, when its Payload went to the UpdateService, or when its name says so. One that has told
  /// nothing new for 10 minutes is the error firmware.update_under_way: a person has to see.
  boost::asio::awaitable<Result<std::size_t>> under_way(const Ctx& ctx);
  boost::asio::awaitable<Result<std::vector<UpdateOutcome>>> wait_for_updates(
      const Ctx& ctx, std::function<void(const UpdateProgress&)> on_progress);

 private:
  struct Sending;
  boost::asio::awaitable<Result<FirmwareItem>> updateable_item(const Ctx& ctx, std::string component);
  boost::asio::awaitable<Status> reserve(const Ctx& ctx, const RedfishResource& service,
                                         std::vector<std::string> targets,
                                         std::function<Status()> still_wanted);
  boost::asio::awaitable<Status> release(Ctx& ctx, std::string uri);
  boost::asio::awaitable<Result<UpdateOutcome>> send_and_follow(
      const Ctx& ctx, Sending& sending, std::function<void(const UpdateProgress&)> on_progress);
  boost::asio::awaitable<Result<UpdateOutcome>> poll_task(
      const Ctx& ctx, std::string task_uri, bool may_be_forgotten,
      std::function<void(const UpdateProgress&)> on_progress);
  boost::asio::awaitable<Result<std::vector<std::string>>> update_tasks(const Ctx& ctx);

  ServiceTree& tree_;
  FirmwareReader& reader_;
};

/// A multipart/form-data body (RFC 7578) with the parts of a Redfish push; `oem_json`: the part
/// OemParameters, left out when empty.
struct MultipartBody {
  std::string content_type, body;
};
/// In slices, because images have up to hundreds of MB (large_body.h); `image` outlives the call.
boost::asio::awaitable<Result<MultipartBody>> update_form(const Ctx& ctx, std::string parameters_json,
                                                          std::string oem_json, std::string image_name,
                                                          const std::string& image);

/// What a Task or Job says: finished or not, and how. Words outside the standard ("Downloading…", "Failed")
/// are understood as far as they go; an unknown word is work in progress.
enum class TaskVerdict { working, succeeded, failed };
TaskVerdict task_verdict(const std::string& task_state, const std::string& task_status);

}  // namespace kiln
