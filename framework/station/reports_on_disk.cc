#include "station/reports_on_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/nearest.h"
#include "common/report_format.h"
#include "station/report_seal.h"
#include "station/station_key.h"

namespace kiln {

namespace fs = std::filesystem;

Status write_whole(const std::string& path, const std::string& text) {
  const std::string partial = path + ".partial";
  const auto failed = [&](const char* what) {
    return Error("report.not_written", fmt::format("{} {}: {}", what, path, std::strerror(errno)),
                 "free space or choose another place with --out", Blame::station);
  };
  const int descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return failed("cannot create");
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(descriptor, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const Error error = failed("cannot write");
      close(descriptor);
      unlink(partial.c_str());
      return error;
    }
    done += static_cast<std::size_t>(wrote);
  }
  if (fsync(descriptor) != 0 || close(descriptor) != 0 || rename(partial.c_str(), path.c_str()) != 0) {
    return failed("cannot finish");
  }
  return success();
}

Status make_report_directory(const std::string& directory) {
  std::error_code failed;
  const std::string place = fs::absolute(directory, failed).string();
  if (!failed) fs::create_directories(place, failed);
  if (!failed && access(place.c_str(), W_OK | X_OK) != 0) failed.assign(errno, std::generic_category());
  if (!failed) return success();
  return Error("report.not_written",
               fmt::format("reports cannot be written to {}: {}", place, failed.message()),
               "choose another place with --out", Blame::operator_);
}

WrittenReports write_reports(const std::string& state, const std::string& database, const std::string& run,
                             const std::string& directory, const std::vector<std::string>& formats,
                             const std::string& language) {
  WrittenReports written;
  const auto all = make_report_formats();
  std::vector<std::string> names;
  for (const auto& format : all) names.emplace_back(format->name());
  for (const auto& wanted : formats) {
    if (std::find(names.begin(), names.end(), wanted) == names.end()) {
      written.failures.emplace_back(
          "report.unknown_format",
          fmt::format("there is no report format '{}'{}", wanted, did_you_mean(wanted, names)),
          fmt::format("known: {}", fmt::join(names, ", ")), Blame::operator_);
    }
  }
  if (!written.failures.empty()) return written;
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view) {
    written.failures.push_back(view.error());
    return written;
  }
  Result<ReportInput> input = read_report_input(**view, run);
  if (!input) {
    written.failures.push_back(input.error());
    return written;
  }
  input->language = language;
  // Without a key the reports are written all the same: they are not signed, and say so.
  const Result<SigningKey> key = station_key(state);
  if (key) input->station_key = key->verifying_key().id();
  if (!key) written.failures.push_back(key.error());
  if (const Status made = make_report_directory(directory); !made) {
    written.failures.push_back(made.error());
    return written;
  }
  std::error_code failed;
  const std::string place = fs::absolute(directory, failed).string();
  for (const auto& format : all) {
    const bool is_wanted = formats.empty()
                               ? format->is_written_unasked()
                               : std::find(formats.begin(), formats.end(), format->name()) != formats.end();
    if (!is_wanted) continue;
    Result<std::string> text = format->render(*input);
    if (!text) {
      written.failures.push_back(text.error());
      continue;
    }
    const std::string path = fmt::format("{}/report.{}", place, format->extension());
    const Status done = write_whole(path, *text);
    if (done) {
      written.files[std::string(format->name())] = path;
    } else {
      written.failures.push_back(done.error());
    }
  }
  if (key && !written.files.empty()) {
    std::vector<std::string> made;
    for (const auto& [name, path] : written.files) made.push_back(fs::path(path).filename().string());
    const Status sealed = seal_reports(*key, **view, run, place, made);
    if (sealed) {
      written.files["manifest"] = place + "/manifest.json";
    } else {
      written.failures.push_back(sealed.error());
    }
  }
  return written;
}

}  // namespace kiln
