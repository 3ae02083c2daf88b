#include "conf/rule_parts.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

using namespace std::chrono_literals;

Config NamedConfig() {
  Config config;
  for (const char* name : {"sessions", "carts"}) config.pools.emplace_back().name = name;
  config.listeners.emplace_back().name = "web";
  return config;
}

TEST(RuleParts, CountTheEntriesOfAList) {
  EXPECT_EQ(Index("listeners", 2), "listeners[2]");
}

TEST(RuleParts, FindByName) {
  const Config config = NamedConfig();
  EXPECT_EQ(FindPool(config, "carts"), &config.pools[1]);
  EXPECT_EQ(FindPool(config, "web"), nullptr);
  EXPECT_EQ(FindListener(config, "web"), &config.listeners[0]);
  EXPECT_EQ(FindListener(config, ""), nullptr);
}

TEST(RuleParts, NameTheNearestWhereOneIsNear) {
  const Config config = NamedConfig();
  EXPECT_EQ(NoPool(config, "sesions"), "no pool is called sesions; the nearest known one is sessions");
  EXPECT_EQ(NoPool(config, "something else"), "no pool is called something else");
  EXPECT_EQ(NoListener(config, "wep"), "no listener is called wep; the nearest known one is web");
  EXPECT_EQ(NoListener(Config(), "web"), "no listener is called web");
}

TEST(RuleParts, TakeEachValueOnce) {
  Source source("f.yaml");
  Seen seen;
  CheckUnique("a", "listeners[0].name", "the name", seen, source);
  CheckUnique("b", "listeners[1].name", "the name", seen, source);
  EXPECT_FALSE(source.has_errors());
  CheckUnique("a", "listeners[2].name", "the name", seen, source);
  EXPECT_EQ(ToString(source.TakeErrors()), "f.yaml: listeners[2].name: the name a is taken by listeners[0].name\n");
}

TEST(RuleParts, DoNotTakeAValueThatCouldNotBeRead) {
  Source source("f.yaml");
  Seen seen;
  source.Fail("listeners[0].name", "is bad");
  CheckUnique("", "listeners[0].name", "the name", seen, source);
  CheckUnique("", "listeners[1].name", "the name", seen, source);
  EXPECT_EQ(source.TakeErrors().size(), 1U);
}

TEST(RuleParts, SayWhichWordIsNoNetwork) {
  Source source("f.yaml");
  CheckNetworks({"10.0.0.0/8", "::1", "lb"}, "listeners[0].proxy_protocol", source);
  EXPECT_EQ(ToString(source.TakeErrors()),
            "f.yaml: listeners[0].proxy_protocol: lb is no IP address or network, as in "
            "10.1.2.3, 10.0.0.0/8 or 2001:db8::/32\n");
}

TEST(RuleParts, KeepTwoTimesInTheirOrder) {
  Source source("f.yaml");
  CheckOrder("reconnect", "initial", 5ms, "max", 5ms, source);
  EXPECT_FALSE(source.has_errors());
  CheckOrder("reconnect", "initial", 2s, "max", 5ms, source);
  EXPECT_EQ(ToString(source.TakeErrors()), "f.yaml: reconnect.initial: 2s is above max, 5ms\n");
}

TEST(RuleParts, SayNothingOfTimesThatCouldNotBeRead) {
  for (const char* bad : {"reconnect.initial", "reconnect.max"}) {
    Source source("f.yaml");
    source.Fail(bad, "is bad");
    CheckOrder("reconnect", "initial", 2s, "max", 5ms, source);
    EXPECT_EQ(source.TakeErrors().size(), 1U) << bad;
  }
}

}  // namespace
}  // namespace ringproxy::conf
