#include "station/addresses.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

using Urls = std::vector<std::string>;

TEST(Addresses, AreWhatPeopleWrite) {
  const auto urls = bmc_addresses({"10.0.0.5", "10.0.0.5:8443", "10.0.0.250-251", "192.168.7.0/30", "fd00::5",
                                   "[fd00::5]:8443", "bmc-7.example", "https://rack:443/bmc/3/", "10.0.0.5"});
  ASSERT_TRUE(urls) << urls.error().sentence();
  EXPECT_EQ(*urls,
            (Urls{"https://10.0.0.5", "https://10.0.0.5:8443", "https://10.0.0.250", "https://10.0.0.251",
                  "https://192.168.7.1", "https://192.168.7.2", "https://[fd00::5]", "https://[fd00::5]:8443",
                  "https://bmc-7.example", "https://rack/bmc/3"}));
}

TEST(Addresses, OneAddressHasOneSpelling) {
  const auto urls =
      bmc_addresses({"BMC.example", "bmc.example:443", "https://bmc.EXAMPLE/", "[FD00:0::5]:443", "fd00::5",
                     "255.255.255.254-255", "10.0.0.8/31", "10.0.0.7/32"});
  ASSERT_TRUE(urls) << urls.error().sentence();
  EXPECT_EQ(*urls,
            (Urls{"https://bmc.example", "https://[fd00::5]", "https://255.255.255.254",
                  "https://255.255.255.255", "https://10.0.0.8", "https://10.0.0.9", "https://10.0.0.7"}));
}

TEST(Addresses, WhatIsNoneIsNamed) {
  for (const char* word :
       {"10.0.0.256", "10.0.0.5-4", "10.0.0.5-999", "10.0.0/33", "a b", "", "http://10.0.0.5", "10.0.0.5:0",
        "10.0.0.5:70000", "[fd00::5", "https://", "https://root:pw@10.0.0.5"}) {
    const auto urls = bmc_addresses({word});
    ASSERT_FALSE(urls) << word;
    EXPECT_EQ(urls.error().code, "discover.address") << word;
    EXPECT_NE(urls.error().message.find(word), std::string::npos) << word;
  }
  EXPECT_EQ(bmc_addresses({"10.0.0.0/8"}).error().code, "discover.too_many");
  EXPECT_EQ(bmc_addresses({"10.0.0.0/20", "10.1.0.0/24"}).error().code, "discover.too_many");
}

}  // namespace
}  // namespace kiln
