// Who may sign what, and what it comes to.

#include "model/sign_off.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kLater = 2'000'000'000'000'000'000;

Event event_of(std::int64_t sequence, const std::string& dut, EventBody body) {
  Event event;
  event.sequence = sequence;
  event.dut = dut;
  const bool planned = std::holds_alternative<DutPlanned>(body) || std::holds_alternative<CellPlanned>(body);
  event.step = dut.empty() || planned ? "" : "network/ports";
  event.body = std::move(body);
  return event;
}

Measured reading(const std::string& name, const std::string& code, Outcome outcome, const std::string& part) {
  Measured body;
  body.name = name;
  body.kind = ComponentKind::nic;
  body.part = part;
  body.value = 1.0;
  body.outcome = outcome;
  body.fault_code = code;
  body.limit_text = "≥ 2";
  return body;
}

/// Two trays; on C01 one check of NIC_1 as told, all else passed.
std::vector<Event> run_with(const std::string& name, const std::string& code, Outcome outcome) {
  RunBegun begun;
  begun.rack = "R01";
  begun.purpose = "burn-in";
  begun.operator_name = "B. Nagy";
  StepEnded ended;
  ended.status = WorkStatus::complete;
  RunEnded over;
  over.status = "complete";
  std::vector<Event> events{event_of(1, "", begun)};
  std::int64_t sequence = 1;
  for (const std::string dut : {"C01", "C02"}) {
    DutPlanned planned;
    planned.role = Role::compute_tray;
    events.push_back(event_of(++sequence, dut, planned));
    CellPlanned cell;
    cell.cell = {"network/ports", dut, name, ComponentKind::nic, "NIC_1"};
    events.push_back(event_of(++sequence, dut, cell));
  }
  for (const std::string dut : {"C01", "C02"}) {
    events.push_back(event_of(++sequence, dut, StepBegun{}));
    events.push_back(
        event_of(++sequence, dut, reading(name, code, dut == "C01" ? outcome : Outcome::pass, "NIC_1")));
    events.push_back(event_of(++sequence, dut, ended));
  }
  events.push_back(event_of(++sequence, "", over));
  return events;
}

RunVerdict judged(const std::vector<Event>& events, const std::vector<Waiver>& waivers = {}) {
  VerdictAccumulator accumulator;
  for (const Event& event : events) accumulator.add(event);
  for (const Waiver& waiver : waivers) accumulator.add(waiver);
  return accumulator.verdict();
}

Waiver for_the_nic(const std::string& code = "nic.slow") {
  Waiver waiver;
  waiver.dut = "C01";
  waiver.code = code;
  waiver.part = "NIC_1";
  waiver.reason = "spare ordered";
  waiver.evidence = "T-17";
  waiver.requested_by = "ops@site";
  waiver.approved_by = "qa@site";
  waiver.expires_utc_ns = kLater;
  return waiver;
}

ReviewEntry signed_by(std::int64_t number, ReviewAct act, const std::string& signer,
                      const std::string& decision) {
  ReviewEntry entry;
  entry.number = number;
  entry.act = act;
  entry.signer = signer;
  entry.key = "SHA256:" + signer;
  entry.operator_name = "B. Nagy";
  entry.decision = decision;
  entry.recorded_utc_ns = 1;
  return entry;
}

const std::vector<Event>& all_good() {
  static const std::vector<Event> events = run_with("nic.bandwidth", "nic.slow", Outcome::pass);
  return events;
}
const std::vector<Event>& one_fail() {
  static const std::vector<Event> events = run_with("nic.bandwidth", "nic.slow", Outcome::fail);
  return events;
}

TEST(Waiver, TurnsOneFailIntoAConditionAndNeverIntoAPass) {
  ASSERT_EQ(judged(one_fail()).decision, Decision::no_go);
  const RunVerdict verdict = judged(one_fail(), {for_the_nic()});
  EXPECT_EQ(verdict.decision, Decision::conditional);
  EXPECT_EQ(verdict.counts.failed, 0);
  EXPECT_EQ(verdict.counts.waived, 1);
  EXPECT_EQ(verdict.counts.required, verdict.counts.measured + verdict.counts.not_run);
  ASSERT_EQ(verdict.find("C01")->reasons.size(), 1U);
  EXPECT_EQ(verdict.find("C01")->reasons[0].outcome, Outcome::fail) << "a waived fail is still a fail";
  EXPECT_THAT(verdict.find("C01")->reasons[0].waiver, HasSubstr("qa@site"));
  EXPECT_EQ(exit_code(verdict), 3);
}

TEST(Waiver, IsOnOneFailureOnOneDutAndNoOther) {
  for (Waiver other : {for_the_nic("nic.missing"),
                       [] {
                         Waiver w = for_the_nic();
                         w.dut = "C02";
                         return w;
                       }(),
                       [] {
                         Waiver w = for_the_nic();
                         w.part = "NIC_2";
                         return w;
                       }(),
                       [] {
                         Waiver w = for_the_nic();
                         w.part.clear();
                         return w;
                       }()}) {
    EXPECT_EQ(judged(one_fail(), {other}).decision, Decision::no_go) << to_text(other);
  }
  EXPECT_EQ(judged(all_good(), {for_the_nic()}).decision, Decision::go)
      << "nothing failed, nothing is waived";
}

TEST(Waiver, NobodyWaivesWhatDestroysARack) {
  const std::vector<std::pair<std::string, std::string>> never{
      {"leak.detected", "leak"},
      {"leak_detector.absent", "leak_detector.state"},
      {"over_temperature.gpu", "gpu.max"},
      {"gpu.hot", "gpu.temperature.max"},
      {"coolant.supply_hot", "coolant.x"},
      {"inventory.serial_mismatch", "serial"},
      {"undo.failed", ""},
      {"interlock.telemetry-lost", ""},
      {"exec.failed", "site.leak_sensor"},
      {"coolant.condensation", "x"}};
  for (const auto& [code, measurement] : never) {
    EXPECT_TRUE(why_never_waivable(code, measurement)) << code;
    const std::vector<Event> events =
        run_with(measurement.empty() ? "x.y" : measurement, code, Outcome::fail);
    EXPECT_EQ(judged(events, {for_the_nic(code)}).decision, Decision::no_go) << code;
    const auto why = why_not_waived(for_the_nic(code), judged(events), "B. Nagy", 1);
    ASSERT_TRUE(why) << code;
    EXPECT_THAT(*why, HasSubstr("never")) << code;
  }
  EXPECT_FALSE(why_never_waivable("nic.slow", "nic.bandwidth"));
}

TEST(Waiver, OfAHazardThatWasReadChangesNothing) {
  std::vector<Event> events = one_fail();
  Interlocked cut;
  cut.cause = "nic";
  cut.code = "nic.slow";
  cut.part = "NIC_1";
  cut.hazard_read = true;
  events.push_back(event_of(99, "C01", cut));
  EXPECT_EQ(judged(events, {for_the_nic()}).decision, Decision::no_go);
  EXPECT_TRUE(why_not_waived(for_the_nic(), judged(events), "B. Nagy", 1));
}

TEST(Waiver, HoldsOnlyWhileItMayAndWhoAskedIsNotWhoApproved) {
  ReviewEntry entry = signed_by(1, ReviewAct::waive, "qa@site", "NO-GO");
  entry.waiver = for_the_nic();
  EXPECT_EQ(waivers_in_force({entry}, 1).size(), 1U);
  EXPECT_THAT(waivers_in_force({entry}, kLater), IsEmpty()) << "expired";
  ReviewEntry broken = entry;
  broken.invalid_because = "it was changed";
  EXPECT_THAT(waivers_in_force({broken}, 1), IsEmpty());
  ReviewEntry own = entry;
  own.waiver->requested_by = "QA";
  EXPECT_THAT(waivers_in_force({own}, 1), IsEmpty()) << "QA is qa@site";
  ReviewEntry ran_it = entry;
  ran_it.signer = "bnagy@site";
  EXPECT_THAT(waivers_in_force({ran_it}, 1), IsEmpty()) << "B. Nagy ran it";
  ReviewEntry withdrawn = signed_by(2, ReviewAct::withdraw, "qa@site", "NO-GO");
  withdrawn.withdraws = 1;
  EXPECT_THAT(waivers_in_force({entry, withdrawn}, 1), IsEmpty());
}

TEST(Waiver, ThatCannotBeSaysWhy) {
  const RunVerdict verdict = judged(one_fail());
  const auto why = [&verdict](const std::function<void(Waiver&)>& change) {
    Waiver waiver = for_the_nic();
    change(waiver);
    return why_not_waived(waiver, verdict, "B. Nagy", 1).value_or("");
  };
  EXPECT_EQ(why([](Waiver&) {}), "");
  EXPECT_THAT(why([](Waiver& w) { w.part = "NIC_2"; }), HasSubstr("C01:nic.slow:NIC_1"));
  EXPECT_THAT(why([](Waiver& w) { w.evidence.clear(); }), HasSubstr("evidence"));
  EXPECT_THAT(why([](Waiver& w) { w.requested_by = "qa"; }), HasSubstr("another person"));
  EXPECT_THAT(why([](Waiver& w) { w.requested_by.clear(); }), HasSubstr("asks"));
  EXPECT_THAT(why([](Waiver& w) { w.approved_by = "b-nagy"; }), HasSubstr("has run it"));
  EXPECT_THAT(why([](Waiver& w) { w.expires_utc_ns = 1; }), HasSubstr("expired"));
}

TEST(SignOff, OfARackNeedsTwoPeopleAndNoneOfThemRanIt) {
  const RunVerdict verdict = judged(all_good());
  ASSERT_TRUE(needs_second_person(verdict));
  const auto state = [&verdict](const std::vector<ReviewEntry>& entries) {
    return sign_off_of(verdict, "B. Nagy", entries, {}).state;
  };
  const ReviewEntry approved = signed_by(1, ReviewAct::approve, "qa@site", "GO");
  const ReviewEntry second = signed_by(2, ReviewAct::countersign, "lead@site", "GO");
  EXPECT_EQ(state({}), "unsigned");
  EXPECT_EQ(state({approved}), "unsigned");
  EXPECT_EQ(state({approved, second}), "signed");
  EXPECT_EQ(state({second}), "unsigned") << "nothing to countersign";
  EXPECT_EQ(state({approved, signed_by(2, ReviewAct::countersign, "QA@other", "GO")}), "unsigned");
  EXPECT_EQ(state({approved, signed_by(2, ReviewAct::countersign, "b.nagy@site", "GO")}), "unsigned");
  EXPECT_EQ(state({signed_by(1, ReviewAct::approve, "B.Nagy", "GO"), second}), "unsigned");
  ReviewEntry same_key = second;
  same_key.key = approved.key;
  EXPECT_EQ(state({approved, same_key}), "unsigned") << "two names with one key";
  ReviewEntry broken = second;
  broken.invalid_because = "changed";
  EXPECT_EQ(state({approved, broken}), "unsigned");
}

TEST(SignOff, SaysWhoAndWhatItWaitsFor) {
  const RunVerdict verdict = judged(all_good());
  EXPECT_THAT(sign_off_of(verdict, "x", {}, {}).because, Contains(HasSubstr("nobody has approved")));
  const ReviewEntry approved = signed_by(1, ReviewAct::approve, "qa@site", "GO");
  EXPECT_THAT(sign_off_of(verdict, "x", {approved}, {}).because, Contains(HasSubstr("second person")));
  EXPECT_THAT(sign_off_of(verdict, "x", {approved}, {}).because, Contains(HasSubstr("approved by qa@site")));
}

TEST(SignOff, IsTakenBackByARejectionAWithdrawalAndAChange) {
  const RunVerdict verdict = judged(all_good());
  std::vector<ReviewEntry> entries{signed_by(1, ReviewAct::approve, "qa@site", "GO"),
                                   signed_by(2, ReviewAct::countersign, "lead@site", "GO")};
  ASSERT_EQ(sign_off_of(verdict, "x", entries, {}).state, "signed");
  const SignOff open = sign_off_of(verdict, "x", entries, {"firmware of C01 BMC became 2"});
  EXPECT_EQ(open.state, "unsigned");
  EXPECT_THAT(open.because, Contains(HasSubstr("open again: firmware of C01")));
  std::vector<ReviewEntry> rejected = entries;
  rejected.push_back(signed_by(3, ReviewAct::reject, "third@site", "GO"));
  EXPECT_EQ(sign_off_of(verdict, "x", rejected, {}).state, "rejected");
  EXPECT_THAT(why_not(ReviewAct::approve, "fourth", "", verdict, "x", rejected).value_or(""),
              HasSubstr("rejection"));
  ReviewEntry withdrawn = signed_by(4, ReviewAct::withdraw, "qa@site", "GO");
  withdrawn.withdraws = 1;
  entries.push_back(withdrawn);
  EXPECT_EQ(sign_off_of(verdict, "x", entries, {}).state, "unsigned");
}

TEST(SignOff, OfWhatItWasThenIsNoneOfWhatItIsNow) {
  const ReviewEntry approved = signed_by(2, ReviewAct::approve, "qa@site", "CONDITIONAL");
  const ReviewEntry second = signed_by(3, ReviewAct::countersign, "lead@site", "CONDITIONAL");
  EXPECT_EQ(sign_off_of(judged(one_fail(), {for_the_nic()}), "x", {approved, second}, {}).state, "signed");
  const SignOff expired = sign_off_of(judged(one_fail()), "x", {approved, second}, {});
  EXPECT_EQ(expired.state, "unsigned");
  EXPECT_THAT(expired.because, Contains(HasSubstr("NO-GO now")));
}

TEST(SignOff, OfARunThatIsNotEligibleIsNone) {
  RunVerdict verdict = judged(all_good());
  verdict.not_eligible_because = {"simulated rack"};
  const std::vector<ReviewEntry> entries{signed_by(1, ReviewAct::approve, "qa@site", "GO"),
                                         signed_by(2, ReviewAct::countersign, "lead@site", "GO")};
  const SignOff result = sign_off_of(verdict, "x", entries, {});
  EXPECT_EQ(result.state, "not-eligible");
  EXPECT_EQ(result.because.front(), "simulated rack");
  RunReviews reviews;
  reviews.entries = entries;
  reviews.problems = {"the trail was cut"};
  verdict.not_eligible_because.clear();
  put_sign_off(verdict, "x", reviews);
  EXPECT_EQ(verdict.sign_off, "unsigned") << "what is missing from a trail may be a rejection";
}

TEST(SignOff, ARejectionWhoseKeyIsNoLongerAllowedDoesNotMakeASignedRun) {
  RunReviews reviews;
  reviews.entries = {signed_by(1, ReviewAct::approve, "qa@site", "GO"),
                     signed_by(2, ReviewAct::countersign, "lead@site", "GO"),
                     signed_by(3, ReviewAct::reject, "third@site", "GO")};
  RunVerdict rejected = judged(all_good());
  put_sign_off(rejected, "x", reviews);
  EXPECT_EQ(rejected.sign_off, "rejected");
  reviews.entries[2].invalid_because = "no principal matched";
  RunVerdict verdict = judged(all_good());
  put_sign_off(verdict, "x", reviews);
  EXPECT_EQ(verdict.sign_off, "unsigned");
  EXPECT_THAT(verdict.sign_off_because, Contains(HasSubstr("entry 3 (reject) does not hold")));
  reviews.entries.pop_back();
  RunVerdict good = judged(all_good());
  put_sign_off(good, "x", reviews);
  EXPECT_EQ(good.sign_off, "signed");
}

TEST(SignOff, NoGoAndIncompleteCannotBeApproved) {
  EXPECT_THAT(why_not(ReviewAct::approve, "qa", "", judged(one_fail()), "x", {}).value_or(""),
              HasSubstr("NO-GO"));
  std::vector<Event> missing = all_good();
  std::erase_if(missing, [](const Event& event) {
    return event.dut == "C02" && std::holds_alternative<Measured>(event.body);
  });
  EXPECT_THAT(why_not(ReviewAct::approve, "qa", "", judged(missing), "x", {}).value_or(""),
              HasSubstr("INCOMPLETE"));
  std::vector<Event> goes_on = all_good();
  goes_on.pop_back();
  EXPECT_THAT(why_not(ReviewAct::reject, "qa", "", judged(goes_on), "x", {}).value_or(""),
              HasSubstr("not ended"));
  EXPECT_THAT(why_not(ReviewAct::reject, "b nagy", "", judged(all_good()), "B. Nagy", {}).value_or(""),
              HasSubstr("has run it"));
  EXPECT_FALSE(why_not(ReviewAct::approve, "qa", "", judged(all_good()), "B. Nagy", {}));
}

TEST(SamePerson, IsFoundWhateverTheSpelling) {
  EXPECT_TRUE(same_person("B. Nagy", "b.nagy@site"));
  EXPECT_TRUE(same_person("b-nagy@one", "BNagy@two"));
  EXPECT_TRUE(same_person("nagy@site", "B. Nagy"));
  EXPECT_FALSE(same_person("a.nagy@site", "B. Nagy"));
  EXPECT_FALSE(same_person("qa@site", "qa.lead@site"));
  EXPECT_FALSE(same_person("nagy", "kiss"));
  EXPECT_FALSE(same_person("", ""));
  EXPECT_FALSE(same_person("@", "@"));
}

TEST(ReviewAct, WordsComeBack) {
  for (const ReviewAct act :
       {ReviewAct::approve, ReviewAct::countersign, ReviewAct::reject, ReviewAct::waive, ReviewAct::withdraw})
    EXPECT_EQ(review_act_from(to_string(act)), act);
  EXPECT_FALSE(review_act_from("sign"));
}

}  // namespace
}  // namespace kiln
