#include "station/station_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <set>

namespace kiln {
namespace {

namespace fs = std::filesystem;

class StationKey : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "kiln-key-XXXXXX";
    state_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(state_); }
  std::string state_;
};

TEST_F(StationKey, IsMadeOnceAndKeptForItsUserAlone) {
  const Result<SigningKey> key = station_key(state_), again = station_key(state_);
  ASSERT_TRUE(key && again);
  EXPECT_EQ(key->verifying_key().id(), again->verifying_key().id());
  struct stat found {};
  ASSERT_EQ(::stat((state_ + "/keys/station.key").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
  EXPECT_EQ(std::distance(fs::directory_iterator(state_ + "/keys"), fs::directory_iterator()), 2)
      << "nothing half made";
}

TEST_F(StationKey, ProgramsThatBeginTogetherHaveOne) {
  std::vector<std::future<std::string>> starts;
  for (int number = 0; number < 12; ++number) {
    starts.push_back(std::async(std::launch::async, [this] {
      const Result<SigningKey> key = station_key(state_);
      return key ? key->verifying_key().id() : key.error().sentence();
    }));
  }
  std::set<std::string> ids;
  for (auto& start : starts) ids.insert(start.get());
  EXPECT_EQ(ids.size(), 1U) << *ids.begin();
}

TEST_F(StationKey, OneThatOthersCanReadIsRefused) {
  ASSERT_TRUE(station_key(state_));
  ASSERT_EQ(::chmod((state_ + "/keys/station.key").c_str(), 0640), 0);
  const Result<SigningKey> key = station_key(state_);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, "station_key.not_safe");
  EXPECT_FALSE(trusted_station_keys(state_, {}));
}

TEST_F(StationKey, APublicHalfThatWasWrittenOverIsNotTrusted) {
  const Result<SigningKey> key = station_key(state_);
  const Result<SigningKey> stranger = SigningKey::generate();
  ASSERT_TRUE(key && stranger);
  std::ofstream(state_ + "/keys/station.pub.pem") << stranger->verifying_key().pem();
  const Result<std::vector<VerifyingKey>> trusted = trusted_station_keys(state_, {});
  ASSERT_TRUE(trusted);
  ASSERT_EQ(trusted->size(), 1U);
  EXPECT_EQ(trusted->front().id(), key->verifying_key().id());
}

TEST_F(StationKey, WhatIsNoKeyIsSaidWithItsFile) {
  fs::create_directories(state_ + "/keys");
  const std::string path = state_ + "/keys/station.key";
  std::ofstream(path) << "half a k";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  const Result<SigningKey> key = station_key(state_);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, "station_key.not_usable");
  EXPECT_NE(key.error().message.find(path), std::string::npos);
}

}  // namespace
}  // namespace kiln
