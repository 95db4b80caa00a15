#include "safety/firmware_write.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "safety/json_fields.h"

namespace kiln {
namespace {

namespace json = boost::json;

/// A record of the guard journal has room for 2,000 bytes in all.
constexpr std::size_t kMostWords = 900;

bool lasted(std::int64_t since_ns, Nanoseconds time, std::int64_t now_ns) {
  return since_ns != 0 && now_ns - since_ns >= time.count();
}

}  // namespace

bool FirmwareWrite::can_be_shown() const {
  const bool known = !canonical_version(was).empty() && !canonical_version(wanted).empty();
  if (!known || component.empty() || active_within.count() <= 0 || write_within.count() <= 0) return false;
  // Another one for certain, however its fields are meant: what may be the same shows nothing.
  return !same_version(was, wanted, version_fields) && !same_version(was, wanted, VersionFields::hex) &&
         !same_version(was, wanted, VersionFields::decimal);
}

std::string to_text(const FirmwareWrite& write) {
  if (!write.can_be_shown()) return {};
  json::object object;
  object["component"] = write.component;
  object["was"] = write.was;
  object["wanted"] = write.wanted;
  object["version_fields"] = to_string(write.version_fields);
  object["write_within_ns"] = write.write_within.count();
  object["active_within_ns"] = write.active_within.count();
  std::string text = json::serialize(object);
  if (text.size() > kMostWords) text.clear();
  return text;
}

std::optional<FirmwareWrite> firmware_write_from(const std::string& text) {
  const std::optional<json::object> object = detail::object_in(text);
  if (!object) return std::nullopt;
  FirmwareWrite write(detail::text_of(*object, "component"));
  write.was = detail::text_of(*object, "was");
  write.wanted = detail::text_of(*object, "wanted");
  const auto fields = version_fields_from(detail::text_of(*object, "version_fields"));
  write.write_within = Nanoseconds(detail::number_of(*object, "write_within_ns"));
  write.active_within = Nanoseconds(detail::number_of(*object, "active_within_ns"));
  if (!fields) return std::nullopt;
  write.version_fields = *fields;
  if (!write.can_be_shown()) return std::nullopt;
  return write;
}

void WriteEnd::see(const WriteLook& look, std::int64_t now_ns) {
  if (!shown_by_.empty()) return;
  answers_ = look.updates.has_value();
  updates_ = look.updates.value_or(0);
  other_tasks_ = look.other_tasks;
  was_busy_ = was_busy_ || updates_ > 0;
  if (!answers_ || updates_ > 0 || other_tasks_ > 0) {
    quiet_since_ns_ = same_since_ns_ = 0;
    return;
  }
  if (quiet_since_ns_ == 0) quiet_since_ns_ = now_ns;
  if (was_busy_ && lasted(quiet_since_ns_, kQuietAfterUpdate, now_ns)) {
    shown_by_ = fmt::format("its BMC had an update under way, and has had none for {}",
                            format_duration(kQuietAfterUpdate));
    return;
  }
  if (!write_ || !look.version) return;
  if (same_since_ns_ == 0 || *look.version != version_) {
    same_since_ns_ = now_ns;
    version_ = *look.version;
  }
  if (same_version(version_, write_->wanted, write_->version_fields)) {
    if (lasted(same_since_ns_, kQuietWithVersion, now_ns)) {
      shown_by_ =
          fmt::format("{} runs {} now, as wanted, and ran {} before; no update has been under way for {}",
                      write_->component, version_, write_->was, format_duration(kQuietWithVersion));
    }
    return;
  }
  const bool is_old = same_version(version_, write_->was, write_->version_fields);
  const bool time_is_over = now_ns - began_ns_ >= (write_->write_within + write_->active_within).count();
  if (is_old && time_is_over && lasted(same_since_ns_, write_->active_within, now_ns)) {
    shown_by_ =
        fmt::format("{} runs {} still, no update has been under way for {}, and the time of a write is over",
                    write_->component, version_, format_duration(write_->active_within));
  }
}

bool WriteEnd::wants_version(std::int64_t now_ns) const {
  return write_.has_value() && quiet_since_ns_ != 0 && now_ns > quiet_since_ns_;
}

std::string WriteEnd::waits_for() const {
  if (!answers_) return "its BMC does not answer";
  if (updates_ > 0) return fmt::format("its BMC tells of {} updates under way", updates_);
  if (other_tasks_ > 0) return fmt::format("its BMC tells of {} tasks that may be updates", other_tasks_);
  if (was_busy_) return "its BMC tells of no update any more";
  if (!write_) return "its BMC tells of no update, which alone proves nothing";
  if (version_.empty())
    return fmt::format("its BMC tells of no update, and not yet what {} runs", write_->component);
  return fmt::format("its BMC tells of no update; {} runs {}, and is to run {}", write_->component, version_,
                     write_->wanted);
}

}  // namespace kiln
