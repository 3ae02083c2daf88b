#include "proxy/route/router.h"

#include <gtest/gtest.h>

#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

std::shared_ptr<const Snapshot> Routes() {
  conf::Config config;
  for (const char* name : {"default", "users", "admins"}) {
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = name;
    pool.nodes = {{std::string(name) + "-a", {}, 1}, {std::string(name) + "-b", {}, 3}};
  }
  config.pools[1].ring.hash_tag = "<>";
  conf::Listener& listener = config.listeners.emplace_back();
  listener.routes = {{"user:", "users"}, {"", "default"}, {"user:admin:", "admins"}};
  return MakeSnapshot(std::move(config));
}

TEST(Router, TakesTheLongestPrefixAndElseTheDefault) {
  const auto snapshot = Routes();
  const auto pool_of = [&](std::string_view key) { return RouteKey(*snapshot, snapshot->listeners[0], key).pool; };
  EXPECT_EQ(pool_of("user:1"), 1U);
  EXPECT_EQ(pool_of("user:admin:1"), 2U);
  EXPECT_EQ(pool_of("user"), 0U);
  EXPECT_EQ(pool_of(""), 0U);
}

TEST(Router, HashesTheTagOfTheKeysOwnPool) {
  const auto snapshot = Routes();
  const ListenerSnapshot& listener = snapshot->listeners[0];
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_EQ(RouteKey(*snapshot, listener, "{t}" + number), RouteKey(*snapshot, listener, "x{t}"));
    EXPECT_EQ(RouteKey(*snapshot, listener, "user:<t>" + number), RouteKey(*snapshot, listener, "user:<t>"));
  }
}

TEST(Router, KnowsKeysThatGoTheSameWayWhateverHappens) {
  const auto snapshot = Routes();
  const ListenerSnapshot& listener = snapshot->listeners[0];
  EXPECT_TRUE(RoutedAlike(*snapshot, listener, "{t}1", "x{t}"));
  EXPECT_TRUE(RoutedAlike(*snapshot, listener, "a", "a"));
  EXPECT_FALSE(RoutedAlike(*snapshot, listener, "{t}1", "{u}1"));
  EXPECT_FALSE(RoutedAlike(*snapshot, listener, "user:<t>1", "<t>1"));
}

}  // namespace
}  // namespace ringproxy::proxy
