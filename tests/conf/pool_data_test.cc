#include "conf/pool_data.h"

#include <gtest/gtest.h>

#include "conf/parse.h"
#include "tests/conf/sample_config.h"

namespace ringproxy::conf {
namespace {

// A pool with these options, read from a file.
Result<Config> ParsedPool(const std::string& options) {
  return ParseConfig(
      "listeners: [{name: l, listen: \"127.0.0.1:6380\", pool: p}]\npools:\n  p: {nodes: [127.0.0.1:1, "
      "127.0.0.1:2], " +
          options + "}\n  spare: {nodes: [127.0.0.1:3]}\n",
      "test.yaml");
}

const Pool& PoolOf(const Result<Config>& config) {
  return config->pools[0];
}

TEST(PoolData, IsAStoresUnlessTheFileSaysOtherwise) {
  EXPECT_EQ(PoolOf(ParsedPool("on_down: error")).data, DataKind::kStore);
  EXPECT_EQ(PoolOf(ParsedPool("data: cache")).data, DataKind::kCache);
  EXPECT_FALSE(PoolOf(ParsedPool("data: cache, on_down: rehash")).taken_for_cache);
}

TEST(PoolData, IsACachesWhereTheFileLeavesItOpenAndUsesWhatOnlyACacheMay) {
  for (const char* use : {"on_down: rehash", "on_down: {gutter: spare}", "ring: {load_bound: 1.25}"}) {
    const Result<Config> config = ParsedPool(use);
    ASSERT_TRUE(config) << use;
    EXPECT_EQ(PoolOf(config).data, DataKind::kCache) << use;
    EXPECT_TRUE(PoolOf(config).taken_for_cache) << use;
  }
  // A gutter forgets, too.
  EXPECT_EQ(ParsedPool("on_down: {gutter: spare}")->pools[1].data, DataKind::kCache);
}

TEST(PoolData, RefusesInAStoreWhatMayLoseData) {
  for (const char* use : {"on_down: rehash", "on_down: {gutter: spare}", "ring: {load_bound: 1.25}",
                          "on_down: rehash, flush_on_return: true", "on_down: rehash, hedging: {budget: 5%}"}) {
    EXPECT_FALSE(ParsedPool(std::string("data: store, ") + use)) << use;
    EXPECT_TRUE(ParsedPool(std::string("data: cache, ") + use)) << use;
  }
}

TEST(PoolData, NeedsABoundForStandInsThatAreNeverEmptied) {
  EXPECT_FALSE(ParsedPool("data: cache, on_down: rehash, flush_on_return: true, rehash_ttl: 0s"));
  EXPECT_TRUE(ParsedPool("data: cache, on_down: rehash, rehash_ttl: 0s"));
  EXPECT_FALSE(ParsedPool("data: cache, on_down: rehash, rehash_ttl: 999ms"));
  EXPECT_EQ(PoolOf(ParsedPool("data: cache, on_down: rehash")).rehash_ttl, std::chrono::seconds(60));
}

}  // namespace
}  // namespace ringproxy::conf
