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
#include "station/sessions_by_way.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

const std::string kOne = "https://10.0.0.1", kOther = "https://10.0.0.2";

OpenSession session_at(const std::string& bmc, const std::string& uri) {
  return {bmc, uri, "admin", "2026-11-29T05:00:00Z"};
}

const SystemClock the_clock;

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
    Result<std::shared_ptr<SessionsOnDisk>> opened = SessionsOnDisk::open(state, the_clock);
    EXPECT_TRUE(opened) << (opened ? "" : opened.error().sentence());
    return opened ? std::move(*opened) : nullptr;
  }
  /// A station in a process of its own, which is killed in the midst of `work`.
  void dies(const std::function<void(SessionsOnDisk&)>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      Result<std::shared_ptr<SessionsOnDisk>> opened = SessionsOnDisk::open(state, the_clock);
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
    sessions.ended(session_at(kOne, "/s/1"));
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
  open()->settled(session_at(kOne, "/s/1"));
  EXPECT_TRUE(open()->left(kOne).empty());
  EXPECT_EQ(open()->left(kOther).size(), 1U);
  open()->settled(session_at(kOther, "/s/1"));
  EXPECT_TRUE(files().empty()) << "a file goes with its last session";
}

TEST_F(SessionsOnDiskTest, WhatALivingStationHasOpenIsItsOwn) {
  const auto living = open();
  living->opened(session_at(kOne, "/s/1"));
  EXPECT_TRUE(open()->left(kOne).empty());
}

TEST_F(SessionsOnDiskTest, AStationAtAnotherRackKeepsNothingFromThisOne) {
  dies([](SessionsOnDisk& sessions) { sessions.opened(session_at(kOne, "/s/1")); });
  const auto first = open();
  EXPECT_TRUE(first->left(kOther).empty());
  EXPECT_EQ(open()->left(kOne).size(), 1U);
  EXPECT_EQ(first->left(kOne).size(), 1U);
  open()->settled(session_at(kOne, "/s/1"));
  EXPECT_TRUE(first->left(kOne).empty());
}

TEST_F(SessionsOnDiskTest, AnAddressThatWasGivenTwiceEndsOnce) {
  dies([](SessionsOnDisk& sessions) {
    OpenSession earlier = session_at(kOne, "/s/1");
    earlier.created = "2026-11-29T04:00:00Z";
    sessions.opened(earlier);
    sessions.opened(session_at(kOne, "/s/1"));
    sessions.ended(earlier);
  });
  ASSERT_EQ(open()->left(kOne).size(), 1U);
  EXPECT_EQ(open()->left(kOne)[0].created, "2026-11-29T05:00:00Z");
}

TEST_F(SessionsOnDiskTest, WhatOthersCouldHaveWrittenIsNotLookedAt) {
  dies([](SessionsOnDisk& sessions) { sessions.opened(session_at(kOne, "/s/1")); });
  const std::string file = files().at(0);
  ASSERT_EQ(::chmod(file.c_str(), 0660), 0);
  EXPECT_TRUE(open()->left(kOne).empty());
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_EQ(open()->left(kOne).size(), 1U);
  fs::rename(file, state + "/elsewhere.json");
  fs::create_symlink(state + "/elsewhere.json", file);
  EXPECT_TRUE(open()->left(kOne).empty());
}

TEST_F(SessionsOnDiskTest, AStationThatLeavesNothingLeavesNoFile) {
  {
    const auto station = open();
    EXPECT_TRUE(files().empty()) << "nor one that has asked nobody";
    station->opened(session_at(kOne, "/s/1"));
    ASSERT_EQ(files().size(), 1U);
    struct stat seen {};
    ASSERT_EQ(::stat(files()[0].c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777U, 0600U);
    station->ended(session_at(kOne, "/s/1"));
  }
  EXPECT_TRUE(files().empty());
}

TEST_F(SessionsOnDiskTest, WhatNobodyAskedAgainIsForgottenAfterAMonth) {
  dies([](SessionsOnDisk& sessions) { sessions.opened(session_at(kOne, "/s/1")); });
  const fs::path file = files().at(0);
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(24 * 31));
  EXPECT_TRUE(open()->left(kOne).empty());
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
  ASSERT_EQ(::chmod((state + "/sessions/1-0.json").c_str(), 0600), 0);
  ASSERT_EQ(open()->left(kOne).size(), 2U);
  const OpenSession second{kOne, "/s/2", "", ""};
  open()->settled(second);
  EXPECT_EQ(open()->left(kOne).size(), 1U) << "also behind a torn line";
}

TEST_F(SessionsOnDiskTest, APlaceThatCannotBeWrittenIsNamed) {
  std::ofstream(state + "/sessions") << "a file";
  const Result<std::shared_ptr<SessionsOnDisk>> opened = SessionsOnDisk::open(state, the_clock);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "sessions.not_writable");
  EXPECT_NE(opened.error().message.find(state), std::string::npos);
}

TEST_F(SessionsOnDiskTest, ASubscriptionIsLeftWithItsContext) {
  OpenSession subscription = session_at(kOne, "/redfish/v1/EventService/Subscriptions");
  subscription.context = "kiln-0123";
  dies([&subscription](SessionsOnDisk& sessions) {
    sessions.opened(session_at(kOne, "/s/1"));
    sessions.opened(subscription);
  });
  const auto sessions = open();
  const std::vector<OpenSession> left = sessions->left(kOne);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].context, "");
  EXPECT_EQ(left[1], subscription);
  sessions->settled(subscription);
  EXPECT_EQ(sessions->left(kOne).size(), 1U);
}

TEST_F(SessionsOnDiskTest, WhatWasLeftBehindOneJumpHostIsNotLookedForBehindAnother) {
  const OpenSession mine = session_at(kOne, "/redfish/v1/SessionService/Sessions/1");
  dies([&mine](SessionsOnDisk& sessions) {
    const std::shared_ptr<OpenSessions> kept(&sessions, [](OpenSessions*) {});
    SessionsByWay(kept, " by 10.0.1.1:22").opened(mine);
  });
  const std::shared_ptr<SessionsOnDisk> sessions = open();
  SessionsByWay there(sessions, " by 10.0.1.1:22"), elsewhere(sessions, " by 10.0.1.2:22");
  EXPECT_TRUE(sessions->left(kOne).empty()) << "nor at that address in the station's own network";
  EXPECT_TRUE(elsewhere.left(kOne).empty());
  elsewhere.settled(mine);
  ASSERT_EQ(there.left(kOne).size(), 1U);
  EXPECT_EQ(there.left(kOne).front(), mine) << "who asks knows nothing of the way";
  there.settled(mine);
  EXPECT_TRUE(there.left(kOne).empty());
}

}  // namespace
}  // namespace kiln
