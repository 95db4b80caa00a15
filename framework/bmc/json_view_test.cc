#include "bmc/json_view.h"

#include <gtest/gtest.h>

#include "bmc/redfish_error.h"

namespace kiln {
namespace {

constexpr int kDepth = 64;

JsonView view(const std::string& text) {
  Result<JsonDocument> document = JsonDocument::parse(text, kDepth);
  EXPECT_TRUE(document) << text;
  return document ? document->root() : JsonView();
}

TEST(JsonView, ReadsANumberHoweverItIsWritten) {
  EXPECT_EQ(view(R"({"v":61.5})")["v"].number(), 61.5);
  EXPECT_EQ(view(R"({"v":"61.5"})")["v"].number(), 61.5);
  EXPECT_EQ(view(R"({"v":" 61.5 Cel"})")["v"].number(), 61.5);
  EXPECT_EQ(view(R"({"v":{"Reading":61.5,"DataSourceUri":"/x"}})")["v"].number(), 61.5);
  EXPECT_EQ(view(R"({"v":{"Reading":"61.5"}})")["v"].number(), 61.5);
  EXPECT_EQ(view(R"({"v":[61.5]})")["v"].number(), 61.5);
}

TEST(JsonView, WhatIsNoValueIsUnset) {
  for (const char* text : {"null", "\"N/A\"", "\"\"", "[]", "[1,2]", "{}", "{\"Reading\":null}", "true",
                           "\"warm\"", "9223372036854775794", "{\"Reading\":{\"Reading\":1}}", "[[1]]"}) {
    EXPECT_FALSE(view(std::string("{\"v\":") + text + "}")["v"].number()) << text;
  }
  EXPECT_FALSE(view("{}")["v"]["w"].number());
}

TEST(JsonView, WholeNumbersAreWhole) {
  EXPECT_EQ(view(R"({"v":4.0})")["v"].integer(), 4);
  EXPECT_EQ(view(R"({"v":"4"})")["v"].integer(), 4);
  EXPECT_FALSE(view(R"({"v":4.5})")["v"].integer());
  EXPECT_FALSE(view(R"({"v":true})")["v"].integer());
}

TEST(JsonView, TextIsTidyAndUnsetWordsAreNoText) {
  EXPECT_EQ(view("{\"v\":\" SN\\u00071 \\n\"}")["v"].text(), "SN 1");
  EXPECT_FALSE(view(R"({"v":"N/A"})")["v"].text());
  EXPECT_EQ(view(R"({"v":["Critical"]})")["v"].text(), "Critical");
  EXPECT_EQ(view(R"({"v":"false"})")["v"].boolean(), false);
  EXPECT_EQ(view(R"({"v":{"@odata.id":"/redfish/v1/"}})")["v"].link(), "/redfish/v1/");
  EXPECT_EQ(view(R"({"v":"/redfish/v1/x"})")["v"].link(), "/redfish/v1/x");
}

TEST(JsonView, WhatIsPrintedIsNotCutWithinALetter) {
  for (std::size_t before = 0; before < 4; ++before) {
    std::string text(before, 'x');
    for (int i = 0; i < 100; ++i) text += "ü";
    const std::string printed = view("{\"v\":\"" + text + "\"}")["v"].printed();
    EXPECT_TRUE(simdjson::validate_utf8(printed)) << before;
    EXPECT_GE(printed.size(), 80U);
  }
}

TEST(JsonDocument, RepairsWhatTakesNothingAway) {
  EXPECT_EQ(view("\xEF\xBB\xBF{\"a\":1}")["a"].number(), 1);
  EXPECT_EQ(view("{\"a\":\"x\ty\"}")["a"].text(), "x y") << "a raw control character";
  EXPECT_EQ(view("{\"a\":NaN,\"b\":2}")["b"].number(), 2);
  EXPECT_FALSE(view("{\"a\":NaN,\"b\":2}")["a"].number());
  EXPECT_EQ(view("{\"a\":\"NaN says \\\"nan\\\"\",\"b\":-Infinity,\"c\":3}")["a"].text(), "NaN says \"nan\"");
  EXPECT_EQ(view("{\"a\":[1,2,],}")["a"].elements().size(), 2U);
  EXPECT_EQ(view("{\"a\":\"\xff\",\"b\":2}")["b"].number(), 2);
  EXPECT_EQ(view("{\"a\":123456789012345678901234567890,\"b\":2}")["b"].number(), 2);
  EXPECT_EQ(view("{\"a\":1e999,\"b\":2}")["b"].number(), 2);
  EXPECT_FALSE(view("{\"a\":1e999,\"b\":2}")["a"].number());
}

TEST(JsonDocument, DoesNotInventWhatWasCut) {
  for (const char* text :
       {"", "{", "{\"a\":1", "{\"a\":", "[1,2", "<html></html>", "{\"a\":1}}", "\"", "{\"a\" 1}"}) {
    const Result<JsonDocument> document = JsonDocument::parse(text, kDepth);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().code, "json.invalid") << text;
  }
}

TEST(JsonDocument, BoundsDepth) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  const Result<JsonDocument> document = JsonDocument::parse(deep, kDepth);
  ASSERT_FALSE(document);
  EXPECT_EQ(document.error().code, "json.too_deep");
  const std::string bottomless(1'000'000, '[');
  EXPECT_FALSE(JsonDocument::parse(bottomless, kDepth));
}

TEST(RedfishError, ErrorOnlyBodiesAreNoResources) {
  EXPECT_TRUE(is_nothing_but_error(view(R"({"error":{"code":"Base.1.0.GeneralError"}})")));
  EXPECT_TRUE(is_nothing_but_error(view(R"({"error":{},"@Message.ExtendedInfo":[]})")));
  EXPECT_FALSE(is_nothing_but_error(view(R"({"@odata.id":"/x","Id":"x","error":{"code":"c"}})")));
  EXPECT_FALSE(is_nothing_but_error(view(R"({"@odata.id":"/x"})")));
  EXPECT_TRUE(is_nothing_but_error(view(R"({"Status":400,"Message":"no"})")));
}

TEST(RedfishError, TheRealCodeMayStandInTheExtendedInfo) {
  const std::optional<RedfishRefusal> refusal = refusal_of(view(
      R"({"error":{"code":"iLO.0.10.ExtendedInfo","message":"See","@Message.ExtendedInfo":[{"MessageId":"Base.1.18.ResourceMissingAtURI"}]}})"));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "Base.1.18.ResourceMissingAtURI");
  EXPECT_EQ(refusal->message, "See");
  EXPECT_EQ(refusal_of(view(R"({"Status":400,"Message":"bad"})"))->message, "bad");
  EXPECT_EQ(refusal_of(view(R"("plain text")"))->message, "plain text");
  EXPECT_FALSE(refusal_of(view(R"({"Id":"1","Status":{"State":"Enabled"},"Message":"fine"})")));
}

TEST(JsonDocument, IsWhatWasParsedForAsLongAsAnybodyReadsIt) {
  const auto text = [](int number) {
    return "{\"Id\": \"" + std::string(1500, 'x') + "\", \"Reading\": " + std::to_string(number) + "}";
  };
  std::vector<JsonView> read;
  for (int i = 100; i < 120; ++i) {
    const Result<JsonDocument> document = JsonDocument::parse(text(i), 16);
    ASSERT_TRUE(document);
    read.push_back(document->root());
    if (i % 3 == 0) read.front() = JsonView();  // nobody reads this one any more: the next may take its place
    if (i % 3 == 0) read.erase(read.begin());
  }
  for (std::size_t i = 0; i < read.size(); ++i)
    EXPECT_EQ(read[i]["Reading"].integer(), 120 - static_cast<int>(read.size() - i));
}

TEST(JsonView, HasAnyLooksForAllNamesAtOnce) {
  const Result<JsonDocument> document = JsonDocument::parse(R"({"Id": 1, "Error": {"Message": 2}})", 16);
  ASSERT_TRUE(document);
  EXPECT_TRUE(document->root().has_any({"error", "Error"}));
  EXPECT_FALSE(document->root().has_any({"error", "Message"})) << "of this object, not of those in it";
  EXPECT_FALSE(document->root()["Id"].has_any({"Id"}));
  EXPECT_FALSE(JsonView().has_any({"Id"}));
}

}  // namespace
}  // namespace kiln
