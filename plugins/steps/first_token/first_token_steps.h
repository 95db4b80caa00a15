#pragma once
// The step of this folder. See README.md.

#include "sdk/step.h"

namespace kiln::first_token {

class Serve final : public Step {
 public:
  [[nodiscard]] const StepDescription& describe() const override;
  [[nodiscard]] Status check(const Parameters& with) const override;
  boost::asio::awaitable<Status> run(StepContext& context) override;
};

}  // namespace kiln::first_token
