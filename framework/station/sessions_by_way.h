#pragma once
// The sessions at BMCs behind one jump host, kept apart from those at the same URL elsewhere: what is noted
// of them names the jump host as well (model/bmc_place.h). Loop thread only.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bmc/open_sessions.h"

namespace kiln {

class SessionsByWay final : public OpenSessions {
 public:
  /// `way`: bmc_way().
  SessionsByWay(std::shared_ptr<OpenSessions> kept, std::string way)
      : kept_(std::move(kept)), way_(std::move(way)) {}

  void opened(const OpenSession& session) override { kept_->opened(placed(session)); }
  void ended(const OpenSession& session) override { kept_->ended(placed(session)); }
  [[nodiscard]] std::vector<OpenSession> left(const std::string& bmc) const override {
    std::vector<OpenSession> found = kept_->left(bmc + way_);
    for (OpenSession& session : found) session.bmc = bmc;
    return found;
  }
  void settled(const OpenSession& session) override { kept_->settled(placed(session)); }

 private:
  [[nodiscard]] OpenSession placed(OpenSession session) const {
    session.bmc += way_;
    return session;
  }

  std::shared_ptr<OpenSessions> kept_;
  std::string way_;
};

}  // namespace kiln
