#include "proxy/state/subscription_counts.h"

#include <gtest/gtest.h>

#include <tuple>

#include "backends/health/node_record.h"

namespace ringproxy::proxy {
namespace {

using enum TopicKind;

class SubscriptionCountsTest : public testing::Test {
 protected:
  int64_t Clients(TopicKind kind, std::string_view channel, uint32_t pool = 0) {
    return counts_.ReachedBy(a_, pool, kind, channel).clients;
  }
  int64_t Links(TopicKind kind, std::string_view channel) { return counts_.ReachedBy(a_, 0, kind, channel).links; }

  SubscriptionCounts counts_;
  const backends::NodeRecord a_{"main", "a", 1};
  const backends::NodeRecord b_{"main", "b", 1};
};

TEST_F(SubscriptionCountsTest, TellsWhatAMessageReachesByNameAndByPattern) {
  EXPECT_TRUE(counts_.is_empty());
  const std::tuple<TopicKind, const char*, int> all[] = {
      {kChannel, "news.a", 2}, {kPattern, "news.*", 3}, {kPattern, "other.*", 5}, {kShard, "news.a", 7}};
  for (const auto& [kind, name, clients] : all) {
    counts_.AddClient(0, kind, name, clients);
    counts_.AddLink(a_, kind, name, 1);
  }
  counts_.AddClient(1, kChannel, "news.a", 11);
  EXPECT_EQ(Clients(kChannel, "news.a"), 5);
  EXPECT_EQ(Clients(kChannel, "news.b"), 3);
  EXPECT_EQ(Clients(kShard, "news.a"), 7) << "patterns are for PUBLISH alone";
  EXPECT_EQ(Clients(kChannel, "news.a", 1), 11);
  EXPECT_EQ(Links(kChannel, "news.a"), 2);
  EXPECT_EQ(counts_.ClientsOf(0, kChannel, "news.a"), 2);
}

TEST_F(SubscriptionCountsTest, CountsNoClientsWhereNoLinkIsSubscribed) {
  counts_.AddClient(0, kChannel, "c", 4);
  counts_.AddLink(b_, kChannel, "c", 1);
  EXPECT_EQ(Clients(kChannel, "c"), 0);
  EXPECT_EQ(counts_.ReachedBy(b_, 0, kChannel, "c").clients, 4);
}

TEST_F(SubscriptionCountsTest, KnowsAtWhichNodesLinksAreMissing) {
  EXPECT_FALSE(counts_.IsMissedAt(a_));
  counts_.AddMissing(a_, 1);
  counts_.AddMissing(a_, 1);
  EXPECT_TRUE(counts_.IsMissedAt(a_));
  EXPECT_FALSE(counts_.IsMissedAt(b_));
  counts_.AddMissing(a_, -1);
  EXPECT_TRUE(counts_.IsMissedAt(a_));
  counts_.AddMissing(a_, -1);
  EXPECT_FALSE(counts_.IsMissedAt(a_));
}

TEST_F(SubscriptionCountsTest, ClaimsNoMoreListenersThanTheNodeHasCountedWhereLinksAreLacking) {
  const SubscriptionCounts::Reached reached{.links = 2, .clients = 5};
  EXPECT_EQ(reached.Listeners(0), 0);
  EXPECT_EQ(reached.Listeners(1), 1);
  EXPECT_EQ(reached.Listeners(2), 5);
  EXPECT_EQ(reached.Listeners(4), 7);
  EXPECT_EQ((SubscriptionCounts::Reached{.links = 2, .clients = 0}.Listeners(1)), 0) << "they have just left";
}

TEST_F(SubscriptionCountsTest, ForgetsWhatHasEnded) {
  counts_.AddLink(a_, kChannel, "c", 1);
  counts_.AddLink(a_, kChannel, "c", 1);
  counts_.AddLink(b_, kPattern, "*", 1);
  EXPECT_EQ(Links(kChannel, "c"), 2);
  EXPECT_EQ(counts_.LinksOf(b_, kChannel, "c"), 0);
  counts_.AddLink(a_, kChannel, "c", -2);
  EXPECT_FALSE(counts_.is_empty());
  counts_.AddLink(b_, kPattern, "*", -1);
  EXPECT_TRUE(counts_.is_empty());
}

}  // namespace
}  // namespace ringproxy::proxy
