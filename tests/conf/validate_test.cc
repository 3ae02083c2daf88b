#include "conf/validate.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

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

TEST(Validate, TakesNamesOfHostsAloneForTheAdminPort) {
  Config config = SampleConfig();
  config.admin.allowed_hosts = {"ops.example.com", "ring-proxy_1"};
  EXPECT_EQ(ErrorsOf(config), "");
  for (const char* bad : {"ops.example.com:80", "http://x", "*"}) {
    config.admin.allowed_hosts = {"a", bad};
    EXPECT_EQ(ErrorsOf(config), "admin.allowed_hosts: " + std::string(bad) +
                                    " is no host's name; it stands without a scheme and a port\n");
  }
}

TEST(Validate, AdvertisesOneListenerAndNoWildcard) {
  Config config = SampleConfig();
  config.advertise = {"proxy.example", 6380, ""};
  EXPECT_EQ(ErrorsOf(config), "");
  for (const char* host : {"0.0.0.0", "::"}) {
    config.advertise.host = host;
    EXPECT_EQ(ErrorsOf(config), "advertise: " + std::string(host) + " is no address to connect to\n");
  }
  config.advertise.host = "10.0.0.1";
  config.listeners.push_back(config.listeners[0]);
  config.listeners[1].name = "other";
  config.listeners[1].listen = {"", 0, "/run/ringproxy.sock"};
  EXPECT_EQ(ErrorsOf(config), "");
  config.listeners[1].listen = {"127.0.0.1", 6381, ""};
  EXPECT_EQ(ErrorsOf(config),
            "advertise: goes with one TCP listener for Redis: the clients of all would be sent there\n");
}

TEST(Validate, KnowsAModeOfUnixSocketsAlone) {
  Config config = SampleConfig();
  config.listeners[0].listen = {"", 0, "/run/ringproxy.sock"};
  config.listeners[0].socket_mode = 0660;
  EXPECT_EQ(ErrorsOf(config), "");
  config.listeners[0].listen = {"127.0.0.1", 6390, ""};
  EXPECT_EQ(ErrorsOf(config), "listeners[0].socket_mode: goes with listen: unix:/PATH only\n");
}

TEST(Validate, LimitsThePointsOfAVnodeRing) {
  Config config = SampleConfig();
  config.pools[0].ring.virtual_nodes = 65536;
  config.pools[0].nodes[0].weight = 64;
  EXPECT_EQ(ErrorsOf(config), "");
  config.pools[0].nodes[0].weight = 65;
  EXPECT_NE(ErrorsOf(config).find("make 4259840 virtual nodes, above the most, 4194304"), std::string::npos);
  config.pools[0].ring.algorithm = ring::Algorithm::kModula;
  EXPECT_EQ(ErrorsOf(config), "");
}

// 65 million points would take minutes to build.
TEST(Validate, LimitsThePointsOfAKetamaRing) {
  Config config = SampleConfig();
  Pool& pool = config.pools[0];
  for (const ring::Algorithm algorithm : {ring::Algorithm::kKetama, ring::Algorithm::kTwemproxy}) {
    pool.ring.algorithm = algorithm;
    pool.ring.virtual_nodes = 65536;
    pool.nodes.resize(1);
    pool.nodes[0].weight = 1000;
    for (int i = 1; i < 64; ++i) {
      pool.nodes.push_back({.name = "n" + std::to_string(i), .address = {"10.0.0.1", static_cast<uint16_t>(i), ""}});
    }
    EXPECT_EQ(ErrorsOf(config), "");
    pool.nodes.push_back({.name = "last", .address = {"10.0.0.1", 100, ""}});
    EXPECT_EQ(
        ErrorsOf(config),
        "pools.sessions.ring.virtual_nodes: 65536 for each of 65 nodes make 4259840 virtual nodes, above the most, "
        "4194304\n");
  }
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

TEST(Validate, RefusesANodeThatLeadsToAListenerByAnotherAddressOfThisHost) {
  Config config = SampleConfig();
  config.listeners[0].listen.host = "0.0.0.0";
  config.pools[0].nodes[0].address = {"127.0.0.1", 6380, ""};
  EXPECT_EQ(ErrorsOf(config),
            "pools.sessions.nodes[0]: 127.0.0.1:6380 leads to listener web, which listens at 0.0.0.0:6380\n");
  config.pools[0].nodes[0].address.host = "10.0.0.1";  // Another host's, as far as anybody can tell.
  EXPECT_EQ(ErrorsOf(config), "");
  config.pools[0].nodes[0].address = {"localhost", 6381, ""};
  EXPECT_EQ(ErrorsOf(config), "");
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

TEST(Validate, RefusesASecretThatBeginsWithAMarkOfItsEncoding) {
  Config config = SampleConfig();
  const std::string file = testing::TempDir() + "validate_secret";
  config.pools[0].auth.password_file = file;
  const auto errors = [&](std::string_view text) {
    std::ofstream(file, std::ios::binary) << text;
    return ErrorsOf(config);
  };
  EXPECT_NE(errors("\xef\xbb\xbfsecret\n").find("begins with a byte-order mark, which would be sent with the secret"),
            std::string::npos);
  EXPECT_NE(errors("\xff\xfes").find("is UTF-16; save it as UTF-8"), std::string::npos);
  EXPECT_EQ(errors("secret\xef\xbb\xbf\r\n"), "");
  std::remove(file.c_str());
}

TEST(Validate, ReadsAListenersPasswordAndRefusesOneOfMemcached) {
  Config config = SampleConfig();
  const std::string file = testing::TempDir() + "validate_password";
  std::ofstream(file, std::ios::binary) << "secret\nmore\n";
  config.listeners[0].password_file = file;
  const auto checked = CheckedConfig(config);
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->listeners[0].password, "secret");
  config.listeners[0].protocol = config.pools[0].protocol = Protocol::kMemcached;
  EXPECT_EQ(ErrorsOf(config),
            "listeners[0].password_file: goes with protocol: redis only: memcached's text protocol knows no login\n");
  std::ofstream(file, std::ios::binary) << "\n";
  config = SampleConfig();
  config.listeners[0].password_file = file;
  EXPECT_NE(ErrorsOf(config).find("listeners[0].password_file: " + file + " has an empty first line"),
            std::string::npos);
  std::remove(file.c_str());
}

TEST(Validate, RefusesASecretWithoutABoundInItsFirstLine) {
  Config config = SampleConfig();
  config.pools[0].auth.password_file = "/dev/zero";
  EXPECT_EQ(ErrorsOf(config),
            "pools.sessions.auth.password_file: /dev/zero has a first line above the most, 4096 bytes\n");
}

}  // namespace
}  // namespace ringproxy::conf
