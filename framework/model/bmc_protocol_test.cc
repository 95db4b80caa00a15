#include "model/bmc_protocol.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(BmcProtocolTest, TheAddressSaysWhatIsSpokenThere) {
  EXPECT_EQ(bmc_protocol_of("https://10.0.0.9/status.xml"), BmcProtocol::cooltera);
  for (const char* other : {"https://10.0.0.9", "https://10.0.0.9/", "https://status.xml.example", ""})
    EXPECT_EQ(bmc_protocol_of(other), BmcProtocol::redfish) << other;
}

TEST(BmcProtocolTest, HoweverItIsWrittenItIsOneAddress) {
  for (const char* written : {"https://10.0.0.9", "https://10.0.0.9/", "https://10.0.0.9/status.xml"})
    EXPECT_EQ(bmc_url_with(written, BmcProtocol::cooltera), "https://10.0.0.9/status.xml");
  EXPECT_EQ(bmc_url_with("https://10.0.0.9", BmcProtocol::redfish), "https://10.0.0.9");
  EXPECT_EQ(bmc_url_with("", BmcProtocol::cooltera), "") << "what is not there is told as missing";
}

TEST(BmcProtocolTest, WordsGoThereAndBack) {
  for (const std::string_view word : kBmcProtocolWords) EXPECT_EQ(to_string(*bmc_protocol_from(word)), word);
  EXPECT_FALSE(bmc_protocol_from("modbus"));
}

}  // namespace
}  // namespace kiln
