// A plugin that does what none may: it throws, on request, wherever Kiln calls it. Never installed;
// bad_input.py puts it beside the real ones. With KILN_THROWS_WHEN_LOADED already its making throws.

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sdk/step.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

class Misbehaving : public Step {
 public:
  Misbehaving(std::string use, bool monitor) {
#ifdef KILN_THROWS_WHEN_LOADED
    throw std::runtime_error("a bug in a constructor");
#endif
    ParameterDeclaration how;
    how.name = "how";
    how.default_text = "throws";
    how.summary = "throws, throws_number, in_check";
    description_.use = std::move(use);
    description_.summary = "throws";
    description_.parameters = {how};
    description_.monitor = monitor;
    description_.leak_watch = monitor;
  }
  const StepDescription& describe() const override { return description_; }

  Status check(const Parameters& with) const override {
    if (with.text("how") == "in_check") throw std::runtime_error("a bug in check");
    return success();
  }

  awaitable<Status> run(StepContext& context) override {
    const Status noted = co_await context.note("about to throw");
    if (!noted) co_return noted;
    if (context.with().text("how") == "throws_number") throw 42;
    throw std::runtime_error("a bug in run");
  }

 private:
  StepDescription description_;
};

class MisbehavingStep final : public Misbehaving {
 public:
  MisbehavingStep() : Misbehaving("misbehaving.step", false) {}
};

class MisbehavingWatch final : public Misbehaving {
 public:
  MisbehavingWatch() : Misbehaving("misbehaving.watch", true) {}
};

}  // namespace
}  // namespace kiln

KILN_PLUGIN("misbehaving", "1.0.0", "throws wherever it is called", ::kiln::MisbehavingStep,
            ::kiln::MisbehavingWatch)
