#include "proxy/route/snapshot.h"

#include <gtest/gtest.h>

#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

conf::Config FourPools() {
  conf::Config config;
  for (const char* name : {"default", "users", "admins", "spare"}) {
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = name;
    pool.nodes = {{"a", {"10.0.0.1", 1, ""}, 1}, {std::string(name) + "-b", {"10.0.0.2", 1, ""}, 3}};
  }
  conf::Listener& listener = config.listeners.emplace_back();
  listener.name = "web";
  listener.routes = {{"user:", "users"}, {"", "default"}, {"user:admin:", "admins"}, {"cart:", "users"}};
  return config;
}

TEST(Snapshot, ListsThePoolsOfAListenerOnceInTheOrderOfTheConfiguration) {
  const auto snapshot = MakeSnapshot(FourPools());
  EXPECT_EQ(snapshot->listeners[0].pools, (std::vector<uint32_t>{0, 1, 2}));
}

TEST(Snapshot, HasTheLongestPrefixesFirstAndTheDefaultRouteLast) {
  const auto snapshot = MakeSnapshot(FourPools());
  std::vector<std::pair<std::string, uint32_t>> routes;
  for (const auto& route : snapshot->listeners[0].routes) routes.emplace_back(route.prefix, route.pool);
  EXPECT_EQ(routes,
            (std::vector<std::pair<std::string, uint32_t>>{{"user:admin:", 2}, {"user:", 1}, {"cart:", 1}, {"", 0}}));
}

TEST(Snapshot, TakesItsNodesFromTheRegistryByTheirPoolAndName) {
  backends::NodeRegistry registry(1);
  const auto before = MakeSnapshot(FourPools(), registry);
  EXPECT_EQ(before->pools[2].nodes[1]->name(), "admins-b");
  EXPECT_EQ(before->pools[2].nodes[1]->pool(), "admins");
  EXPECT_NE(before->pools[0].nodes[0], before->pools[1].nodes[0]);  // Of one name in two pools.
  conf::Config changed = FourPools();
  std::swap(changed.pools[1].nodes[0], changed.pools[1].nodes[1]);
  const auto after = MakeSnapshot(std::move(changed), registry);
  EXPECT_EQ(after->pools[1].nodes[0], before->pools[1].nodes[1]);
  EXPECT_EQ(after->pools[1].nodes[1], before->pools[1].nodes[0]);
}

TEST(Snapshot, HasARingOfTheNodesAndATagForEach) {
  const auto snapshot = MakeSnapshot(FourPools());
  for (const PoolSnapshot& pool : snapshot->pools) {
    EXPECT_EQ(pool.ring->node_count(), 2U);
    EXPECT_EQ(pool.cas_tags.size(), 2U);
  }
  const auto retagged = [&](size_t pool, size_t node) {
    std::string token;
    wire::AppendRetagged("17", snapshot->pools[pool].cas_tags[node], &token);
    return token;
  };
  EXPECT_EQ(retagged(0, 0), retagged(1, 0));  // Of the same name.
  EXPECT_NE(retagged(0, 0), retagged(0, 1));
}

TEST(Snapshot, KnowsOfEachPoolWhetherItsKeysMoveAndItsReadsAreKept) {
  conf::Config config = FourPools();
  config.pools[1].on_down.policy = conf::DownPolicy::kRehash;
  config.pools[1].retries.max = 1;
  config.pools[2].ring.load_bound = {1250};
  config.pools[2].hedging.budget = {50};
  config.pools[3].on_down = {conf::DownPolicy::kGutter, "users"};
  const auto snapshot = MakeSnapshot(std::move(config));
  std::vector<std::pair<bool, bool>> pools;
  for (const PoolSnapshot& pool : snapshot->pools) pools.emplace_back(pool.moves_keys, pool.keeps_reads);
  EXPECT_EQ(pools, (std::vector<std::pair<bool, bool>>{{false, false}, {true, true}, {true, true}, {true, false}}));
  EXPECT_EQ(snapshot->pools[3].gutter, 1U);
}

TEST(Snapshot, KnowsThePoolOfTheStoreOfLimitsIfThereIsOne) {
  EXPECT_EQ(MakeSnapshot(FourPools())->limit_store, std::nullopt);
  conf::Config config = FourPools();
  config.global_limits.store = "spare";
  EXPECT_EQ(MakeSnapshot(std::move(config))->limit_store, 3U);
}

TEST(Snapshot, MayBeFollowedByWhateverHasThePoolsAndListenersOfTheSameNames) {
  const auto before = MakeSnapshot(FourPools());
  conf::Config config = FourPools();
  config.pools[0].nodes.resize(1);
  config.pools[0].timeouts.request = std::chrono::seconds(7);
  config.listeners[0].routes = {{"", "spare"}};
  EXPECT_TRUE(MayFollow(*before, *MakeSnapshot(std::move(config))));
}

TEST(Snapshot, MayNotBeFollowedByOtherPoolsOrListenersOrProtocols) {
  const auto before = MakeSnapshot(FourPools());
  const std::function<void(conf::Config&)> kChanges[] = {
      [](conf::Config& config) { config.pools.pop_back(); },
      [](conf::Config& config) { std::swap(config.pools[2], config.pools[3]); },
      [](conf::Config& config) { config.pools[3].name = "others"; },
      [](conf::Config& config) { config.pools[3].protocol = conf::Protocol::kMemcached; },
      [](conf::Config& config) { config.listeners.push_back(config.listeners[0]); },
      [](conf::Config& config) { config.listeners[0].name = "api"; },
      [](conf::Config& config) { config.listeners[0].protocol = conf::Protocol::kMemcached; },
  };
  for (size_t i = 0; i < std::size(kChanges); ++i) {
    conf::Config config = FourPools();
    kChanges[i](config);
    EXPECT_FALSE(MayFollow(*before, *MakeSnapshot(std::move(config)))) << i;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
