#include "conf/import/draft.h"

#include <gtest/gtest.h>

#include "conf/parse.h"

namespace ringproxy::conf {
namespace {

const TreeValue kLine7{.kind = TreeKind::kText, .key = "k", .text = "v", .place = {7, 3}};

// A draft with one listener and one pool of one node.
Draft SmallDraft(const Address& listen = {"127.0.0.1", 6380, ""}) {
  Draft draft("f", "a test");
  Pool& pool = draft.AddPool(draft.PoolName("p", "pool"), Protocol::kRedis, kLine7);
  draft.AddNode(pool, "", {"127.0.0.1", 7001, ""}, kLine7);
  draft.AddListener(draft.ListenerName("l", "listener"), listen, Protocol::kRedis, kLine7).routes = {{"", "p"}};
  return draft;
}

std::string Finished(Draft draft) {
  const Result<std::string> text = draft.Finish();
  if (text) {
    EXPECT_TRUE(ParseConfig(*text, "r")) << *text;
  }
  return text ? *text : ToString(text.errors());
}

TEST(Draft, TakesTheNearestBoundAndSaysSo) {
  Draft draft = SmallDraft();
  draft.Set(draft.config, &Config::workers, "", 4000, "threads 4000");
  draft.Set(draft.config.pools[0].timeouts, &Timeouts::connect, "pools.p.timeouts", seconds(61), "wait 61");
  draft.Set(draft.config.pools[0].timeouts, &Timeouts::request, "pools.p.timeouts", microseconds(5), "wait 5");
  draft.Set(draft.config, &Config::memory_limit_bytes, "", 0, "memory 0");
  EXPECT_EQ(draft.config.workers, 1024U);
  EXPECT_EQ(draft.config.pools[0].timeouts.connect, seconds(60));
  EXPECT_EQ(draft.config.pools[0].timeouts.request, milliseconds(1));
  EXPECT_EQ(draft.config.memory_limit_bytes, 0U);
  const std::string text = Finished(std::move(draft));
  EXPECT_NE(text.find("# threads 4000 lies beyond what workers may be, 1 to 1024 or auto\nworkers: 1024\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("memory 0"), std::string::npos);
}

TEST(Draft, MovesTheAdminPortFromWhereAListenerIs) {
  EXPECT_EQ(Finished(SmallDraft()).find("admin"), std::string::npos);
  EXPECT_NE(Finished(SmallDraft({"0.0.0.0", 9180, ""})).find("  listen: 127.0.0.1:9181\n"), std::string::npos);
}

TEST(Draft, GivesEveryPoolAndListenerANameOfItsOwnThatMayBeOne) {
  Draft draft = SmallDraft();
  EXPECT_EQ(draft.PoolName("p", "x"), "p-2");
  EXPECT_EQ(draft.PoolName("", "x"), "x");
  EXPECT_EQ(draft.PoolName("a b\tc", "x"), "a_b_c");
  EXPECT_EQ(draft.ListenerName("l", "x"), "l-2");
  EXPECT_LE(draft.PoolName(std::string(500, 'n'), "x").size(), 128U);
}

TEST(Draft, TellsBrokenRulesWithTheLineOfTheFile) {
  Draft twice = SmallDraft();
  twice.AddNode(twice.config.pools[0], "", {"127.0.0.1", 7001, ""}, kLine7);
  EXPECT_EQ(Finished(std::move(twice)), "f:7:3: pools.p.nodes[1]: name 127.0.0.1:7001 is taken by pools.p.nodes[0]\n");
  Draft empty = SmallDraft();
  empty.AddPool("q", Protocol::kRedis, kLine7);
  EXPECT_EQ(Finished(std::move(empty)), "f:7:3: pools.q.nodes: has 0 entries, the least is 1\n");
}

TEST(Draft, TellsItsOwnMistakesAloneAndInOrder) {
  Draft draft("f", "a test");
  TreeValue included = kLine7;
  included.file = "part";
  included.place = {9, 1};
  draft.Fail(included, "late");
  draft.Fail(kLine7, "early");
  EXPECT_EQ(Finished(std::move(draft)), "f:7:3: k: early\npart:9:1: k: late\n");
}

TEST(Draft, SplitsSlotsEvenlyAndWhole) {
  for (const size_t nodes : {1U, 2U, 3U, 7U, 100U}) {
    Draft draft = SmallDraft();
    Pool& pool = draft.config.pools[0];
    for (size_t i = 1; i < nodes; ++i) draft.AddNode(pool, "", {"h", static_cast<uint16_t>(i), ""}, kLine7);
    draft.SplitSlots(pool, "it");
    if (nodes == 3) {
      EXPECT_EQ(pool.nodes[1].slots, "5461-10922");
    }
    EXPECT_NE(Finished(std::move(draft)).find("TO DO: compare the slots"), std::string::npos);
  }
}

TEST(Draft, SaysEverythingOnce) {
  Draft draft = SmallDraft();
  for (int i = 0; i < 2; ++i) {
    draft.SayOtherwise("other");
    draft.Comment("pools.p", "comment");
  }
  const std::string text = Finished(std::move(draft));
  EXPECT_EQ(text.find("# - other\n"), text.rfind("# - other\n"));
  EXPECT_EQ(text.find("# comment\n"), text.rfind("# comment\n"));
  EXPECT_NE(text.find("  # comment\n  p:\n"), std::string::npos);
}

}  // namespace
}  // namespace ringproxy::conf
