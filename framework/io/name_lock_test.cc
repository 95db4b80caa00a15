#include "io/name_lock.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace kiln {
namespace {

TEST(NameLock, IsHeldOnceAndFreeAfterwards) {
  const std::string name = fmt::format("a name of test {} {}", ::getpid(), std::string(500, 'x'));
  {
    Result<NameLock> held = NameLock::take(name);
    ASSERT_TRUE(held) << held.error().message;
    const NameLock moved = std::move(*held);
    const Result<NameLock> again = NameLock::take(name);
    ASSERT_FALSE(again) << "moving keeps it";
    EXPECT_EQ(again.error().code, "lock.taken");
    EXPECT_EQ(again.error().message.rfind(fmt::format("process {} of ", ::getpid()), 0), 0U)
        << again.error().message;
    EXPECT_TRUE(NameLock::take(name + "y")) << "a name is not its beginning";
  }
  EXPECT_TRUE(NameLock::take(name));
}

}  // namespace
}  // namespace kiln
