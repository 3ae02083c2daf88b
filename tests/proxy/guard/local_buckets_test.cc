#include "proxy/guard/local_buckets.h"

#include <gtest/gtest.h>

#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr Source kAllSources[] = {Source::kNone,     Source::kShadow, Source::kFree, Source::kTable,
                                  Source::kFallback, Source::kLease,  Source::kLater};

class LocalBucketsTest : public GuardFixture {
 protected:
  // Of whichever client; what a full bucket answers is of no interest.
  std::optional<Charge> TakeFor(uint64_t client) {
    Charge charge = ChargeFor("get x", Client(client, "10.0.0." + std::to_string(client)));
    return buckets_.Take(&charge).admitted ? std::optional(charge) : std::nullopt;
  }

  LocalBuckets buckets_{loop_};
};

TEST_F(LocalBucketsTest, LooksWithoutTakingAndTakesWhatItHasSeen) {
  Hold({TokenLimit("a", 10, 1)});
  Charge charge = ChargeFor("get x");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(buckets_.Look(charge, *held_).admitted);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  BucketSource& source = buckets_;
  EXPECT_FALSE(source.MustAsk(charge));
  EXPECT_TRUE(source.Take(&charge, {*held_, nullptr, nullptr}).admitted);
  EXPECT_EQ(charge.taken, Source::kTable);
  EXPECT_DOUBLE_EQ(Used(0), 1.0);
  const BucketAnswer look = buckets_.Look(charge, *held_);
  EXPECT_FALSE(look.admitted);
  EXPECT_EQ(look.wait_ns, 100'000'000);
  EXPECT_EQ(buckets_.Take(&charge).wait_ns, 100'000'000);
  Advance(100ms);
  EXPECT_TRUE(buckets_.Take(&charge).admitted);
}

TEST_F(LocalBucketsTest, GivesBackWhatTheTableGaveAndNothingElse) {
  Hold({TokenLimit("a", 1, 2)});
  Charge charge = ChargeFor("get x");
  buckets_.Take(&charge);
  for (const Source source : kAllSources) {
    if (source == Source::kTable) continue;
    charge.taken = source;
    buckets_.GiveBack(charge);
    EXPECT_DOUBLE_EQ(Used(0), 0.5) << static_cast<int>(source);
  }
  charge.taken = Source::kTable;
  buckets_.GiveBack(charge);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
}

// Between the two a window has ended: what the next one has counted is another request's.
TEST_F(LocalBucketsTest, GivesBackToTheWindowFromWhichItWasTaken) {
  conf::Limit window = TokenLimit("w", 1, 0);
  window.algorithm = conf::LimitAlgorithm::kFixedWindow;
  Hold({window});
  Advance(999ms);
  const auto first = TakeFor(1);
  ASSERT_TRUE(first);
  Advance(2ms);
  const auto second = TakeFor(2);
  ASSERT_TRUE(second);
  buckets_.GiveBack(*first);
  EXPECT_FALSE(TakeFor(3));
  buckets_.GiveBack(*second);
  EXPECT_TRUE(TakeFor(3));
}

TEST_F(LocalBucketsTest, GivesAPlaceBackWhenItsRequestIsOver) {
  Hold({ConcurrencyLimit("c", 1)});
  const auto place = TakeFor(1);
  ASSERT_TRUE(place);
  EXPECT_FALSE(TakeFor(2));
  buckets_.Settle(*place, *held_, 1'000'000);
  EXPECT_TRUE(TakeFor(2)) << "bytes cost no place";
}

TEST_F(LocalBucketsTest, ChargesTheWholeTokensThatAReplyCosts) {
  conf::Limit limit = TokenLimit("a", 10, 10);
  limit.bytes_per_token = 100;
  Hold({limit});
  const auto charge = TakeFor(1);
  for (const auto& [bytes, used] : {std::pair{0, 0.1}, {99, 0.1}, {100, 0.2}, {999, 1.1}}) {
    buckets_.Settle(*charge, *held_, static_cast<size_t>(bytes));
    EXPECT_DOUBLE_EQ(Used(0), used) << bytes;
  }
  EXPECT_FALSE(TakeFor(1)) << "it is in debt";
  Advance(199ms);
  EXPECT_FALSE(TakeFor(1));
  Advance(1ms);
  EXPECT_TRUE(TakeFor(1));
}

TEST_F(LocalBucketsTest, RepliesAreFreeUnlessALimitCountsTheirBytes) {
  Hold({TokenLimit("a", 10, 10)});
  const auto charge = TakeFor(1);
  buckets_.Settle(*charge, *held_, 1'000'000);
  EXPECT_DOUBLE_EQ(Used(0), 0.1);
}

// More clients than the table has room for: the last ones share.
TEST_F(LocalBucketsTest, GivesBackToTheSharedBucketWhatThatGave) {
  conf::Limit limit = PerClient(ConcurrencyLimit("c", 1));
  limit.buckets = 2;
  Hold({limit});
  std::vector<Charge> taken;
  uint64_t crowded_out = 0;
  for (uint64_t client = 1; client <= 100; ++client) {
    if (const auto charge = TakeFor(client)) {
      taken.push_back(*charge);
    } else {
      crowded_out = client;
    }
  }
  EXPECT_EQ(std::ranges::count_if(taken, &Charge::is_in_shared_bucket), 1);
  ASSERT_NE(crowded_out, 0U);
  for (const Charge& charge : taken) {
    if (charge.is_in_shared_bucket) buckets_.GiveBack(charge);
  }
  EXPECT_TRUE(TakeFor(crowded_out));
}

}  // namespace
}  // namespace ringproxy::proxy
