#include "station/screen/run_progress.h"

#include <algorithm>

namespace kiln {

Sign DutProgress::sign() const {
  if (waiting) return Sign::waiting;
  if (cut || fails > 0) return Sign::fail;
  if (not_done > 0) return Sign::unknown;
  if (!over) return step.empty() ? Sign::idle : Sign::running;
  if (unproved > 0) return Sign::unknown;
  return marginals > 0 ? Sign::marginal : Sign::pass;
}

std::string DutProgress::word() const {
  if (waiting) return "WAITING";
  if (cut) return "CUT";
  if (fails > 0) return "FAIL";
  if (not_done > 0) return over ? "INCOMPLETE" : "ERROR";
  if (!over) return step.empty() ? "IDLE" : "RUNNING";
  if (unproved > 0) return "INCOMPLETE";
  return marginals > 0 ? "MARGINAL" : "PASS";
}

RunProgress::RunProgress(const Plan& plan) {
  for (const auto& id : plan.duts) {
    const Dut* dut = plan.inventory.find(id);
    if (dut == nullptr) continue;
    DutProgress made;
    made.id = id;
    made.role = dut->role;
    made.slot = dut->slot;
    duts_.push_back(std::move(made));
  }
  std::stable_sort(duts_.begin(), duts_.end(), [](const DutProgress& left, const DutProgress& right) {
    return left.slot.value_or(-1) > right.slot.value_or(-1);
  });
  bool rack_steps = false;
  const auto take = [&](const PlannedStep& step) {
    const int iterations = step.spec.repeat_for ? 0 : step.spec.repeat;
    if (step.rack_scope) {
      rack_steps = true;
      planned_[{plan.rack.id, step.path}] = iterations;
      planned_duts_[step.path] = 1;
      return;
    }
    for (const auto& dut : step.duts) planned_[{dut, step.path}] = iterations;
    planned_duts_[step.path] = step.duts.size();
  };
  for (const auto& phase : plan.phases) {
    for (const auto* steps : {&phase.setup, &phase.steps, &phase.teardown}) {
      for (const auto& step : *steps) take(step);
    }
  }
  for (const auto& step : plan.teardown) take(step);
  for (const auto& monitor : plan.monitors) monitors_.insert(monitor.path);
  if (rack_steps) {
    DutProgress made;
    made.id = plan.rack.id;
    made.role = Role::rack;
    duts_.push_back(std::move(made));
  }
  for (const auto& planned : plan.cells) {
    const Cell& cell = planned.cell;
    DutProgress* dut = mutable_find(cell.dut);
    if (dut != nullptr && unproved_.emplace(cell.dut, cell.step, cell.measurement, cell.part).second)
      ++dut->unproved;
  }
}

DutProgress* RunProgress::mutable_find(const std::string& id) {
  const auto found =
      std::find_if(duts_.begin(), duts_.end(), [&id](const DutProgress& dut) { return dut.id == id; });
  return found == duts_.end() ? nullptr : &*found;
}

const DutProgress* RunProgress::find(const std::string& id) const {
  const auto found =
      std::find_if(duts_.begin(), duts_.end(), [&id](const DutProgress& dut) { return dut.id == id; });
  return found == duts_.end() ? nullptr : &*found;
}

void RunProgress::on_event(const Event& event) {
  DutProgress* dut = mutable_find(event.dut);
  if (dut == nullptr) return;
  const bool of_monitor = monitors_.contains(event.step);
  if (std::holds_alternative<StepBegun>(event.body)) {
    if (of_monitor) return;
    dut->step = event.step;
    dut->in_step = true;
    dut->step_began = event.at.monotonic_ns;
    dut->detail.clear();
    const StepOfDut key{event.dut, event.step};
    running_[key] = event.at.monotonic_ns;
    first_began_.try_emplace(key, event.at.monotonic_ns);
  } else if (const auto* ended = std::get_if<StepEnded>(&event.body)) {
    if (of_monitor) {
      if (ended->status != WorkStatus::complete) ++dut->not_done;
      return;
    }
    on_step_ended(*dut, event, *ended);
  } else if (std::holds_alternative<Retried>(event.body)) {
    // What ended in error is tried again: it has neither ended nor failed.
    if (dut->not_done > 0) --dut->not_done;
    finished_.erase({event.dut, event.step});
    const auto found = ended_.find({event.dut, event.step});
    if (found != ended_.end() && found->second > 0) --found->second;
    dut->over = false;
  } else if (const auto* measured = std::get_if<Measured>(&event.body)) {
    if (measured->outcome == Outcome::fail) ++dut->fails;
    if (measured->outcome == Outcome::marginal) ++dut->marginals;
    const bool judged = measured->outcome == Outcome::pass || measured->outcome == Outcome::marginal ||
                        measured->outcome == Outcome::fail;
    if (judged && unproved_.erase({event.dut, event.step, measured->name, measured->part}) > 0)
      --dut->unproved;
  } else if (std::holds_alternative<Interlocked>(event.body)) {
    dut->cut = true;
  } else if (std::holds_alternative<GuardOpened>(event.body)) {
    ++dut->open_undos;
  } else if (const auto* closed = std::get_if<GuardClosed>(&event.body)) {
    if (closed->done && dut->open_undos > 0) --dut->open_undos;
    if (!closed->done) ++dut->not_done;
  }
}

void RunProgress::on_step_ended(DutProgress& dut, const Event& event, const StepEnded& ended) {
  const StepOfDut key{event.dut, event.step};
  running_.erase(key);
  if (dut.step == event.step) dut.in_step = false;
  if (ended.status != WorkStatus::complete) ++dut.not_done;
  const int iterations = ++ended_[key];
  const auto planned = planned_.find(key);
  const bool by_time = planned != planned_.end() && planned->second == 0;
  // Repeated by time, nobody knows the last one: it is over when something else begins or the DUT ends.
  if (ended.status != WorkStatus::complete || by_time ||
      (planned != planned_.end() && iterations >= planned->second)) {
    finished_.insert(key);
  }
  note_if_over(dut);
}

void RunProgress::note_if_over(DutProgress& dut) {
  dut.over = std::all_of(planned_.begin(), planned_.end(), [&](const auto& planned) {
    return planned.first.first != dut.id || finished_.contains(planned.first);
  });
  if (dut.over) dut.detail.clear();
}

void RunProgress::on_progress(const std::string& dut, const std::string& step, const std::string& text) {
  DutProgress* found = mutable_find(dut);
  if (found != nullptr && found->step == step && found->in_step) found->detail = text;
}

void RunProgress::set_waiting(const std::string& dut, bool waiting) {
  if (DutProgress* found = mutable_find(dut)) found->waiting = waiting;
}

std::int64_t RunProgress::running_since(const std::string& dut, const std::string& path) const {
  const StepOfDut key{dut, path};
  const auto found = running_.find(key);
  if (found == running_.end()) return 0;
  const auto planned = planned_.find(key);
  const bool by_time = planned != planned_.end() && planned->second == 0;
  return by_time ? first_began_.at(key) : found->second;
}

bool RunProgress::has_ended(const std::string& dut, const std::string& path) const {
  return finished_.contains({dut, path}) && !running_.contains({dut, path});
}

std::pair<std::size_t, std::size_t> RunProgress::ended_of(const std::string& path) const {
  std::size_t ended = 0;
  for (const auto& [dut, step] : finished_)
    if (step == path) ++ended;
  const auto planned = planned_duts_.find(path);
  return {ended, planned == planned_duts_.end() ? 0 : planned->second};
}

std::vector<std::string> RunProgress::energised() const {
  std::vector<std::string> names;
  for (const auto& dut : duts_) {
    if (dut.open_undos > 0) names.push_back(dut.id);
  }
  return names;
}

}  // namespace kiln
