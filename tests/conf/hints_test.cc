#include "conf/hints.h"

#include <gtest/gtest.h>

#include "conf/values.h"
#include "tests/conf/sample_config.h"

namespace ringproxy::conf {
namespace {

Config OrdinaryConfig() {
  Config config = SampleConfig();
  config.limits.clear();
  config.priority.clear();
  return config;
}

Config KetamaConfig(ring::Algorithm algorithm, uint32_t light, uint32_t heavy) {
  Config config = OrdinaryConfig();
  config.pools[0].ring.algorithm = algorithm;
  config.pools[0].ring.hash_tag = "{}";
  config.pools[0].nodes = {{"light", {"127.0.0.1", 7001, ""}, light}, {"heavy", {"127.0.0.1", 7002, ""}, heavy}};
  return config;
}

// What hints say of one limit beside a listener for TCP.
std::vector<std::string> HintsOf(const Limit& limit) {
  Config config = OrdinaryConfig();
  config.limits = {limit};
  return Hints(config);
}

TEST(Hints, AreNoneForAnOrdinaryConfiguration) {
  EXPECT_TRUE(Hints(OrdinaryConfig()).empty());
}

TEST(Hints, NameAPoolThatLearnsInVain) {
  Config config = OrdinaryConfig();
  config.pools.resize(2);
  config.pools[0].name = "a";
  config.pools[1].name = "b";
  config.listeners.resize(1);
  config.listeners[0].routes = {{"x:", "a"}, {"", "b"}};
  const size_t before = Hints(config).size();
  config.pools[1].learn = true;
  ASSERT_EQ(Hints(config).size(), before + 1);
  EXPECT_NE(Hints(config).back().find("pools.b.learn: has no effect at listener"), std::string::npos);
  config.pools[0].learn = true;
  EXPECT_EQ(Hints(config).size(), before);
}

TEST(Hints, NameAPoolThatIsTakenForACache) {
  Config config = OrdinaryConfig();
  config.pools[0].taken_for_cache = true;
  EXPECT_EQ(Hints(config).size(), 1U);
  EXPECT_TRUE(Hints(config)[0].starts_with("pools.sessions.data: is not said;")) << Hints(config)[0];
}

TEST(Hints, SayThatGroupsMoveKeysAndThatOtherProgramsKnowNone) {
  Config config = OrdinaryConfig();
  config.pools[0].groups = {{.set = GroupSet::kRq}};
  ASSERT_EQ(Hints(config).size(), 1U);
  EXPECT_TRUE(Hints(config)[0].starts_with("pools.sessions.groups: a key that fits one lies elsewhere than it does "));
  for (const ring::Algorithm algorithm : {ring::Algorithm::kKetama, ring::Algorithm::kTwemproxy}) {
    config = KetamaConfig(algorithm, 1, 1);
    config.pools[0].groups = {{.set = GroupSet::kRq}};
    ASSERT_EQ(Hints(config).size(), 2U);
    EXPECT_EQ(Hints(config)[1], "pools.sessions.groups: other programs that have the ring " +
                                    std::string(NameOf(algorithm)) +
                                    " know no groups, and look for such keys elsewhere");
  }
}

TEST(Hints, SayWhenALeaseIsTooShortForTwoTokens) {
  Limit limit;
  limit.scope = LimitScope::kGlobal;
  limit.rate = {9};
  EXPECT_EQ(HintsOf(limit),
            std::vector<std::string>{"limits[0].rate: 9/s is less than two tokens in lease.ttl, 200ms: the store will "
                                     "be asked for each request; a longer lease.ttl asks less often, check: exact asks "
                                     "before the request passes"});
  limit.rate = {10};
  EXPECT_TRUE(HintsOf(limit).empty());
  limit.rate = {599, std::chrono::minutes(1)};
  EXPECT_EQ(HintsOf(limit).size(), 1U);
  limit.check = LimitCheck::kExact;
  EXPECT_TRUE(HintsOf(limit).empty());
}

TEST(Hints, NameTheOptionsOfALimitThatHaveNoEffect) {
  Limit limit;
  limit.rate = {1000};
  limit.check = LimitCheck::kExact;
  limit.max_waiting = 5;
  EXPECT_EQ(HintsOf(limit), (std::vector<std::string>{"limits[0].check: has an effect with scope: global only",
                                                      "limits[0].max_waiting: has an effect with action: delay only"}));
  limit.scope = LimitScope::kGlobal;
  limit.action = LimitAction::kDelay;
  EXPECT_TRUE(HintsOf(limit).empty());
}

TEST(Hints, SayWhenNoClientCanHaveAUser) {
  Config config = OrdinaryConfig();
  config.limits = SampleConfig().limits;
  config.limits[0].lease = {};
  EXPECT_EQ(Hints(config), std::vector<std::string>{
                               "limits[0].per: no listener that matches is a Unix socket, so no client has a user"});
  config.listeners[0].listen = {"", 0, "/run/x.sock"};
  EXPECT_TRUE(Hints(config).empty());
  config.limits[0].match.listener = {"other"};
  EXPECT_EQ(Hints(config).size(), 1U);
}

TEST(Hints, SayWhenPriorityAndReserveAreNotTogether) {
  Config config = OrdinaryConfig();
  config.priority = SampleConfig().priority;
  EXPECT_EQ(Hints(config).size(), 1U);
  config.pools[0].concurrency.reserve = {200};
  EXPECT_TRUE(Hints(config).empty());
  config.priority.clear();
  EXPECT_EQ(Hints(config).size(), 1U);
}

TEST(Hints, NameTheNodesWithoutAPointOnAKetamaRing) {
  EXPECT_EQ(Hints(KetamaConfig(ring::Algorithm::kKetama, 1, 80)),
            std::vector<std::string>{"pools.sessions.nodes[0]: weight 1 of 81 is too small a share for a point on the "
                                     "ring ketama: light gets no key"});
  EXPECT_EQ(Hints(KetamaConfig(ring::Algorithm::kTwemproxy, 2, 1000)).size(), 1U);
  EXPECT_TRUE(Hints(KetamaConfig(ring::Algorithm::kKetama, 1, 79)).empty());
}

TEST(Hints, SayWhenWeightsHaveNoEffect) {
  EXPECT_TRUE(Hints(KetamaConfig(ring::Algorithm::kKetamaUnweighted, 7, 7)).empty());
  EXPECT_EQ(
      Hints(KetamaConfig(ring::Algorithm::kKetamaUnweighted, 1, 500)),
      std::vector<std::string>{"pools.sessions.nodes[1]: its weight has no effect on the ring ketama_unweighted"});
}

TEST(Hints, NameTheRingsThatAHashIsTooNarrowFor) {
  Config config = KetamaConfig(ring::Algorithm::kTwemproxy, 1, 1);
  config.pools[0].ring.hash = ring::HashAlgorithm::kCrc32;
  EXPECT_EQ(Hints(config),
            std::vector<std::string>{
                "pools.sessions.ring.hash: crc32 has 15 bits, too few for the ring twemproxy: nearly all "
                "keys go to one node; crc32a spreads them, and moves them"});
  config.pools[0].ring.hash = ring::HashAlgorithm::kCrc32a;
  EXPECT_TRUE(Hints(config).empty());
  config.pools[0].ring = {};
  config.pools[0].ring.hash = ring::HashAlgorithm::kCrc32;
  EXPECT_TRUE(Hints(config).empty());
}

// Release 0.1.0 had "{}" for every ring: who has relied on that has to say it now.
TEST(Hints, NameThePoolsThatLeaveTheHashTagToARingWithoutOne) {
  for (const auto algorithm : {ring::Algorithm::kKetama, ring::Algorithm::kTwemproxy, ring::Algorithm::kModula}) {
    Config config = KetamaConfig(algorithm, 1, 1);
    EXPECT_TRUE(Hints(config).empty());
    config.pools[0].ring.hash_tag = "auto";
    ASSERT_EQ(Hints(config).size(), 1U);
    EXPECT_EQ(Hints(config)[0], "pools.sessions.ring.hash_tag: is left open, which with " +
                                    std::string(NameOf(algorithm)) +
                                    " means none: keys with braces are hashed whole (release 0.1.0 had \"{}\"); "
                                    "\"\" or \"{}\" says which");
    config.pools[0].ring.hash_tag = "";
    EXPECT_TRUE(Hints(config).empty());
  }
  Config config = KetamaConfig(ring::Algorithm::kVnode, 1, 1);
  config.pools[0].ring.hash_tag = "auto";
  EXPECT_TRUE(Hints(config).empty());
}

TEST(Hints, SayNothingOfRingsWithAbsoluteWeights) {
  for (const auto algorithm : {ring::Algorithm::kVnode, ring::Algorithm::kMaglev, ring::Algorithm::kModula}) {
    EXPECT_TRUE(Hints(KetamaConfig(algorithm, 1, 1000)).empty());
  }
}

}  // namespace
}  // namespace ringproxy::conf
