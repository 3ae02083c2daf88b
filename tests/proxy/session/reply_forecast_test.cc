#include "proxy/session/reply_forecast.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

// How many requests may be under way at a time.
size_t Room(ReplyForecast forecast) {
  size_t under_way = 0;
  for (; under_way < 100'000 && !forecast.is_full(); ++under_way) forecast.OnRequest();
  return under_way;
}

void Give(ReplyForecast& forecast, int replies, size_t bytes) {
  for (int i = 0; i < replies; ++i) {
    forecast.OnRequest();
    forecast.OnReply(bytes);
  }
}

size_t BytesOf(ReplyForecast forecast, int requests) {
  for (int i = 0; i < requests; ++i) forecast.OnRequest();
  return forecast.bytes();
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
  Give(forecast, 1, 10);
  EXPECT_EQ(Room(forecast), 4U);
}

TEST(ReplyForecast, AlwaysLetsOneBeUnderWay) {
  ReplyForecast forecast;
  Give(forecast, 1, 100 << 20);
  EXPECT_EQ(Room(forecast), 1U);
}

TEST(ReplyForecast, ManyRepliesInOnePieceMayBeMuchHoweverSmallTheLastOnesWere) {
  EXPECT_FALSE(ReplyForecast().IsMuch(5));
  EXPECT_TRUE(ReplyForecast().IsMuch(17));
  ReplyForecast forecast;
  Give(forecast, 2000, 100);
  EXPECT_FALSE(forecast.IsMuch(64));
  EXPECT_TRUE(forecast.IsMuch(65));
  Give(forecast, 20, 900'000);
  EXPECT_TRUE(forecast.IsMuch(5));
}

TEST(ReplyForecast, ExpectsOfEachRequestUnderWayWhatTheLastOnesLetExpect) {
  ReplyForecast forecast;
  EXPECT_GE(BytesOf(forecast, 4), 1U << 20);  // It might be anything.
  EXPECT_EQ(BytesOf(forecast, 0), 0U);
  Give(forecast, 2000, 100);
  EXPECT_EQ(BytesOf(forecast, 3), 3 * BytesOf(forecast, 1));
  EXPECT_LT(BytesOf(forecast, 1), 200U);
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
  Give(forecast, 1, 1 << 20);
  EXPECT_GE(Room(forecast), 15U);
  Give(forecast, 200, 10);
  EXPECT_GT(Room(forecast), 200U);
}

TEST(ReplyForecast, ForgetsARequestThatFailed) {
  ReplyForecast forecast;
  forecast.OnRequest();
  forecast.OnFailure();
  EXPECT_EQ(forecast.bytes(), 0U);
  EXPECT_EQ(Room(forecast), Room(ReplyForecast()));
}

}  // namespace
}  // namespace ringproxy::proxy
