#include "proxy/state/topic_table.h"

#include <gtest/gtest.h>

#include "proxy/state/topic_group.h"
#include "tests/support/fake_loop.h"

namespace ringproxy::proxy {
namespace {

using enum TopicKind;

class TopicTableTest : public testing::Test, private SubscribedNode::Observer {
 protected:
  void OnSettled(Topic&) override {}
  void OnTopicRefused(Topic&, std::string_view) override {}
  void OnMessage(Topic&, backends::Reply&&) override {}
  void OnGap(TopicGroup&) override {}

  test::FakeLoop loop_;
  SubscriptionCounts counts_;
  size_t held_bytes_ = 0;
  TopicGroup group_{{loop_, 0, counts_, *this, held_bytes_, 3}, std::nullopt};
};

TEST_F(TopicTableTest, KeepsATopicWhileSomebodyListensOrAnAnswerIsToCome) {
  TopicTable table(group_, held_bytes_);
  Topic& topic = table.Get(kChannel, "c");
  EXPECT_EQ(&table.Get(kChannel, "c"), &topic);
  EXPECT_NE(&table.Get(kPattern, "c"), &topic);
  EXPECT_EQ(topic.group.pool(), 3U);
  EXPECT_EQ(table.size(), 2U);
  topic.listeners.push_back(1);
  table.EraseIfUnused(topic);
  EXPECT_EQ(table.Find(kChannel, "c"), &topic);
  topic.listeners.clear();
  topic.unsettled = 1;
  table.EraseIfUnused(topic);
  EXPECT_EQ(table.Find(kChannel, "c"), &topic);
  topic.unsettled = 0;
  table.EraseIfUnused(topic);
  EXPECT_EQ(table.Find(kChannel, "c"), nullptr);
  table.EraseIfUnused(*table.Find(kPattern, "c"));
  EXPECT_TRUE(table.empty());
  EXPECT_EQ(held_bytes_, 0U);
}

TEST_F(TopicTableTest, VisitsWhatIsListenedTo) {
  TopicTable table(group_, held_bytes_);
  table.Get(kChannel, "a").listeners.push_back(1);
  table.Get(kShard, "b");
  std::string visited;
  table.ForEachWanted([&](const Topic& topic) { visited += topic.name; });
  EXPECT_EQ(visited, "a");
}

}  // namespace
}  // namespace ringproxy::proxy
