// What each product is made of, and that a rack of it is one of its kind.

#include "tests_hw/virtual_rack/products.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests_hw/virtual_rack/faults.h"
#include "tests_hw/virtual_rack/host_commands/interpreter.h"
#include "tests_hw/virtual_rack/links.h"
#include "tests_hw/virtual_rack/physics.h"
#include "tool_output/nvidia_smi_query.h"

namespace kiln::virtual_rack {
namespace {

constexpr std::uint64_t kStart = 1'000'000'000;

std::unique_ptr<RackModel> rack_of(const std::string& product, const std::string& rack, bool powered = true) {
  RackOptions options;
  options.rack = rack;
  options.product = product;
  options.powered_on = powered;
  Result<std::unique_ptr<RackModel>> made = build_rack(options, kStart);
  if (!made) throw std::runtime_error(made.error().sentence());
  return std::move(*made);
}

void pass(RackModel& rack, double seconds) {
  advance(rack, rack.now_ns + static_cast<std::uint64_t>(seconds * 1e9));
}

std::string said(RackModel& rack, Dut& dut, const std::string& line) {
  const std::unique_ptr<Command> command = interpret({rack, dut}, line);
  Output output;
  while (!command->step(output)) pass(rack, 0.05);
  return output.out;
}

Error refused(const std::string& product, const std::string& rack) {
  RackOptions options;
  options.rack = rack;
  options.product = product;
  const auto made = build_rack(options, kStart);
  return made ? Error("test.built", "it was built") : made.error();
}

TEST(Products, EachCanBeBuilt) {
  for (const std::string& product : product_names()) {
    const bool tray = product.find("nvl72") != std::string::npos;
    const auto rack = rack_of(product, tray ? "small" : "servers");
    EXPECT_EQ(rack->product, product);
    EXPECT_EQ(rack->duts.front().role, tray ? Role::compute_tray : Role::server);
  }
}

TEST(Products, WhatARackIsNotMadeOfIsRefusedWithTheRackToTake) {
  const Error unknown = refused("hgx-b20", "servers");
  EXPECT_EQ(unknown.code, "rack.product");
  EXPECT_THAT(unknown.sentence(), ::testing::HasSubstr("hgx-b200"));
  const Error trays = refused("hgx-h100", "small");
  EXPECT_EQ(trays.code, "rack.product");
  EXPECT_THAT(trays.sentence(), ::testing::HasSubstr("servers"));
  EXPECT_EQ(refused("gb300-nvl72", "hgx").code, "rack.product");
}

TEST(Products, AnHgxServerHasItsPublicCountsAndLikeIsFollowed) {
  struct Want {
    const char *product, *model;
    std::size_t switches;
    double link_gbps, watts;
    int device;
  };
  for (const Want& want : {Want{"hgx-h100", "NVIDIA H100 80GB HBM3", 4, 212.496, 700, 0x2330},
                           Want{"hgx-h200", "NVIDIA H200", 4, 212.496, 700, 0x2335},
                           Want{"hgx-b200", "NVIDIA B200", 2, 425, 1000, 0x2901},
                           Want{"hgx-b300", "NVIDIA B300 SXM6 AC", 2, 425, 1100, 0x3182}}) {
    const auto rack = rack_of(want.product, "servers");
    const Dut& server = rack->duts.front();
    ASSERT_EQ(server.gpus.size(), 8U) << want.product;
    EXPECT_EQ(server.switches.size(), want.switches) << want.product;
    EXPECT_EQ(server.gpus.front().name, "GPU_SXM_1");
    EXPECT_EQ(server.gpus.back().name, "GPU_SXM_8");
    EXPECT_EQ(server.gpus.front().model, want.model);
    EXPECT_EQ(server.gpus.front().pci_device, want.device);
    EXPECT_EQ(server.gpus.front().power_limit_w, want.watts);
    EXPECT_LT(rack->physics.gpu_load_w, want.watts);
    EXPECT_EQ(server.gpus.front().links.front().speed_gbps, want.link_gbps);
    std::set<std::pair<std::size_t, std::size_t>> ports;
    for (const Gpu& gpu : server.gpus) {
      EXPECT_EQ(gpu.links.size(), 18U);
      for (const NvLink& link : gpu.links) {
        EXPECT_EQ(link.switch_tray, 0U) << "inside the server";
        EXPECT_TRUE(ports.emplace(link.switch_chip, link.switch_port).second) << "one port, two links";
      }
    }
    EXPECT_EQ(ports.size(), 144U);
  }
}

TEST(Products, ABridgeIsTheSameLinkFromBothCards) {
  const auto rack = rack_of("lenovo-sr675v3", "servers");
  Dut& server = rack->duts.front();
  for (std::size_t g = 0; g < server.gpus.size(); ++g) {
    for (std::size_t l = 0; l < server.gpus[g].links.size(); ++l) {
      const auto peer = server.gpus[g].links[l].bridged_to;
      ASSERT_TRUE(peer.has_value());
      EXPECT_NE(peer->first, g);
      EXPECT_EQ(peer->first / 4, g / 4) << "within its bridge";
      EXPECT_EQ(server.gpus[peer->first].links[peer->second].bridged_to, std::pair(g, l));
    }
  }
  pass(*rack, 1);
  const NvLink& link = server.gpus[3].links[5];
  const NvLink& other = server.gpus[link.bridged_to->first].links[link.bridged_to->second];
  ASSERT_TRUE(link.up && other.up);
  const auto spec = parse_fault("nvlink-down@N01:" + link_part(server.gpus[3], link));
  ASSERT_TRUE(spec);
  ASSERT_TRUE(add_fault(*rack, *spec));
  pass(*rack, 1);
  EXPECT_FALSE(link.up);
  EXPECT_FALSE(other.up);
  EXPECT_EQ(other.counters.link_downed, 1U);
}

TEST(Products, WhatOneEndOfABridgeReceivesWronglyIsCountedThere) {
  for (const std::size_t card : {std::size_t{2}, std::size_t{3}}) {
    const auto rack = rack_of("lenovo-sr675v3", "servers");
    Dut& server = rack->duts.front();
    pass(*rack, 1);
    NvLink& link = server.gpus[card].links[5];
    const NvLink& other = server.gpus[link.bridged_to->first].links[link.bridged_to->second];
    const auto spec = parse_fault("nvlink-receive@N01:" + link_part(server.gpus[card], link));
    ASSERT_TRUE(spec);
    ASSERT_TRUE(add_fault(*rack, *spec));
    const std::unique_ptr<Command> load = interpret({*rack, server}, "all_reduce_perf -b 8 -e 8G -f 2 -g 8");
    Output output;
    for (int step = 0; step < 40 && !load->step(output); ++step) pass(*rack, 0.05);
    EXPECT_GT(link.counters.receive_errors, 0U) << card;
    EXPECT_EQ(other.counters.receive_errors, 0U) << card;
  }
}

TEST(Products, TheDriverTellsTheFabricAsThatProductDoes) {
  const auto hgx = rack_of("hgx-h100", "servers");
  pass(*hgx, 1);
  const auto read = tool_output::parse_nvidia_smi_query(said(*hgx, hgx->duts.front(), "nvidia-smi -q -x"));
  ASSERT_TRUE(read) << read.error().sentence();
  ASSERT_EQ(read->gpus.size(), 8U);
  EXPECT_EQ(read->gpus.front().fabric.verdict(), tool_output::ToolVerdict::pass);
  EXPECT_EQ(read->gpus.front().fabric.clique_id, std::optional<std::uint64_t>(0));
  EXPECT_TRUE(read->gpus.front().fabric.health_summary.empty());
  const auto cards = rack_of("lenovo-sr675v3", "servers");
  pass(*cards, 1);
  const auto none =
      tool_output::parse_nvidia_smi_query(said(*cards, cards->duts.front(), "nvidia-smi -q -x"));
  ASSERT_TRUE(none) << none.error().sentence();
  EXPECT_EQ(none->gpus.front().fabric.verdict(), tool_output::ToolVerdict::skip);
}

TEST(Products, OnlyAServerWithNvSwitchesHasAFabricManager) {
  const auto hgx = rack_of("hgx-b200", "servers");
  EXPECT_EQ(said(*hgx, hgx->duts.front(), "systemctl is-active nvidia-fabricmanager"), "active\n");
  EXPECT_THAT(said(*hgx, hgx->duts.front(), "nv-fabricmanager --version"), ::testing::HasSubstr("580."));
  const auto cards = rack_of("lenovo-sr675v3", "servers");
  EXPECT_EQ(said(*cards, cards->duts.front(), "systemctl is-active nvidia-fabricmanager"), "inactive\n");
}

TEST(Products, AServerIsCooledByTheHallAndFedByItsOwnSupplies) {
  const auto rack = rack_of("hgx-h100", "servers");
  Dut& server = rack->duts.front();
  rack->physics.ambient_c = 31;
  pass(*rack, 20);
  EXPECT_GT(server.gpus.front().temperature_c.actual, 31);
  EXPECT_LT(server.gpus.front().temperature_c.actual, 45) << "idle";
  double given = 0;
  for (const PowerSupply& supply : server.supplies) given += supply.output_w.actual;
  EXPECT_NEAR(given, server.power_w.actual, 1);
  EXPECT_GT(given, 1000);
  EXPECT_TRUE(server.coolant.name.empty());
  EXPECT_TRUE(server.detectors.empty());
}

TEST(Products, AHostTellsItsSocketsDimmsAndMemoryControllers) {
  const auto rack = rack_of("generic-server", "servers");
  Dut& server = rack->duts.front();
  EXPECT_THAT(said(*rack, server, "lscpu --parse=CPU,CORE,SOCKET"), ::testing::HasSubstr("\n63,63,1\n"));
  EXPECT_THAT(said(*rack, server, "dmidecode --type memory"),
              ::testing::HasSubstr(server.memory.back().serial));
  server.memory.front().correctable_errors = 3;
  const std::string counters = said(*rack, server, "sh -c 'cd /sys/devices/system/edac/mc; echo end'");
  EXPECT_THAT(counters, ::testing::StartsWith("mc0|3|0|\nmc0/dimm0|3|0|DIMM_0\n"));
  EXPECT_THAT(counters, ::testing::EndsWith("end\n"));
}

}  // namespace
}  // namespace kiln::virtual_rack
