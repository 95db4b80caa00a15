// Reading an image: nobody waits for it, and what is not what it should be is refused.
#include "image.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "sdk/scope.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using boost::asio::awaitable;

awaitable<void> tick_each_millisecond(Ctx& ctx, std::shared_ptr<int> ticks) {
  while (true) {
    const Status slept = co_await ctx.sleep_for(1ms);
    if (!slept) co_return;
    ++*ticks;
  }
}

class ImageTest : public testing::Test {
 protected:
  ImageTest() {
    std::string pattern = testing::TempDir() + "kiln-image-XXXXXX";
    place = mkdtemp(pattern.data());
    target.image = (place / "image.fw").string();
  }
  ~ImageTest() override { std::filesystem::remove_all(place); }
  void write(const std::string& bytes) {
    std::ofstream(target.image, std::ios::binary) << bytes;
    target.sha256 = sha256_hex(bytes);
  }
  /// Reads it beside a ticker; `ticks` is how often that had its turn.
  Result<std::string> read() {
    Result<std::string> image = Error("test", "not read");
    const auto ticker = std::make_shared<int>(0);
    const auto loop = Loop::simulated();
    loop->run([this, ticker, &image](Ctx& ctx) -> awaitable<void> {
      Scope beside(ctx);
      beside.start("ticker", [ticker](Ctx& own) { return tick_each_millisecond(own, ticker); });
      FirmwareTarget whose = target;
      image = co_await firmware::read_image(ctx, std::move(whose));
      const Status stopped = co_await beside.stop_and_join(StopReason::sibling, "done");
      EXPECT_TRUE(stopped);
    });
    ticks = *ticker;
    return image;
  }
  std::filesystem::path place;
  FirmwareTarget target;
  int ticks = 0;
};

TEST_F(ImageTest, ABigImageIsReadWithEverybodysTurnInBetween) {
  std::string big(16 * firmware::kImageSlice + 5, '\0');
  for (std::size_t at = 0; at < big.size(); at += 4096) big[at] = static_cast<char>(at / 4096);
  write(big);
  const auto image = read();
  ASSERT_TRUE(image) << image.error().full();
  EXPECT_TRUE(*image == big);
  EXPECT_GE(ticks, 16) << "one for each slice";
}

TEST_F(ImageTest, AnImageOfJustOneSliceIsWhole) {
  write(std::string(firmware::kImageSlice, 'x'));
  EXPECT_EQ(read()->size(), firmware::kImageSlice);
}

TEST_F(ImageTest, OneBitInTheLastSliceIsAnotherImage) {
  std::string bytes(3 * firmware::kImageSlice, 'x');
  write(bytes);
  bytes.back() = 'y';
  std::ofstream(target.image, std::ios::binary) << bytes;
  EXPECT_EQ(read().error().code, "firmware.wrong_image");
}

TEST_F(ImageTest, WhatIsNotThereOrEmptyOrAFolderIsNamed) {
  EXPECT_EQ(read().error().code, "firmware.no_image");
  write("");
  EXPECT_EQ(read().error().code, "firmware.image_size");
  target.image = place.string();
  EXPECT_NE(read().error().message.find(target.image), std::string::npos);
}

}  // namespace
}  // namespace kiln
