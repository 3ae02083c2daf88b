#include "proxy/guard/shared_limits.h"

#include <gtest/gtest.h>

#include "tests/proxy/guard/limit_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

class SharedLimitsTest : public testing::Test {
 protected:
  std::shared_ptr<Snapshot> Compiled(std::vector<conf::Limit> limits) {
    auto snapshot = MakeSnapshot(LimitedFleet(std::move(limits)), nodes_);
    shared_.Compile(*snapshot);
    return snapshot;
  }
  static LimitRecord* RecordOf(const Snapshot& snapshot, size_t rule = 0) {
    return snapshot.limits->rules()[rule].record.get();
  }

  backends::NodeRegistry nodes_{2};
  SharedLimits shared_{2, 77};
};

TEST_F(SharedLimitsTest, GiveALimitThatStaysItsRecord) {
  const auto before = Compiled({TokenLimit("a", 10, 5), TokenLimit("b", 10, 5)});
  const auto after = Compiled({TokenLimit("b", 99, 9), TokenLimit("c", 10, 5)});
  EXPECT_EQ(RecordOf(*after, 0), RecordOf(*before, 1));
  EXPECT_NE(RecordOf(*after, 1), RecordOf(*before, 0));
  EXPECT_EQ(RecordOf(*after, 1)->name(), "c");
}

TEST_F(SharedLimitsTest, BeginAnewWithALimitThatCountsOtherwise) {
  const auto before = Compiled({TokenLimit("a", 10, 5)});
  const auto changed = Compiled({GlobalLimit("a", 10, 5)});
  EXPECT_NE(RecordOf(*changed), RecordOf(*before));
  EXPECT_EQ(RecordOf(*Compiled({GlobalLimit("a", 20, 5)})), RecordOf(*changed));
}

TEST_F(SharedLimitsTest, ForgetALimitThatNoSnapshotNames) {
  auto before = Compiled({TokenLimit("a", 10, 5)});
  RecordOf(*before)->state(0).stats.admitted.Add(7);
  before.reset();
  EXPECT_EQ(RecordOf(*Compiled({TokenLimit("a", 10, 5)}))->Sum(&LimitStats::admitted), 0U);
}

TEST_F(SharedLimitsTest, HaveTheHigherOfTheLastTwoCountsOfProxies) {
  EXPECT_EQ(shared_.proxies(), 1U);
  shared_.SetProxies(5);
  EXPECT_EQ(shared_.proxies(), 5U);
  EXPECT_EQ(shared_.lessees(), 10U);
  shared_.SetProxies(2);  // A store that has lost its data.
  EXPECT_EQ(shared_.proxies(), 5U);
  shared_.SetProxies(2);
  EXPECT_EQ(shared_.proxies(), 2U);
  shared_.SetProxies(0);
  shared_.SetProxies(0);
  EXPECT_EQ(shared_.proxies(), 1U);  // This one.
}

TEST_F(SharedLimitsTest, HaveNoFewerLesseesThanProxiesHoweverManyTheStoreCounts) {
  shared_.SetProxies(UINT32_MAX);
  EXPECT_EQ(shared_.lessees(), UINT32_MAX);
}

TEST_F(SharedLimitsTest, HaveOneSpeaker) {
  EXPECT_TRUE(shared_.BecomeSpeaker());
  EXPECT_FALSE(shared_.BecomeSpeaker());
}

TEST_F(SharedLimitsTest, AreCalledByTheSeedOfTheProcess) {
  EXPECT_EQ(shared_.process_id(), "77");
  EXPECT_NE(SharedLimits(2, 78).process_id(), shared_.process_id());
}

}  // namespace
}  // namespace ringproxy::proxy
