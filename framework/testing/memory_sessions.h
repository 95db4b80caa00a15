#pragma once
// OpenSessions without a disk: what a test put there as left, and what became of it. Loop thread only.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bmc/open_sessions.h"

namespace kiln {

class MemorySessions final : public OpenSessions {
 public:
  std::vector<OpenSession> open, left_open;

  void opened(const OpenSession& session) override { open.push_back(session); }
  void ended(const OpenSession& session) override { strike(open, session); }
  [[nodiscard]] std::vector<OpenSession> left(const std::string& bmc) const override {
    std::vector<OpenSession> found = left_open;
    std::erase_if(found, [&bmc](const OpenSession& one) { return one.bmc != bmc; });
    return found;
  }
  void settled(const OpenSession& session) override { strike(left_open, session); }

 private:
  static void strike(std::vector<OpenSession>& from, const OpenSession& session) {
    const auto found = std::find(from.begin(), from.end(), session);
    if (found != from.end()) from.erase(found);
  }
};

}  // namespace kiln
