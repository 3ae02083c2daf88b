#include "tools/ringskew/load_map.h"

#include <gtest/gtest.h>

#include <map>

#include "ring/mix.h"

namespace ringproxy::ringskew {
namespace {

void Add(LoadMap& map, uint64_t hash, double requests) {
  map.Add({&hash, 1}, {&requests, 1});
}

TEST(LoadMap, KeepsEveryHashWhileThereIsRoom) {
  LoadMap map;
  std::map<uint64_t, double> truth;
  for (uint64_t i = 0; i < 1000; ++i) {
    for (int round = 0; round < 3; ++round) Add(map, i % 500 * 3, 0.5 * static_cast<double>(i));
    truth[i % 500 * 3] += 1.5 * static_cast<double>(i);
  }
  EXPECT_EQ(map.kept(), 1);
  std::map<uint64_t, double> found;
  map.ForEach([&](const LoadMap::Entry& entry) { found[entry.hash] = entry.requests; });
  EXPECT_EQ(found, truth);
}

TEST(LoadMap, KeepsASampleOfMoreHashesWithAllTheirRequests) {
  constexpr uint64_t kHashes = 3 * LoadMap::kMost;
  LoadMap map;
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < kHashes; ++i) Add(map, ring::Mix(i + 1), 1);
  }
  EXPECT_EQ(map.kept(), 0.25);
  uint64_t entries = 0;
  map.ForEach([&](const LoadMap::Entry& entry) {
    ++entries;
    EXPECT_EQ(entry.requests, 2);
  });
  EXPECT_NEAR(static_cast<double>(entries) / kHashes, map.kept(), 0.005);
}

TEST(LoadMap, KeepsAHashWithoutRequests) {
  LoadMap map;
  Add(map, 0, 0);
  size_t entries = 0;
  map.ForEach([&](const LoadMap::Entry&) { ++entries; });
  EXPECT_EQ(entries, 1U);
}

}  // namespace
}  // namespace ringproxy::ringskew
