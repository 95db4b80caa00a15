#include "station/capture_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kiln {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

CapturedAnswer answered(std::string uri, std::string body, int status = 200, HttpHeaders headers = {}) {
  CapturedAnswer answer;
  answer.uri = std::move(uri);
  answer.body = std::move(body);
  answer.status = status;
  answer.headers = std::move(headers);
  return answer;
}

class CaptureFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "kiln-capture-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    place = pattern;
  }
  void TearDown() override { fs::remove_all(place); }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(place), fs::directory_iterator()));
  }
  fs::path place;
};

TEST(CaptureLayout, PlainAddressesAreTheirOwnFolders) {
  CaptureLayout layout;
  for (const char* uri : {"/redfish", "/redfish/v1/", "/redfish/v1/$metadata",
                          "/redfish/v1/Chassis/HGX_GPU_0", "/redfish/v1/a%20b", "/redfish/v1/AA:BB"}) {
    const CaptureLayout::Place place = layout.place(uri);
    EXPECT_EQ("/" + place.folder, without_trailing_slash(uri));
    EXPECT_TRUE(place.says_itself);
  }
}

TEST(CaptureLayout, AQueryIsALegalNameOfItsOwn) {
  CaptureLayout layout;
  const CaptureLayout::Place plain = layout.place("/redfish/v1/L/Entries");
  const CaptureLayout::Place first = layout.place("/redfish/v1/L/Entries?$skip=50&x=/a b");
  const CaptureLayout::Place second = layout.place("/redfish/v1/L/Entries?$skip=100");
  EXPECT_EQ(plain.folder, "redfish/v1/L/Entries");
  EXPECT_EQ(first.folder, "redfish/v1/L/Entries%3F$skip=50&x=%2Fa%20b");
  EXPECT_EQ(second.folder, "redfish/v1/L/Entries%3F$skip=100");
  EXPECT_FALSE(first.says_itself);
}

TEST(CaptureLayout, NoAddressLeavesTheFolderOrTakesAnothersPlace) {
  CaptureLayout layout;
  const std::string long_name(300, 'x');
  std::string deep = "/redfish";
  for (int i = 0; i < 400; ++i) deep += "/abcde";
  const std::vector<std::string> uris{"/redfish/../../etc",
                                      "/redfish/./v1",
                                      "/redfish//v1",
                                      std::string("/redfish/a\0b", 12),
                                      "/redfish/v1/" + long_name,
                                      deep,
                                      "/redfish/v1/index.json",
                                      "/redfish/v1/Index.JSON/x",
                                      "/redfish/v1/headers.json",
                                      "/redfish/v1/x\\..\\y",
                                      "/redfish/v1/x y",
                                      "/etc/passwd",
                                      "no address",
                                      "",
                                      "/redfish/v1/L?" + long_name,
                                      "/redfish/v1/\xc3\xa4"};
  std::set<std::string> folders;
  for (const std::string& uri : uris) {
    const CaptureLayout::Place place = layout.place(uri);
    EXPECT_TRUE(place.folder.starts_with("elsewhere/")) << uri << " " << place.folder;
    EXPECT_FALSE(place.says_itself);
    EXPECT_TRUE(folders.insert(place.folder).second) << uri;
  }
  EXPECT_EQ(layout.place("/redfish/v1/Systems/1").folder, "redfish/v1/Systems/1");
  EXPECT_TRUE(layout.place("/redfish/v1/systems/1").folder.starts_with("elsewhere/")) << "letter case";
  EXPECT_TRUE(layout.place("/redfish/v1/systems").folder.starts_with("elsewhere/")) << "letter case, above";
  EXPECT_TRUE(layout.place("/redfish/v1/Systems/1").folder.starts_with("elsewhere/")) << "the same again";
  EXPECT_TRUE(layout.place("/redfish/v1/E%3Fa").says_itself);
  EXPECT_TRUE(layout.place("/redfish/v1/E?a").folder.starts_with("elsewhere/")) << "its name is taken";
}

TEST_F(CaptureFolder, HoldsBodiesByteForByteAndHowTheyWereAnswered) {
  const std::string odd = std::string("{\"a\": 1.50,\r\n \"b\":\"") + '\0' + "\xff\"";
  const fs::path directory = place / "out";
  const Status written = write_capture(
      directory.string(),
      {answered("/redfish/v1/", "{ }\n", 200, {{"ETag", "\"1\""}, {"Allow", "GET"}, {"Allow", "HEAD"}}),
       answered("/redfish/v1/Odd", odd), answered("/redfish/v1/Gone", "", 404),
       answered("/redfish/v1/L?$skip=1", "[]"), answered("/redfish/v1/$metadata", "<?xml?>")},
      "{}\n");
  ASSERT_TRUE(written) << written.error().full();
  EXPECT_EQ(bytes_of(directory / "redfish/v1/index.json"), "{ }\n");
  EXPECT_EQ(bytes_of(directory / "redfish/v1/Odd/index.json"), odd);
  EXPECT_FALSE(fs::exists(directory / "redfish/v1/Odd/headers.json"));
  EXPECT_EQ(bytes_of(directory / "redfish/v1/$metadata/index.xml"), "<?xml?>");
  EXPECT_EQ(bytes_of(directory / "redfish/v1/headers.json"),
            "{\"GET\":{\"ETag\":\"\\\"1\\\"\",\"Allow\":\"GET, HEAD\"}}\n");
  EXPECT_EQ(bytes_of(directory / "redfish/v1/Gone/headers.json"), "{\"GET\":{},\"status\":404}\n");
  EXPECT_EQ(bytes_of(directory / "redfish/v1/L%3F$skip=1/headers.json"),
            "{\"GET\":{},\"uri\":\"/redfish/v1/L?$skip=1\"}\n");
  EXPECT_EQ(bytes_of(directory / "capture.json"), "{}\n");
  for (const auto& entry : fs::recursive_directory_iterator(place)) {
    struct stat now {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &now), 0);
    EXPECT_EQ(now.st_mode & 07777U, entry.is_directory() ? 0700U : 0600U) << entry.path();
  }
  EXPECT_EQ(entries(), 1U) << "nothing unfinished is left";
}

TEST_F(CaptureFolder, TakesAnEmptyDirectoryAndNoOther) {
  const std::vector<CapturedAnswer> answers{answered("/redfish/v1/", "{}")};
  fs::create_directory(place / "empty");
  EXPECT_TRUE(write_capture((place / "empty").string(), answers, "{}"));
  EXPECT_TRUE(write_capture((place / "a/b/c/").string(), answers, "{}")) << "what is above is made";
  EXPECT_TRUE(fs::exists(place / "a/b/c/capture.json"));
  std::ofstream(place / "file") << "x";
  fs::create_directory_symlink(place / "nowhere", place / "link");
  for (const char* taken : {"empty", "file", "link"}) {
    const Status refused = write_capture((place / taken).string(), answers, "{}");
    ASSERT_FALSE(refused) << taken;
    EXPECT_EQ(refused.error().code, "capture.not_empty");
  }
  EXPECT_FALSE(check_capture_folder((place / "file" / "below").string()));
  EXPECT_EQ(bytes_of(place / "file"), "x");
}

TEST_F(CaptureFolder, WhatCannotBeWrittenLeavesNothing) {
  std::ofstream(place / "above") << "x";
  EXPECT_FALSE(write_capture((place / "above" / "out").string(), {answered("/redfish/v1/", "{}")}, "{}"));
  EXPECT_EQ(entries(), 1U);
}

}  // namespace
}  // namespace kiln
