#include "proxy/control/descriptors.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

namespace ringproxy::proxy {
namespace {

conf::Config TwoPools() {
  conf::Config config;
  config.listeners.resize(2);
  config.listeners[0].max_connections = 10'000;
  config.listeners[1].max_connections = 500;
  config.pools.resize(2);
  config.pools[0].nodes.resize(3);
  config.pools[0].connections_per_node = 2;
  config.pools[1].nodes.resize(5);
  config.pools[1].flavours_per_node = 3;
  return config;
}

TEST(DescriptorsNeeded, AddsUpClientsNodesAndChecks) {
  const DescriptorNeed need = DescriptorsNeeded(TwoPools(), 4);
  EXPECT_EQ(need.clients, 10'500U);
  // Plain links, those of all the flavours that may be in use at once, one for subscriptions and one for
  // control, and those of one client each.
  EXPECT_EQ(need.nodes, (3U * 2 * (1 + 8) + 5 * 1 * (1 + 3) + 2 * (3 + 5)) * 4 + (3 + 5) * 256 * 4);
  EXPECT_EQ(need.checks, 8U);
  EXPECT_GT(need.admin, 0U);
  EXPECT_GT(need.least, (3U * 2 + 5 * 1) * 4 + need.checks);
  EXPECT_LT(need.least, need.nodes);  // No flavour is needed for a start.
  EXPECT_LT(need.least, need.reserved());
  EXPECT_EQ(need.total(), need.clients + need.nodes + need.checks + need.admin + need.own);
}

TEST(DescriptorsNeeded, HasNoMoreLinksOfOneClientEachThanClients) {
  conf::Config config = TwoPools();
  const uint64_t before = DescriptorsNeeded(config, 4).nodes;
  for (conf::Pool& pool : config.pools) pool.pinned_per_node = 65'536;
  EXPECT_EQ(DescriptorsNeeded(config, 4).nodes, before - (3 + 5) * 256 * 4 + 10'500);
}

TEST(DescriptorsNeeded, CountsQuestionsForCommandsWherePoolsLearn) {
  conf::Config config;
  config.pools.resize(1);
  const uint64_t without = DescriptorsNeeded(config, 1).checks;
  config.pools[0].learn = true;
  EXPECT_EQ(DescriptorsNeeded(config, 1).checks, without + 8);
}

TEST(DescriptorsNeeded, HasNoFlavoursForMemcached) {
  conf::Config config = TwoPools();
  for (conf::Pool& pool : config.pools) pool.protocol = conf::Protocol::kMemcached;
  EXPECT_EQ(DescriptorsNeeded(config, 4).nodes, (3U * 2 + 5 * 1) * 4);
}

TEST(RoomForClients, IsWhatTheReserveLeavesAndAQuarterAtLeast) {
  const DescriptorNeed need{.clients = 10'000, .nodes = 20, .checks = 10, .admin = 64, .own = 66};
  EXPECT_EQ(RoomForClients(need, 1 << 20), 10'000U);
  EXPECT_EQ(RoomForClients(need, need.total()), 10'000U);
  EXPECT_EQ(RoomForClients(need, need.total() - 1), 9'999U);
  EXPECT_EQ(RoomForClients(need, 256), 96U);
  EXPECT_EQ(RoomForClients(need, 160), 40U);
  EXPECT_EQ(RoomForClients(need, 64), 16U);
  EXPECT_EQ(RoomForClients({.clients = 3, .nodes = 20}, 16), 3U);
}

TEST(DescriptorLimit, IsTheProcesssAndMoreThanItUses) {
  const uint64_t before = DescriptorsUsed();
  const int fd = dup(0);
  EXPECT_EQ(DescriptorsUsed(), before + 1);
  close(fd);
  EXPECT_EQ(DescriptorsUsed(), before);
  EXPECT_LT(before, DescriptorLimit());
}

TEST(DescriptorsNeeded, GrowsWithEachWorkerAndListener) {
  conf::Config config = TwoPools();
  const DescriptorNeed few = DescriptorsNeeded(config, 1);
  const DescriptorNeed many = DescriptorsNeeded(config, 3);
  EXPECT_EQ(many.nodes, 3 * few.nodes);
  EXPECT_GT(many.own, few.own);
  EXPECT_EQ(many.checks, few.checks);
  config.listeners.emplace_back();
  EXPECT_EQ(DescriptorsNeeded(config, 1).own, few.own + 1);
}

// A very large fleet does not wrap around.
TEST(DescriptorsNeeded, CountsInSixtyFourBits) {
  conf::Config config;
  config.listeners.resize(3);
  for (conf::Listener& listener : config.listeners) listener.max_connections = UINT32_MAX;
  EXPECT_GT(DescriptorsNeeded(config, 1).clients, uint64_t{UINT32_MAX} * 2);
}

TEST(RaiseDescriptorLimit, RaisesTheSoftLimitToTheNeedAndNeverLowersIt) {
  spdlog::set_level(spdlog::level::off);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 100;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto now = [] {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
  };
  RaiseDescriptorLimit({.clients = 200});
  EXPECT_EQ(now(), 200U);
  RaiseDescriptorLimit({.clients = 50});
  EXPECT_EQ(now(), 200U);
  RaiseDescriptorLimit({.clients = UINT64_MAX - 1});
  EXPECT_EQ(now(), before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace ringproxy::proxy
