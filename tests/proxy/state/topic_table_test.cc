#include "proxy/state/topic_table.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using enum TopicKind;

TEST(TopicTable, KeepsATopicWhileSomebodyListensOrAnAnswerIsToCome) {
  TopicTable table(3);
  Topic& topic = table.Get(kChannel, "c");
  EXPECT_EQ(&table.Get(kChannel, "c"), &topic);
  EXPECT_NE(&table.Get(kPattern, "c"), &topic);
  EXPECT_EQ(topic.pool, 3U);
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
  EXPECT_EQ(table.held_bytes(), 0U);
}

TEST(TopicTable, VisitsWhatIsListenedTo) {
  TopicTable table(0);
  table.Get(kChannel, "a").listeners.push_back(1);
  table.Get(kShard, "b");
  std::string visited;
  table.ForEachWanted([&](const Topic& topic) { visited += topic.name; });
  EXPECT_EQ(visited, "a");
}

}  // namespace
}  // namespace ringproxy::proxy
