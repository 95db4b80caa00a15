#pragma once
// A capture as files, laid out as DMTF's Redfish-Mockup-Creator does, so that any mockup server can serve it:
//
//   DIR/redfish/v1/Chassis/1/index.json    the body, byte for byte (index.xml when it is XML)
//   DIR/redfish/v1/Chassis/1/headers.json {"GET":{name:value,…},"status":404,"uri":"/redfish/v1/…?$skip=50"}:
//   "status"
//                                          where it is not 200, "uri" where the folder's name does not say it
//   DIR/elsewhere/7/index.json             of an address that is no good name for a folder; headers.json has
//   its uri DIR/capture.json                       what was captured and what is missing; written last
//
// Folders 0700, files 0600. All is written into a folder beside DIR, which takes DIR's place in one step when
// it is whole: a DIR is a whole capture or none. Blocking.

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "bmc/capture/capture.h"

namespace kiln {

/// Where addresses lie below DIR. Each has a folder of its own, never outside DIR, whatever a BMC calls
/// things: no two that differ only in letter case (a capture may be unpacked where that makes no difference),
/// none named like our files, none longer than a file system takes.
class CaptureLayout {
 public:
  struct Place {
    std::string folder;       ///< relative, without a slash at its end
    bool says_itself = true;  ///< "/" + folder is the address
  };
  Place place(const std::string& uri);

 private:
  bool claim(const std::string& folder);
  std::map<std::string, std::string> spellings_;  ///< of every folder and those above, by small letters
  std::set<std::string> taken_;
  int elsewhere_ = 0;
};

/// DIR is not there, or empty, and can be made. Errors: capture.not_empty, capture.not_writable.
Status check_capture_folder(const std::string& directory);

/// Writes all or nothing; `manifest` is the text of capture.json. Errors: those of the check, capture.write.
Status write_capture(const std::string& directory, const std::vector<CapturedAnswer>& answers,
                     const std::string& manifest);

}  // namespace kiln
