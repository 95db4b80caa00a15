#include "tool_output/nvue.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace kiln::tool_output {
namespace {

TEST(Nvue, ReadsBothPartitionsOfASystemImage) {
  const auto images = parse_nvue_system_image(
      R"({"current":"1","next":2,"partition1":{"build-id":"nvos-25.02.1936"},"partition2":{"build-id":"nvos-25.02.2930-010"},"issu-status":"no-issu"})");
  ASSERT_TRUE(images) << images.error().sentence();
  EXPECT_EQ(images->running(), "25.02.1936");
  EXPECT_EQ(images->next_running(), "25.02.2930-010");
}

TEST(Nvue, APartitionThatIsNotThereIsNoVersion) {
  const auto images =
      parse_nvue_system_image(R"({"current":"2","partition1":{"build-id":"nvos-25.02.1936"}})");
  ASSERT_TRUE(images);
  EXPECT_EQ(images->running(), "");
}

TEST(Nvue, ReadsTheFirmwareOfAComponent) {
  EXPECT_EQ(*parse_nvue_component(R"({"actual-firmware":"35.2014.1482","part-number":"920-9K36F"})"),
            "35.2014.1482");
  EXPECT_EQ(parse_nvue_component(R"({"part-number":"920-9K36F"})").error().code,
            "tool_output.not_recognised");
}

TEST(Nvue, FindsAFileByItsPathWhereverItStands) {
  EXPECT_EQ(*parse_nvue_file_path(R"({"a.bin":{"path":"/host/images/a.bin"}})", "a.bin"),
            "/host/images/a.bin");
  EXPECT_EQ(*parse_nvue_file_path(R"({"files":[{"name":"b.bin","file-path":"/x/b.bin"}]})", "b.bin"),
            "/x/b.bin");
  EXPECT_FALSE(parse_nvue_file_path(R"({"a.bin":{"path":"/host/images/ba.bin"}})", "a.bin"));
}

TEST(Nvue, ReadsHealthWithWhatIsWrong) {
  const auto health = parse_nvue_health(
      R"({"status":"Not OK","status-led":"amber","issues":{"PSU2":{"issue":"no input"},"FAN1":"missing","x":7}})");
  ASSERT_TRUE(health) << health.error().sentence();
  EXPECT_EQ(health->status, "Not OK");
  EXPECT_EQ(health->issues, (std::map<std::string, std::string>{
                                {"FAN1", "missing"}, {"PSU2", "no input"}, {"x", "not told"}}));
  EXPECT_EQ(parse_nvue_health(R"({"status-led":"green"})").error().code, "tool_output.not_recognised");
}

TEST(Nvue, ReadsWhichApplicationsRun) {
  EXPECT_EQ(*parse_nvue_cluster_apps(
                R"({"nmx-controller":{"status":"ok","app-id":"nmx-c-nvos"},"nmx-telemetry":{}})"),
            (std::map<std::string, std::string>{{"nmx-controller", "ok"}, {"nmx-telemetry", ""}}));
  EXPECT_TRUE(parse_nvue_cluster_apps("{}")->empty());
  EXPECT_FALSE(parse_nvue_cluster_apps(R"({"status":"disabled"})"));
}

TEST(Nvue, GarbageIsNeverAVersion) {
  EXPECT_EQ(parse_nvue_system_image("").error().code, "tool_output.empty");
  EXPECT_EQ(parse_nvue_system_image("Error: no such command").error().code, "tool_output.not_recognised");
  EXPECT_EQ(parse_nvue_system_image(R"({"current":"1","partition1":{"bui)").error().code,
            "tool_output.truncated");
  EXPECT_EQ(parse_nvue_system_image("[]").error().code, "tool_output.not_recognised");
  EXPECT_EQ(parse_nvue_system_image(R"({"current":{"x":1},"partition1":"nvos-1"})").error().code,
            "tool_output.not_recognised");
  EXPECT_EQ(parse_nvue_component(std::string(200, '[')).error().code, "tool_output.not_recognised");
}

}  // namespace
}  // namespace kiln::tool_output
