#pragma once
// Conditional reads: what a service has said under an entity tag is asked for with If-None-Match, and a 304
// stands for it (RFC 9110 8.8.3, 13.1.2; DSP0266 7.1). It saves bytes, and is evidence only as far as the tag
// is: a service whose tag does not change with its content would have its old answer believed for ever.
//
// THE RULE. Whatever guards, switches or is judged by a limit is read fresh: leak detectors, power state,
// sensors, GPUs, links, coolant, tasks, logs, firmware versions, and the census of parts. Only for
// `discover`, which looks around and judges nothing, what a DUT is made of may be read so:
// RedfishOptions::parts_by_tag. It is kept by types: a reader that is given a ServiceTree reads fresh and
// cannot do otherwise; conditional reads are those of a SettledTree (service_tree.h), which is no ServiceTree
// and converts to none, and reads fresh itself unless the option is set.
//
// A tag must be strong. It is believed per kind of resource (the last segment but one of its
// address) and per BMC: the first 304 of a kind, and then each 16th, is compared with a plain read of the
// same moment; what differs under one tag makes all tags of this BMC untrue for good. A service that falls
// silent when it is asked so and answers when it is not, refuses the header, or sends the body all the same,
// is not asked so again. Loop thread only.

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "bmc/json_view.h"

namespace kiln {

/// What all connections to one BMC know of its tags.
class EntityTags {
 public:
  /// A conditional read is worth it.
  [[nodiscard]] bool usable() const { return !given_up_; }
  /// This 304 has to be compared with a plain read before it is believed.
  bool compare_now(const std::string& kind);
  /// The comparison came out well: the next 15 of this kind are believed.
  void proved(const std::string& kind) { believed_[kind] = kBelieved; }
  void give_up() { given_up_ = true; }
  /// It sent the whole body under the tag that it was asked for; after three of those it is not asked any
  /// more.
  void sent_all_the_same();
  /// Another firmware: everything is found out anew.
  void forget() { *this = EntityTags(); }

 private:
  static constexpr int kBelieved = 15;
  static constexpr int kMostForNothing = 3;
  std::map<std::string, int> believed_;  ///< 304s to come before the next comparison
  int for_nothing_ = 0;
  bool given_up_ = false;
};

/// "/redfish/v1/Chassis/1/Drives/7" → "Drives"
std::string kind_of_address(const std::string& uri);

/// A strong tag as a header holds it: in quotes, without W/.
bool is_strong_tag(std::string_view tag);

/// What one connection keeps to compare with: at most 512 answers, at most 4 MB of text, none above 256 KB;
/// the ones that were not asked for the longest go first.
class TaggedAnswers {
 public:
  struct Kept {
    std::string tag;
    JsonView body;
    std::size_t bytes = 0;  ///< of its text
  };
  [[nodiscard]] const Kept* find(const std::string& path);
  void keep(const std::string& path, Kept answer);
  void drop(const std::string& path);
  void clear();
  [[nodiscard]] std::size_t count() const { return answers_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kMostAnswers = 512;
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20U;
  static constexpr std::size_t kLongest = std::size_t{256} << 10U;
  struct Entry {
    Kept answer;
    std::list<std::string>::iterator place;
  };
  std::map<std::string, Entry> answers_;
  std::list<std::string> by_use_;  ///< newest first
  std::size_t bytes_ = 0;
};

}  // namespace kiln
