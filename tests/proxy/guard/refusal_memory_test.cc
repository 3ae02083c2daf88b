#include "proxy/guard/refusal_memory.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr net::TimePoint kFirst(100s);

TEST(RefusalMemory, RefusesUntilItsTimeAndSaysHowLongThatIs) {
  RefusalMemory memory(10);
  EXPECT_EQ(memory.Refused(1, 1, kFirst), 0s);
  memory.Note(1, 1, kFirst + 5s, kFirst);
  EXPECT_EQ(memory.Refused(1, 1, kFirst), 5s);
  EXPECT_EQ(memory.Refused(1, 1, kFirst + 4s), 1s);
  EXPECT_EQ(memory.Refused(1, 1, kFirst + 5s), 0s);
  EXPECT_EQ(memory.Refused(1, 1, kFirst + 9s), 0s);
  EXPECT_EQ(memory.Refused(2, 1, kFirst), 0s);
}

TEST(RefusalMemory, RefusesNoRequestThatCostsLess) {
  RefusalMemory memory(10);
  memory.Note(1, 5, kFirst + 5s, kFirst);
  EXPECT_EQ(memory.Refused(1, 4, kFirst), 0s);
  EXPECT_EQ(memory.Refused(1, 5, kFirst), 5s);
  EXPECT_EQ(memory.Refused(1, 6, kFirst), 5s);
  memory.Note(1, 2, kFirst + 1s, kFirst);  // The last word counts.
  EXPECT_EQ(memory.Refused(1, 4, kFirst), 1s);
}

TEST(RefusalMemory, KnowsABucketUntilItIsForgotten) {
  RefusalMemory memory(10);
  memory.Note(1, 1, kFirst + 1s, kFirst);
  EXPECT_EQ(memory.Refused(1, 1, kFirst + 1h), 0s);
  EXPECT_TRUE(memory.Knows(1));
  memory.Forget(1);
  EXPECT_FALSE(memory.Knows(1));
  memory.Forget(1);
  EXPECT_EQ(memory.size(), 0U);
}

TEST(RefusalMemory, TakesNoMoreThanItHasRoomForAndMakesRoomOfWhatIsOver) {
  RefusalMemory memory(2);
  memory.Note(1, 1, kFirst + 1s, kFirst);
  memory.Note(2, 1, kFirst + 9s, kFirst);
  memory.Note(3, 1, kFirst + 9s, kFirst);
  EXPECT_FALSE(memory.Knows(3));
  memory.Note(2, 1, kFirst + 20s, kFirst);  // It has its place already.
  EXPECT_EQ(memory.Refused(2, 1, kFirst), 20s);
  memory.Note(3, 1, kFirst + 9s, kFirst + 1s);
  EXPECT_TRUE(memory.Knows(3));
  EXPECT_FALSE(memory.Knows(1));
  EXPECT_EQ(memory.size(), 2U);
}

}  // namespace
}  // namespace ringproxy::proxy
