// Runner: what is different in a run that goes on after its station had died. The decisions are those of
// engine/resume.h.

#include <fmt/format.h>

#include "engine/runner_impl.h"

namespace kiln {

using boost::asio::awaitable;

bool Runner::Impl::keeps(const std::string& dut, const std::string& path) const {
  return parts.resumption != nullptr && is_kept(*parts.resumption, dut, path);
}

bool Runner::Impl::clean_before(const std::string& dut, const std::string& path) const {
  if (parts.resumption == nullptr) return true;
  const auto found = parts.resumption->recorded.find({dut, path});
  return found == parts.resumption->recorded.end() || !found->second.failed;
}

int Runner::Impl::next_attempt(const std::string& dut, const std::string& path, int iteration) const {
  if (parts.resumption == nullptr) return 1;
  const auto found = parts.resumption->recorded.find({dut, path});
  if (found == parts.resumption->recorded.end()) return 1;
  const auto last = found->second.last_attempts.find(iteration);
  return last == found->second.last_attempts.end() ? 1 : last->second + 1;
}

int Runner::Impl::first_iteration(const std::string& dut, const PlannedStep& step) const {
  if (parts.resumption == nullptr || !step.spec.repeat_for) return 1;
  const auto found = parts.resumption->recorded.find({dut, step.path});
  if (found == parts.resumption->recorded.end() || found->second.last_attempts.empty()) return 1;
  const int last = found->second.last_attempts.rbegin()->first;
  return found->second.last_ended ? last + 1 : last;
}

awaitable<void> Runner::Impl::prepare_again() {
  const Resumption& resumption = *parts.resumption;
  for (const Event& event : resumption.beside) {
    Event kept = event;
    const Status recorded = co_await recorder->record_as_it_was(std::move(kept));
    if (!recorded) co_return;
  }
  EventBody resumed = resumption.about;
  const Status first = co_await recorder->record_durable(Where(), std::move(resumed));
  if (!first) co_return;
  if (parts.on_resumed) parts.on_resumed();
  for (const auto& [key, write] : resumption.interrupted_writes) {
    EventBody body = write;
    Where where(key.first, key.second, 1, 1);
    const Status recorded = co_await recorder->record(std::move(where), std::move(body));
    if (!recorded) co_return;
  }
  for (const auto& [key, step] : resumption.steps) {
    EventBody body = step;
    Where where(key.first, key.second, 1, 1);
    const Status recorded = co_await recorder->record(std::move(where), std::move(body));
    if (!recorded) co_return;
  }
}

awaitable<std::optional<SkipReason>> Runner::Impl::why_not_confirmed(DutRun& dut, const PlannedStep& step) {
  if (parts.resumption == nullptr) co_return std::nullopt;
  const auto found = parts.resumption->steps.find({dut.dut.id, step.path});
  if (found == parts.resumption->steps.end() || found->second.policy != ResumePolicy::manual)
    co_return std::nullopt;
  PromptRequest request;
  request.id = "resume " + step.path;
  request.text =
      fmt::format("the run was interrupted; shall '{}' be done again on {} now?", step.path, dut.dut.id);
  Where where(dut.dut.id, step.path, 1, 1);
  const Result<PromptAnswer> answer =
      co_await ask_person(*state, dut, dut.ctx, std::move(where), std::move(request));
  if (answer && answer->confirmed) co_return std::nullopt;
  co_return SkipReason{WorkStatus::aborted, "resume.not_confirmed",
                       fmt::format("'{}' is done again only when a person says so: {}", step.path,
                                   answer ? "the answer was " + answer->text : answer.error().message)};
}

}  // namespace kiln
