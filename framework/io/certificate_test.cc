#include "io/certificate.h"

#include <gtest/gtest.h>

#include "io/https_peer_for_test.h"
#include "io/loop.h"

namespace kiln {
namespace {

boost::asio::awaitable<void> look_into(Ctx& ctx, std::string url,
                                       std::optional<Result<PeerCertificate>>* into) {
  const Ctx limited = ctx.child_within("certificate", std::chrono::seconds(8));
  Result<PeerCertificate> seen = co_await read_certificate(limited, std::move(url));
  into->emplace(std::move(seen));
}

Result<PeerCertificate> look_at(const std::string& url) {
  const std::unique_ptr<Loop> loop = Loop::real();
  std::optional<Result<PeerCertificate>> seen;
  loop->run([&seen, url](Ctx& ctx) { return look_into(ctx, url, &seen); });
  return std::move(*seen);
}

TEST(PeerCertificate, IsSeenWithoutBeingTrustedAndNothingIsSent) {
  const TestCertificate certificate;
  const HttpsPeer peer(certificate, [](const PeerRequest&) { return ok_reply("{}"); });
  const Result<PeerCertificate> seen = look_at(peer.url(""));
  ASSERT_TRUE(seen) << seen.error().sentence();
  EXPECT_EQ(seen->pin_sha256, certificate.pin_sha256());
  EXPECT_TRUE(seen->self_signed);
  EXPECT_NE(seen->subject, "");
  EXPECT_TRUE(seen->not_after.ends_with("Z")) << seen->not_after;
  EXPECT_EQ(peer.requests(), 0);
}

TEST(PeerCertificate, NobodyThereIsAnError) {
  const Result<PeerCertificate> seen = look_at("https://127.0.0.1:1");
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, "http.connect");
}

TEST(PeerCertificate, WithoutTlsThereIsNone) {
  const HttpsPeer plain([](const PeerRequest&) { return ok_reply("{}"); });
  const Result<PeerCertificate> seen = look_at("https://127.0.0.1:" + std::to_string(plain.port()));
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, "http.connect");
}

}  // namespace
}  // namespace kiln
