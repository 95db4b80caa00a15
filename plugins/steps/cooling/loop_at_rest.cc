#include "loop_at_rest.h"

#include <fmt/format.h>

namespace kiln::cooling {

using boost::asio::awaitable;

std::vector<std::string> secondary_connections(const Dut& dut) {
  std::vector<std::string> names;
  if (dut.role != Role::cdu) return names;
  for (const Component* one : dut.expect.of_kind(ComponentKind::coolant_connector)) {
    // "<CDU>/Primary" or "<CDU>/Primary_<Id>" (bmc/cooling.h)
    if (one->name.find("/Primary") == std::string::npos) names.push_back(one->name);
  }
  return names;
}

awaitable<Status> loop_is_unused(StepContext& context) {
  // Also those that are no longer in the run, or never were: they are in the loop all the same.
  for (const Dut& dut : context.inventory().duts) {
    const bool in_loop = dut.role != Role::cdu && dut.role != Role::power_shelf && dut.role != Role::rack;
    if (!in_loop) continue;
    const std::string id = dut.id;
    const Result<Bmc*> bmc = context.bmc_of(id);
    if (!bmc) co_return bmc.error();
    const Result<PowerState> power = co_await (*bmc)->power_state(context.ctx());
    if (!power) co_return power.error();
    if (*power == PowerState::off) continue;
    co_return Error("cooling.loop_in_use",
                    fmt::format("{} is not off ({}): no pump is stopped under it", id, to_string(*power)),
                    "switch it off first", Blame::recipe);
  }
  co_return success();
}

awaitable<Result<Handiwork>> ask_for(StepContext& context, std::string id, std::string text) {
  PromptRequest request;
  request.id = std::move(id);
  request.text = std::move(text);
  request.answer = PromptRequest::Answer::confirm;
  request.timeout = context.with().duration("patience");
  request.on_timeout = PromptRequest::OnTimeout::fail;
  const Result<PromptAnswer> answer = co_await context.prompt(std::move(request));
  Handiwork work;
  if (!answer && !answer.error().code.starts_with("prompt.")) co_return answer.error();
  if (!answer) {
    work.why = answer.error().message;
    co_return work;
  }
  work.by = answer->by;
  work.done = answer->confirmed;
  if (!work.done) work.why = fmt::format("{} could not do it: {}", answer->by, answer->text);
  co_return work;
}

}  // namespace kiln::cooling
