#include "backends/wire/memcache_command.h"

#include <gtest/gtest.h>

#include "backends/wire/memcache_request.h"

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
    // semantics.md 25: incr above all.
    EXPECT_TRUE(row.command.retry == Retry::kNever || row.command.access == Access::kRead) << row.command.name;
  }
}

TEST(MemcacheCommands, AreMergedAsMemcacheRepliesWhereverTheyAreSplit) {
  for (const MemcacheSpec& row : MemcacheCommands()) {
    const bool split = row.command.handling == Handling::kSplit || row.command.handling == Handling::kAllNodes;
    EXPECT_EQ(split, IsMemcache(row.command.merge)) << row.command.name;
  }
}

TEST(MemcacheCommands, HaveAReplyForAMissWhereverTheyAreAboutAnItem) {
  const auto miss = [](std::string_view name) {
    std::string reply;
    AppendMiss(*FindMemcacheCommand(name), {}, &reply);
    return reply;
  };
  for (const char* name : {"get", "gets", "gat", "gats"}) EXPECT_EQ(miss(name), "END\r\n") << name;
  for (const char* name : {"set", "add", "replace", "append", "prepend"})
    EXPECT_EQ(miss(name), "NOT_STORED\r\n") << name;
  for (const char* name : {"cas", "delete", "touch", "incr", "decr"}) EXPECT_EQ(miss(name), "NOT_FOUND\r\n") << name;
  for (const char* name : {"mg", "me"}) EXPECT_EQ(miss(name), "EN\r\n") << name;
  for (const char* name : {"md", "ma"}) EXPECT_EQ(miss(name), "NF\r\n") << name;
  EXPECT_EQ(miss("ms"), "NS\r\n");
  for (const char* name : {"flush_all", "stats", "mn", "quit"}) EXPECT_EQ(miss(name), "") << name;
}

TEST(MemcacheCommands, SayInAMissWhichMetaRequestItBelongsTo) {
  MemcacheParser parser{Limits{}};
  MemcacheParser::Progress progress;
  const auto miss = [&](std::string_view bytes) {
    EXPECT_EQ(parser.Parse(bytes, &progress), MemcacheParser::MemcacheStatus::kRequest);
    std::string reply;
    AppendMiss(parser.spec(), parser.request(), &reply);
    return reply;
  };
  EXPECT_EQ(miss("mg name v O7 k t\r\n"), "EN O7 kname\r\n");
  EXPECT_EQ(miss("md name k O7\r\n"), "NF kname O7\r\n");
  EXPECT_EQ(miss("ms name 3 Oabc T60\r\nO99\r\n"), "NS Oabc\r\n");
  EXPECT_EQ(miss("get name\r\n"), "END\r\n");
}

}  // namespace
}  // namespace ringproxy::wire
