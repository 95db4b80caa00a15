#pragma once
// Leak detectors over Redfish, wherever a service keeps them: Chassis/x/LeakDetectors (LeakDetection v1.2.0
// and later), Chassis/x/ThermalSubsystem/LeakDetection/LeakDetectors (before),
// ThermalEquipment/CDUs/x/LeakDetection, and the LeakDetectorGroups of any of them.
//
// Fails closed. A listed detector that answers with an error is in the census as a fault, and so are
// detectors that a count declares but no list holds, and a linked collection that answers with anything but
// 404. Once seen, a detector stays in the census until the service restarts this object. One detector at two
// addresses (same Id, and the places belong together) is one entry with the worse of the two readings. Only
// an exchange error (nobody answered) is an Error: then nothing is known, which is for the caller's grace to
// judge.
//
// Cheap to poll: the addresses are kept, so that a poll is one GET per address; the collections are walked
// again every 30th poll, of which no more than one a second counts. Owned by the Bmc; loop thread only.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bmc/service_tree.h"

namespace kiln {

/// The three fields of a detector. Anything present that is not text is printed, so that it cannot pass for
/// absent; a name that occurs twice in one object spoils the field.
LeakDetectorAnswer leak_answer_of(const JsonView& detector);

class LeakReader {
 public:
  explicit LeakReader(ServiceTree& tree) : tree_(tree) {}
  boost::asio::awaitable<Result<LeakCensus>> read(const Ctx& ctx);

 private:
  /// Where one detector is read. Several addresses: the same detector.
  struct Detector {
    std::string id;
    std::string place;              ///< "Chassis_0", "CDU_1"
    std::vector<std::string> uris;  ///< empty: declared or linked, but without an address
    std::string problem;            ///< why it has no address
  };
  boost::asio::awaitable<Status> walk(const Ctx& ctx);
  boost::asio::awaitable<Status> walk_chassis(const Ctx& ctx, const RedfishResource& chassis);
  boost::asio::awaitable<Status> walk_cooling_units(const Ctx& ctx);
  boost::asio::awaitable<Status> walk_detection(const Ctx& ctx, std::string place,
                                                std::vector<std::string> near,
                                                const RedfishResource& detection);
  boost::asio::awaitable<Status> walk_collection(const Ctx& ctx, std::string place,
                                                 std::vector<std::string> near, std::string uri);
  void add(const std::string& place, const std::vector<std::string>& near, const std::string& uri);
  void add_unreadable(const std::string& place, const std::string& name, const std::string& problem);
  static void give_names(const std::vector<Detector>& asked, LeakCensus& census);

  ServiceTree& tree_;
  std::vector<Detector> detectors_;
  int polls_since_walk_ = 0;
  std::optional<std::int64_t> counted_ns_;  ///< when the last poll began that counts towards a walk
  bool walked_ = false;
};

}  // namespace kiln
