#include "proxy/guard/demand_meter.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr double kMicroseconds = 1e6;  // In microseconds.

class DemandMeterTest : public testing::Test {
 protected:
  void Requests(int count, net::Duration pause, uint64_t cost = 1) {
    for (int i = 0; i < count; ++i) meter_.Count(now_ += pause, cost);
  }
  double PerSecond() const { return meter_.PerMicrosecond(now_) * kMicroseconds; }

  DemandMeter meter_;
  net::TimePoint now_{1h};
};

TEST_F(DemandMeterTest, KnowsNoDemandBeforeASecondRequest) {
  EXPECT_EQ(PerSecond(), 0);
  Requests(1, 1ms);
  EXPECT_EQ(PerSecond(), 0) << "one request says nothing";
  Requests(1, 1ms);
  EXPECT_GT(PerSecond(), 0);
}

TEST_F(DemandMeterTest, TakesTheFirstRequestsForTenMillisecondsDemand) {
  Requests(11, 1us);
  EXPECT_NEAR(PerSecond(), 1'000, 1);
}

TEST_F(DemandMeterTest, FindsTheDemandOfEvenRequests) {
  Requests(1'000, 1ms);
  EXPECT_NEAR(PerSecond(), 1'000, 20);
  Requests(1'000, 1ms, 5);
  EXPECT_NEAR(PerSecond(), 5'000, 100);
}

TEST_F(DemandMeterTest, NoticesSilenceWithoutBeingTold) {
  Requests(1'000, 1ms);
  now_ += 50ms;
  EXPECT_NEAR(PerSecond(), 500, 60);
  now_ += 10s;
  EXPECT_LT(PerSecond(), 10);
}

TEST_F(DemandMeterTest, LeavesOutWhatHasTakenNothing) {
  Requests(5, 1us);
  Requests(1, 1us, 7);
  meter_.Uncount(7);
  EXPECT_NEAR(PerSecond(), 400, 1);
  meter_.Uncount(1'000);
  EXPECT_EQ(PerSecond(), 0);
}

TEST_F(DemandMeterTest, CountsUpToItsMost) {
  Requests(3, 1us, UINT64_MAX / 4);
  EXPECT_NEAR(PerSecond(), 4.29e11, 1e9);
}

}  // namespace
}  // namespace ringproxy::proxy
