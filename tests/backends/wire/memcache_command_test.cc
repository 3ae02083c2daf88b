#include "backends/wire/memcache_command.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

TEST(MemcacheCommands, AreFoundByTheirExactNames) {
  for (const MemcacheSpec& row : MemcacheCommands()) {
    EXPECT_EQ(FindMemcacheCommand(row.command.name), &row);
    EXPECT_EQ(&MemcacheCommands()[MemcacheCommandIndex(row)], &row);
  }
  for (const char* name : {"", "GET", "ge", "getx", "stats|", "verbosityx"})
    EXPECT_EQ(FindMemcacheCommand(name), nullptr);
}

TEST(MemcacheCommands, AreRetriedOnlyWhenTheyChangeNothing) {
  for (const MemcacheSpec& row : MemcacheCommands()) {
    // trap 25: incr above all.
    EXPECT_TRUE(row.command.retry == Retry::kNever || row.command.access == Access::kRead) << row.command.name;
  }
}

TEST(MemcacheCommands, AreMergedAsMemcacheRepliesWhereverTheyAreSplit) {
  for (const MemcacheSpec& row : MemcacheCommands()) {
    const bool split = row.command.handling == Handling::kSplit || row.command.handling == Handling::kAllNodes;
    EXPECT_EQ(split, IsMemcache(row.command.merge)) << row.command.name;
  }
}

}  // namespace
}  // namespace ringproxy::wire
