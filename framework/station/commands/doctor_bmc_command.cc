// kiln doctor --bmc: what one BMC can and cannot do, and what that means for each recipe. It only reads.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <iostream>
#include <optional>

#include "base/nearest.h"
#include "bmc/redfish_client.h"
#include "files/credentials.h"
#include "files/inventory_file.h"
#include "files/recipe_file.h"
#include "io/certificate.h"
#include "io/loop.h"
#include "model/bmc_place.h"
#include "station/addresses.h"
#include "station/bmc_doctor_text.h"
#include "station/commands/commands.h"
#include "station/console.h"
#include "station/last_scan.h"
#include "station/plugin_host.h"
#include "station/real_devices.h"
#include "station/run_setup.h"
#include "station/screen/printable.h"

namespace kiln {
namespace {

using boost::asio::awaitable;

constexpr Nanoseconds kDoctorLogout = std::chrono::seconds(5);

/// What was asked for, checked before anything is touched.
struct DoctorWish {
  Inventory inventory;
  Credentials credentials;
  Dut dut;
  bool from_rack = false;
  std::string known_pin;  ///< of an address: what the last scan saw there
  LastScan before;
  std::vector<std::pair<std::string, Recipe>> recipes;
  Nanoseconds within{};
  std::vector<SetupProblem> problems;
};

void take_all(std::vector<SetupProblem>& into, const std::vector<Problem>& from) {
  for (const Problem& problem : from) {
    std::string message = problem.message;
    if (!problem.suggestion.empty()) message += "; " + problem.suggestion;
    into.push_back({problem.place.text(), problem.code, std::move(message)});
  }
}

int refuse_doctor(const CommandLine& line, const std::vector<SetupProblem>& problems, int exit_code) {
  for (const SetupProblem& problem : problems) {
    const std::string text = fmt::format("{}{}{} [{}]", problem.place, problem.place.empty() ? "" : ": ",
                                         problem.message, problem.code);
    std::cerr << "kiln: " << printable(text, locale_is_utf8()) << "\n";
  }
  if (line.json) std::cout << problems_json(problems) << std::endl;
  return exit_code;
}

void read_target_of_rack(const CommandLine& line, DoctorWish& wish) {
  Parsed<Inventory> inventory = read_inventory(line.rack_file);
  take_all(wish.problems, inventory.problems);
  if (!inventory) return;
  wish.inventory = std::move(*inventory.value);
  wish.from_rack = true;
  std::vector<std::string> ids;
  const Dut* found = wish.inventory.find(line.bmc_target);
  const bool by_id = found != nullptr;
  std::vector<const Dut*> at_address;
  const std::string address = bmc_address(line.bmc_target);
  for (const Dut& dut : wish.inventory.duts) {
    ids.push_back(dut.id);
    if (!by_id && dut.bmc && bmc_address(dut.bmc->url) == address) at_address.push_back(&dut);
  }
  if (at_address.size() == 1) found = at_address.front();
  if (at_address.size() > 1) {
    wish.problems.push_back(
        {line.rack_file, "usage.dut",
         fmt::format("{} and {} have that address, behind other jump hosts: name one of them",
                     at_address[0]->id, at_address[1]->id)});
  } else if (found == nullptr) {
    wish.problems.push_back(
        {line.rack_file, "usage.dut",
         fmt::format("there is no DUT '{}'{}", line.bmc_target, did_you_mean(line.bmc_target, ids))});
  } else if (!found->bmc) {
    wish.problems.push_back({line.rack_file, "bmc.none", fmt::format("{} has no BMC", found->id)});
  } else {
    wish.dut = *found;
  }
  const std::string file =
      line.credentials_file.empty() ? wish.inventory.credentials_file : line.credentials_file;
  if (file.empty()) return;
  Parsed<Credentials> credentials = read_credentials(file);
  take_all(wish.problems, credentials.problems);
  if (!credentials) return;
  wish.credentials = std::move(*credentials.value);
  take_all(wish.problems, check_credential_names(wish.inventory, wish.credentials));
}

void read_target_of_address(const CommandLine& line, const Paths& paths, DoctorWish& wish) {
  const auto refused = [&wish](const Error& error) {
    wish.problems.push_back({"", error.code, error.sentence()});
  };
  const Result<std::vector<std::string>> urls = bmc_addresses({line.bmc_target});
  if (!urls) return refused(urls.error());
  if (urls->size() != 1) {
    wish.problems.push_back({"--bmc", "usage.bmc", fmt::format("'{}' is not one address", line.bmc_target)});
    return;
  }
  if (!line.credentials_file.empty()) {
    Parsed<Credentials> credentials = read_credentials(line.credentials_file);
    take_all(wish.problems, credentials.problems);
    if (!credentials) return;
    wish.credentials = std::move(*credentials.value);
  }
  const Result<std::string> credential = credential_to_use(line.credential, wish.credentials);
  if (!credential) return refused(credential.error());
  Result<LastScan> before = read_last_scan(paths.state);
  if (!before) return refused(before.error());
  wish.before = std::move(*before);
  const std::string url = urls->front();
  wish.dut.bmc = BmcAccess();
  wish.dut.bmc->url = url;
  wish.dut.bmc->credential = *credential;
  bool accepted = false;
  for (const std::string& other : line.accepted_certificates)
    accepted = accepted || bmc_address(other) == bmc_address(url);
  const auto seen = wish.before.find(bmc_address(url));
  if (seen != wish.before.end() && !accepted) wish.known_pin = seen->second.pin_sha256;
}

/// Those that are for every product, and those of the rack file's: "gb300-nvl72/l11-rack" asks the same of a
/// BMC as that of any other product.
std::vector<std::string> recipes_to_judge(const Paths& paths, const std::string& product) {
  std::vector<std::string> names = shipped_recipes(paths);
  std::erase_if(names, [&paths, &product](const std::string& name) {
    const std::string folder = name.substr(0, name.find('/'));
    return folder != product && !find_limits(paths, "", folder).empty();
  });
  return names;
}

void read_recipes(const CommandLine& line, const Paths& paths, DoctorWish& wish) {
  const std::vector<std::string> names =
      line.recipes.empty() ? recipes_to_judge(paths, wish.inventory.product) : line.recipes;
  for (const std::string& name : names) {
    const Result<std::string> file = find_recipe(paths, name);
    if (!file) {
      wish.problems.push_back({"", file.error().code, file.error().sentence()});
      continue;
    }
    RecipeOptions options;
    options.recipes_root = paths.share + "/recipes";
    Parsed<Recipe> recipe = read_recipe(*file, options);
    take_all(wish.problems, recipe.problems);
    if (recipe) wish.recipes.emplace_back(name, std::move(*recipe.value));
  }
}

/// A use that no plugin offers would look like one that asks nothing.
void check_uses(const StepCatalog& catalog, DoctorWish& wish) {
  const auto check = [&catalog, &wish](const std::string& use, const Place& place) {
    if (catalog.find(use) != nullptr) return;
    wish.problems.push_back({place.text(), "plan.unknown_step",
                             fmt::format("no plugin offers '{}'{}", use, did_you_mean(use, catalog.uses()))});
  };
  for (const auto& [name, recipe] : wish.recipes) {
    for (const MonitorSpec& monitor : recipe.monitors) check(monitor.use, monitor.place);
    for (const PhaseSpec& phase : recipe.phases) {
      for (const auto* steps : {&phase.setup, &phase.steps, &phase.teardown}) {
        for (const StepSpec& step : *steps) check(step.use, step.place);
      }
    }
    for (const StepSpec& step : recipe.teardown) check(step.use, step.place);
  }
}

/// How its certificate stands, and the pin to go on with where no rack file says. An Error: go no further.
awaitable<Result<TrustFacts>> look_at_certificate(const Ctx& ctx, DoctorWish& wish) {
  TrustFacts trust;
  // Behind a jump host it is verified all the same, and not shown.
  Result<PeerCertificate> shown = Error("http.connect", "it is behind a jump host");
  std::string url = wish.dut.bmc->url;
  if (!wish.dut.bmc->jump) shown = co_await read_certificate(ctx, std::move(url));
  if (shown) trust.certificate = *shown;
  TlsTrust& tls = wish.dut.bmc->tls;
  if (wish.from_rack) {
    switch (tls.kind) {
      case TlsTrust::Kind::pin:
        trust.sentence = "its key is the one that the rack file pins";
        break;
      case TlsTrust::Kind::certificate_authority:
        trust.sentence = fmt::format("signed by who is in {}", tls.value);
        break;
      case TlsTrust::Kind::insecure:
        trust.verified = false;
        trust.sentence = tls.value;
        break;
    }
    co_return trust;
  }
  if (!shown) co_return shown.error();
  if (!wish.known_pin.empty() && wish.known_pin != shown->pin_sha256) {
    const std::string& place = wish.dut.bmc->url;
    co_return other_certificate(place, shown->pin_sha256, wish.known_pin, other_ways(wish.before, place));
  }
  tls.kind = TlsTrust::Kind::pin;
  tls.value = shown->pin_sha256;
  trust.first_seen = wish.known_pin.empty();
  trust.sentence = trust.first_seen
                       ? "seen for the first time: compare it with what the BMC's own console says"
                       : "its key is the one of the last scan";
  co_return trust;
}

awaitable<void> examine_bmc(Ctx& ctx, RealDevices& devices, DoctorWish& wish, std::string state, Ctx*& root,
                            BmcDiagnosis& into, Status& done) {
  root = &ctx;
  const Ctx limited = ctx.child_within("doctor", wish.within);
  Result<TrustFacts> trust = co_await look_at_certificate(limited, wish);
  if (!trust) {
    done = trust.error();
    root = nullptr;
    co_return;
  }
  into.trust = std::move(*trust);
  // Before a password is sent there: it is sent to no other from now on.
  if (!wish.from_rack) done = remember_pin(state, *wish.dut.bmc);
  Result<std::unique_ptr<RedfishClient>> client = devices.open_redfish(wish.dut);
  if (done && !client) done = client.error();
  if (!done) {
    root = nullptr;
    co_return;
  }
  Result<BmcProof> proof = co_await prove_abilities(limited, **client);
  if (proof) into.proof = std::move(*proof);
  if (!proof) done = proof.error();
  RedfishClient* door = client->get();
  const Status out =
      co_await shielded(ctx, "logout", kDoctorLogout, [door](Ctx& leave) { return door->logout(leave); });
  (void)out;  // a session that stays open ends by itself
  root = nullptr;
}

}  // namespace

int doctor_bmc_command(const CommandLine& line, const Paths& paths) {
  DoctorWish wish;
  const Result<Nanoseconds> within = parse_duration(line.within);
  if (within && *within > Nanoseconds(0)) wish.within = *within;
  if (wish.within == Nanoseconds(0))
    wish.problems.push_back(
        {"--within", "usage.within", fmt::format("'{}' is no time like 5m", line.within)});
  if (line.rack_file.empty()) {
    read_target_of_address(line, paths, wish);
  } else {
    read_target_of_rack(line, wish);
  }
  read_recipes(line, paths, wish);
  const LoadedPlugins plugins = load_plugins(plugin_directory(line, paths));
  for (const RefusedPlugin& refused : plugins.refused)
    wish.problems.push_back({"", refused.reason.code, refused.reason.sentence()});
  check_uses(plugins.catalog, wish);
  if (!wish.problems.empty()) return refuse_doctor(line, wish.problems, 2);

  BmcDiagnosis diagnosis;
  Status done = success();
  Ctx* root = nullptr;
  const std::unique_ptr<Loop> loop = Loop::real();
  {
    RealDevices devices(*loop, wish.credentials, paths.state, plugins.dialects);
    loop->run([&](Ctx& ctx) { return examine_bmc(ctx, devices, wish, paths.state, root, diagnosis, done); },
              [&root](int /*signal*/) {
                if (root != nullptr)
                  root->request_stop(StopReason::operator_stop, "somebody stops the doctor");
              });
  }
  if (!done) return refuse_doctor(line, {{"", done.error().code, done.error().sentence()}}, 4);
  diagnosis.dut = wish.dut;
  if (!wish.from_rack) diagnosis.dut.role = diagnosis.proof.role;
  for (const auto& [name, recipe] : wish.recipes)
    diagnosis.recipes.push_back(diagnose(name, recipe, plugins.catalog, diagnosis.dut, diagnosis.proof));
  if (line.json) {
    std::cout << boost::json::serialize(json_of(diagnosis)) << std::endl;
  } else {
    const bool unicode = locale_is_utf8();
    for (const std::string& sentence : lines_of(diagnosis, line.verbose))
      std::cout << printable(sentence, unicode) << "\n";
  }
  return diagnosis.all_read() ? 0 : 4;
}

}  // namespace kiln
