#include "proxy/guard/store_fallback.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::StoreFailure;
using namespace std::chrono_literals;

class StoreFallbackTest : public GuardFixture {
 protected:
  // The store fails from now on.
  void Fail(conf::Limit limit, StoreFailure on_failure) {
    Hold({Failing(std::move(limit), on_failure)});
    fallback_.emplace(loop_, *shared_);
    since_ = loop_.now();
    charge_ = ChargeFor("get x");
  }
  BucketAnswer Take() { return fallback_->Take(&charge_, since_); }
  int Admitted(int count) {
    int admitted = 0;
    for (int i = 0; i < count; ++i) admitted += Take().admitted ? 1 : 0;
    return admitted;
  }

  std::optional<StoreFallback> fallback_;
  net::TimePoint since_;
  Charge charge_;
};

TEST_F(StoreFallbackTest, OpenAdmitsAllAndTakesNothing) {
  Fail(GlobalLimit("g", 10, 1), StoreFailure::kOpen);
  EXPECT_EQ(Admitted(50), 50);
  EXPECT_EQ(charge_.taken, Source::kFree);
  fallback_->GiveBack(charge_);
  EXPECT_EQ(Rule(0).record->table().size(), 0U);
}

TEST_F(StoreFallbackTest, ClosedAdmitsNobodyAndSaysWhenTheStoreIsTriedNext) {
  Fail(GlobalLimit("g", 10, 1), StoreFailure::kClosed);
  Advance(1h);
  EXPECT_EQ(Admitted(50), 0);
  EXPECT_EQ(Take().wait_ns, 50'000'000);
  EXPECT_EQ(charge_.taken, Source::kFree);
}

TEST_F(StoreFallbackTest, LocalAdmitsTheShareOfTheProcessFromAnEmptyBucket) {
  for (const auto& [proxies, expected] : {std::pair{1U, 100}, {4U, 25}}) {
    Fail(GlobalLimit("g", 100, 10), StoreFailure::kLocal);
    shared_->SetProxies(proxies);
    EXPECT_FALSE(Take().admitted) << "what the fleet's bucket had may be spent";
    int admitted = 0;
    for (int i = 0; i < 1'000; ++i) {
      Advance(1ms);
      admitted += Take().admitted ? 1 : 0;
    }
    EXPECT_EQ(admitted, expected);
    EXPECT_EQ(charge_.taken, Source::kFallback);
  }
}

// A burst that is less than one token for each proxy leaves each of them its rate still.
TEST_F(StoreFallbackTest, LocalAdmitsOneAtATimeWhereTheBurstIsSmallerThanTheFleet) {
  Fail(GlobalLimit("g", 10, 1), StoreFailure::kLocal);
  shared_->SetProxies(3);
  Advance(299ms);
  EXPECT_EQ(Admitted(5), 0);
  Advance(1ms);
  EXPECT_EQ(Admitted(5), 1);
  Advance(10s);
  EXPECT_EQ(Admitted(5), 1);
}

TEST_F(StoreFallbackTest, GivesBackWhatTheShareGaveAndNothingElse) {
  Fail(GlobalLimit("g", 1, 2), StoreFailure::kLocal);
  shared_->SetProxies(2);
  Advance(10s);
  ASSERT_TRUE(Take().admitted);
  EXPECT_DOUBLE_EQ(Used(0), 1.0);
  for (const Source source : {Source::kNone, Source::kShadow, Source::kFree, Source::kTable, Source::kLease}) {
    Charge other = charge_;
    other.taken = source;
    fallback_->GiveBack(other);
    EXPECT_DOUBLE_EQ(Used(0), 1.0);
  }
  fallback_->GiveBack(charge_);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
}

// A request may have to wait after it was charged.
TEST_F(StoreFallbackTest, GivesBackWhatWasTakenThoughThereAreMoreProxiesNow) {
  Fail(GlobalLimit("g", 1, 10), StoreFailure::kLocal);
  Advance(100s);
  EXPECT_EQ(Admitted(20), 10);
  EXPECT_DOUBLE_EQ(Used(0), 1.0);
  shared_->SetProxies(5);
  fallback_->GiveBack(charge_);
  EXPECT_DOUBLE_EQ(Used(0), 0.9) << "one token, and not five";
}

// The number is the store's word, and whoever writes there may have it say anything.
TEST_F(StoreFallbackTest, AdmitsLittleAndNotAllWhereTheStoreCountedAbsurdlyManyProxies) {
  conf::Limit limit = GlobalLimit("g", 1, 1);
  limit.rate.window = 24h;
  Fail(limit, StoreFailure::kLocal);
  shared_->SetProxies(std::numeric_limits<uint32_t>::max());
  EXPECT_EQ(Admitted(5), 0);
  EXPECT_GT(Take().wait_ns, 0);
  Advance(1h);
  EXPECT_EQ(Admitted(5), 0);
  shared_->SetProxies(1);
  shared_->SetProxies(1);
  Advance(24h);
  EXPECT_EQ(Admitted(5), 1);
}

}  // namespace
}  // namespace ringproxy::proxy
