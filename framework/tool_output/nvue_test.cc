#include "tool_output/nvue.h"

#include <gtest/gtest.h>

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
