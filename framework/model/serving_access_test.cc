#include "model/serving_access.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(ServingAddress, HasASchemeAndAHostAndNothingThatHidesAnotherOne) {
  for (const char* good :
       {"https://a", "https://10.0.0.1:8000", "http://[::1]:8000/v1", "https://a.example/rack/v1/"})
    EXPECT_TRUE(is_serving_url(good)) << good;
  for (const char* bad : {"", "a", "ftp://a", "https://", "https:///v1", "https://user@a", "https://a?x",
                          "https://a#x", "https://a b", "https://a\n", "http://[::1", "https://a\\b"})
    EXPECT_FALSE(is_serving_url(bad)) << bad;
}

TEST(ServingAddress, WithAndWithoutVersionItIsTheSame) {
  for (const char* written : {"https://a:1", "https://a:1/", "https://a:1/v1", "https://a:1/v1/"})
    EXPECT_EQ(serving_base(written), "https://a:1") << written;
  EXPECT_EQ(serving_base("https://a/x/v1"), "https://a/x");
}

TEST(ServingAddress, PlainHttpNeedsAReasonUnlessNobodyElseHears) {
  const TlsTrust pin{TlsTrust::Kind::pin, "x"};
  const TlsTrust insecure{TlsTrust::Kind::insecure, "lab"};
  EXPECT_EQ(why_untrusted("https://a", true, pin), "");
  EXPECT_EQ(why_untrusted("http://a", true, insecure), "");
  EXPECT_EQ(why_untrusted("http://127.0.0.1:1", false, {}), "");
  EXPECT_EQ(why_untrusted("http://[::1]:1", false, {}), "");
  EXPECT_NE(why_untrusted("https://a", false, {}), "");
  EXPECT_NE(why_untrusted("http://a", false, {}), "");
  EXPECT_NE(why_untrusted("http://127.evil.example", false, {}), "");
  EXPECT_NE(why_untrusted("http://127.0.0.1", true, pin), "");
}

}  // namespace
}  // namespace kiln
