#pragma once
// A rack and its BMCs without sockets and without waiting: time is moved by the test.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/physics.h"
#include "tests_hw/virtual_rack/rack_model.h"
#include "tests_hw/virtual_rack/redfish/bmc.h"

namespace kiln::virtual_rack::test {

struct BmcRig {
  explicit BmcRig(const std::string& dut = "C01", const std::string& rack_name = "small",
                  bool powered = false, const std::string& product = {}) {
    RackOptions options;
    options.product = product;
    options.rack = rack_name;
    options.seed = 7;
    options.powered_on = powered;
    Result<std::unique_ptr<RackModel>> built = build_rack(options, now);
    if (!built) throw std::runtime_error(built.error().full());
    rack = std::move(*built);
    use(dut);
  }

  void use(const std::string& dut) {
    Dut* found = rack->find(dut);
    if (found == nullptr) throw std::runtime_error("no such DUT: " + dut);
    bmc = std::make_unique<Bmc>(*rack, *found, Account{"kiln", "secret"}, log);
    token.clear();
  }

  /// Moves time on in steps as the program does.
  void pass(double seconds) {
    const std::uint64_t end = now + static_cast<std::uint64_t>(seconds * 1e9);
    while (now < end) {
      now += 50'000'000;
      advance(*rack, now);
      bmc->tick();
    }
  }

  HttpResponse send(const std::string& method, const std::string& target, const std::string& body = {},
                    HttpHeaders headers = {}) {
    HttpRequest request;
    request.method = method;
    request.headers = std::move(headers);
    if (!token.empty()) request.headers.emplace_back("X-Auth-Token", token);
    request.body = body;
    if (!split_target(target, request)) throw std::runtime_error("bad target " + target);
    return bmc->handle(request);
  }

  void log_in() {
    const HttpResponse answer =
        send("POST", "/redfish/v1/SessionService/Sessions", R"({"UserName":"kiln","Password":"secret"})");
    ASSERT_EQ(answer.status, 201U) << answer.body;
    token = header_value(answer.headers, "X-Auth-Token");
    session = header_value(answer.headers, "Location");
    ASSERT_EQ(token.size(), 64U);
  }

  json::object get(const std::string& target) {
    const HttpResponse answer = send("GET", target);
    EXPECT_EQ(answer.status, 200U) << target << ": " << answer.body;
    return parse_object(answer.body).value_or(json::object{});
  }

  std::uint64_t now = 1'000'000'000'000ULL;
  RequestLog log;
  std::unique_ptr<RackModel> rack;
  std::unique_ptr<Bmc> bmc;
  std::string token;
  std::string session;
};

}  // namespace kiln::virtual_rack::test
