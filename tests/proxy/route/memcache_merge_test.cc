#include "proxy/route/memcache_merge.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using Partial = MemcacheMerger::Partial;
using Replies = std::vector<std::string_view>;

// A multi-get of `keys`, of which child_of_key[i] has the i-th.
FanoutPlan Plan(const std::vector<std::string>& keys, std::vector<uint32_t> child_of_key) {
  FanoutPlan plan;
  plan.merge = wire::Merge::kValues;
  plan.request = "get";
  for (const std::string& key : keys) {
    plan.request += " ";
    plan.keys.push_back({static_cast<uint32_t>(plan.request.size()), static_cast<uint32_t>(key.size())});
    plan.request += key;
  }
  plan.child_of_key = std::move(child_of_key);
  return plan;
}

std::string MergedText(const FanoutPlan& plan, const Replies& children, Partial expected = Partial::kNone) {
  MemcacheMerger merger;
  std::string all;
  for (const std::string_view piece : merger.Merge(plan, children)) all += piece;
  EXPECT_EQ(all.size(), merger.size_bytes());
  EXPECT_EQ(merger.partial(), expected);
  return all;
}

std::string MergedText(wire::Merge merge, const Replies& children) {
  FanoutPlan plan;
  plan.merge = merge;
  return MergedText(plan, children);
}

// See semantics.md 9.
TEST(MergeValues, BringsThemIntoTheOrderOfTheKeysDuplicatesTwiceMissesSkipped) {
  const Replies children = {"VALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nEND\r\n", "VALUE b 7 1\r\nB\r\nEND\r\n"};
  EXPECT_EQ(MergedText(Plan({"b", "a", "miss", "gone", "a"}, {1, 0, 0, 1, 0}), children),
            "VALUE b 7 1\r\nB\r\nVALUE a 0 1\r\nA\r\nVALUE a 0 1\r\nA\r\nEND\r\n");
  EXPECT_EQ(MergedText(Plan({"a", "b"}, {0, 1}), {"END\r\n", "END\r\n"}), "END\r\n");
}

// semantics.md 10: no value goes out before a failure is known.
TEST(MergeValues, AnswersTheFirstFailureAloneUnlessFailuresAreMisses) {
  FanoutPlan plan = Plan({"a", "b", "c"}, {0, 1, 2});
  const Replies children = {"VALUE a 0 1\r\nA\r\nEND\r\n", "VALUE b 0 1\r\nB\r\nSERVER_ERROR out of memory\r\n",
                            "SERVER_ERROR node down\r\n"};
  EXPECT_EQ(MergedText(plan, children, Partial::kError), "SERVER_ERROR out of memory\r\n");
  plan.failures_are_misses = true;
  EXPECT_EQ(MergedText(plan, children, Partial::kMiss), "VALUE a 0 1\r\nA\r\nEND\r\n");
}

TEST(MergeValues, AnswersAnErrorWhenNoNodeHasAnswered) {
  FanoutPlan plan = Plan({"a", "b"}, {0, 1});
  plan.failures_are_misses = true;
  EXPECT_EQ(MergedText(plan, {"SERVER_ERROR timeout\r\n", "SERVER_ERROR node down\r\n"}), "SERVER_ERROR timeout\r\n");
}

TEST(MergeValues, TakesNoValueThatNobodyAskedFor) {
  EXPECT_EQ(MergedText(Plan({"a", "b"}, {0, 1}), {"VALUE x 0 1\r\nX\r\nEND\r\n", "END\r\n"}),
            "SERVER_ERROR bad reply from a node\r\n");
}

TEST(MergeValues, TakesNoTokenOfMoreDigitsThanOneHas) {
  FanoutPlan plan = Plan({"a", "b"}, {0, 1});
  plan.cas_tags = {wire::MakeCasTag(1), wire::MakeCasTag(2)};
  const std::string digits(40, '9');
  EXPECT_EQ(MergedText(plan, {"VALUE a 0 1 " + digits + "\r\nA\r\nEND\r\n", "VALUE b 0 1 5\r\nB\r\nEND\r\n"}),
            "SERVER_ERROR bad reply from a node\r\n");
}

// See semantics.md 24.
TEST(MergeValues, GivesEachTokenTheTagOfItsNode) {
  FanoutPlan plan = Plan({"a", "b"}, {0, 1});
  plan.cas_tags = {wire::MakeCasTag(1), wire::MakeCasTag(2)};
  std::string expected = "VALUE a 0 1 ";
  wire::AppendRetagged("5", plan.cas_tags[0], &expected);
  expected += "\r\nA\r\nVALUE b 0 1 ";
  wire::AppendRetagged("5", plan.cas_tags[1], &expected);
  expected += "\r\nB\r\nEND\r\n";
  EXPECT_EQ(MergedText(plan, {"VALUE a 0 1 5\r\nA\r\nEND\r\n", "VALUE b 0 1 5\r\nB\r\nEND\r\n"}), expected);
}

TEST(MergeAgreed, SaysWhatAllSayAndElseTheFirstError) {
  EXPECT_EQ(MergedText(wire::Merge::kAgreed, {"OK\r\n", "OK\r\n"}), "OK\r\n");
  EXPECT_EQ(MergedText(wire::Merge::kAgreed, {"OK\r\n", "SERVER_ERROR node down\r\n"}), "SERVER_ERROR node down\r\n");
  EXPECT_EQ(MergedText(wire::Merge::kAgreed, {"OK\r\n", "RESET\r\n"}), "SERVER_ERROR bad reply from a node\r\n");
}

TEST(UntagCas, ChangesNothingButTheToken) {
  FanoutPlan plan;
  plan.merge = wire::Merge::kUntagCas;
  plan.cas_tags = {wire::MakeCasTag(3)};
  std::string expected = "VA 2 c";
  wire::AppendRetagged("17", plan.cas_tags[0], &expected);
  expected += " kx\r\nhi\r\n";
  EXPECT_EQ(MergedText(plan, {"VA 2 c17 kx\r\nhi\r\n"}), expected);
  EXPECT_EQ(MergedText(plan, {"CLIENT_ERROR bad  command c17\r\n"}), "CLIENT_ERROR bad  command c17\r\n");
  EXPECT_EQ(MergedText(plan, {"EN\r\n"}), "EN\r\n");
}

TEST(MergeInstead, SaysWhatThePlanSaysUnlessTheNodeFails) {
  FanoutPlan plan;
  plan.merge = wire::Merge::kInstead;
  plan.instead = "SERVER_ERROR object too large for cache\r\n";
  for (const char* reply : {"DELETED\r\n", "NOT_FOUND\r\n", "HD\r\n", "NF\r\n"}) {
    EXPECT_EQ(MergedText(plan, {reply}), plan.instead) << reply;
  }
  EXPECT_EQ(MergedText(plan, {"SERVER_ERROR node down\r\n"}), "SERVER_ERROR node down\r\n");
}

// See semantics.md 26.
TEST(MergeStatistics, SumsNumbersExceptWhereAnotherRuleMakesSense) {
  FanoutPlan plan;
  plan.merge = wire::Merge::kStatistics;
  plan.counts_nodes = true;
  const Replies children = {
      "STAT pid 7\r\nSTAT uptime 50\r\nSTAT version 1.6.18\r\nSTAT rusage_user 0.250000\r\nSTAT cmd_get 10\r\nEND\r\n",
      "SERVER_ERROR node down\r\n",
      "STAT pid 8\r\nSTAT uptime 40\r\nSTAT version 1.6.18\r\nSTAT rusage_user 0.500000\r\nSTAT cmd_get 5\r\n"
      "STAT only_here 3\r\nEND\r\n"};
  EXPECT_EQ(MergedText(plan, children),
            "STAT pid 7\r\nSTAT uptime 40\r\nSTAT version 1.6.18\r\nSTAT rusage_user 0.750000\r\nSTAT cmd_get 15\r\n"
            "STAT only_here 3\r\nSTAT ringproxy_nodes 3\r\nSTAT ringproxy_nodes_answered 2\r\nEND\r\n");
}

TEST(MergeStatistics, KeepsWhatBelongsToASlabClass) {
  EXPECT_EQ(MergedText(wire::Merge::kStatistics, {"STAT 1:chunk_size 96\r\nSTAT 1:used_chunks 2\r\nEND\r\n",
                                                  "STAT 1:chunk_size 96\r\nSTAT 1:used_chunks 5\r\nEND\r\n"}),
            "STAT 1:chunk_size 96\r\nSTAT 1:used_chunks 7\r\nEND\r\n");
}

TEST(MergeStatistics, FailsOnlyWhenNoNodeHasAnswered) {
  EXPECT_EQ(MergedText(wire::Merge::kStatistics, {"SERVER_ERROR node down\r\n", "SERVER_ERROR timeout\r\n"}),
            "SERVER_ERROR node down\r\n");
  EXPECT_EQ(MergedText(wire::Merge::kSettings, {"SERVER_ERROR node down\r\n", "STAT maxbytes 5\r\nEND\r\n"}),
            "STAT maxbytes 5\r\nEND\r\n");
}

TEST(MergeAgreed, NamesTheNodeThatSaysSomethingElseWhereTheClientShallKnow) {
  FanoutPlan plan;
  plan.merge = wire::Merge::kAgreed;
  plan.node_names = {"n0", "n1", "n2"};
  EXPECT_EQ(MergedText(plan, {"OK\r\n", "OK\r\n", "OK\r\n"}), "OK\r\n");
  EXPECT_EQ(MergedText(plan, {"OK\r\n", "BADCLASS invalid class id\r\n", "OK\r\n"}),
            "BADCLASS invalid class id (node n1)\r\n");
  // An error is the worse news.
  EXPECT_EQ(MergedText(plan, {"BUSY currently moving\r\n", "OK\r\n", "SERVER_ERROR node down\r\n"}),
            "SERVER_ERROR node down (node n2)\r\n");
  // What all say is said as one says it.
  EXPECT_EQ(MergedText(plan, {"ERROR\r\n", "ERROR\r\n", "ERROR\r\n"}), "ERROR\r\n");
  EXPECT_EQ(MergedText(plan, {"MEMLIMIT_TOO_SMALL x\r\n", "MEMLIMIT_TOO_SMALL x\r\n", "MEMLIMIT_TOO_SMALL x\r\n"}),
            "MEMLIMIT_TOO_SMALL x\r\n");
}

TEST(MergeConnections, TellsWhoseTheyAreAndWhoDidNotAnswer) {
  FanoutPlan plan;
  plan.merge = wire::Merge::kConnections;
  plan.node_names = {"n0", "n1", "n2"};
  EXPECT_EQ(MergedText(plan, {"STAT 23:addr tcp:0.0.0.0:1\r\nSTAT 23:state conn_listening\r\nEND\r\n", "END\r\n",
                              "SERVER_ERROR node down\r\n"}),
            "STAT n0:23:addr tcp:0.0.0.0:1\r\nSTAT n0:23:state conn_listening\r\n"
            "STAT n2:error SERVER_ERROR node down\r\nEND\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
