#include "conf/hints.h"

#include <gtest/gtest.h>

#include "tests/conf/sample_config.h"

namespace ringproxy::conf {
namespace {

Config KetamaConfig(ring::Algorithm algorithm, uint32_t light, uint32_t heavy) {
  Config config = SampleConfig();
  config.pools[0].ring.algorithm = algorithm;
  config.pools[0].nodes = {{"light", {"127.0.0.1", 7001, ""}, light}, {"heavy", {"127.0.0.1", 7002, ""}, heavy}};
  return config;
}

TEST(Hints, AreNoneForAnOrdinaryConfiguration) {
  EXPECT_TRUE(Hints(SampleConfig()).empty());
}

TEST(Hints, NameTheNodesWithoutAPointOnAKetamaRing) {
  EXPECT_EQ(Hints(KetamaConfig(ring::Algorithm::kKetama, 1, 80)),
            std::vector<std::string>{"pools.sessions.nodes[0]: weight 1 of 81 is too small a share for a point on the "
                                     "ring ketama: light gets no key"});
  EXPECT_EQ(Hints(KetamaConfig(ring::Algorithm::kTwemproxy, 2, 1000)).size(), 1U);
  EXPECT_TRUE(Hints(KetamaConfig(ring::Algorithm::kKetama, 1, 79)).empty());
}

TEST(Hints, SayNothingOfRingsWithAbsoluteWeights) {
  for (const auto algorithm : {ring::Algorithm::kVnode, ring::Algorithm::kMaglev, ring::Algorithm::kModula}) {
    EXPECT_TRUE(Hints(KetamaConfig(algorithm, 1, 1000)).empty());
  }
}

}  // namespace
}  // namespace ringproxy::conf
