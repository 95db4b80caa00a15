#include "bmc/survey.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "bmc/mock_service_for_test.h"

namespace kiln {
namespace {

namespace json = boost::json;

SurveyReport survey_of(MockService& service) {
  Desk desk;
  const std::unique_ptr<Bmc> bmc = service.bmc();
  Result<SurveyReport> report = desk.ask<Result<SurveyReport>>(
      [&](const Ctx& ctx) { return bmc->survey(ctx); }, std::chrono::hours(24));
  EXPECT_TRUE(report) << (report ? "" : report.error().full());
  return report ? std::move(*report) : SurveyReport();
}

int sum(const SurveyReport& report) {
  return report.resources_read + report.error_bodies + report.links_to_nothing + report.not_understood +
         report.unanswered;
}

TEST(Survey, FollowsLinksEverywhereOnceAndSortsTheAnswers) {
  MockService service;
  service.bodies["/redfish/v1"] =
      R"({"@odata.id":"/redfish/v1/","@odata.type":"#ServiceRoot.v1_9_0.ServiceRoot","Id":"R",
    "Chassis":{"@odata.id":"/redfish/v1/Chassis/"},"Deep":[[{"x":{"@odata.id":"/redfish/v1/Deep#/a"}}]],
    "Again":{"@odata.id":"/redfish/v1/Chassis"},"Gone":{"@odata.id":"/redfish/v1/Gone"},
    "Away":{"@odata.id":"https://elsewhere.test/redfish/v1/X"},"Other":{"@odata.id":"/google/v1"},
    "Actions":{"#A.Reset":{"target":"/redfish/v1/Actions/A.Reset","@Redfish.ActionInfo":"/redfish/v1/ResetActionInfo"}}})";
  service.bodies["/redfish/v1/Chassis"] =
      R"({"@odata.id":"/redfish/v1/Chassis","Id":"C","Members":[{"@odata.id":"/redfish/v1/Chassis/1"}],
          "Members@odata.nextLink":"/redfish/v1/Chassis?$skip=1"})";
  service.bodies["/redfish/v1/Chassis?$skip=1"] = R"({"Members":[{"@odata.id":"/redfish/v1/Broken"}]})";
  service.bodies["/redfish/v1/Chassis/1"] =
      R"({"@odata.id":"/redfish/v1/Chassis/1","Id":"1","error":{"code":"x"}})";
  service.bodies["/redfish/v1/Deep"] = R"({"error":{"code":"Base.1.0.InternalError"}})";
  service.bodies["/redfish/v1/Broken"] = "{\"Id\":";
  service.bodies["/redfish/v1/ResetActionInfo"] =
      R"({"@odata.type":"#ActionInfo.v1_2_0.ActionInfo","Id":"i"})";
  const SurveyReport report = survey_of(service);
  EXPECT_EQ(report.resources_read, 5) << "root, collection, its page, chassis, action info";
  EXPECT_EQ(report.degraded, 1);
  EXPECT_EQ(report.error_uris, std::vector<std::string>{"/redfish/v1/Deep"});
  EXPECT_EQ(report.missing_uris, std::vector<std::string>{"/redfish/v1/Gone"});
  EXPECT_EQ(report.not_json_uris, std::vector<std::string>{"/redfish/v1/Broken"});
  EXPECT_EQ(report.not_understood, 1);
  EXPECT_EQ(report.links_followed, sum(report));
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(service.count("GET /redfish/v1/Chassis/") + service.count("GET /redfish/v1/Chassis"), 1);
  for (const std::string& line : service.log) {
    EXPECT_EQ(line.find("Actions/A.Reset"), std::string::npos) << "an action's target is not read";
    EXPECT_EQ(line.find("/google"), std::string::npos);
  }
}

TEST(Survey, WhatAViewCannotUnderstandIsListedWithItsPropertyAndHidesNothingBehindIt) {
  MockService service;
  service.bodies["/redfish/v1"] = R"({"Id":"R","S":{"@odata.id":"/redfish/v1/Chassis/1/Sensors/1"}})";
  service.bodies["/redfish/v1/Chassis/1/Sensors/1"] =
      R"({"@odata.type":"#Sensor.v1_0_0.Sensor","Reading":"soon","Next":{"@odata.id":"/redfish/v1/Next"}})";
  service.bodies["/redfish/v1/Next"] = R"({"Id":"N"})";
  const SurveyReport report = survey_of(service);
  EXPECT_EQ(report.resources_read, 2);
  EXPECT_EQ(report.not_understood, 1);
  ASSERT_EQ(report.not_understood_properties.size(), 1U);
  EXPECT_EQ(report.not_understood_properties[0].uri, "/redfish/v1/Chassis/1/Sensors/1");
  EXPECT_EQ(report.not_understood_properties[0].property, "Reading");
  EXPECT_EQ(report.links_followed, sum(report));
}

TEST(Survey, ALinkInOtherLetterCaseFindsItsResource) {
  MockService service;
  service.bodies["/redfish/v1"] =
      R"({"Id":"R","S":{"@odata.id":"/redfish/v1/Systems"},"B":{"@odata.id":"/redfish/v1/systems/bios"}})";
  service.bodies["/redfish/v1/Systems"] = R"({"Id":"S"})";
  service.bodies["/redfish/v1/Systems/bios"] = R"({"Id":"b"})";
  const SurveyReport report = survey_of(service);
  EXPECT_EQ(report.resources_read, 3);
  EXPECT_EQ(report.links_to_nothing, 0);
  EXPECT_EQ(report.links_followed, sum(report));
}

TEST(Survey, StopsAtItsCapAndSaysSo) {
  MockService service;
  service.handler = [](const HttpRequest&, const std::string& path) {
    json::object body{{"Id", "x"}};
    body["next"] = json::object{{"@odata.id", path + "a"}};
    return reply(200, json::serialize(body));
  };
  Desk desk;
  RedfishOptions options;
  options.survey_cap = 50;
  const std::unique_ptr<Bmc> bmc = service.bmc(options);
  const Result<SurveyReport> report =
      desk.ask<Result<SurveyReport>>([&](const Ctx& ctx) { return bmc->survey(ctx); });
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->complete);
  EXPECT_EQ(report->links_followed, 50);
}

TEST(Survey, ADeadlineLeavesWhatWasRead) {
  MockService service;
  service.bodies["/redfish/v1"] = R"({"Id":"R","A":{"@odata.id":"/redfish/v1/A"}})";
  service.handler = [](const HttpRequest&, const std::string& path) -> std::optional<HttpResponse> {
    if (path == "/redfish/v1/A") return reply(503, "", {{"Retry-After", "9"}});
    return std::nullopt;
  };
  Desk desk;
  const std::unique_ptr<Bmc> bmc = service.bmc();
  const Result<SurveyReport> report = desk.ask<Result<SurveyReport>>(
      [&](const Ctx& ctx) { return bmc->survey(ctx); }, std::chrono::seconds(3));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->resources_read, 1);
  EXPECT_EQ(report->unanswered_uris, std::vector<std::string>{"/redfish/v1/A"});
}

// The truth about a tree, found with another JSON library and another walk.
struct Truth {
  std::set<std::string> resources, errors, missing, unreached;
};

std::string bare(std::string uri) {
  uri = uri.substr(0, uri.find('#'));
  while (uri.size() > 1 && uri.back() == '/') uri.pop_back();
  return uri;
}

void links_of(const json::value& value, std::vector<std::string>& links) {
  if (value.is_array()) {
    for (const json::value& element : value.as_array()) links_of(element, links);
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) {
      const std::string key(name);
      const bool link = key == "@odata.id" || key.find("nextLink") != std::string::npos ||
                        key == "@Redfish.ActionInfo" || key == "DataSourceUri" || key == "href" ||
                        key == "Uri";
      if (member.is_string() && link) links.emplace_back(member.as_string());
      links_of(member, links);
    }
  }
}

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::set<std::string> lowered(const std::set<std::string>& texts) {
  std::set<std::string> all;
  for (const std::string& text : texts) all.insert(lowered(text));
  return all;
}

Truth truth_of(const std::map<std::string, std::string>& bodies) {
  Truth truth;
  std::map<std::string, std::string> lower;
  for (const auto& [uri, body] : bodies) lower[lowered(uri)] = uri;
  std::vector<std::string> todo{"/redfish/v1"};
  for (const char* known : {"/redfish", "/redfish/v1/odata"}) {
    if (bodies.contains(known)) todo.emplace_back(known);
  }
  std::set<std::string> seen;
  while (!todo.empty()) {
    std::string uri = bare(todo.back());
    todo.pop_back();
    if (!uri.starts_with("/redfish") || uri.find("$metadata") != std::string::npos) continue;
    if (!bodies.contains(uri) && lower.contains(lowered(uri))) uri = lower[lowered(uri)];
    if (!seen.insert(uri).second) continue;
    const auto body = bodies.find(uri);
    if (body == bodies.end()) {
      truth.missing.insert(uri);
      continue;
    }
    const json::value value = json::parse(body->second);
    const json::object& object = value.as_object();
    if (object.size() == 1 && object.contains("error")) {
      truth.errors.insert(uri);
      continue;
    }
    truth.resources.insert(uri);
    links_of(value, todo);
  }
  for (const auto& [uri, body] : bodies) {
    if (!seen.contains(uri)) truth.unreached.insert(uri);
  }
  return truth;
}

struct Tree {
  const char* folder;
  int resources, errors, missing, degraded;
  int not_understood;  ///< which: captured_views_test.cc
  int unlinked;        ///< files that nothing in the tree links to: what was trimmed linked to them
};

// Counts of the captured trees as they are; a change of any is a change of the client.
const std::vector<Tree> kTrees{{"nvidia-gh200-bmc", 583, 54, 58, 1, 0, 0},
                               {"lenovo-sr670-xcc", 277, 0, 253, 0, 0, 0},
                               {"hpe-dl380a-ilo6", 326, 0, 171, 0, 0, 14},
                               {"hpe-cray-ex235n", 204, 11, 190, 0, 0, 1},
                               {"cray-cmm", 151, 0, 107, 0, 0, 1},
                               {"supermicro-x10", 107, 0, 16, 0, 0, 0},
                               {"intel", 70, 3, 20, 0, 0, 0},
                               {"lambda-gb300-happypath", 23, 0, 95, 0, 0, 12},
                               {"lambda-gathergpus", 7, 0, 39, 0, 0, 0},
                               {"lambda-powershelf-delta", 6, 0, 177, 0, 0, 0},
                               {"ecclesia-features/managers", 8, 0, 2, 0, 0, 0},
                               {"ecclesia-features/sensors", 10, 0, 0, 0, 0, 0},
                               {"ecclesia-features/component_integrity", 12, 0, 10, 0, 0, 4},
                               {"dmtf/public-rackmount1", 161, 0, 35, 0, 1, 0},
                               {"dmtf/public-cooling-unit", 55, 0, 3, 0, 0, 7},
                               {"dmtf/public-power-shelf", 71, 0, 9, 0, 0, 23},
                               {"lenovo-xcc-synthetic", 8, 0, 6, 0, 0, 0}};

void PrintTo(const Tree& tree, std::ostream* out) { *out << tree.folder; }

class CapturedTree : public testing::TestWithParam<Tree> {};

TEST_P(CapturedTree, IsReadWhole) {
  const std::filesystem::path trees = shared_trees();
  if (trees.empty()) GTEST_SKIP() << "the captured trees are not at hand (KILN_SHARED)";
  MockService service;
  service.bodies = load_tree(trees / GetParam().folder);
  ASSERT_FALSE(service.bodies.empty());
  const Truth truth = truth_of(service.bodies);
  const SurveyReport report = survey_of(service);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.links_followed, sum(report));
  EXPECT_EQ(report.not_json, 0);
  EXPECT_EQ(report.unanswered, 0);
  // Both ways of counting agree …
  EXPECT_EQ(report.resources_read + report.not_understood, static_cast<int>(truth.resources.size()));
  std::set<std::string> errors;
  for (const std::string& uri : report.error_uris) errors.insert(bare(uri));
  EXPECT_EQ(errors, truth.errors);
  std::set<std::string> missing;
  for (const std::string& uri : report.missing_uris) missing.insert(bare(uri));
  EXPECT_EQ(lowered(missing), lowered(truth.missing));
  // … and are what they always were.
  const Tree& tree = GetParam();
  EXPECT_EQ(report.resources_read, tree.resources);
  EXPECT_EQ(report.not_understood, tree.not_understood);
  EXPECT_EQ(report.error_bodies, tree.errors);
  EXPECT_EQ(report.links_to_nothing, tree.missing);
  EXPECT_EQ(report.degraded, tree.degraded);
  EXPECT_EQ(static_cast<int>(truth.unreached.size()), tree.unlinked)
      << (truth.unreached.empty() ? "" : *truth.unreached.begin());
}

std::string name_of(const testing::TestParamInfo<Tree>& info) {
  std::string name = info.param.folder;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '/'; }, '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, CapturedTree, testing::ValuesIn(kTrees), name_of);

}  // namespace
}  // namespace kiln
