#include "proxy/observe/fleet_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Of the only section: field → value.
std::map<std::string, std::string> Merged(const std::vector<std::string_view>& texts, FleetReport* report = nullptr) {
  FleetReport merged = MergeReports(texts);
  std::map<std::string, std::string> fields;
  for (const ReportSection& section : merged.sections) {
    for (const ReportLine& line : section.lines) EXPECT_TRUE(fields.try_emplace(line.name, line.value).second);
  }
  if (report != nullptr) *report = std::move(merged);
  return fields;
}

using Fields = std::map<std::string, std::string>;

TEST(FleetReport, LeavesWhatASingleNodeSaysAsItIs) {
  constexpr std::string_view kText =
      "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmem_fragmentation_ratio:7.77\r\nodd:a:b\r\n\r\n"
      "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=17\r\n";
  const FleetReport report = MergeReports({{kText}});
  ASSERT_EQ(report.sections.size(), 2U);
  std::string again;
  for (const ReportSection& section : report.sections) {
    again += (again.empty() ? "# " : "\r\n# ") + section.name + "\r\n";
    for (const ReportLine& line : section.lines) again += line.name + ":" + line.value + "\r\n";
  }
  EXPECT_EQ(again, kText);
  EXPECT_THAT(report.differing, IsEmpty());
}

TEST(FleetReport, AddsUpNumbersAndWhatEachDatabaseHas) {
  EXPECT_EQ(
      Merged({"# Stats\nkeyspace_hits:3\ninstantaneous_input_kbps:0.50\n# Keyspace\ndb0:keys=3,expires=1,avg_ttl=10\n",
              "# Stats\nkeyspace_hits:4\ninstantaneous_input_kbps:1.25\n# Keyspace\ndb0:keys=5,expires=3,avg_ttl=50\n"
              "db2:keys=1,expires=0,avg_ttl=0\n",
              "# Stats\nkeyspace_hits:0\ninstantaneous_input_kbps:0.00\n# Keyspace\n"}),
      (Fields{{"keyspace_hits", "7"},
              {"instantaneous_input_kbps", "1.75"},
              {"db0", "keys=8,expires=4,avg_ttl=40"},
              {"db2", "keys=1,expires=0,avg_ttl=0"}}));
}

TEST(FleetReport, AddsUpCallsAndErrorsAndMakesTheAverageAnew) {
  EXPECT_EQ(Merged({"# Commandstats\ncmdstat_get:calls=1,usec=10,usec_per_call=10.00,rejected_calls=0,failed_calls=1\n"
                    "# Errorstats\nerrorstat_ERR:count=2\n",
                    "# Commandstats\ncmdstat_get:calls=3,usec=10,usec_per_call=3.33,rejected_calls=1,failed_calls=0\n"
                    "# Errorstats\nerrorstat_OOM:count=1\nerrorstat_ERR:count=5\n"}),
            (Fields{{"cmdstat_get", "calls=4,usec=20,usec_per_call=5.00,rejected_calls=1,failed_calls=1"},
                    {"errorstat_ERR", "count=7"},
                    {"errorstat_OOM", "count=1"}}));
}

TEST(FleetReport, TellsWhatAllAgreeOnAndNamesWhatTheyDifferIn) {
  FleetReport report;
  EXPECT_EQ(Merged({"# Memory\nmaxmemory_policy:noeviction\nmem_allocator:jemalloc-5.2.1\nredis_git_sha1:00000000\n",
                    "# Memory\nmaxmemory_policy:allkeys-lru\nmem_allocator:jemalloc-5.2.1\nredis_git_sha1:00000000\n"},
                   &report),
            (Fields{{"mem_allocator", "jemalloc-5.2.1"}, {"redis_git_sha1", "00000000"}}));
  EXPECT_THAT(report.differing, ElementsAre("maxmemory_policy"));
}

TEST(FleetReport, MakesRatiosAndSizesForTheEyeOfTheSums) {
  EXPECT_EQ(Merged({"# Memory\nused_memory:1048576\nused_memory_human:1.00M\nused_memory_rss:3145728\n"
                    "mem_fragmentation_ratio:3.00\nused_memory_peak:2097152\nused_memory_peak_perc:50.00%\n",
                    "# Memory\nused_memory:3145728\nused_memory_human:3.00M\nused_memory_rss:3145728\n"
                    "mem_fragmentation_ratio:1.00\nused_memory_peak:6291456\nused_memory_peak_perc:50.00%\n"}),
            (Fields{{"used_memory", "4194304"},
                    {"used_memory_human", "4.00M"},
                    {"used_memory_rss", "6291456"},
                    {"mem_fragmentation_ratio", "1.50"},
                    {"used_memory_peak", "8388608"},
                    {"used_memory_peak_perc", "50.00%"}}));
}

TEST(FleetReport, ABoundOfTheWholeNeedsOneOfEachNode) {
  EXPECT_EQ(Merged({"# Memory\nmaxmemory:100\n", "# Memory\nmaxmemory:50\n"}), (Fields{{"maxmemory", "150"}}));
  EXPECT_EQ(Merged({"# Memory\nmaxmemory:100\n", "# Memory\nmaxmemory:0\n"}), (Fields{{"maxmemory", "0"}}));
}

TEST(FleetReport, TakesTheLeastOrTheMostWhereASumWouldBeNonsense) {
  EXPECT_EQ(Merged({"# Server\narch_bits:64\nuptime_in_seconds:100\nhz:10\nvalkey_version:8.10.0\n"
                    "rdb_last_bgsave_status:ok\nrdb_last_save_time:1700000000\nrdb_last_bgsave_time_sec:-1\n",
                    "# Server\narch_bits:32\nuptime_in_seconds:7\nhz:50\nvalkey_version:8.9.1\n"
                    "rdb_last_bgsave_status:err\nrdb_last_save_time:1600000000\nrdb_last_bgsave_time_sec:3\n"}),
            (Fields{{"arch_bits", "32"},
                    {"uptime_in_seconds", "7"},
                    {"hz", "50"},
                    {"valkey_version", "8.9.1"},
                    {"rdb_last_bgsave_status", "err"},
                    {"rdb_last_save_time", "1600000000"},
                    {"rdb_last_bgsave_time_sec", "3"}}));
  EXPECT_EQ(Merged({"# Latencystats\nlatency_percentiles_usec_get:p50=1.003,p99=5.023\n",
                    "# Latencystats\nlatency_percentiles_usec_get:p50=2.007,p99=3.007\n"}),
            (Fields{{"latency_percentiles_usec_get", "p50=2.007,p99=5.023"}}));
}

TEST(FleetReport, ItsIdentityChangesWithThatOfAnyNodeAndNotWithTheirOrder) {
  const auto id_of = [](const std::vector<std::string_view>& texts) { return Merged(texts)["run_id"]; };
  EXPECT_EQ(id_of({"# Server\nrun_id:0a3f\n"}), "0a3f");
  const std::string both = id_of({"# Server\nrun_id:0a3f\n", "# Server\nrun_id:ffff\n"});
  EXPECT_EQ(both.size(), 4U);
  EXPECT_EQ(both, id_of({"# Server\nrun_id:ffff\n", "# Server\nrun_id:0a3f\n"}));
  EXPECT_NE(both, id_of({"# Server\nrun_id:fffe\n", "# Server\nrun_id:0a3f\n"}));
}

TEST(FleetReport, LeavesOutHowANodeIsToBeUsed) {
  EXPECT_TRUE(MergeReports({{"# Replication\nrole:slave\n# Cluster\ncluster_enabled:1\n"}}).sections.empty());
}

TEST(FleetReport, ListsEachModuleOnce) {
  const FleetReport report =
      MergeReports({{"# Modules\nmodule:name=a,ver=1\nmodule:name=b,ver=1\n", "# Modules\nmodule:name=b,ver=1\n"}});
  ASSERT_EQ(report.sections.size(), 1U);
  EXPECT_EQ(report.sections[0].lines.size(), 2U);
}

TEST(FleetReport, EndsAtTheLargestNumberAndReadsAnyBytes) {
  EXPECT_EQ(Merged({"# A\nx:9223372036854775807\ny:1e400\nz:\n", "# A\nx:1\ny:1\nz:\n"}),
            (Fields{{"x", "9223372036854775807"}, {"z", ""}}));
  for (const std::string_view text : {"", "\n", "# \n", ":", "# A\n:\n=,=\n", "# A\na:=,\nb:=\n\r\r\n", "x:1\n# A"}) {
    MergeReports({{text, text}});
  }
}

TEST(FleetReport, NeverPassesTheEndsOfNumbers) {
  EXPECT_EQ(Merged({"# A\na:-9223372036854775807\nb:-99999999999999999999\n", "# A\na:-9223372036854775807\nb:-1\n"}),
            (Fields{{"a", "-9223372036854775808"}, {"b", "-9223372036854775808"}}));
  EXPECT_EQ(Merged({"# Memory\nx:9223372036854775807\nx_human:1\n", "# Memory\nx:9223372036854775807\nx_human:2\n",
                    "# Memory\nx:9223372036854775807\nx_human:3\n"}),
            (Fields{{"x", "9223372036854775807"}, {"x_human", "8589934592.00G"}}));
  const std::string large = "# A\nx:" + std::string(308, '9') + ".5\n";
  EXPECT_EQ(Merged({large, large, large})["x"].find_first_not_of("0123456789."), std::string::npos);
}

TEST(FleetReport, KeepsForTheProxyWhatOnlyItSays) {
  EXPECT_EQ(Merged({"# Stats\nrole:slave\nringproxy_workers:7\nhits:1\n# replication\nx:1\n# Ringproxy\ny:1\n"}),
            (Fields{{"hits", "1"}}));
}

// Two nodes that say as much as is read of a node. Work that grows with its square would take minutes.
TEST(FleetReport, OfWhatANodeSaysABoundedPartIsKept) {
  constexpr size_t kMuch = 1 << 20;
  const auto filled = [](std::string text, const std::function<std::string(std::string)>& piece) {
    for (size_t i = 0; text.size() < kMuch; ++i) text += piece(std::to_string(i));
    return text;
  };
  const std::string texts[] = {
      filled("# Keyspace\ndb0:", [](const std::string& i) { return "k" + i + "=1,"; }),
      filled("# Memory\n", [](const std::string& i) { return "k" + i + "_human:a\n"; }),
      filled("", [](const std::string& i) { return "# " + i + "\na:1\n"; }),
      filled("# Keyspace\n", [](const std::string& i) { return "db" + i + ":avg_ttl=1,expires=1,avg_ttl=1\n"; }),
  };
  for (const std::string& text : texts) {
    const FleetReport report = MergeReports({{text, text}});
    EXPECT_LE(report.sections.size(), 256U);
    for (const ReportSection& section : report.sections) EXPECT_LE(section.lines.size(), 4096U);
  }
}

TEST(FleetReport, ALineOfMorePairsThanAnybodyHasIsNoList) {
  std::string line = "# Keyspace\ndb0:k=1";
  for (int i = 0; i < 4096; ++i) line += ",k" + std::to_string(i) + "=1";
  FleetReport report;
  EXPECT_TRUE(Merged({line + "\n", line + ",z=1\n"}, &report).empty());
  EXPECT_THAT(report.differing, ElementsAre("db0"));
  EXPECT_EQ(Merged({"# Keyspace\ndb0:a=1,a=5,b=2\n", "# Keyspace\ndb0:b=3,c=1\n"}), (Fields{{"db0", "a=1,b=5,c=1"}}));
}

TEST(FleetReport, TellsBytesInTheLargestUnitThatLeavesSomething) {
  const std::pair<uint64_t, std::string_view> kSizes[] = {
      {0, "0.00B"},
      {1023, "1023.00B"},
      {1024, "1.00K"},
      {(1 << 20) - 1, "1023.99K"},
      {5ULL << 30, "5.00G"},
      {4096ULL << 30, "4096.00G"},
      {1ULL << 63, "8589934592.00G"},
  };
  for (const auto& [bytes, text] : kSizes) EXPECT_EQ(HumanBytes(bytes), text);
}

}  // namespace
}  // namespace ringproxy::proxy
