// What a BMC must refuse. The cases are those of OCP's CTAM (Compliance Tool for Accelerator Management),
// firmware update group: unsigned, corrupt, for another device, too large, the same again, older, power lost
// while staging.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <utility>

#include "firmware_steps.h"
#include "image.h"
#include "install.h"
#include "installed_record.h"

namespace kiln::firmware {

using boost::asio::awaitable;

namespace {

enum class Case { corrupt, truncated, is_unsigned, wrong_target, oversize, older, same_image, power_loss };
struct CaseFacts {
  Case value;
  const char* word;
  const char* parameter;  ///< of the image that a person must give; empty: made from the baseline's
};
constexpr std::array<CaseFacts, 8> kCases{{{Case::corrupt, "corrupt", ""},
                                           {Case::truncated, "truncated", ""},
                                           {Case::is_unsigned, "unsigned", "unsigned"},
                                           {Case::wrong_target, "wrong_target", "wrong_target"},
                                           {Case::oversize, "oversize", ""},
                                           {Case::older, "older", "older"},
                                           {Case::same_image, "same_image", ""},
                                           {Case::power_loss, "power_loss", ""}}};

std::vector<std::string> case_words() {
  std::vector<std::string> words;
  for (const CaseFacts& one : kCases) words.emplace_back(one.word);
  return words;
}

const CaseFacts* facts_of(const std::string& word) {
  const auto found =
      std::find_if(kCases.begin(), kCases.end(), [&word](const CaseFacts& one) { return word == one.word; });
  return found == kCases.end() ? nullptr : &*found;
}

std::vector<std::string> chosen_cases(const Parameters& with) {
  const std::vector<std::string> chosen = with.list("cases");
  return chosen.empty() ? case_words() : chosen;
}

const FirmwareTarget* target_of(const Dut& dut, const std::string& component) {
  for (const FirmwareTarget& target : dut.firmware_targets) {
    if (target.component == component) return &target;
  }
  return nullptr;
}

/// The image of one case. Errors: those of reading it.
awaitable<Result<std::string>> image_of(const StepContext& context, const CaseFacts& facts,
                                        FirmwareTarget target) {
  const Parameters& with = context.with();
  if (*facts.parameter != '\0') {
    namespace fs = std::filesystem;
    FirmwareTarget other = target;
    fs::path file = with.text(facts.parameter);
    if (file.is_relative()) file = fs::path(target.image).parent_path() / file;
    other.image = file.string();
    other.sha256.clear();  // it is not the baseline's
    Result<std::string> bad = co_await read_image(context.ctx(), std::move(other));
    co_return bad;
  }
  Result<std::string> good = co_await read_image(context.ctx(), std::move(target));
  if (!good) co_return good;
  switch (facts.value) {
    case Case::corrupt:  // one bit, in the middle, where no header is
      (*good)[good->size() / 2] = static_cast<char>((*good)[good->size() / 2] ^ 0x01);
      break;
    case Case::truncated:
      good->resize(good->size() / 2);
      break;
    case Case::oversize: {
      constexpr std::size_t kMebi = 1024 * 1024;
      good->resize(static_cast<std::size_t>(with.integer("oversize_mib")) * kMebi, '\0');
      break;
    }
    default:
      break;
  }
  co_return good;
}

/// How one image was taken.
class Taken {
 public:
  bool refused = false;
  std::string how;  ///< what the BMC said
};

/// One case under way; lives in run_case() until it is over.
class Attempt {
 public:
  Attempt(StepContext& step, const Permit& leave, const CaseFacts& which, UpdateRequest what)
      : context(step), flash(leave), facts(which), request(std::move(what)) {}
  StepContext& context;
  const Permit& flash;
  const CaseFacts& facts;
  UpdateRequest request;
  Taken taken;
};

/// What the answer to a bad image means. An exchange that failed otherwise says nothing.
Result<Taken> read_answer(const CaseFacts& facts, const Result<UpdateOutcome>& outcome) {
  Taken taken;
  if (outcome) {
    taken.refused = !outcome->task_ok && !outcome->task_vanished;
    taken.how = fmt::format("task {} {}", outcome->task_state, outcome->message);
    return taken;
  }
  const Error& error = outcome.error();
  // Who takes no more bytes than it wants closes the connection while they are sent.
  const bool closed =
      facts.value == Case::oversize && (error.code == "bmc.unreachable" || error.code.starts_with("jump."));
  if (error.code != "bmc.refused" && error.code != "firmware.image_too_large" && !closed) return error;
  taken.refused = true;
  taken.how = error.message;
  return taken;
}

awaitable<Status> send_bad_image(Attempt& attempt, Ctx& ctx, Bmc& bmc) {
  std::function<void(const UpdateProgress&)> nobody;
  UpdateRequest request = std::move(attempt.request);
  const Result<UpdateOutcome> outcome =
      co_await bmc.update_firmware(ctx, attempt.flash, std::move(request), std::move(nobody));
  Result<Taken> taken = read_answer(attempt.facts, outcome);
  if (!taken) co_return taken.error();
  attempt.taken = std::move(*taken);
  co_return success();
}

/// After whatever was sent: the component answers, runs what it ran, and nothing about it is critical.
awaitable<Result<std::string>> what_is_harmed(StepContext& context, Bmc& bmc, const FirmwareTarget& target,
                                              const Running& before) {
  FirmwareTarget asked = target;
  Doors doors = doors_of(context, bmc);
  const Result<Running> now = co_await read_running_one(context.ctx(), doors, std::move(asked));
  if (!now) co_return now.error();
  std::string harm;
  if (now->version.empty()) harm = now->why_none;
  if (!now->version.empty() && !same_version(now->version, before.version, target.version_fields))
    harm = fmt::format("it runs {} now, and ran {} before", now->version, before.version);
  co_return harm;
}

awaitable<Status> record_case(StepContext& context, const FirmwareTarget& target, const std::string& name,
                              std::string word, std::string reason) {
  Value value = std::move(word);
  Reading reading("firmware.refuses." + name, target.component, std::move(value),
                  Source{"redfish", "UpdateService and FirmwareInventory/" + target.component});
  reading.action = std::move(reason);
  const Result<Outcome> judged = co_await context.record(std::move(reading));
  if (!judged) co_return judged.error();
  co_return success();
}

/// Sends a bad image. "refused" and unharmed is what passes.
awaitable<Status> run_bad_image(StepContext& context, Bmc& bmc, const FirmwareTarget& target,
                                const CaseFacts& facts, const Running& before) {
  FirmwareTarget whose = target;
  Result<std::string> image = co_await image_of(context, facts, std::move(whose));
  if (!image) co_return image.error();
  const Result<Permit> leave =
      context.permit(Energy::flash, fmt::format("{}: {}", target.component, facts.word));
  if (!leave) co_return leave.error();
  UpdateRequest request;
  request.component = target.component;
  request.image_name = fmt::format("{}-{}.fw", target.component, facts.word);
  request.image = std::move(*image);
  request.targets = target.targets;
  request.image_type = target.image_type;
  request.check_size = false;
  Attempt attempt(context, *leave, facts, std::move(request));
  std::function<awaitable<Status>(Ctx&, Bmc&)> write = [&attempt](Ctx& ctx, Bmc& raw) {
    return send_bad_image(attempt, ctx, raw);
  };
  const Status sent =
      co_await context.flash(target.component, flash_budget(context, target), std::move(write));
  if (!sent) co_return sent;
  const Result<std::string> harm = co_await what_is_harmed(context, bmc, target, before);
  if (!harm) co_return harm.error();
  std::string word = attempt.taken.refused ? "refused" : "accepted";
  if (!harm->empty()) word = "harmed";
  std::string told =
      fmt::format("{}: {}", attempt.taken.how, harm->empty() ? std::string("it runs what it ran") : *harm);
  const Status noted = co_await context.note(fmt::format("{} of {}: {}", facts.word, target.component, told));
  if (!noted) co_return noted;
  if (word == "accepted") {
    told += "; before its next restart write the right image over it: what waits there would be activated";
  }
  const Status judged = co_await record_case(context, target, facts.word, std::move(word), std::move(told));
  co_return judged;
}

/// The same image again: taken or left out as the same, and it runs what it ran.
awaitable<Status> run_same_image(StepContext& context, const FirmwareTarget& target, const Running& before) {
  FirmwareTarget again = target;
  Running was = before;
  std::function<awaitable<Status>()> nothing_before;
  Result<Running> after =
      co_await install(context, std::move(again), std::move(was), std::move(nothing_before));
  if (!after) co_return after.error();
  if (after->restart.is_missing()) {
    co_return Error("firmware.no_restart_evidence",
                    fmt::format("nobody can say what {} runs after the same image again: {}",
                                target.component, after->restart.why_none),
                    "restart the host by hand, and run the step again");
  }
  const bool same = is_wanted(after->version, target);
  std::string word = same ? "unharmed" : "harmed";
  std::string told = fmt::format("after the same image again it runs {}", after->version);
  const Status judged = co_await record_case(context, target, "same_image", std::move(word), std::move(told));
  co_return judged;
}

/// Cuts all power once the write has come far enough, as CTAM's "AC reset during staging".
class PowerLoss {
 public:
  PowerLoss(StepContext& step, const Permit& leave, const Permit& cycle, UpdateRequest what)
      : context(step), flash(leave), power(cycle), request(std::move(what)) {}
  StepContext& context;
  const Permit& flash;
  const Permit& power;
  UpdateRequest request;
  int at_percent = 0;
  bool cut_while_writing = false;
};

awaitable<Status> write_and_lose_power(PowerLoss& loss, Ctx& ctx, Bmc& bmc) {
  constexpr int kFarEnough = 30;  // percent
  const Ctx writing = ctx.child("write until the power goes");
  std::function<void(const UpdateProgress&)> on_progress = [&loss, &writing](const UpdateProgress& progress) {
    loss.at_percent = progress.percent.value_or(loss.at_percent);
    if (loss.at_percent < kFarEnough || writing.stopped()) return;
    loss.cut_while_writing = true;
    writing.request_stop(StopReason::parked, "the power goes now");
  };
  UpdateRequest request = std::move(loss.request);
  const Result<UpdateOutcome> outcome =
      co_await bmc.update_firmware(writing, loss.flash, std::move(request), std::move(on_progress));
  if (!outcome && !loss.cut_while_writing) co_return outcome.error();
  const Status cycled = co_await bmc.full_power_cycle(ctx, loss.power);
  co_return cycled;
}

/// Accepted is not done: until the BMC has gone, what it answers is from before.
awaitable<Status> wait_until_it_is_gone(StepContext& context, Bmc& bmc, const FirmwareTarget& target) {
  constexpr Nanoseconds kPowerGoneWithin = std::chrono::seconds(60);
  const Ctx waiting = context.ctx().child_within("BMC goes", kPowerGoneWithin);
  while (true) {
    FirmwareTarget asked = target;
    Doors doors = doors_of(context, bmc);
    const Ctx look = waiting.child_within("look", std::chrono::seconds(2));
    const Result<Running> now = co_await read_running_one(look, doors, std::move(asked));
    const bool silent = !now || now->version.empty();
    if (silent && !waiting.stopped()) co_return success();
    const Status waited = co_await waiting.sleep_for(std::chrono::milliseconds(100));
    if (waited) continue;
    if (context.ctx().stopped()) co_return waited;
    co_return Error(
        "firmware.power_not_lost",
        fmt::format("the BMC of {} accepted a full power cycle and never went away", context.dut().id),
        "take its power away by other means, or leave this case out", Blame::peer);
  }
}

awaitable<Result<Running>> wait_until_it_answers(StepContext& context, Bmc& bmc,
                                                 const FirmwareTarget& target) {
  const Ctx waiting = context.ctx().child_within("BMC after the loss of power", target.active_within);
  Result<Running> last = Error("firmware.not_read", "nothing was read after the loss of power");
  while (true) {
    FirmwareTarget asked = target;
    Doors doors = doors_of(context, bmc);
    last = co_await read_running_one(waiting, doors, std::move(asked));
    if (last && !last->version.empty()) co_return last;
    const Status waited = co_await waiting.sleep_for(std::chrono::seconds(1));
    if (!waited) co_return last;
  }
}

awaitable<Status> run_power_loss(StepContext& context, Bmc& bmc, const FirmwareTarget& target,
                                 const Running& before) {
  // Before a write is begun that nothing could then take the power from.
  const Status offered = co_await bmc.offers(context.ctx(), BmcAbility::full_power_cycle);
  if (!offered) co_return offered.error();
  FirmwareTarget whose = target;
  Result<std::string> image = co_await read_image(context.ctx(), std::move(whose));
  if (!image) co_return image.error();
  const Result<Permit> leave = context.permit(Energy::flash, target.component + ": power lost while staging");
  if (!leave) co_return leave.error();
  const Result<Permit> cycle = context.permit(Energy::power, target.component + ": power lost while staging");
  if (!cycle) co_return cycle.error();
  UpdateRequest request;
  request.component = target.component;
  request.image_name = target.component + ".fw";
  request.image = std::move(*image);
  request.targets = target.targets;
  request.image_type = target.image_type;
  PowerLoss loss(context, *leave, *cycle, std::move(request));
  std::function<awaitable<Status>(Ctx&, Bmc&)> write = [&loss](Ctx& ctx, Bmc& raw) {
    return write_and_lose_power(loss, ctx, raw);
  };
  const Status lost =
      co_await context.flash(target.component, flash_budget(context, target), std::move(write));
  if (!lost) co_return lost;
  if (!loss.cut_while_writing) {
    co_return Error("firmware.too_fast",
                    fmt::format("the write of {} was over before its power could be taken", target.component),
                    "take a larger image");
  }
  const Status gone = co_await wait_until_it_is_gone(context, bmc, target);
  if (!gone) co_return gone;
  const Result<Running> after = co_await wait_until_it_answers(context, bmc, target);
  const bool lives = after && (same_version(after->version, before.version, target.version_fields) ||
                               is_wanted(after->version, target));
  std::string told =
      after ? fmt::format("power was lost at {} %; afterwards it runs {}", loss.at_percent, after->version)
            : fmt::format("power was lost at {} %; afterwards: {}", loss.at_percent, after.error().message);
  std::string word = lives ? "unharmed" : "harmed";
  if (lives) {  // and it can be written again
    FirmwareTarget again = target;
    Running was = *after;
    std::function<awaitable<Status>()> nothing_before;
    const Result<Running> retried =
        co_await install(context, std::move(again), std::move(was), std::move(nothing_before));
    const bool works = retried && !retried->restart.is_missing() && is_wanted(retried->version, target);
    if (!works) {
      word = "harmed";
      told += retried ? fmt::format("; written again it runs {}", retried->version)
                      : "; it could not be written again: " + retried.error().message;
    }
  }
  const Status judged = co_await record_case(context, target, "power_loss", std::move(word), std::move(told));
  co_return judged;
}

}  // namespace

const StepDescription& Refuses::describe() const {
  static const StepDescription description = [] {
    StepDescription made;
    made.use = "firmware.refuses";
    made.bmc = installing_needs();
    made.summary = "Sends one component what must be refused, and looks whether it is as well as before";
    for (const CaseFacts& one : kCases) {
      made.measurements.push_back(
          {fmt::format("firmware.refuses.{}", one.word), "", ComponentKind::firmware, true,
           fmt::format("firmware.{}_accepted", one.word),
           "do not ship: its firmware can be replaced or broken by whoever reaches its BMC",
           "refused or unharmed; accepted and harmed are fails"});
    }
    made.parameters = {
        {"component", ParameterType::text, std::nullopt,
         "Id in the firmware inventory; in the baseline, with an image"},
        {"cases", ParameterType::list, "",
         fmt::format("of {}; all when left out", fmt::join(case_words(), ", "))},
        {"unsigned", ParameterType::text, "unsigned.fw",
         "image without a signature, beside the baseline's images"},
        {"wrong_target", ParameterType::text, "wrong-target.fw", "good image of another device, likewise"},
        {"older", ParameterType::text, "older.fw", "signed image below the anti-rollback version, likewise"},
        {"oversize_mib", ParameterType::integer, "300", "size of the image that is too large, MiB"}};
    made.energises = Energy::flash;
    made.on_resume = ResumePolicy::manual;
    made.default_timeout = std::chrono::hours(1);
    return made;
  }();
  return description;
}

std::vector<std::string> Refuses::parts(const MeasurementDeclaration& measurement, const Parameters& with,
                                        const Dut& /*dut*/) const {
  const std::vector<std::string> chosen = chosen_cases(with);
  const std::string word = measurement.name.substr(measurement.name.rfind('.') + 1);
  if (std::find(chosen.begin(), chosen.end(), word) == chosen.end()) return {};
  return {with.text("component")};
}

Status Refuses::check(const Parameters& with) const {
  constexpr std::int64_t kLargest = 400;  // MiB
  for (const std::string& word : with.list("cases")) {
    if (facts_of(word) != nullptr) continue;
    return Error("recipe.parameters",
                 fmt::format("'{}' is not a case{}", word, did_you_mean(word, case_words())), "",
                 Blame::recipe);
  }
  const std::vector<std::string> chosen = chosen_cases(with);
  const bool has_control = std::find(chosen.begin(), chosen.end(), "same_image") != chosen.end() ||
                           std::find(chosen.begin(), chosen.end(), "power_loss") != chosen.end();
  if (!has_control) {
    return Error(
        "recipe.parameters",
        "cases has neither same_image nor power_loss: without a good image that is taken, a BMC that "
        "refuses everything would pass",
        "add same_image", Blame::recipe);
  }
  if (with.integer("oversize_mib") < 1 || with.integer("oversize_mib") > kLargest) {
    return Error("recipe.parameters", fmt::format("oversize_mib must be from 1 to {}", kLargest), "",
                 Blame::recipe);
  }
  return success();
}

awaitable<Status> Refuses::run(StepContext& context) {
  const std::string component = context.with().text("component");
  const FirmwareTarget* found = target_of(context.dut(), component);
  if (found == nullptr || found->image.empty() || found->route != FirmwareRoute::push) {
    co_return Error("firmware.no_baseline",
                    fmt::format("the baseline gives {} no image for '{}' that this station pushes",
                                context.dut().id, component),
                    "", Blame::recipe);
  }
  if (!context.inventory().simulated) {
    co_return Error("firmware.simulated_only",
                    "images that must be refused are sent to simulated racks only: one that is accepted, or "
                    "power that is lost in a write, can end a real board",
                    "prove it on a sample board with its vendor's tools", Blame::operator_);
  }
  const FirmwareTarget target = *found;
  const Result<Bmc*> bmc = context.bmc();
  if (!bmc) co_return bmc.error();
  const std::vector<std::string> cases = chosen_cases(context.with());
  for (const std::string& word : cases) {
    const CaseFacts& facts = *facts_of(word);
    FirmwareTarget asked = target;
    Doors doors = doors_of(context, **bmc);
    const Result<Running> before = co_await read_running_one(context.ctx(), doors, std::move(asked));
    if (!before) co_return before.error();
    if (before->version.empty()) {
      co_return Error("firmware.not_read",
                      fmt::format("{} tells no version: {}", component, before->why_none));
    }
    Status done = success();
    if (facts.value == Case::same_image) {
      done = co_await run_same_image(context, target, *before);
    } else if (facts.value == Case::power_loss) {
      done = co_await run_power_loss(context, **bmc, target, *before);
    } else {
      done = co_await run_bad_image(context, **bmc, target, facts, *before);
    }
    if (!done) {
      Error failed = done.error();
      co_return std::move(failed).while_doing(fmt::format("case {} of {}", word, component));
    }
  }
  co_return success();
}

}  // namespace kiln::firmware
