#include "nvos.h"

#include <fmt/format.h>

#include <boost/algorithm/string/trim.hpp>
#include <utility>

#include "running.h"
#include "sdk/tool_output.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

/// Where a copied image lies until the switch has taken it over.
constexpr const char* kUploadFolder = "/tmp";

bool is_image(const FirmwareTarget& target) { return target.route == FirmwareRoute::nvos_image; }

std::string file_name_of(const FirmwareTarget& target) {
  const std::string& place = target.uri.empty() ? target.image : target.uri;
  const std::size_t slash = place.rfind('/');
  return slash == std::string::npos ? place : place.substr(slash + 1);
}

/// "system image", "platform firmware CPLD1": what `nv` calls it.
std::string object_of(const FirmwareTarget& target) {
  return is_image(target) ? std::string("system image")
                          : "platform firmware " + shell_quoted(target.component);
}

Error nv_failed(const std::string& line, const CommandResult& result) {
  std::string said = result.err.empty() ? result.out : result.err;
  boost::algorithm::trim(said);
  constexpr std::size_t kMostSaid = 300;
  if (said.size() > kMostSaid) said = said.substr(0, kMostSaid) + "…";
  return {"nvos.failed", fmt::format("`{}` ended with {}: {}", line, result.exit_status, said),
          "read what the switch says; run it there by hand to see more"};
}

awaitable<Result<std::string>> run_nv(const Ctx& ctx, Shell& shell, std::string line) {
  Command command(line);
  const Result<CommandResult> result = co_await shell.run(ctx, std::move(command));
  if (!result) co_return result.error();
  if (!result->ok()) co_return nv_failed(line, *result);
  co_return result->out;
}

awaitable<Status> copy_over(const Ctx& ctx, Shell& shell, const std::string& path, std::string image) {
  Command command("cat > " + shell_quoted(path));
  command.input = std::move(image);
  const Result<CommandResult> copied = co_await shell.run(ctx, std::move(command));
  if (!copied) co_return copied.error();
  if (!copied->ok()) co_return nv_failed("cat > " + path, *copied);
  co_return success();
}

/// The bytes that the switch is about to install are those of the baseline.
awaitable<Status> compare_on_the_switch(const Ctx& ctx, Shell& shell, const FirmwareTarget& target,
                                        const std::string& file) {
  std::string list = fmt::format("nv show {} files -o json", object_of(target));
  const Result<std::string> listed = co_await run_nv(ctx, shell, std::move(list));
  if (!listed) co_return listed.error();
  const Result<std::string> path = tool_output::parse_nvue_file_path(*listed, file);
  if (!path) {
    co_return Error("firmware.wrong_image",
                    fmt::format("where the switch keeps {} cannot be told, so it cannot be compared: {}",
                                file, path.error().message),
                    "install it by hand, after comparing its SHA-256 there");
  }
  std::string line = "sha256sum " + shell_quoted(*path);
  const Result<std::string> hash = co_await run_nv(ctx, shell, std::move(line));
  if (!hash) co_return hash.error();
  if (!hash->starts_with(target.sha256)) {
    co_return Error("firmware.wrong_image",
                    fmt::format("{} on the switch has SHA-256 {}, the baseline says {}", *path,
                                hash->substr(0, target.sha256.size()), target.sha256),
                    "fetch the image again; nothing was installed");
  }
  co_return success();
}

}  // namespace

std::string nvos_version_command(const FirmwareTarget& target) {
  return fmt::format("nv show {} -o json", object_of(target));
}

awaitable<Result<std::string>> nvos_version(const Ctx& ctx, Shell& shell, const FirmwareTarget& target) {
  std::string line = nvos_version_command(target);
  const Result<std::string> text = co_await run_nv(ctx, shell, std::move(line));
  if (!text) co_return text.error();
  if (!is_image(target)) co_return tool_output::parse_nvue_component(*text);
  const Result<tool_output::NvueImages> images = tool_output::parse_nvue_system_image(*text);
  if (!images) co_return images.error();
  co_return images->running();
}

awaitable<Result<bool>> nvos_install(const Ctx& ctx, Shell& shell, const FirmwareTarget& target,
                                     std::string image) {
  const std::string file = file_name_of(target);
  std::string from = target.uri;
  if (from.empty()) {
    const std::string path = fmt::format("{}/{}", kUploadFolder, file);
    const Status copied = co_await copy_over(ctx, shell, path, std::move(image));
    if (!copied) co_return copied.error();
    from = "file://" + path;
  }
  std::string fetch = fmt::format("nv action fetch {} {}", object_of(target), shell_quoted(from));
  const Result<std::string> fetched = co_await run_nv(ctx, shell, std::move(fetch));
  if (!fetched) co_return fetched.error();
  const Status same = co_await compare_on_the_switch(ctx, shell, target, file);
  if (!same) co_return same.error();
  std::string install =
      fmt::format("nv action install {} files {} force", object_of(target), shell_quoted(file));
  const Result<std::string> installed = co_await run_nv(ctx, shell, std::move(install));
  if (installed && target.uri.empty()) {  // the copy has served; a switch's /tmp is small
    std::string remove = fmt::format("rm -f {}", shell_quoted(fmt::format("{}/{}", kUploadFolder, file)));
    const Result<std::string> removed = co_await run_nv(ctx, shell, std::move(remove));
    (void)removed;  // a restart empties it, too
  }
  if (installed) co_return true;
  if (installed.error().code != "ssh.connection_lost") co_return installed.error();
  co_await shell.disconnect();
  co_return false;
}

awaitable<Result<bool>> nvos_is_installed(const Ctx& ctx, Shell& shell, const FirmwareTarget& target) {
  std::string line = nvos_version_command(target);
  const Result<std::string> text = co_await run_nv(ctx, shell, std::move(line));
  if (!text) co_return text.error();
  if (!is_image(target)) {
    const Result<std::string> runs = tool_output::parse_nvue_component(*text);
    if (!runs) co_return runs.error();
    co_return is_wanted(*runs, target);
  }
  const Result<tool_output::NvueImages> images = tool_output::parse_nvue_system_image(*text);
  if (!images) co_return images.error();
  co_return is_wanted(images->running(), target) || is_wanted(images->next_running(), target);
}

awaitable<Status> nvos_reboot(const Ctx& ctx, Shell& shell) {
  std::string line = "nv action reboot system force";
  const Result<std::string> rebooted = co_await run_nv(ctx, shell, std::move(line));
  co_await shell.disconnect();
  if (!rebooted && rebooted.error().code != "ssh.connection_lost") co_return rebooted.error();
  co_return success();
}

}  // namespace kiln::firmware
