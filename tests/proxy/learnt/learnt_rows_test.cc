#include <gtest/gtest.h>

#include "proxy/route/learnt_commands.h"

namespace ringproxy::proxy {
namespace {

using wire::LearntRow;

LearntRow ReadRow(const std::string& name) {
  return {.name = name, .arity = 2, .keys = {wire::KeyKind::kOne, 1}, .access = wire::Access::kRead};
}

TEST(LearntRows, KeepOneRowForEachThingThatIsSaid) {
  LearntRows rows(1);
  const wire::CommandSpec* row = rows.Keep(ReadRow("my.a"), 0);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(rows.Keep(ReadRow("my.a"), 0), row);
  EXPECT_EQ(rows.Keep(ReadRow("my.a"), 1), row);
  LearntRow writes = ReadRow("my.a");
  writes.access = wire::Access::kWrite;
  EXPECT_NE(rows.Keep(writes, 0), row);
  EXPECT_EQ(rows.size(), 2U);
}

TEST(LearntRows, SayWhatWasToldAndCountAsTheirClass) {
  LearntRows rows(1);
  const wire::CommandSpec& read = *rows.Keep(ReadRow("my.a"), 0);
  EXPECT_EQ(read.name, "my.a");
  EXPECT_EQ(read.arity, 2);
  EXPECT_EQ(read.keys.kind, wire::KeyKind::kOne);
  EXPECT_TRUE(read.is_learnt);
  EXPECT_EQ(read.retry, wire::Retry::kSafe);
  EXPECT_EQ(read.usual.work, wire::Work::kForeign);
  EXPECT_EQ(read.index, wire::FindRedisCommand("learnt.read")->index);

  LearntRow told = ReadRow("my.script");
  told.access = wire::Access::kWrite;
  told.is_script = true;
  const wire::CommandSpec& script = *rows.Keep(told, 0);
  EXPECT_NE(script.retry, wire::Retry::kSafe);
  EXPECT_EQ(script.usual.work, wire::Work::kScript);
  EXPECT_EQ(script.weight, wire::Weight::kHeavy);
  EXPECT_EQ(script.index, wire::FindRedisCommand("learnt.write")->index);

  told = ReadRow("my.refused");
  told.handling = wire::Handling::kRefused;
  told.why = "it waits";
  const wire::CommandSpec& refused = *rows.Keep(told, 0);
  EXPECT_EQ(refused.handling, wire::Handling::kRefused);
  EXPECT_EQ(refused.why, "it waits");
  EXPECT_NE(refused.retry, wire::Retry::kSafe);
}

// A row that was given out stays where it is, however many follow: requests under way keep it.
TEST(LearntRows, StayWhereTheyAre) {
  LearntRows rows(1);
  const wire::CommandSpec* first = rows.Keep(ReadRow("my.first"), 0);
  for (int i = 0; i < 1000; ++i) rows.Keep(ReadRow("my." + std::to_string(i)), 0);
  EXPECT_EQ(first->name, "my.first");
  EXPECT_EQ(rows.Keep(ReadRow("my.first"), 0), first);
}

TEST(LearntRows, APoolThatTellsOfOthersEachTimeUsesUpItsOwnShareAlone) {
  LearntRows rows(2);
  EXPECT_EQ(rows.share(), LearntRows::kMostRows / 2);
  for (size_t i = 0; i < rows.share(); ++i) ASSERT_NE(rows.Keep(ReadRow("a." + std::to_string(i)), 0), nullptr);
  EXPECT_EQ(rows.Keep(ReadRow("a.more"), 0), nullptr);
  EXPECT_NE(rows.Keep(ReadRow("a.0"), 0), nullptr);
  for (size_t i = 0; i < rows.share(); ++i) ASSERT_NE(rows.Keep(ReadRow("b." + std::to_string(i)), 1), nullptr);
  EXPECT_EQ(rows.size(), LearntRows::kMostRows);
}

}  // namespace
}  // namespace ringproxy::proxy
