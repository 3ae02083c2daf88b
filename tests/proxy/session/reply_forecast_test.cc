#include "proxy/session/reply_forecast.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

// How many requests may be under way at a time.
size_t Room(const ReplyForecast& forecast) {
  size_t under_way = 0;
  while (under_way < 100'000 && !forecast.IsFull(under_way)) ++under_way;
  return under_way;
}

void Give(ReplyForecast& forecast, int replies, size_t bytes) {
  for (int i = 0; i < replies; ++i) forecast.OnReply(bytes);
}

TEST(ReplyForecast, TakesAClientForOneOfLargeRepliesAtFirst) {
  EXPECT_EQ(Room(ReplyForecast()), 16U);
}

TEST(ReplyForecast, HoldsNobodyUpWhoseRepliesAreSmall) {
  ReplyForecast forecast;
  Give(forecast, 16, 100);
  EXPECT_GT(Room(forecast), 1000U);
  Give(forecast, 16, 100);
  EXPECT_GT(Room(forecast), 20'000U);
}

TEST(ReplyForecast, LetsFourMebibytesBeUnderWay) {
  ReplyForecast forecast;
  Give(forecast, 20, 900'000);
  EXPECT_EQ(Room(forecast), 4U);
  forecast.OnReply(10);
  EXPECT_EQ(Room(forecast), 4U);
}

TEST(ReplyForecast, AlwaysLetsOneBeUnderWay) {
  ReplyForecast forecast;
  forecast.OnReply(100 << 20);
  EXPECT_EQ(Room(forecast), 1U);
}

TEST(ReplyForecast, ExpectsOfEachRequestUnderWayWhatTheLastOnesLetExpect) {
  ReplyForecast forecast;
  EXPECT_GE(forecast.BytesOf(4), 1U << 20);  // It might be anything.
  EXPECT_EQ(forecast.BytesOf(0), 0U);
  Give(forecast, 2000, 100);
  EXPECT_EQ(forecast.BytesOf(3), 3 * forecast.BytesOf(1));
  EXPECT_LT(forecast.BytesOf(1), 200U);
}

TEST(ReplyForecast, RemembersLargeRepliesForDozensOfSmallOnes) {
  ReplyForecast forecast;
  Give(forecast, 20, 900'000);
  Give(forecast, 100, 10);
  EXPECT_LT(Room(forecast), 32U);
  Give(forecast, 2000, 10);
  EXPECT_GT(Room(forecast), 1000U);
}

TEST(ReplyForecast, HoldsAClientUpLittleForASingleLargeReply) {
  ReplyForecast forecast;
  Give(forecast, 1000, 10);
  forecast.OnReply(1 << 20);
  EXPECT_GE(Room(forecast), 15U);
  Give(forecast, 200, 10);
  EXPECT_GT(Room(forecast), 200U);
}

}  // namespace
}  // namespace ringproxy::proxy
