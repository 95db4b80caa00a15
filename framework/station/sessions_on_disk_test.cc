#include "station/sessions_on_disk.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/time.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

const std::string kOne = "https://10.0.0.1", kOther = "https://10.0.0.2";

OpenSession session_at(const std::string& bmc, const std::string& uri) {
  return {bmc, uri, "admin", "2026-11-29T05:00:00Z"};
}

std::int64_t now_ns() { return SystemClock().now().utc_ns; }

class SessionsOnDiskTest : public testing::Test {
 protected:
  SessionsOnDiskTest() {
    std::string place = (fs::temp_directory_path() / "kiln-sessions-XXXXXX").string();
    if (::mkdtemp(place.data()) == nullptr) throw std::runtime_error("no directory");
    state = place;
  }
  ~SessionsOnDiskTest() override {
    std::error_code ignored;
    fs::remove_all(state, ignored);
  }
  std::shared_ptr<SessionsOnDisk> open() {
    Result<std::shared_ptr<SessionsOnDisk>> opened = SessionsOnDisk::open(state, now_ns());
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().sentence());
    return opened ? std::move(*opened) : nullptr;
  }
  /// A station in a process of its own, which is killed in the midst of `work`.
  void dies(const std::function<void(SessionsOnDisk&)>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      Result<std::shared_ptr<SessionsOnDisk>> opened = SessionsOnDisk::open(state, now_ns());
      if (opened) work(**opened);
      ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(state + "/sessions"))
      found.push_back(entry.path().string());
    return found;
  }
  std::string state;
};

TEST_F(SessionsOnDiskTest, WhatAKilledStationHadOpenIsLeftToTheNext) {
  dies([](SessionsOnDisk& sessions) {
    sessions.opened(session_at(kOne, "/s/1"));
    sessions.opened(session_at(kOne, "/s/2"));
    sessions.opened(session_at(kOther, "/s/1"));
    sessions.ended(kOne, "/s/1");
  });
  const auto next = open();
  ASSERT_EQ(next->left(kOne).size(), 1U);
  EXPECT_EQ(next->left(kOne)[0].uri, "/s/2");
  EXPECT_EQ(next->left(kOne)[0].user, "admin");
  EXPECT_EQ(next->left(kOne)[0].created, "2026-11-29T05:00:00Z");
  EXPECT_EQ(next->left(kOther).size(), 1U);
  EXPECT_TRUE(next->left("https://10.0.0.3").empty());
}

TEST_F(SessionsOnDiskTest, WhatIsSettledIsNotFoundAgainAndTheRestIs) {
  dies([](SessionsOnDisk& sessions) {
    sessions.opened(session_at(kOne, "/s/1"));
    sessions.opened(session_at(kOther, "/s/1"));
  });
  open()->settled(kOne, "/s/1");
  EXPECT_TRUE(open()->left(kOne).empty());
  EXPECT_EQ(open()->left(kOther).size(), 1U);
  open()->settled(kOther, "/s/1");
  EXPECT_TRUE(files().empty()) << "a file goes with its last session";
}

TEST_F(SessionsOnDiskTest, WhatALivingStationHasOpenIsItsOwn) {
  const auto living = open();
  living->opened(session_at(kOne, "/s/1"));
  EXPECT_TRUE(open()->all_left().empty());
}

TEST_F(SessionsOnDiskTest, TwoStationsDoNotEndTheSame) {
  dies([](SessionsOnDisk& sessions) { sessions.opened(session_at(kOne, "/s/1")); });
  const auto first = open();
  const auto second = open();
  EXPECT_EQ(first->all_left().size(), 1U);
  EXPECT_TRUE(second->all_left().empty());
}

TEST_F(SessionsOnDiskTest, AStationThatLeavesNothingLeavesNoFile) {
  open()->opened(session_at(kOne, "/s/1"));
  EXPECT_EQ(files().size(), 1U) << "it left one open";
  const auto next = open();
  next->settled(kOne, "/s/1");
  next->opened(session_at(kOne, "/s/2"));
  struct stat seen {};
  ASSERT_EQ(::stat(files()[0].c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 0777U, 0600U);
}

TEST_F(SessionsOnDiskTest, WhatHasTimedOutIsForgotten) {
  dies([](SessionsOnDisk& sessions) { sessions.opened(session_at(kOne, "/s/1")); });
  const fs::path file = files().at(0);
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(25));
  EXPECT_TRUE(open()->all_left().empty());
  EXPECT_TRUE(files().empty());
}

TEST_F(SessionsOnDiskTest, GarbageLosesItsLineOnly) {
  fs::create_directories(state + "/sessions");
  std::ofstream(state + "/sessions/1-0.json") << R"({"opened":{"bmc":"https://10.0.0.1","uri":"/s/1"}})"
                                              << "\n"
                                              << "\x01\x02 not json\n[1]\n"
                                              << R"({"opened":{"bmc":7,"uri":null}})"
                                              << "\n"
                                              << R"({"closed":{}})"
                                              << "\n"
                                              << R"({"opened":{"bmc":"https://10.0.0.1","uri":"/s/2"}})"
                                              << "\n"
                                              << R"({"opened":{"bmc":"https://10.0.0.1","ur)";
  EXPECT_EQ(open()->left(kOne).size(), 2U);
}

TEST_F(SessionsOnDiskTest, APlaceThatCannotBeWrittenIsNamed) {
  std::ofstream(state + "/sessions") << "a file";
  const Result<std::shared_ptr<SessionsOnDisk>> opened = SessionsOnDisk::open(state, now_ns());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "sessions.not_writable");
  EXPECT_NE(opened.error().message.find(state), std::string::npos);
}

}  // namespace
}  // namespace kiln
