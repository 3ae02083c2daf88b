#include "conf/validate.h"

#include <gtest/gtest.h>

#include "tests/conf/sample_config.h"

namespace ringproxy::conf {
namespace {

// The bad configurations of tests/golden/conf hold the texts with their places; here are the rules themselves.
std::string ErrorsOf(const Config& config) {
  const Result<Config> checked = CheckedConfig(config);
  return checked.ok() ? "" : ToString(checked.errors());
}

TEST(Validate, AcceptsAConfigThatKeepsTheRules) {
  EXPECT_EQ(ErrorsOf(SampleConfig()), "");
}

TEST(Validate, RequiresListenersPoolsAndNodes) {
  Config config;
  EXPECT_EQ(ErrorsOf(config), "listeners: has no entries\npools: has no entries\n");
  config = SampleConfig();
  config.pools[0].nodes.clear();
  EXPECT_EQ(ErrorsOf(config), "pools.sessions.nodes: has no entries\n");
}

TEST(Validate, RequiresRoutesToKnownPoolsAndADefaultOne) {
  Config config = SampleConfig();
  config.listeners[0].routes = {{"cart:", "carts"}};
  EXPECT_EQ(ErrorsOf(config),
            "listeners[0].routes[0].pool: no pool is called carts\n"
            "listeners[0].routes: lacks the default route, one without a prefix\n");
  config.listeners[0].routes = {};
  EXPECT_EQ(ErrorsOf(config), "listeners[0]: lacks pool or routes\n");
}

TEST(Validate, RequiresATokenForAnAdminPortThatOthersCanReach) {
  Config config = SampleConfig();
  config.admin.listen.host = "10.0.0.1";
  EXPECT_EQ(ErrorsOf(config), "admin.listen: 10.0.0.1:9180 is not loopback, which requires admin.token_file\n");
  config.admin.listen.host = "::1";
  EXPECT_EQ(ErrorsOf(config), "");
}

TEST(Validate, LimitsThePointsOfAVnodeRingAlone) {
  Config config = SampleConfig();
  config.pools[0].ring.virtual_nodes = 65536;
  config.pools[0].nodes[0].weight = 64;
  EXPECT_EQ(ErrorsOf(config), "");
  config.pools[0].nodes[0].weight = 65;
  EXPECT_NE(ErrorsOf(config).find("make 4259840 virtual nodes, above the most, 4194304"), std::string::npos);
  config.pools[0].ring.algorithm = ring::Algorithm::kModula;
  EXPECT_EQ(ErrorsOf(config), "");
}

TEST(Validate, LimitsThePointsOfAllRingsTogether) {
  Config config = SampleConfig();
  config.pools[0].ring.virtual_nodes = 65536;
  config.pools[0].nodes[0].weight = 64;
  for (int i = 1; i < 4; ++i) {
    config.pools.push_back(config.pools[0]);
    config.pools.back().name += std::to_string(i);
  }
  EXPECT_EQ(ErrorsOf(config), "");
  config.pools.push_back(SampleConfig().pools[0]);
  config.pools.back().name = "last";
  EXPECT_EQ(ErrorsOf(config), "pools: their rings have 16778240 virtual nodes in all, above the most, 16777216\n");
}

// A proxy that is its own node would send each request to itself until something breaks.
TEST(Validate, RefusesANodeThatIsTheProxyItself) {
  Config config = SampleConfig();
  config.pools[0].nodes[0].address = config.listeners[0].listen;
  EXPECT_EQ(ErrorsOf(config), "pools.sessions.nodes[0]: 127.0.0.1:6380 is the address of listener web\n");
}

TEST(Validate, LetsTheSamePoolServeManyListenersAndTheSameNodeManyPools) {
  Config config = SampleConfig();
  config.listeners.push_back(config.listeners[0]);
  config.listeners[1].name = "local";
  config.listeners[1].listen = {"", 0, "/run/x.sock"};
  config.pools.push_back(config.pools[0]);
  config.pools[1].name = "again";
  EXPECT_EQ(ErrorsOf(config), "");
}

TEST(Validate, RefusesASecretWithoutABoundInItsFirstLine) {
  Config config = SampleConfig();
  config.pools[0].auth.password_file = "/dev/zero";
  EXPECT_EQ(ErrorsOf(config),
            "pools.sessions.auth.password_file: /dev/zero has a first line above the most, 4096 bytes\n");
}

}  // namespace
}  // namespace ringproxy::conf
