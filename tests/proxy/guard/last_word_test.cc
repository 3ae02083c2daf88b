#include "proxy/guard/last_word.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kFleet = 4;

// Of 1,000 tokens a second a lessee of four may owe 5 at least: those of 20 ms.
class LastWordTest : public testing::Test {
 protected:
  double Credit() const { return word_.Credit(terms_, now_, kFleet); }

  LeaseTerms terms_{.rate = {1'000}, .burst = 100};
  LastWord word_;
  net::TimePoint now_{1h};
};

TEST_F(LastWordTest, GivesAShareOfTheBurstWhileNothingWasHeard) {
  EXPECT_EQ(Credit(), 25);
  EXPECT_TRUE(word_.IsForgettable(now_));
}

TEST_F(LastWordTest, GivesOneHoweverSlowTheLimit) {
  terms_.rate = {1};
  terms_.burst = 1;
  EXPECT_EQ(Credit(), 1);
}

TEST_F(LastWordTest, GivesTheLeastJustAfterAnAnswerAndThenAShareOfWhatTheBucketHas) {
  word_.OnReply(terms_, now_, {.used_thousandths = 500});
  EXPECT_EQ(Credit(), 5);
  now_ += 19'999us;
  EXPECT_EQ(Credit(), 5);
  now_ += 1us;
  EXPECT_NEAR(Credit(), 17.5, 0.001) << "50 and those of 20 ms, by four";
  now_ += 1h;
  EXPECT_EQ(Credit(), 25);
}

TEST_F(LastWordTest, GivesWhatIsSurelyLeftOfItsShareJustAfterAnAnswer) {
  word_.OnReply(terms_, now_, {.used_thousandths = 10});
  EXPECT_NEAR(Credit(), 24, 0.001) << "the one that is missing may be its own";
  EXPECT_NEAR(word_.Credit(terms_, now_, 1), 99, 0.001) << "nobody else owes anything";
}

TEST_F(LastWordTest, GivesNothingBeforeTheBucketHasTheLeastOfAllLessees) {
  word_.OnReply(terms_, now_, {.used_thousandths = 1000});
  now_ += 19ms;
  EXPECT_EQ(Credit(), 0);
  now_ += 1ms;
  EXPECT_EQ(Credit(), 5);
}

TEST_F(LastWordTest, GivesNothingWhileTheStoreIsKnownToBeEmpty) {
  word_.OnReply(terms_, now_, {});
  word_.OnContended(now_ + 1s);
  now_ += 999'999us;
  EXPECT_EQ(Credit(), 0);
  now_ += 1us;
  EXPECT_EQ(Credit(), 25);
}

TEST_F(LastWordTest, KnowsUntilWhenTheStoreRefusesAndTakesNoRetryForNoWait) {
  word_.OnReply(terms_, now_, {.retry_after = 3ms});
  EXPECT_EQ(word_.refused_until(), now_ + 3ms);
  word_.OnReply(terms_, now_, {.retry_after = kNoRetry});
  EXPECT_EQ(word_.refused_until(), now_);
}

TEST_F(LastWordTest, IsForgettableWhenNoneOfItsTimesLiesAhead) {
  word_.OnReply(terms_, now_, {.retry_after = 3ms});
  EXPECT_FALSE(word_.IsForgettable(now_ + 2ms));
  EXPECT_TRUE(word_.IsForgettable(now_ + 3ms));
  word_.OnReply(terms_, now_, {.used_thousandths = 1000});
  EXPECT_FALSE(word_.IsForgettable(now_ + 99ms));
  EXPECT_TRUE(word_.IsForgettable(now_ + 100ms));
  word_.OnContended(now_ + 1s);
  EXPECT_FALSE(word_.IsForgettable(now_ + 100ms));
}

}  // namespace
}  // namespace ringproxy::proxy
