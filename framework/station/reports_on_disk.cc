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
#include "base/time.h"
#include "common/how_to_verify.h"
#include "station/file_hash.h"
#include "station/personal_signatures.h"
#include "station/report_seal.h"
#include "station/reviews.h"
#include "station/station_key.h"

namespace kiln {

namespace fs = std::filesystem;

namespace {
constexpr std::uint64_t kMostSignersBytes = 1U << 20U;
}  // namespace

Status write_whole(const std::string& path, const std::string& text) {
  return write_whole(path, [&text](const ReportSink& put) { return put(text); });
}

Status write_whole(const std::string& path, const std::function<Status(const ReportSink&)>& write_all) {
  const std::string partial = path + ".partial";
  const auto failed = [&](const char* what) {
    return Error("report.not_written", fmt::format("{} {}: {}", what, path, std::strerror(errno)),
                 "free space or choose another place with --out", Blame::station);
  };
  const int descriptor = open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return failed("cannot create");
  const Status written = write_all([&](std::string_view piece) -> Status {
    while (!piece.empty()) {
      const ssize_t wrote = write(descriptor, piece.data(), piece.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return failed("cannot write");
      piece.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return success();
  });
  if (!written) {
    close(descriptor);
    unlink(partial.c_str());
    return written;
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

namespace {

/// What was written and signed beside earlier reports of this run, and is no part of these: an imported run's
/// entries have other names than where it was recorded.
void remove_earlier_reviews(const std::string& run, const std::string& directory,
                            const std::vector<std::string>& made) {
  const Result<std::string> text = text_of_file(directory + "/manifest.dsse.json", kMostManifestBytes);
  const Result<Envelope> envelope = text ? read_envelope(*text) : Result<Envelope>(text.error());
  const Result<Manifest> before =
      envelope ? read_manifest(envelope->payload) : Result<Manifest>(envelope.error());
  if (!before || before->run != run) return;
  for (const SealedFile& file : before->files) {
    const bool is_one = file.kind == SealedFile::Kind::report && file.name.starts_with("review-") &&
                        file.name.find('/') == std::string::npos;
    if (is_one && std::find(made.begin(), made.end(), file.name) == made.end())
      ::unlink((directory + "/" + file.name).c_str());
  }
}

/// What people have signed, for who checks it without Kiln.
Status write_reviews(const ReportInput& input, const ReviewTrust& trust, const std::string& directory,
                     std::vector<std::string>& made) {
  bool any = false;
  for (const ReviewEntry& entry : input.reviews.entries) {
    if (!entry.invalid_because.empty()) continue;
    any = true;
    for (const auto& [name, text] : {std::pair(review_statement_file(entry), entry.statement),
                                     std::pair(review_signature_file(entry), entry.signature)}) {
      if (const Status done = write_whole(directory + "/" + name, text); !done) return done;
      made.push_back(name);
    }
  }
  if (!any) return success();
  const Result<std::string> signers = text_of_file(trust.allowed_signers, kMostSignersBytes);
  if (!signers) return signers.error();
  if (const Status done = write_whole(directory + "/" + kSignersBesideReports, *signers); !done) return done;
  made.emplace_back(kSignersBesideReports);
  return success();
}

}  // namespace

std::vector<Error> unknown_report_formats(const std::vector<std::string>& formats) {
  std::vector<std::string> names;
  for (const auto& format : make_report_formats()) names.emplace_back(format->name());
  std::vector<Error> unknown;
  for (const auto& wanted : formats) {
    if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
    unknown.emplace_back("report.unknown_format",
                         fmt::format("there is no report format '{}'{}", wanted, did_you_mean(wanted, names)),
                         fmt::format("known: {}", fmt::join(names, ", ")), Blame::operator_);
  }
  return unknown;
}

std::vector<std::string> formats_there(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& format : make_report_formats()) {
    if (fs::exists(fmt::format("{}/report.{}", directory, format->extension()), failed))
      names.emplace_back(format->name());
  }
  return names;
}

Status refuse_other_reports(const std::string& directory, const std::vector<std::string>& formats) {
  const std::vector<std::string> there = formats_there(directory);
  for (const auto& format : make_report_formats()) {
    const bool is_wanted = formats.empty()
                               ? format->is_written_unasked()
                               : std::find(formats.begin(), formats.end(), format->name()) != formats.end();
    if (is_wanted || std::find(there.begin(), there.end(), format->name()) == there.end()) continue;
    return Error("report.other_run",
                 fmt::format("{} has a report.{} of another run, which would lie beside this one's",
                             directory, format->extension()),
                 "choose another folder with --out, or move it away", Blame::operator_);
  }
  return success();
}

WrittenReports write_reports(const std::string& state, const std::string& database, const std::string& run,
                             const std::string& directory, const std::vector<std::string>& formats,
                             const std::string& signers, const std::string& language) {
  WrittenReports written;
  const auto all = make_report_formats();
  written.failures = unknown_report_formats(formats);
  if (!written.failures.empty()) return written;
  const Result<std::unique_ptr<RunView>> view = RunView::open(database);
  if (!view) {
    written.failures.push_back(view.error());
    return written;
  }
  const std::unique_ptr<PersonalSignatures> signatures = make_ssh_signatures();
  const ReviewTrust trust = review_trust(state, signers, *signatures);
  RunReviews reviews = read_reviews(**view, run, trust, SystemClock().now().utc_ns);
  Result<ReportInput> input = read_report_input(**view, run, std::move(reviews));
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
    const std::string path = fmt::format("{}/report.{}", place, format->extension());
    const Status done = write_whole(path, [&](const ReportSink& put) { return format->write(*input, put); });
    if (done) {
      written.files[std::string(format->name())] = path;
    } else {
      written.failures.push_back(done.error());
    }
  }
  if (key && !written.files.empty()) {
    std::vector<std::string> made;
    for (const auto& [name, path] : written.files) made.push_back(fs::path(path).filename().string());
    const Status reviewed = write_reviews(*input, trust, place, made);
    if (!reviewed) written.failures.push_back(reviewed.error());
    remove_earlier_reviews(run, place, made);
    const Status sealed = seal_reports(*key, **view, *input, place, made);
    if (sealed) {
      written.files["manifest"] = place + "/manifest.json";
    } else {
      written.failures.push_back(sealed.error());
    }
  }
  return written;
}

}  // namespace kiln
