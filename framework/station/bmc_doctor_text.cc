#include "station/bmc_doctor_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace kiln {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostPlacesShown = 3;
constexpr std::size_t kMostOdditiesShown = 5;

std::string told(const std::string& text, const char* otherwise) { return text.empty() ? otherwise : text; }

std::string word_of(Proof proof) {
  switch (proof) {
    case Proof::has:
      return "has";
    case Proof::lacks:
      return "LACKS";
    case Proof::unread:
      return "UNREAD";
  }
  return "UNREAD";
}

void add_places(const std::vector<LookedAt>& places, const std::string& indent, bool all,
                std::vector<std::string>& into) {
  const std::size_t shown = all ? places.size() : std::min(places.size(), kMostPlacesShown);
  for (std::size_t i = 0; i < shown; ++i)
    into.push_back(fmt::format("{}{}: {}", indent, places[i].uri, places[i].saw));
  if (shown < places.size())
    into.push_back(fmt::format("{}and {} more places (--verbose shows all)", indent, places.size() - shown));
}

void add_head(const BmcDiagnosis& diagnosis, bool all, std::vector<std::string>& into) {
  const BmcIdentity& who = diagnosis.proof.identity;
  into.push_back(diagnosis.dut.id.empty() ? diagnosis.dut.bmc->url
                                          : fmt::format("{} {}", diagnosis.dut.id, diagnosis.dut.bmc->url));
  into.push_back(fmt::format("  machine      {} {}, serial {}, {}{}",
                             told(who.manufacturer, "maker not told"), told(who.model, "model not told"),
                             told(who.serial, "none"), to_string(diagnosis.dut.role),
                             who.slot ? fmt::format(", slot {}", *who.slot) : ""));
  into.push_back(fmt::format(
      "  BMC          Redfish {}, {} {}, manager firmware {}; speaks {}",
      told(who.redfish_version, "version not told"), told(who.vendor, "vendor not told"), who.product,
      told(who.manager_firmware, "not told"), told(who.platform, "no dialect that is known here")));
  const TrustFacts& trust = diagnosis.trust;
  if (trust.certificate) {
    const PeerCertificate& shown = *trust.certificate;
    into.push_back(fmt::format("  certificate  {}, {}, {} until {}", told(shown.subject, "no subject"),
                               shown.self_signed ? std::string("self-signed") : "issued by " + shown.issuer,
                               shown.not_before, shown.not_after));
    into.push_back(fmt::format("               SHA-256 of its key {}", shown.pin_sha256));
  }
  into.push_back(fmt::format("  {}  {}", trust.certificate ? "           " : "certificate",
                             trust.verified ? trust.sentence : "NOT VERIFIED: " + trust.sentence));
  const SessionFacts& sessions = diagnosis.proof.sessions;
  if (sessions.uri.empty()) {
    into.emplace_back("  sessions     it has no session service");
  } else {
    into.push_back(fmt::format(
        "  sessions     {} open, ours among them; {}; {}",
        sessions.open ? std::to_string(*sessions.open) : "number not told,",
        sessions.timeout_seconds ? fmt::format("an idle one ends after {} s", *sessions.timeout_seconds)
                                 : std::string("when an idle one ends is not told"),
        sessions.most ? fmt::format("it bears {} ({})", *sessions.most, sessions.most_source)
                      : std::string("how many it bears is not told")));
  }
  for (const AppliedQuirk& quirk : diagnosis.proof.quirks) {
    into.push_back(fmt::format("  quirk        {}: {} ({}{})", quirk.quirk, quirk.sentence,
                               quirk.dialect.empty() ? "" : quirk.dialect + ", ", quirk.uri));
  }
  const std::vector<Oddity>& odd = diagnosis.proof.oddities;
  const std::size_t shown = all ? odd.size() : std::min(odd.size(), kMostOdditiesShown);
  for (std::size_t i = 0; i < shown; ++i)
    into.push_back(fmt::format("  odd          {} {}: {}", odd[i].uri, odd[i].property, odd[i].what));
  if (shown < odd.size())
    into.push_back(fmt::format("  odd          and {} more (--verbose shows all)", odd.size() - shown));
}

void add_recipe(const RecipeDiagnosis& recipe, bool all, std::vector<std::string>& into) {
  if (recipe.word == CanDo::not_for_it) {
    into.push_back(fmt::format("{:<12} {}: no step of it asks this BMC anything", to_string(recipe.word),
                               recipe.recipe));
    return;
  }
  into.push_back(fmt::format("{:<12} {}: {} of {} steps that ask the BMC get what they require",
                             to_string(recipe.word), recipe.recipe, recipe.able, recipe.asking));
  for (const StepDiagnosis& step : recipe.steps) {
    const char* can = !step.known ? "may not work" : step.able ? "works less well" : "cannot";
    into.push_back(fmt::format("  {} ({}) {}", step.path, step.use, can));
    for (const MissingNeed& missing : step.missing) {
      into.push_back(fmt::format("    {} to {}, {}: {}",
                                 missing.need.required ? "must be able" : "had better be able",
                                 phrase(missing.need.ability), missing.need.for_what, missing.what));
      add_places(missing.looked_at, "      looked at ", all, into);
      into.push_back(fmt::format("      do: {}", missing.cure));
    }
  }
}

json::array json_of(const std::vector<LookedAt>& places) {
  json::array list;
  for (const LookedAt& place : places) list.push_back(json::object{{"uri", place.uri}, {"saw", place.saw}});
  return list;
}

json::value number_or_null(const std::optional<std::int64_t>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

json::object json_of_ability(const AbilityFinding& finding) {
  json::object item{{"ability", to_string(finding.ability)},
                    {"proof", to_string(finding.proof)},
                    {"evidence", finding.evidence},
                    {"uri", finding.uri}};
  item["looked_at"] = json_of(finding.looked_at);
  if (!finding.kinds.empty()) {
    json::object kinds;
    for (const auto& [kind, count] : finding.kinds) kinds[std::string(to_string(kind))] = count;
    item["kinds"] = std::move(kinds);
  }
  if (finding.proof == Proof::lacks) item["cure"] = cure(finding.ability);
  return item;
}

json::object json_of_recipe(const RecipeDiagnosis& recipe) {
  json::array steps;
  for (const StepDiagnosis& step : recipe.steps) {
    json::array missing;
    for (const MissingNeed& one : step.missing) {
      json::object item{{"ability", to_string(one.need.ability)},
                        {"required", one.need.required},
                        {"for", one.need.for_what},
                        {"proof", to_string(one.proof)},
                        {"what", one.what},
                        {"cure", one.cure}};
      item["looked_at"] = json_of(one.looked_at);
      missing.push_back(std::move(item));
    }
    json::object item{{"step", step.path}, {"use", step.use}, {"able", step.able}, {"known", step.known}};
    item["missing"] = std::move(missing);
    steps.push_back(std::move(item));
  }
  json::object item{{"recipe", recipe.recipe},
                    {"can", to_string(recipe.word)},
                    {"asking", recipe.asking},
                    {"able", recipe.able}};
  item["steps"] = std::move(steps);
  return item;
}

json::object json_of_trust(const TrustFacts& trust) {
  json::object item{
      {"verified", trust.verified}, {"first_seen", trust.first_seen}, {"sentence", trust.sentence}};
  if (trust.certificate) {
    item["subject"] = trust.certificate->subject;
    item["issuer"] = trust.certificate->issuer;
    item["not_before"] = trust.certificate->not_before;
    item["not_after"] = trust.certificate->not_after;
    item["self_signed"] = trust.certificate->self_signed;
    item["pin_sha256"] = trust.certificate->pin_sha256;
  }
  return item;
}

}  // namespace

bool BmcDiagnosis::all_read() const {
  return std::none_of(proof.findings.begin(), proof.findings.end(),
                      [](const AbilityFinding& one) { return one.proof == Proof::unread; });
}

std::vector<std::string> lines_of(const BmcDiagnosis& diagnosis, bool all) {
  std::vector<std::string> lines;
  add_head(diagnosis, all, lines);
  lines.emplace_back();
  for (const AbilityFinding& finding : diagnosis.proof.findings) {
    const std::string where = finding.uri.empty() ? "" : fmt::format(" ({})", finding.uri);
    lines.push_back(fmt::format("  {:<6} {:<18} {}{}", word_of(finding.proof), to_string(finding.ability),
                                finding.evidence, where));
    if (finding.proof != Proof::has) add_places(finding.looked_at, "           looked at ", all, lines);
  }
  lines.emplace_back();
  for (const RecipeDiagnosis& recipe : diagnosis.recipes) add_recipe(recipe, all, lines);
  return lines;
}

json::object json_of(const BmcDiagnosis& diagnosis) {
  const BmcIdentity& who = diagnosis.proof.identity;
  json::object root{
      {"id", diagnosis.dut.id}, {"url", diagnosis.dut.bmc->url}, {"complete", diagnosis.all_read()}};
  root["role"] = to_string(diagnosis.dut.role);
  json::object identity{{"manufacturer", who.manufacturer},
                        {"model", who.model},
                        {"serial", who.serial},
                        {"serial_source", who.serial_source},
                        {"uuid", who.uuid},
                        {"redfish_version", who.redfish_version},
                        {"vendor", who.vendor},
                        {"product", who.product},
                        {"manager_firmware", who.manager_firmware},
                        {"platform", who.platform}};
  identity["slot"] = who.slot ? json::value(*who.slot) : json::value(nullptr);
  root["identity"] = std::move(identity);
  root["trust"] = json_of_trust(diagnosis.trust);
  const SessionFacts& sessions = diagnosis.proof.sessions;
  json::object session{{"uri", sessions.uri}};
  session["open"] = number_or_null(sessions.open);
  session["timeout_seconds"] = number_or_null(sessions.timeout_seconds);
  session["most"] = number_or_null(sessions.most);
  root["sessions"] = std::move(session);
  json::array quirks, oddities, disturbances, abilities, recipes;
  for (const AppliedQuirk& quirk : diagnosis.proof.quirks) {
    quirks.push_back(json::object{{"quirk", quirk.quirk},
                                  {"dialect", quirk.dialect},
                                  {"sentence", quirk.sentence},
                                  {"uri", quirk.uri}});
  }
  for (const Oddity& odd : diagnosis.proof.oddities)
    oddities.push_back(json::object{{"uri", odd.uri}, {"property", odd.property}, {"what", odd.what}});
  for (const std::string& disturbance : diagnosis.proof.disturbances) disturbances.emplace_back(disturbance);
  for (const AbilityFinding& finding : diagnosis.proof.findings)
    abilities.push_back(json_of_ability(finding));
  for (const RecipeDiagnosis& recipe : diagnosis.recipes) recipes.push_back(json_of_recipe(recipe));
  root["quirks"] = std::move(quirks);
  root["oddities"] = std::move(oddities);
  root["disturbances"] = std::move(disturbances);
  root["requests"] = diagnosis.proof.requests;
  root["abilities"] = std::move(abilities);
  root["recipes"] = std::move(recipes);
  return root;
}

}  // namespace kiln
