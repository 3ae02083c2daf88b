// A node that the process checks: what its silence, its timeouts and its slow replies may do.
#include <gtest/gtest.h>

#include "backends/health/node_guard.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"

namespace ringproxy::backends {
namespace {

using Breaker = CircuitBreaker::BreakerState;
using namespace std::chrono_literals;

class NodeGuardSilenceTest : public testing::Test {
 protected:
  NodeGuardSilenceTest() {
    settings_.check_timeout = 500ms;
    loop_.Advance(10s);
    guard_ = std::make_unique<NodeGuard>(
        NodeGuard::GuardParts{.io = io_,
                              .settings = settings_,
                              .verdict = health_.records[0]->verdict(),
                              .stats = health_.stats(0),
                              .observer = health_.observer,
                              .node = health_.records[0]},
        [this] { ++probes_; }, [] {});
  }
  void TimeOut(int times = 20) {
    for (int i = 0; i < times; ++i) guard_->OnTimeout(loop_.now(), true);
  }
  size_t Told() { return std::exchange(health_.observer.news, {}).size(); }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  test::Health health_{1};
  size_t probes_ = 0;
  std::unique_ptr<NodeGuard> guard_;
};

TEST_F(NodeGuardSilenceTest, OpensByTimeoutsOnlyOnceACheckHasFailedToo) {
  TimeOut();
  guard_->silence().OnGivenUp();
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
  guard_->OnCheckFailed();
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
  TimeOut(1);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

TEST_F(NodeGuardSilenceTest, TakesATimeoutForOverloadOnlyWhenTheNodeAnswersOthers) {
  const uint64_t limit = health_.stats(0).concurrency_limit.value();
  health_.stats(0).in_flight.Set(limit);
  const net::TimePoint sent = loop_.now();
  loop_.Advance(1s);
  for (int i = 0; i < 20; ++i) guard_->OnTimeout(sent, true);
  EXPECT_EQ(health_.stats(0).concurrency_limit.value(), limit);
  guard_->silence().OnHeard();
  for (int i = 0; i < 20; ++i) guard_->OnTimeout(sent, true);
  EXPECT_LT(health_.stats(0).concurrency_limit.value(), limit);
}

TEST_F(NodeGuardSilenceTest, ForgetsAFailedCheckWithAGoodOne) {
  guard_->OnCheckFailed();
  guard_->Hurry();
  TimeOut();
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
}

TEST_F(NodeGuardSilenceTest, OpensAtOnceByWordsAndByConnectionsThatAreRefused) {
  for (int i = 0; i < 5; ++i) guard_->OnReply(loop_.now(), wire::Fault::kHard, true);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  guard_->Hurry();
  EXPECT_EQ(probes_, 1U);
  guard_->breaker().OnProbe(true);
  for (int i = 0; i < 3; ++i) guard_->breaker().OnProbe(true);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
  guard_->OnConnectFailed("Connection refused");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

TEST_F(NodeGuardSilenceTest, TellsASilenceOnceItLastsAsLongAsACheckMay) {
  const net::TimePoint since = loop_.now();
  EXPECT_EQ(guard_->silence().Look(since), since + 500ms);
  loop_.Advance(200ms);
  guard_->silence().OnHeard();
  loop_.Advance(400ms);
  EXPECT_EQ(guard_->silence().Look(since), since + 700ms) << "it is heard on another connection";
  EXPECT_EQ(Told(), 0U);
  loop_.Advance(100ms);
  EXPECT_EQ(guard_->silence().Look(since), since + 1200ms);
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_TRUE(health_.observer.news[0].is_silent);
  EXPECT_EQ(guard_->silence().Look(since), since + 1200ms);
  EXPECT_EQ(Told(), 1U);
}

TEST_F(NodeGuardSilenceTest, HoldsNoSilenceAgainstAConnectionBeforeTheCheckHasSpoken) {
  EXPECT_TRUE(guard_->silence().MayCount());
  const net::TimePoint since = loop_.now() - 1s;
  guard_->silence().Look(since);
  EXPECT_FALSE(guard_->silence().MayCount());
  loop_.Advance(500ms);
  guard_->silence().Look(since);
  EXPECT_FALSE(guard_->silence().MayCount());
  guard_->Hurry();
  EXPECT_TRUE(guard_->silence().MayCount());
  guard_->silence().Look(since);
  loop_.Advance(500ms);
  guard_->silence().Look(since);
  EXPECT_FALSE(guard_->silence().MayCount());
  guard_->OnCheckFailed();
  EXPECT_TRUE(guard_->silence().MayCount());
}

TEST_F(NodeGuardSilenceTest, WaitsForACheckNoLongerThanACheckMayTake) {
  const net::TimePoint since = loop_.now() - 1s;
  for (int i = 0; i < 11; ++i) {
    guard_->silence().Look(since);
    EXPECT_FALSE(guard_->silence().MayCount()) << i;
    loop_.Advance(500ms);
  }
  guard_->silence().Look(since);
  EXPECT_TRUE(guard_->silence().MayCount());
}

TEST_F(NodeGuardSilenceTest, HoldsNoSilenceAgainstAConnectionWhileSomethingHeavyIsUnderWay) {
  guard_->heavy().OnSent();
  loop_.Advance(1s);
  EXPECT_FALSE(guard_->silence().MayCount());
  guard_->heavy().OnOver();
  EXPECT_TRUE(guard_->silence().MayCount());
}

}  // namespace
}  // namespace ringproxy::backends
