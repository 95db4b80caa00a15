#include "station/personal_signatures.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/awaitable.hpp>
#include <cctype>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/time.h"
#include "io/loop.h"
#include "io/process.h"
#include "station/reports_on_disk.h"
#include "station/trusted_files.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr Nanoseconds kToVerify{30'000'000'000};
constexpr Nanoseconds kToSign{300'000'000'000};  ///< somebody types a passphrase, or looks for a token

/// What ssh-keygen says goes to a person: one line, without its own control characters.
std::string first_lines(const std::string& text) {
  std::string one;
  for (const char c : text.substr(0, 600)) one += c == '\n' || c == '\r' ? ';' : c;
  while (!one.empty() && (one.back() == ';' || one.back() == ' ')) one.pop_back();
  return one;
}

/// Signer and purpose go into argv and into ssh-keygen's own lists, where a comma or a star means more.
bool is_plain(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '@' || c == '.' || c == '_' || c == '-' || c == '+';
         });
}

/// A folder of our own that goes away.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "kiln-signature-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

boost::asio::awaitable<void> run_keygen(Ctx& ctx, Loop& loop, ProcessSpec spec, Nanoseconds within,
                                        std::optional<Result<CommandResult>>& ended) {
  const std::unique_ptr<ProcessLauncher> launcher = make_process_launcher(loop);
  const Ctx limited = ctx.child_within("ssh-keygen", within);
  Result<CommandResult> result = co_await launcher->run(limited, std::move(spec));
  ended.emplace(std::move(result));
}

Result<CommandResult> keygen(ProcessSpec spec, Nanoseconds within) {
  const std::unique_ptr<Loop> loop = Loop::real();
  std::optional<Result<CommandResult>> ended;
  Loop& here = *loop;
  loop->run([&here, &spec, within, &ended](Ctx& ctx) {
    return run_keygen(ctx, here, std::move(spec), within, ended);
  });
  if (!ended) return Error("process.start", "ssh-keygen was not run", "", Blame::station);
  return std::move(*ended);
}

Error does_not_hold(const std::string& why) { return {"signature.does_not_hold", why, "", Blame::operator_}; }

class SshSignatures final : public PersonalSignatures {
 public:
  Result<std::string> sign(const std::string& key_file, const std::string& purpose,
                           const std::string& text) override {
    const auto refused = [](const std::string& why) {
      return Error("signature.not_made", "nothing was signed: " + why,
                   "name your private key with --key, or the public one when an agent holds the other half",
                   Blame::operator_);
    };
    struct stat info {};
    if (::stat(key_file.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
      return refused(fmt::format("there is no key file '{}'", key_file));
    ProcessSpec spec(
        {"ssh-keygen", "-q", "-Y", "sign", "-f", fs::absolute(key_file).string(), "-n", purpose});
    spec.input = text;
    const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
    const bool ours = terminal >= 0 && ::tcgetpgrp(terminal) == ::getpgrp();
    if (ours) spec.terminal = terminal;
    const Result<CommandResult> ended = keygen(std::move(spec), kToSign);
    if (ours) take_terminal_back(terminal);
    if (terminal >= 0) ::close(terminal);
    if (!ended) return ended.error();
    if (ended->exit_status != 0) return refused(first_lines(ended->err));
    if (!ended->out.starts_with("-----BEGIN SSH SIGNATURE-----"))
      return refused("ssh-keygen printed no signature");
    return ended->out;
  }

  Result<std::string> verify(const std::string& allowed_signers, const std::string& signer,
                             const std::string& purpose, const std::string& text,
                             const std::string& signature, std::int64_t at_utc_ns) override {
    if (!is_plain(signer))
      return does_not_hold(
          fmt::format("'{}' is no name of a signer: letters, digits and @ . _ + - only", signer));
    const Scratch scratch;
    if (scratch.path().empty())
      return Error("process.start", "no folder for temporary files", "free space there", Blame::station);
    const std::string file = scratch.path() + "/signature";
    if (const Status written = write_whole(file, signature); !written) return written.error();
    // "2026-11-30T14:05:09.…Z" as ssh-keygen wants it: 20261130140509Z
    std::string when;
    for (const char c : format_utc(at_utc_ns).substr(0, 19)) {
      if (std::isdigit(static_cast<unsigned char>(c)) != 0) when += c;
    }
    ProcessSpec spec({"ssh-keygen", "-Y", "verify", "-f", fs::absolute(allowed_signers).string(), "-I",
                      signer, "-n", purpose, "-s", file, "-O", "verify-time=" + when + "Z"});
    spec.input = text;
    spec.environment = {{"LC_ALL", "C"}};
    const Result<CommandResult> ended = keygen(std::move(spec), kToVerify);
    if (!ended) return ended.error();
    const std::size_t key = ended->out.rfind(" key ");
    const bool good =
        ended->exit_status == 0 && ended->out.starts_with("Good \"") && key != std::string::npos;
    if (!good) return does_not_hold(first_lines(ended->err.empty() ? ended->out : ended->err));
    std::string fingerprint = ended->out.substr(key + 5);
    while (!fingerprint.empty() && std::isspace(static_cast<unsigned char>(fingerprint.back())) != 0)
      fingerprint.pop_back();
    return fingerprint;
  }
};

}  // namespace

std::unique_ptr<PersonalSignatures> make_ssh_signatures() { return std::make_unique<SshSignatures>(); }

std::string find_allowed_signers(const std::string& named) {
  return named.empty() ? "/etc/kiln/allowed_signers" : named;
}

Status check_allowed_signers(const std::string& file, bool simulated) {
  const std::optional<NotTrusted> why =
      why_not_trusted(file, simulated ? TrustedOwner::root_or_user : TrustedOwner::root);
  if (!why) return success();
  if (why->unreadable)
    return Error("signers.none", fmt::format("there are no allowed signers: {}", why->what),
                 "write who may sign what into it (docs/review.md), or name another with --signers",
                 Blame::operator_);
  return Error("signers.not_trusted",
               fmt::format("whoever can write {} can make themselves a reviewer: {}", file, why->what),
               why->cure, Blame::operator_);
}

}  // namespace kiln
