#include <gtest/gtest.h>

#include "conf/import/importer.h"
#include "conf/parse.h"
#include "conf/pool_ring.h"

namespace ringproxy::conf {
namespace {

std::string FromServers(const std::string& servers, const std::string& options = "") {
  const Result<std::string> text = ImportText("p:\n  listen: 127.0.0.1:1\n" + options + "  servers:\n" + servers,
                                              "n.yml", ImportFormat::kNutcracker);
  return text ? *text : ToString(text.errors());
}

Config ImportedFrom(const std::string& servers, const std::string& options = "") {
  const std::string text = FromServers(servers, options);
  const Result<Config> config = ParseConfig(text, "r.yaml");
  EXPECT_TRUE(config) << text;
  return config ? *config : Config{};
}

// twemproxy hashes the text of the file, and leaves out its port when the number is 11211.
TEST(ImportNutcracker, CallsNodesAsItsRingDoes) {
  const struct {
    const char* server;
    const char* ring_name;
  } kServers[] = {
      {"10.0.0.1:6379:1", "10.0.0.1:6379"},
      {"10.0.0.1:11211:1", "10.0.0.1"},
      {"10.0.0.1:011211:1", "10.0.0.1"},
      {"10.0.0.1:06379:1", "10.0.0.1:06379"},
      {"/run/a.sock:1", "/run/a.sock:"},
      {"/run/a.sock:1 b", "b"},
      {"::1:6379:1", "::1:6379"},
      {"10.0.0.1:6379:1 a:b:1", "a:b:1"},
      {"10.0.0.1:11211:1 10.0.0.1", "10.0.0.1"},
      {"10.0.0.1:11211:1 10.0.0.1:11211", "10.0.0.1:11211"},
      {"Cache-1.Internal:1:1", "Cache-1.Internal:1"},
  };
  for (const auto& [server, ring_name] : kServers) {
    const Config config = ImportedFrom("    - " + std::string(server) + "\n");
    ASSERT_EQ(config.pools.size(), 1U) << server;
    EXPECT_EQ(TwemproxyNameOf(config.pools[0].nodes[0]), ring_name) << server;
  }
}

TEST(ImportNutcracker, TakesEveryHashAndDistribution) {
  for (const EnumName<ring::HashAlgorithm>& hash : kNames<ring::HashAlgorithm>) {
    const bool is_ours_alone = hash.name == "auto" || hash.name.starts_with("xxh") || hash.name == "crc16_xmodem";
    for (const char* distribution : {"ketama", "modula"}) {
      const std::string options =
          "  hash: " + std::string(hash.name) + "\n  distribution: " + std::string(distribution) + "\n";
      if (is_ours_alone) {
        EXPECT_NE(FromServers("    - a:1:1\n", options).find("is no hash of twemproxy"), std::string::npos);
        continue;
      }
      const Config config = ImportedFrom("    - a:1:1\n", options);
      ASSERT_EQ(config.pools.size(), 1U);
      EXPECT_EQ(HashOf(config.pools[0].ring), hash.value);
      EXPECT_EQ(HashTagOf(config.pools[0].ring), "");
    }
  }
  EXPECT_EQ(HashOf(ImportedFrom("    - a:1:1\n").pools[0].ring), ring::HashAlgorithm::kFnv1a64);
  EXPECT_EQ(ImportedFrom("    - a:1:1\n").pools[0].ring.algorithm, ring::Algorithm::kTwemproxy);
}

TEST(ImportNutcracker, SortsTheServersOfModulaAsTwemproxyDoes) {
  const Config config =
      ImportedFrom("    - b:11211:1\n    - aa:11211:1\n    - z:1:1 a\n    - ab:11211:3\n", "  distribution: modula\n");
  std::string order;
  for (const Node& node : config.pools[0].nodes) order += node.address.host + " ";
  EXPECT_EQ(order, "z b aa ab ");
}

TEST(ImportNutcracker, RefusesServersThatTwemproxyRefuses) {
  for (const char* server : {"a:1", "a:1:", "a:1:0", "a:1:x", ":1:1", "a::1", "/run/a.sock", "/run/a:b.sock:1",
                             "a:1:1 two names", "a:0:1", "a:65536:1", "10.0.0.256:1:1"}) {
    EXPECT_TRUE(FromServers("    - \"" + std::string(server) + "\"\n").starts_with("n.yml:4:7: ")) << server;
  }
}

TEST(ImportNutcracker, TakesTheNearestBoundAndSaysSo) {
  const std::string text = FromServers("    - a:1:2000000\n", "  server_connections: 100\n");
  EXPECT_NE(text.find("# The weight 2000000 lies beyond what weight may be, 1 to 1000000\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("keys move"), std::string::npos);
  EXPECT_NE(text.find("    # server_connections: 100 lies beyond what connections_per_node may be, 1 to 64\n"
                      "    connections_per_node: 64\n"),
            std::string::npos);
}

}  // namespace
}  // namespace ringproxy::conf
