#include "proxy/route/memcache_statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringproxy::proxy {
namespace {

std::string MergedStats(const std::vector<std::string_view>& replies) {
  std::string out;
  AppendMergedStatistics(replies, &out);
  return out;
}

// One statistic of several nodes.
std::string MergedStat(const std::string& name, const std::vector<std::string>& values) {
  std::vector<std::string> replies;
  for (const std::string& value : values) replies.push_back("STAT " + name + " " + value + "\r\nEND\r\n");
  std::string merged = MergedStats({replies.begin(), replies.end()});
  const std::string start = "STAT " + name + " ";
  EXPECT_TRUE(merged.starts_with(start) && merged.ends_with("\r\n")) << merged;
  return merged.substr(start.size(), merged.size() - start.size() - 2);
}

TEST(MemcacheStatistics, SumsWhatIsCounted) {
  EXPECT_EQ(MergedStat("cmd_get", {"1", "20", "300"}), "321");
  EXPECT_EQ(MergedStat("bytes", {"9007199254740993", "9007199254740993"}), "18014398509481986");
}

TEST(MemcacheStatistics, SumsSecondsWithTheirFractions) {
  EXPECT_EQ(MergedStat("rusage_user", {"0.250000", "1.500000"}), "1.750000");
  EXPECT_EQ(MergedStat("rusage_system", {"1", "0.500000"}), "1.500000");
}

TEST(MemcacheStatistics, TellsTheLeastWhereTheWorstNodeCounts) {
  EXPECT_EQ(MergedStat("uptime", {"50", "40", "60"}), "40");
  EXPECT_EQ(MergedStat("accepting_conns", {"1", "0", "1"}), "0");
}

TEST(MemcacheStatistics, TellsTheMostWhereTheFurthestNodeCounts) {
  EXPECT_EQ(MergedStat("time", {"1000", "1002", "1001"}), "1002");
  EXPECT_EQ(MergedStat("hash_is_expanding", {"0", "1", "0"}), "1");
}

TEST(MemcacheStatistics, TellsTheFirstOfWhatCannotBeAdded) {
  EXPECT_EQ(MergedStat("pid", {"77", "78"}), "77");
  EXPECT_EQ(MergedStat("pointer_size", {"64", "64"}), "64");
  EXPECT_EQ(MergedStat("version", {"1.6.18", "1.6.21"}), "1.6.18");
  EXPECT_EQ(MergedStat("libevent", {"2.1.12-stable", "7"}), "2.1.12-stable");
  EXPECT_EQ(MergedStat("curr_items", {"5", "many"}), "5");
}

TEST(MemcacheStatistics, HasOneRuleForAllSlabClassesOfAName) {
  EXPECT_EQ(MergedStat("12:chunk_size", {"96", "96"}), "96");
  EXPECT_EQ(MergedStat("items:3:age", {"10", "30", "20"}), "30");
  EXPECT_EQ(MergedStat("items:3:number", {"10", "30"}), "40");
  EXPECT_EQ(MergedStats({"STAT 1:used_chunks 2\r\nSTAT 2:used_chunks 3\r\nEND\r\n", "STAT 2:used_chunks 4\r\nEND\r\n"}),
            "STAT 1:used_chunks 2\r\nSTAT 2:used_chunks 7\r\n");
}

TEST(MemcacheStatistics, KeepsTheOrderInWhichNamesFirstAppear) {
  EXPECT_EQ(MergedStats({"STAT b 1\r\nSTAT a 1\r\nEND\r\n", "STAT c 1\r\nSTAT a 1\r\nSTAT b 1\r\nEND\r\n"}),
            "STAT b 2\r\nSTAT a 2\r\nSTAT c 1\r\n");
}

TEST(MemcacheStatistics, KeepsTextsWithBlanksAndWithoutAnyByte) {
  EXPECT_EQ(MergedStats({"STAT log a b  c\r\nSTAT none \r\nEND\r\n"}), "STAT log a b  c\r\nSTAT none \r\n");
}

TEST(MemcacheStatistics, PassesOverWhatIsNoStatistic) {
  EXPECT_EQ(MergedStats({"RESET\r\nSTAT a 1\r\nEND\r\n", "END\r\n"}), "STAT a 1\r\n");
  EXPECT_EQ(MergedStats({}), "");
}

}  // namespace
}  // namespace ringproxy::proxy
