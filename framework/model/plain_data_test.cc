// The words of the closed lists and the selector: what files, ledger and reports agree on.
#include <gtest/gtest.h>

#include <set>

#include "model/event.h"
#include "model/permit.h"
#include "model/recipe.h"

namespace kiln {
namespace {

TEST(Words, EveryValueHasOneWordAndTheWordLeadsBack) {
  for (const auto& word : role_names()) EXPECT_EQ(to_string(role_from(word).value()), word);
  for (const auto& word : component_kind_names())
    EXPECT_EQ(to_string(component_kind_from(word).value()), word);
  for (const auto& word : purpose_names()) EXPECT_EQ(to_string(purpose_from(word).value()), word);
  EXPECT_EQ(role_names().size(), 6U);
  EXPECT_EQ(component_kind_names().size(), 15U);
  EXPECT_EQ(to_string(Purpose::bring_up), "bring-up");
  EXPECT_FALSE(role_from("Compute_tray").has_value());
  for (const auto status : {WorkStatus::complete, WorkStatus::error, WorkStatus::aborted,
                            WorkStatus::interlocked, WorkStatus::skipped}) {
    EXPECT_EQ(work_status_from(to_string(status)), status);
  }
  for (const auto outcome : {Outcome::pass, Outcome::marginal, Outcome::fail, Outcome::unset,
                             Outcome::skipped, Outcome::informational}) {
    EXPECT_EQ(outcome_from(to_string(outcome)), outcome);
  }
  EXPECT_EQ(to_string(Energy::host_stress), "host_stress");
}

template <std::size_t I = 0>
void collect_names(std::set<std::string>& names) {
  if constexpr (I < std::variant_size_v<EventBody>) {
    names.emplace(kind_name(EventBody(std::in_place_index<I>)));
    collect_names<I + 1>(names);
  }
}

TEST(Events, EveryKindHasItsOwnName) {
  std::set<std::string> names;
  collect_names(names);
  EXPECT_EQ(names.size(), std::variant_size_v<EventBody>);
}

TEST(Events, WhatSafetyAndVerdictNeedIsCommittedAtOnce) {
  Measured failed;
  failed.outcome = Outcome::fail;
  Measured passed;
  passed.outcome = Outcome::pass;
  EXPECT_TRUE(needs_durable_commit(failed));
  EXPECT_FALSE(needs_durable_commit(passed));
  for (const EventBody& body :
       {EventBody{Interlocked{}}, EventBody{DetectorMasked{}}, EventBody{StepEnded{}}, EventBody{RunBegun{}},
        EventBody{RunEnded{}}, EventBody{PermitGranted{}}, EventBody{GuardOpened{}}, EventBody{GuardClosed{}},
        EventBody{PromptAnswered{}}, EventBody{StopRequested{}}}) {
    EXPECT_TRUE(needs_durable_commit(body)) << kind_name(body);
  }
  EXPECT_FALSE(needs_durable_commit(SeriesChunk{}));
}

Dut tray(const std::string& id, int slot) {
  Dut dut;
  dut.id = id;
  dut.role = Role::compute_tray;
  dut.slot = slot;
  dut.labels = {{"row", "a"}};
  return dut;
}

TEST(Selector, AnEmptyOneMatchesNothingAndAllMatchesEverything) {
  EXPECT_FALSE(Selector{}.matches(tray("C01", 11)));
  Selector all;
  all.all = true;
  EXPECT_TRUE(all.matches(tray("C01", 11)));
  EXPECT_FALSE(all.is_rack_scope());
}

TEST(Selector, EveryCriterionMustHold) {
  Selector selector;
  selector.roles = {Role::compute_tray, Role::switch_tray};
  selector.slot_from = 11;
  selector.slot_to = 18;
  EXPECT_TRUE(selector.matches(tray("C01", 11)));
  EXPECT_TRUE(selector.matches(tray("C08", 18)));
  EXPECT_FALSE(selector.matches(tray("C09", 28)));
  selector.labels = {{"row", "b"}};
  EXPECT_FALSE(selector.matches(tray("C01", 11)));
  selector.labels = {{"row", "a"}};
  selector.ids = {"C02"};
  EXPECT_FALSE(selector.matches(tray("C01", 11)));
  Dut loose = tray("C02", 11);
  EXPECT_TRUE(selector.matches(loose));
  loose.slot.reset();
  EXPECT_FALSE(selector.matches(loose)) << "a DUT without a slot is in no slot range";
}

TEST(Selector, RackScopeIsTheRackAlone) {
  Selector rack;
  rack.roles = {Role::rack};
  EXPECT_TRUE(rack.is_rack_scope());
  rack.roles.push_back(Role::cdu);
  EXPECT_FALSE(rack.is_rack_scope());
}

TEST(Place, PrintsWhatIsKnown) {
  EXPECT_EQ((Place{"a.yaml", 12, 7}.text()), "a.yaml:12:7");
  EXPECT_EQ((Place{"a.yaml", 0, 0}.text()), "a.yaml");
}

TEST(Expectation, ListsPartsByKind) {
  Expectation expect;
  expect.components = {{ComponentKind::gpu, "GPU_0", "", ""},
                       {ComponentKind::cpu, "CPU_0", "", ""},
                       {ComponentKind::gpu, "GPU_1", "", ""}};
  const auto gpus = expect.of_kind(ComponentKind::gpu);
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[1]->name, "GPU_1");
}

}  // namespace
}  // namespace kiln
