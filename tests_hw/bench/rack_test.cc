// The built kiln against a real rack, read-only. Needs KILN_RACK=/path/to/rack.yaml; see README.md.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <yaml-cpp/yaml.h>

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace kiln {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Finished {
  int exit_code = -1;
  std::string out, err;
};

/// Runs the built kiln through the shell; arguments are paths and names of ours, quoted.
Finished run_kiln(const std::vector<std::string>& arguments, const fs::path& scratch) {
  std::string command = "'" KILN_BINARY_DIR "/bin/kiln'";
  for (const std::string& argument : arguments) command += " '" + argument + "'";
  command += " >'" + (scratch / "out").string() + "' 2>'" + (scratch / "err").string() + "' </dev/null";
  Finished finished;
  const int status = std::system(command.c_str());
  if (WIFEXITED(status)) finished.exit_code = WEXITSTATUS(status);
  finished.out = read_file(scratch / "out");
  finished.err = read_file(scratch / "err");
  return finished;
}

class RealRack : public testing::Test {
 protected:
  void SetUp() override {
    const char* rack = std::getenv("KILN_RACK");
    if (rack == nullptr) {
      GTEST_SKIP() << "needs a real rack: set KILN_RACK to its rack.yaml (tests_hw/bench/README.md)";
    }
    rack_ = rack;
    ASSERT_TRUE(fs::is_regular_file(rack_)) << "KILN_RACK is " << rack_ << ", which is no file";
    std::string pattern = (fs::temp_directory_path() / "kiln-bench-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
  }
  void TearDown() override {
    if (!scratch_.empty()) fs::remove_all(scratch_);
  }
  Finished survey() {
    return run_kiln({"run", "field/bmc-survey", "--rack", rack_.string(), "--no-input", "--json", "--out",
                     (scratch_ / "report").string(), "--db", (scratch_ / "kiln.db").string()},
                    scratch_);
  }
  fs::path rack_, scratch_;
};

TEST_F(RealRack, IsNotMarkedAsSimulated) {
  const YAML::Node inventory = YAML::LoadFile(rack_.string());
  EXPECT_FALSE(inventory["simulated"].as<bool>(false))
      << rack_ << " is a simulated rack; these cases are for hardware";
}

TEST_F(RealRack, PlansTheSurveyWithoutTouchingIt) {
  const Finished plan = run_kiln({"plan", "field/bmc-survey", "--rack", rack_.string()}, scratch_);
  EXPECT_EQ(plan.exit_code, 0) << plan.err;
}

TEST_F(RealRack, TheSurveyReadsEveryBmcAndDecidesNothing) {
  const Finished run = survey();
  ASSERT_EQ(run.exit_code, 0) << run.out << run.err;
  const boost::json::object answer = boost::json::parse(run.out).as_object();
  EXPECT_TRUE(answer.at("decision").is_null());
  EXPECT_FALSE(answer.at("simulated").as_bool());
  std::size_t with_bmc = 0;
  for (const YAML::Node& dut : YAML::LoadFile(rack_.string())["duts"]) with_bmc += dut["bmc"] ? 1U : 0U;
  EXPECT_GE(answer.at("duts").as_array().size(), with_bmc);
  const std::string report(answer.at("reports").at("html").as_string());
  EXPECT_TRUE(fs::is_regular_file(report)) << report;
}

TEST_F(RealRack, NoPasswordAppearsInAnythingTheSurveyLeavesBehind) {
  const YAML::Node inventory = YAML::LoadFile(rack_.string());
  ASSERT_TRUE(inventory["credentials"]) << "the rack file names no credentials";
  const fs::path credentials = rack_.parent_path() / inventory["credentials"].as<std::string>();
  std::vector<std::string> passwords;
  for (const auto& entry : YAML::LoadFile(credentials.string())) {
    if (entry.second["password"]) passwords.push_back(entry.second["password"].as<std::string>());
  }
  ASSERT_FALSE(passwords.empty());
  const Finished run = survey();
  std::vector<std::string> texts = {run.out, run.err};
  for (const auto& entry : fs::recursive_directory_iterator(scratch_)) {
    if (entry.is_regular_file()) texts.push_back(read_file(entry.path()));
  }
  ASSERT_GT(texts.size(), 4U);  // output, error, database, at least one report
  for (const std::string& text : texts) {
    for (const std::string& password : passwords) EXPECT_EQ(text.find(password), std::string::npos);
  }
}

TEST_F(RealRack, RulesThatAreNotRootsOwnPermitNothingBeforeAnythingIsReached) {
  // Planned, never run: the question is whether it is refused.
  const fs::path recipe = scratch_ / "power.yaml";
  std::ofstream(recipe)
      << "recipe: power-on-refused\nversion: 1.0.0\nproduct: none\npurpose: bring-up\n"
         "phases:\n  - phase: power\n    steps:\n      - {step: on, use: power.on, duts: all}\n";
  const fs::path rules = scratch_ / "rules.yaml";
  fs::copy_file(fs::path(KILN_SOURCE_DIR) / "config/interlock_rules.yaml", rules);
  fs::permissions(rules, fs::perms::others_write, fs::perm_options::add);
  const Finished plan = run_kiln(
      {"plan", recipe.string(), "--rack", rack_.string(), "--interlock-rules", rules.string(), "--json"},
      scratch_);
  EXPECT_EQ(plan.exit_code, 2) << plan.out;
  const std::string said = plan.out + plan.err;
  EXPECT_TRUE(said.find("interlock_rules.untrusted") != std::string::npos ||
              said.find("plan.") != std::string::npos ||
              said.find("permit.no_leak_detectors") != std::string::npos)
      << said;
}

}  // namespace
}  // namespace kiln
