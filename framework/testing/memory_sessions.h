#pragma once
// OpenSessions without a disk: what a test put there as left, and what became of it. Loop thread only.

#include <string>
#include <utility>
#include <vector>

#include "bmc/open_sessions.h"

namespace kiln {

class MemorySessions final : public OpenSessions {
 public:
  std::vector<OpenSession> open, left_open;

  void opened(const OpenSession& session) override { open.push_back(session); }
  void ended(const std::string& bmc, const std::string& uri) override { strike(open, bmc, uri); }
  [[nodiscard]] std::vector<OpenSession> left(const std::string& bmc) const override {
    std::vector<OpenSession> found = left_open;
    std::erase_if(found, [&bmc](const OpenSession& one) { return one.bmc != bmc; });
    return found;
  }
  void settled(const std::string& bmc, const std::string& uri) override { strike(left_open, bmc, uri); }

 private:
  static void strike(std::vector<OpenSession>& from, const std::string& bmc, const std::string& uri) {
    std::erase_if(from, [&](const OpenSession& one) { return one.bmc == bmc && one.uri == uri; });
  }
};

}  // namespace kiln
