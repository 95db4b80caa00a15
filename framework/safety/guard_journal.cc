#include "safety/guard_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "safety/guard_record.h"
#include "safety/guard_text.h"

namespace kiln {
namespace {

constexpr std::size_t kPairBytes = 2 * kGuardRecordBytes;
constexpr std::size_t kFileBytes = (1 + kGuardsPerRun) * kPairBytes;
constexpr std::size_t kMessageBytes = 600;  // what is said about an end never keeps it from being written
constexpr const char* kSuffix = ".guards";

Error not_writable(const std::string& path, int cause) {
  return Error("guard.not_writable", fmt::format("the guard journal {}: {}", path, std::strerror(cause)),
               "keep the state directory on a local disk with free space", Blame::station);
}

Error not_readable(const std::string& path, int cause) {
  return Error("guard.not_readable", fmt::format("the guard journal {}: {}", path, std::strerror(cause)),
               "run as the user that ran it", Blame::station);
}

Status write_at(int descriptor, const std::string& path, const GuardRecordBytes& bytes, std::size_t offset) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t some = ::pwrite(descriptor, bytes.data() + written, bytes.size() - written,
                                  static_cast<off_t>(offset + written));
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0) return not_writable(path, some == 0 ? EIO : errno);
    written += static_cast<std::size_t>(some);
  }
  return success();
}

Status sync_directory(const std::string& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return not_writable(directory, errno);
  const int synced = ::fsync(descriptor);
  const int cause = errno;
  ::close(descriptor);
  if (synced != 0) return not_writable(directory, cause);
  return success();
}

Result<std::string> read_whole(int descriptor, const std::string& path) {
  std::string bytes(kFileBytes, '\0');
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const ssize_t some =
        ::pread(descriptor, bytes.data() + taken, bytes.size() - taken, static_cast<off_t>(taken));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return not_readable(path, errno);
    if (some == 0) {
      return Error("guard.damaged", fmt::format("{} is no guard journal, or was cut short", path),
                   "see by hand what is switched on, then move the file away", Blame::station);
    }
    taken += static_cast<std::size_t>(some);
  }
  return bytes;
}

/// Both copies of one record.
struct Pair {
  std::optional<GuardRecord> record;  ///< the newer whole one
  int copy = 1;
  bool damaged = false;  ///< at least one copy is not whole
};

Result<Pair> read_pair(std::string_view bytes) {
  Pair pair;
  for (int copy = 0; copy < 2; ++copy) {
    const std::string_view part =
        bytes.substr(static_cast<std::size_t>(copy) * kGuardRecordBytes, kGuardRecordBytes);
    Result<std::optional<GuardRecord>> decoded = decode_guard_record(part);
    if (!decoded) {
      if (decoded.error().code == "guard.newer_format") return decoded.error();
      pair.damaged = true;
      continue;
    }
    if (!*decoded) continue;
    if (pair.record && pair.record->sequence > (*decoded)->sequence) continue;
    pair.record = std::move(*decoded);
    pair.copy = copy;
  }
  return pair;
}

}  // namespace

bool GuardJournalContent::any_outstanding() const {
  return !unreadable.empty() || std::any_of(entries.begin(), entries.end(),
                                            [](const GuardEntry& entry) { return outstanding(entry.state); });
}

GuardJournal::GuardJournal(std::string path, int descriptor, const Clock& clock)
    : path_(std::move(path)), descriptor_(descriptor), clock_(clock), slots_(kGuardsPerRun) {}

GuardJournal::~GuardJournal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::unique_ptr<GuardJournal>> GuardJournal::create(const std::string& path, const JournalOwner& owner,
                                                           const Clock& clock) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  std::error_code failed;
  const bool made = std::filesystem::create_directories(directory, failed);
  if (failed) return not_writable(directory, failed.value());
  if (made) ::chmod(directory.c_str(), S_IRWXU);  // one that was there belongs to whoever made it
  struct stat known {};
  if (::stat(path.c_str(), &known) == 0)
    return Error("guard.journal_exists", fmt::format("{} is there already", path), {}, Blame::station);
  // Complete under another name first: what carries the name of a journal is one.
  const std::string unfinished = path + ".new";
  const int descriptor = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return not_writable(unfinished, errno);
  std::unique_ptr<GuardJournal> journal(new GuardJournal(path, descriptor, clock));
  journal->owner_ = owner;
  const auto give_up = [&unfinished](Error error) -> Result<std::unique_ptr<GuardJournal>> {
    ::unlink(unfinished.c_str());
    return error;
  };
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return give_up(not_writable(unfinished, errno));
  // All blocks now: a full disk later must not keep an undo from being written.
  const int allocated = ::posix_fallocate(descriptor, 0, static_cast<off_t>(kFileBytes));
  if (allocated != 0) return give_up(not_writable(unfinished, allocated));
  for (int copy = 0; copy < 2; ++copy) {
    const Status written = journal->write(0, copy, owner_text(owner));
    if (!written) return give_up(written.error());
  }
  if (::fsync(descriptor) != 0) return give_up(not_writable(unfinished, errno));
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return give_up(not_writable(path, errno));
  const Status synced = sync_directory(directory);
  if (!synced) {
    ::unlink(path.c_str());
    return synced.error();
  }
  return journal;
}

Status GuardJournal::load(int descriptor, const std::string& path, JournalOwner& owner,
                          std::vector<Slot>& slots, std::uint64_t& sequence) {
  const Result<std::string> bytes = read_whole(descriptor, path);
  if (!bytes) return bytes.error();
  const std::string_view all = *bytes;
  const auto in_file = [&path](Error error) { return std::move(error).while_doing("reading " + path); };
  Result<Pair> header = read_pair(all.substr(0, kPairBytes));
  if (!header) return in_file(std::move(header.error()));
  if (!header->record) {
    return Error("guard.damaged", fmt::format("{} has no whole header", path),
                 "see by hand what is switched on, then move the file away", Blame::station);
  }
  Result<JournalOwner> read_owner = owner_from(header->record->text);
  if (!read_owner) return in_file(std::move(read_owner.error()));
  owner = std::move(*read_owner);
  sequence = std::max(sequence, header->record->sequence);
  for (int i = 0; i < kGuardsPerRun; ++i) {
    Slot& slot = slots[static_cast<std::size_t>(i)];
    Result<Pair> pair = read_pair(all.substr(static_cast<std::size_t>(i + 1) * kPairBytes, kPairBytes));
    if (!pair) return in_file(std::move(pair.error()));
    slot.entry.number = i + 1;
    if (!pair->record) {
      // A first write that a power loss tore was never answered, so nothing was done; rot looks the same.
      // Safe side.
      slot.used = slot.unreadable = pair->damaged;
      continue;
    }
    sequence = std::max(sequence, pair->record->sequence);
    slot.newer_copy = pair->copy;
    slot.used = true;
    Result<GuardEntry> entry = entry_from(pair->record->text);
    slot.unreadable = !entry;
    if (!entry) continue;
    slot.entry = std::move(*entry);
    slot.entry.number = i + 1;
  }
  return success();
}

Result<std::unique_ptr<GuardJournal>> GuardJournal::take_over(const std::string& path, const Clock& clock) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return not_readable(path, errno);
  std::unique_ptr<GuardJournal> journal(new GuardJournal(path, descriptor, clock));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return Error("guard.journal_in_use",
                 fmt::format("{} is in use: its run goes on, or another recovery does", path),
                 "wait for it, or stop the run: kiln abort", Blame::operator_);
  }
  const Status loaded = load(descriptor, path, journal->owner_, journal->slots_, journal->sequence_);
  if (!loaded) return loaded.error();
  return journal;
}

Result<GuardJournalContent> GuardJournal::read(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return not_readable(path, errno);
  JournalOwner owner;
  std::vector<Slot> slots(kGuardsPerRun);
  std::uint64_t sequence = 0;
  const Status loaded = load(descriptor, path, owner, slots, sequence);
  ::close(descriptor);
  if (!loaded) return loaded.error();
  return content_of(owner, slots);
}

bool GuardJournal::in_use(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool taken = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return taken;
}

GuardJournalContent GuardJournal::content_of(const JournalOwner& owner, const std::vector<Slot>& slots) {
  GuardJournalContent content;
  content.owner = owner;
  for (const Slot& slot : slots) {
    if (slot.unreadable) {
      content.unreadable.push_back(slot.entry.number);
    } else if (slot.used) {
      content.entries.push_back(slot.entry);
    }
  }
  std::sort(content.entries.begin(), content.entries.end(),
            [](const GuardEntry& left, const GuardEntry& right) { return left.sequence < right.sequence; });
  return content;
}

GuardJournalContent GuardJournal::content() const {
  const std::lock_guard lock(mutex_);
  return content_of(owner_, slots_);
}

Status GuardJournal::write(int record, int copy, const std::string& text) {
  GuardRecord framed;
  framed.sequence = ++sequence_;
  framed.text = text;
  const Result<GuardRecordBytes> bytes = encode_guard_record(framed);
  if (!bytes) return bytes.error();
  const std::size_t offset =
      static_cast<std::size_t>(record) * kPairBytes + static_cast<std::size_t>(copy) * kGuardRecordBytes;
  const Status written = write_at(descriptor_, path_, *bytes, offset);
  if (!written) return written;
  if (::fdatasync(descriptor_) != 0) return not_writable(path_, errno);
  return success();
}

Status GuardJournal::write_entry(int number) {
  Slot& slot = slots_[static_cast<std::size_t>(number - 1)];
  const int copy = 1 - slot.newer_copy;
  const Status written = write(number, copy, entry_text(slot.entry));
  // After a failed write that copy is anybody's guess; the next write goes over it again, never over the
  // whole one.
  if (written) slot.newer_copy = copy;
  if (!written && written.error().code == "guard.not_writable") broken_ = true;
  return written;
}

Result<int> GuardJournal::open(const JournaledUndo& undo) {
  const std::lock_guard lock(mutex_);
  if (broken_) {
    return Error("guard.not_writable",
                 fmt::format("an earlier write to {} failed; it takes no more guards", path_),
                 "end the run and see to the disk", Blame::station);
  }
  const auto is_free = [](const Slot& slot) {
    return !slot.unreadable && (!slot.used || !outstanding(slot.entry.state));
  };
  // Never used ones first, so that what happened in a run can be read as long as there is room.
  auto place = std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.used; });
  if (place == slots_.end()) place = std::find_if(slots_.begin(), slots_.end(), is_free);
  if (place == slots_.end()) {
    return Error("guard.journal_full",
                 fmt::format("{} guards are open; no more can be undone", kGuardsPerRun),
                 "close guards before opening new ones", Blame::station);
  }
  const Slot before = *place;
  const int number = static_cast<int>(place - slots_.begin()) + 1;
  place->used = true;
  place->entry = GuardEntry{};
  place->entry.number = number;
  place->entry.sequence = sequence_ + 1;
  place->entry.undo = undo;
  place->entry.opened_utc_ns = clock_.now().utc_ns;
  const Status written = write_entry(number);
  if (!written) {
    *place = before;
    return written.error();
  }
  return number;
}

Status GuardJournal::end(int number, GuardEnd how, const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (number < 1 || number > kGuardsPerRun || !slots_[static_cast<std::size_t>(number - 1)].used) {
    return Error("guard.unknown", fmt::format("{} has no guard {}", path_, number), {}, Blame::station);
  }
  Slot& slot = slots_[static_cast<std::size_t>(number - 1)];
  const Slot before = slot;
  slot.unreadable = false;
  slot.entry.number = number;
  slot.entry.state = how;
  slot.entry.message = message.substr(0, kMessageBytes);
  slot.entry.ended_utc_ns = clock_.now().utc_ns;
  Status written = write_entry(number);
  if (!written && written.error().code == "guard.too_long") {
    slot.entry.message.clear();
    slot.entry.undo.description.clear();
    written = write_entry(number);
  }
  if (!written) slot = before;
  return written;
}

bool GuardJournal::remove_if_done() {
  const std::lock_guard lock(mutex_);
  if (content_of(owner_, slots_).any_outstanding()) return false;
  return ::unlink(path_.c_str()) == 0;
}

std::string guard_journal_path(const std::string& directory, const std::string& run) {
  return directory + "/" + run + kSuffix;
}

std::vector<std::string> guard_journals(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    if (entry.path().extension() == kSuffix) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace kiln
