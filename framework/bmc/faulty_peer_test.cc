// Peers that break the rules of HTTP, over real TLS: whatever they do, an exchange ends before its deadline,
// takes in no more than its caps, and ends as an Error that says what it is. What a service says within the
// rules is in peer_behaviour_test.cc; logins and connections that go bad in faulty_session_test.cc.
#include "bmc/https_bmc_for_test.h"

namespace kiln {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

class FaultyPeer : public HttpsBmc {
 protected:
  static PeerReply raw(const std::string& bytes) {
    PeerReply reply;
    reply.bytes = bytes;
    return reply;
  }
  /// Each on a connection of its own.
  Result<RedfishResource> after(PeerReply reply) {
    reply.close = !reply.goodbye;
    says("GET /redfish/v1/Thing", std::move(reply));
    make();
    return get("/redfish/v1/Thing");
  }
  std::string code_after(PeerReply reply) {
    const Result<RedfishResource> answer = after(std::move(reply));
    return answer ? "no error" : answer.error().code;
  }
  static std::string told(const Result<RedfishResource>& answer) {
    return answer ? "no error" : answer.error().code + ": " + answer.error().message;
  }
};

TEST_F(FaultyPeer, OneThatSendsAByteAtATimeIsLeftAtTheDeadline) {
  PeerReply slow = answer_of(200, kThing);
  slow.drip_ms = 100;
  says("GET /redfish/v1/Headers", slow);
  slow.at_once = slow.bytes.size() - kThing.size();
  says("GET /redfish/v1/Body", slow);
  make();
  for (const char* path : {"/redfish/v1/Headers", "/redfish/v1/Body"}) {
    const Clock::time_point begun = Clock::now();
    EXPECT_EQ(code_of(path, 700ms), "ctx.deadline");
    EXPECT_LT(Clock::now() - begun, 2s);
  }
  EXPECT_LE(peer.bytes_sent(), slow.at_once + 40U);
}

TEST_F(FaultyPeer, AnAnswerThatIsCutAnywhereIsNoAnswer) {
  const std::string counted =
      "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: " + std::to_string(kThing.size()) + "\r\n\r\n" +
      kThing;
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n" +
                              kThing.substr(0, 10) + "\r\n" + "2e\r\n" + kThing.substr(10) + "\r\n0\r\n\r\n";
  ASSERT_EQ(kThing.size() - 10, 0x2eU);
  ASSERT_EQ(code_after(raw(counted)), "no error");
  ASSERT_EQ(code_after(raw(chunked)), "no error");
  // The line feed at the very end of the chunks says nothing that was not said.
  for (const std::string& whole : {counted, chunked.substr(0, chunked.size() - 1)}) {
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      PeerReply part = raw(whole.substr(0, cut));
      part.goodbye = cut % 2 == 0;  // as if it were the end, or just gone
      ASSERT_EQ(code_after(part), "bmc.unreachable") << whole.substr(0, cut);
    }
  }
}

TEST_F(FaultyPeer, ABodyWithoutLengthThatIsCutIsNoResource) {
  PeerReply cut = raw("HTTP/1.0 200 OK\r\n\r\n" + kThing.substr(0, 40));
  EXPECT_EQ(code_after(cut), "bmc.not_json") << "cut without a TLS goodbye";
  cut.goodbye = true;
  EXPECT_EQ(code_after(cut), "bmc.not_json") << "with one";
}

TEST_F(FaultyPeer, AnEndlessBodyIsStoppedAtItsCap) {
  max_body = 256U * 1024U;
  PeerReply endless = raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  endless.bytes += "3f9\r\n" + std::string(0x3f9, 'x') + "\r\n";  // one kilobyte, which is repeated
  endless.endless = true;
  EXPECT_THAT(told(after(endless)), AllOf(HasSubstr("bmc.body_too_large"), HasSubstr("than 262144 bytes")));
  // What the kernels of both sides hold is not in our memory.
  EXPECT_LT(peer.bytes_sent(), 32U * 1024U * 1024U);
}

TEST_F(FaultyPeer, ABodyThatNestsTenThousandDeepIsNotRead) {
  EXPECT_EQ(code_after(answer_of(200, std::string(10'000, '[') + std::string(10'000, ']'))), "bmc.not_json");
  std::string objects;
  for (int i = 0; i < 10'000; ++i) objects += R"({"a":)";
  EXPECT_EQ(code_after(answer_of(200, objects + "1" + std::string(10'000, '}'))), "bmc.not_json");
}

TEST_F(FaultyPeer, RedirectsEndInACircleAndNeverElsewhere) {
  const TestCertificate theirs;
  const HttpsPeer elsewhere(theirs, [](const PeerRequest&) { return answer_of(200, kThing); });
  says("GET /redfish/v1/Circle", answer_of(307, "", "Location: /redfish/v1/Circle/\r\n"));
  says("GET /redfish/v1/Circle/", answer_of(307, "", "Location: /redfish/v1/Circle\r\n"));
  says("GET /redfish/v1/Away",
       answer_of(302, "", "Location: " + elsewhere.url("/redfish/v1/Thing") + "\r\n"));
  says("GET /redfish/v1/Scheme", answer_of(302, "", "Location: //127.0.0.1/redfish/v1/Thing\r\n"));
  make("admin");
  EXPECT_EQ(code_of("/redfish/v1/Circle"), "bmc.redirect");
  EXPECT_LE(count("GET /redfish/v1/Circle") + count("GET /redfish/v1/Circle/"), 6);
  EXPECT_EQ(code_of("/redfish/v1/Away"), "bmc.redirect");
  EXPECT_EQ(code_of("/redfish/v1/Scheme"), "bmc.redirect");
  EXPECT_EQ(elsewhere.connections(), 0) << "the token is for this BMC";
}

TEST_F(FaultyPeer, WhateverTypeItNamesTheBodyIsReadAsWhatItIs) {
  const std::string length = "Content-Length: " + std::to_string(kThing.size()) + "\r\n\r\n";
  EXPECT_EQ(code_after(raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + length + kThing)), "no error");
  EXPECT_EQ(code_after(raw("HTTP/1.1 200 OK\r\n" + length + kThing)), "no error");
  says("GET /redfish/v1/Thing",
       closed_after(
           raw("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>")));
  make("", 4);
  const std::size_t before = requests().size();
  EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.not_json");
  EXPECT_EQ(requests().size() - before, 1U) << "a page in place of a resource will not become one";
}

TEST_F(FaultyPeer, ABodyInUtf16IsNotJson) {
  for (const bool big : {false, true}) {
    for (const char* mark : {"", big ? "\xfe\xff" : "\xff\xfe"}) {
      std::string wide = mark;
      for (const char letter : kThing)
        wide += big ? std::string({'\0', letter}) : std::string({letter, '\0'});
      EXPECT_EQ(code_after(answer_of(200, wide)), "bmc.not_json") << big << mark;
    }
  }
  EXPECT_EQ(code_after(answer_of(200, "\xef\xbb\xbf" + kThing)), "no error")
      << "in UTF-8 the mark does no harm";
}

/// A gzip member of `bytes` letters x, 159 times smaller than what it stands for.
std::string gzip_of(std::size_t bytes) {
  std::string packed("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10);
  unsigned hold = 0;
  int held = 0;
  const auto put = [&](unsigned bit) {
    hold |= bit << held;
    if (++held < 8) return;
    packed.push_back(static_cast<char>(hold));
    hold = 0;
    held = 0;
  };
  const auto code = [&](unsigned value,
                        int length) {  // Huffman codes begin with their highest bit (RFC 1951 3.1.1)
    for (int bit = length - 1; bit >= 0; --bit) put((value >> bit) & 1U);
  };
  put(1);  // the last block, with the fixed codes
  put(1);
  put(0);
  code(0x30U + 'x', 8);
  for (std::size_t made = 1; made < bytes; made += 258) {
    code(0xc5, 8);  // length 258
    code(0, 5);     // of what is one back
  }
  code(0, 7);  // its end
  while (held != 0) put(0);
  return packed + std::string(8, '\0');
}

TEST_F(FaultyPeer, AGzipBombIsStoppedAtTheCapOfWhatItUnpacksTo) {
  max_body = 1024U * 1024U;
  const std::string bomb = gzip_of(200U * 1024U * 1024U);
  EXPECT_LT(bomb.size(), 2U * 1024U * 1024U);
  says("GET /redfish/v1/Thing",
       closed_after(raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb)));
  make();
  const Clock::time_point begun = Clock::now();
  EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.body_too_large");
  EXPECT_LT(Clock::now() - begun, 5s);
  EXPECT_THAT(requests().back().head, HasSubstr("Accept-Encoding: gzip"));
}

TEST_F(FaultyPeer, AFloodOfHeadersIsStoppedAtItsCap) {
  PeerReply many = raw("HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < 20'000; ++i)
    many.bytes += "X-Header-" + std::to_string(i) + ": 0123456789012345678901234567\r\n";
  many.bytes += "Content-Length: 2\r\n\r\n{}";
  const auto refused = AllOf(HasSubstr("bmc.unreachable"), HasSubstr("headers are larger than 262144 bytes"));
  EXPECT_THAT(told(after(many)), refused);
  const std::string one_line = "X-Long: " + std::string(1024U * 1024U, 'x');
  EXPECT_THAT(told(after(raw("HTTP/1.1 200 OK\r\n" + one_line + "\r\nContent-Length: 2\r\n\r\n{}"))),
              HasSubstr("a line of the answer's headers is larger than 102400 bytes"));
  PeerReply endless = raw("HTTP/1.1 200 OK\r\n");
  endless.bytes += "X-Endless: " + std::string(1024 - 13, 'x') + "\r\n";
  endless.endless = true;
  EXPECT_THAT(told(after(endless)), refused);
  EXPECT_LT(peer.bytes_sent(), 32U * 1024U * 1024U);
}

TEST_F(FaultyPeer, ALengthThatCannotBeTrueIsRefusedWithoutWaitingForIt) {
  const auto of_length = [](const std::string& lines) {
    return raw("HTTP/1.1 200 OK\r\n" + lines + "\r\n" + kThing);
  };
  const Clock::time_point begun = Clock::now();
  for (const char* length : {"4294967296", "9223372036854775807", "99999999999999999999"}) {
    PeerReply reply = of_length("Content-Length: " + std::string(length) + "\r\n");
    says("GET /redfish/v1/Thing", reply);  // and leaves the connection open
    make();
    EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.body_too_large") << length;
  }
  for (const char* length : {"-1", "many"}) {
    says("GET /redfish/v1/Thing", of_length("Content-Length: " + std::string(length) + "\r\n"));
    make();
    EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.unreachable") << length;
  }
  const std::string right = std::to_string(kThing.size());
  says("GET /redfish/v1/Thing", of_length("Content-Length: 5\r\nContent-Length: " + right + "\r\n"));
  make();
  EXPECT_EQ(code_of("/redfish/v1/Thing"), "bmc.unreachable") << "two lengths";
  says("GET /redfish/v1/Thing",
       of_length("Content-Length: " + right + "\r\ncontent-length: " + right + "\r\n"));
  make();
  EXPECT_EQ(code_of("/redfish/v1/Thing"), "no error") << "the same twice";
  EXPECT_LT(Clock::now() - begun, 10s);
}

}  // namespace
}  // namespace kiln
