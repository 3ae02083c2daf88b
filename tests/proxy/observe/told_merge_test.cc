#include "proxy/observe/told_merge.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kBadReply = "-BADREPLY ";

TEST(MergeSettings, TellsWhatAllNodesAgreeOn) {
  constexpr std::string_view kReply = "*4\r\n$4\r\nsave\r\n$0\r\n\r\n$9\r\nmaxmemory\r\n$2\r\n10\r\n";
  const std::vector<ToldReply> told = {{"r1", kReply}, {"r2", kReply}};
  EXPECT_EQ(MergeSettings(told, {}), kReply);
  EXPECT_EQ(MergeSettings(told, {.protocol = 3, .named = {}}), "%2\r\n" + std::string(kReply.substr(4)));
  EXPECT_EQ(MergeSettings({{{"r1", "*0\r\n"}}}, {.protocol = 3, .named = {}}), "%0\r\n");
}

TEST(MergeSettings, NamesTheNodesThatDifferAndTheirValues) {
  const std::vector<ToldReply> told = {{"r1", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"},
                                       {"r2", "*2\r\n$9\r\nmaxmemory\r\n$2\r\n10\r\n"},
                                       {"r3", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"}};
  EXPECT_EQ(MergeSettings(told, {}),
            "-ERR nodes differ in 'maxmemory': '0' on r1 and r3, '10' on r2; ask the nodes themselves\r\n");
}

TEST(MergeSettings, LeavesOutWhatIsEachServersOwnUnlessItIsNamed) {
  const std::vector<ToldReply> told = {{"r1", "*4\r\n$4\r\nport\r\n$1\r\n1\r\n$2\r\nhz\r\n$2\r\n10\r\n"},
                                       {"r2", "*4\r\n$4\r\nport\r\n$1\r\n2\r\n$2\r\nhz\r\n$2\r\n10\r\n"}};
  EXPECT_EQ(MergeSettings(told, {}), "*2\r\n$2\r\nhz\r\n$2\r\n10\r\n");
  EXPECT_EQ(MergeSettings(told, {.named = {"PORT"}}),
            "-ERR nodes differ in 'port': '1' on r1, '2' on r2; ask the nodes themselves\r\n");
}

TEST(MergeSettings, TellsTheListenersDatabasesAndNoPassword) {
  const std::vector<ToldReply> told = {
      {"r1", "*4\r\n$9\r\ndatabases\r\n$2\r\n16\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n"},
      {"r2", "*4\r\n$9\r\ndatabases\r\n$2\r\n32\r\n$11\r\nrequirepass\r\n$5\r\nother\r\n"}};
  EXPECT_EQ(MergeSettings(told, {.databases = 4, .named = {"requirepass", "databases"}}),
            "*2\r\n$9\r\ndatabases\r\n$1\r\n4\r\n");
}

// Redis 7.0 echoes a name as it was asked for.
TEST(MergeSettings, TellsNoPasswordHoweverItIsSpelt) {
  for (const std::string name : {"MASTERAUTH", "Masterauth", "PrimaryAuth", "REQUIREPASS", "requirePass",
                                 "TLS-KEY-FILE-PASS", "Tls-Client-Key-File-Pass"}) {
    std::string reply = "*4\r\n$" + std::to_string(name.size()) + "\r\n" + name + "\r\n$6\r\nsecret\r\n";
    reply += "$2\r\nhz\r\n$2\r\n10\r\n";
    const std::vector<ToldReply> told = {{"r1", reply}};
    EXPECT_EQ(MergeSettings(told, {.named = {name, "hz"}}), "*2\r\n$2\r\nhz\r\n$2\r\n10\r\n") << name;
  }
  // Nor where nodes differ in it.
  const std::vector<ToldReply> told = {{"r1", "*2\r\n$10\r\nMASTERAUTH\r\n$1\r\na\r\n"},
                                       {"r2", "*2\r\n$10\r\nmasterauth\r\n$1\r\nb\r\n"}};
  EXPECT_EQ(MergeSettings(told, {.named = {"MASTERAUTH"}}), "*0\r\n");
}

TEST(MergeSettings, KnowsAParameterInAnyCase) {
  // Nodes of several releases: one echoes, the other has its own spelling.
  const std::vector<ToldReply> differ = {{"r1", "*2\r\n$9\r\nMaxMemory\r\n$1\r\n0\r\n"},
                                         {"r2", "*2\r\n$9\r\nmaxmemory\r\n$2\r\n10\r\n"}};
  EXPECT_EQ(MergeSettings(differ, {.named = {"MaxMemory"}}),
            "-ERR nodes differ in 'MaxMemory': '0' on r1, '10' on r2; ask the nodes themselves\r\n");
  const std::vector<ToldReply> agree = {{"r1", "*2\r\n$9\r\nMaxMemory\r\n$1\r\n0\r\n"},
                                        {"r2", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n"}};
  EXPECT_EQ(MergeSettings(agree, {}), agree[0].reply);
  const std::vector<ToldReply> databases = {{"r1", "*2\r\n$9\r\nDATABASES\r\n$2\r\n16\r\n"}};
  EXPECT_EQ(MergeSettings(databases, {.databases = 4, .named = {"DATABASES"}}), "*2\r\n$9\r\nDATABASES\r\n$1\r\n4\r\n");
  const std::vector<ToldReply> ports = {{"r1", "*2\r\n$4\r\nPORT\r\n$1\r\n1\r\n"},
                                        {"r2", "*2\r\n$4\r\nPort\r\n$1\r\n2\r\n"}};
  EXPECT_EQ(MergeSettings(ports, {}), "*0\r\n");
}

TEST(MergeSettings, AListFarLongerThanAnyIsAStrangeReply) {
  std::string reply = "*8194\r\n";
  for (int i = 0; i < 8194; ++i) reply += "$1\r\na\r\n";
  EXPECT_TRUE(MergeSettings({{{"r1", reply}}}, {}).starts_with(kBadReply));
}

TEST(MergeSettings, AnErrorOrAStrangeReplyOfOneNodeIsThatOfAll) {
  EXPECT_EQ(MergeSettings({{{"r1", "*0\r\n"}, {"r2", "-NOPERM no\r\n"}}}, {}), "-NOPERM no\r\n");
  for (const std::string_view reply : {"+OK\r\n", "*1\r\n$1\r\na\r\n", "*2\r\n:1\r\n:2\r\n", "$-1\r\n"}) {
    EXPECT_TRUE(MergeSettings({{{"r1", reply}}}, {}).starts_with(kBadReply)) << reply;
  }
}

TEST(MergeSlowLogs, TellsTheNewestOfAllNodes) {
  const std::vector<ToldReply> told = {{"r1", "*2\r\n*3\r\n:7\r\n:300\r\n:1\r\n*3\r\n:6\r\n:100\r\n:2\r\n"},
                                       {"r2", "*2\r\n*3\r\n:1\r\n:200\r\n:3\r\n*3\r\n:0\r\n:100\r\n:4\r\n"}};
  EXPECT_EQ(MergeSlowLogs(told, 3),
            "*3\r\n*3\r\n:7\r\n:300\r\n:1\r\n*3\r\n:1\r\n:200\r\n:3\r\n*3\r\n:6\r\n:100\r\n:2\r\n");
  EXPECT_TRUE(MergeSlowLogs(told, SIZE_MAX).starts_with("*4\r\n"));
  EXPECT_EQ(MergeSlowLogs(told, 0), "*0\r\n");
  EXPECT_EQ(MergeSlowLogs({{{"r1", "-ERR x\r\n"}}}, 3), "-ERR x\r\n");
  for (const std::string_view reply : {":1\r\n", "*1\r\n:1\r\n", "*1\r\n*1\r\n:1\r\n", "*1\r\n*2\r\n:1\r\n+a\r\n"}) {
    EXPECT_TRUE(MergeSlowLogs({{{"r1", reply}}}, 3).starts_with(kBadReply)) << reply;
  }
}

TEST(MergeLatest, TellsTheLatestOfEachEventWithTheLargestMaximum) {
  const std::vector<ToldReply> told = {
      {"r1", "*1\r\n*4\r\n$4\r\nfork\r\n:100\r\n:5\r\n:90\r\n"},
      {"r2", "*2\r\n*4\r\n$4\r\nfork\r\n:200\r\n:6\r\n:70\r\n*4\r\n$7\r\ncommand\r\n:1\r\n:2\r\n:3\r\n"}};
  EXPECT_EQ(MergeLatest(told),
            "*2\r\n*4\r\n$4\r\nfork\r\n:200\r\n:6\r\n:90\r\n*4\r\n$7\r\ncommand\r\n:1\r\n:2\r\n:3\r\n");
  EXPECT_EQ(MergeLatest({{{"r1", "*0\r\n"}, {"r2", "*0\r\n"}}}), "*0\r\n");
  EXPECT_TRUE(MergeLatest({{{"r1", "*1\r\n*1\r\n:1\r\n"}}}).starts_with(kBadReply));
  std::string many = "*4097\r\n";
  for (int i = 0; i < 4097; ++i) {
    const std::string name = std::to_string(10'000 + i);
    many += "*4\r\n$5\r\n" + name + "\r\n:1\r\n:2\r\n:3\r\n";
  }
  EXPECT_TRUE(MergeLatest({{{"r1", many}}}).starts_with(kBadReply)) << "no server has so many";
}

}  // namespace
}  // namespace ringproxy::proxy
