#include "proxy/guard/exact_buckets.h"

#include <gtest/gtest.h>

#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::StoreFailure;
using namespace std::chrono_literals;

constexpr net::Duration kStoreTimeout = 20ms;
constexpr LeaseReply kGranted{.granted = 1};

LeaseReply RefusedFor(net::Duration time) {
  return {.granted = 0, .retry_after = time, .used_thousandths = 1000};
}

class ExactBucketsTest : public GuardFixture {
 protected:
  void Make(conf::Limit limit) {
    Hold({std::move(limit)});
    fallback_.emplace(loop_, *shared_);
    buckets_.emplace(loop_, 0, *fallback_);
    charge_ = ChargeFor("get x");
  }
  BucketAnswer Look() { return buckets_->Look(charge_, *held_); }
  bool MustAsk() { return buckets_->MustAsk(charge_); }
  // The store is asked, and fails.
  void Fail() {
    buckets_->OnAsked(charge_, kStoreTimeout);
    buckets_->OnAnswer(charge_, std::nullopt);
  }
  bool Take() { return buckets_->Take(&charge_, {*held_, nullptr, nullptr}).admitted; }

  std::optional<StoreFallback> fallback_;
  std::optional<ExactBuckets> buckets_;
  Charge charge_;
};

TEST_F(ExactBucketsTest, AsksAboutEachRequestWhileTheStoreAnswers) {
  Make(ExactLimit("e", 10, 5));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Look().admitted);
    EXPECT_TRUE(MustAsk());
    buckets_->OnAsked(charge_, kStoreTimeout);
    EXPECT_TRUE(MustAsk()) << "the next one need not wait for that answer";
    EXPECT_TRUE(Look().admitted);
    buckets_->OnAnswer(charge_, kGranted);
  }
}

TEST_F(ExactBucketsTest, RefusesWhatTheStoreHasJustRefusedAndWhatCostsMore) {
  Make(ExactLimit("e", 10, 5));
  charge_.cost = 3;
  buckets_->OnAnswer(charge_, RefusedFor(100ms));
  Advance(40ms);
  EXPECT_FALSE(Look().admitted);
  EXPECT_EQ(Look().wait_ns, 60'000'000);
  charge_.cost = 4;
  EXPECT_FALSE(Look().admitted);
  charge_.cost = 2;
  EXPECT_TRUE(Look().admitted) << "there may be as much";
  charge_.cost = 3;
  Advance(60ms);
  EXPECT_TRUE(Look().admitted);
}

TEST_F(ExactBucketsTest, OneRequestAloneFindsOutWhetherAnEmptyBucketIsFilled) {
  Make(ExactLimit("e", 10, 5));
  buckets_->OnAnswer(charge_, RefusedFor(100ms));
  Advance(100ms);
  EXPECT_TRUE(Look().admitted);
  buckets_->OnAsked(charge_, kStoreTimeout);
  EXPECT_FALSE(Look().admitted);
  EXPECT_EQ(Look().wait_ns, 20'000'000) << "by then there is an answer";
  buckets_->OnAnswer(charge_, kGranted);
  EXPECT_TRUE(Look().admitted);
  EXPECT_EQ(State().refusals.size(), 0U);
}

// A cost above the burst is never admitted, and says nothing of others; nor does a refusal without a time.
TEST_F(ExactBucketsTest, RemembersNoRefusalThatTimeDoesNotEnd) {
  Make(ExactLimit("e", 10, 5));
  for (const net::Duration time : {kNoRetry, net::Duration(0)}) {
    buckets_->OnAnswer(charge_, RefusedFor(time));
    EXPECT_TRUE(Look().admitted);
    EXPECT_FALSE(State().refusals.Knows(charge_.bucket));
  }
}

TEST_F(ExactBucketsTest, OneRequestTriesAStoreThatFailsNowAndThenAndNoneElseWaits) {
  Make(Failing(ExactLimit("e", 10, 1), StoreFailure::kOpen));
  const net::TimePoint since = loop_.now();
  Fail();
  EXPECT_FALSE(MustAsk());
  Advance(49ms);
  EXPECT_FALSE(MustAsk());
  Advance(1ms);
  EXPECT_TRUE(MustAsk());
  buckets_->OnAsked(charge_, kStoreTimeout);
  EXPECT_FALSE(MustAsk()) << "one is on its way";
  Advance(20ms);
  buckets_->OnAnswer(charge_, std::nullopt);
  EXPECT_EQ(State().failing_since, since);
  Advance(49ms);
  EXPECT_FALSE(MustAsk());
  Advance(1ms);
  EXPECT_TRUE(MustAsk());
  buckets_->OnAnswer(charge_, RefusedFor(10ms));
  EXPECT_EQ(State().failing_since, std::nullopt) << "a refusal is an answer";
  EXPECT_TRUE(MustAsk());
}

TEST_F(ExactBucketsTest, GoesByTheFallbackWhileTheStoreFails) {
  for (const StoreFailure on_failure : {StoreFailure::kOpen, StoreFailure::kClosed}) {
    Make(Failing(ExactLimit("e", 10, 1), on_failure));
    buckets_->OnAnswer(charge_, RefusedFor(1h));
    Charge other = charge_;
    ++other.bucket;
    buckets_->OnAnswer(other, std::nullopt);
    EXPECT_TRUE(Look().admitted) << "the store's last word does not hold any more";
    EXPECT_EQ(Take(), on_failure == StoreFailure::kOpen);
  }
}

TEST_F(ExactBucketsTest, GivesTheShareOfTheProcessBack) {
  Make(ExactLimit("e", 10, 1));
  Fail();
  EXPECT_FALSE(Take()) << "it begins empty when the store begins to fail";
  Advance(100ms);
  EXPECT_TRUE(Take());
  EXPECT_DOUBLE_EQ(Used(0), 1.0);
  buckets_->GiveBack(charge_);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  charge_.taken = Source::kFree;
  EXPECT_TRUE(Take());
  charge_.taken = Source::kFree;
  buckets_->GiveBack(charge_);
  EXPECT_DOUBLE_EQ(Used(0), 1.0) << "what the store gave is the store's";
}

}  // namespace
}  // namespace ringproxy::proxy
