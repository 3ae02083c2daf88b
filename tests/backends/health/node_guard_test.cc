#include "backends/health/node_guard.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"

namespace ringproxy::backends {
namespace {

using Breaker = CircuitBreaker::BreakerState;
using net::Duration;
using wire::Fault;
using namespace std::chrono_literals;

constexpr Claim kRead{.is_read = true};
constexpr Claim kWrite{.is_read = false};

class NodeGuardTest : public testing::Test {
 protected:
  NodeGuard& Make(uint32_t connections = 1) {
    guard_ = std::make_unique<NodeGuard>(
        NodeGuard::GuardParts{
            .io = io_,
            .settings = settings_,
            .verdict = health_.records[3]->verdict(),
            .stats = stats_,
            .observer = health_.observer,
            .node = health_.records[3],
            .connections = connections,
        },
        [] {}, [this] { ++follows_; });
    return *guard_;
  }
  // Opens it for 1 s, give or take a fifth.
  NodeGuard& MakeOpen(TripReason reason = TripReason::kTimeouts) {
    Make();
    if (reason == TripReason::kConnection) {
      guard_->OnConnectFailed("Connection refused");
    } else {
      for (int i = 0; i < 5; ++i) guard_->OnTimeout(loop_.now(), true);
    }
    EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
    return *guard_;
  }
  NodeGuard& MakeHalfOpen() {
    MakeOpen().breaker().OnProbe(true);
    EXPECT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
    return *guard_;
  }
  std::vector<Breaker> News() const {
    std::vector<Breaker> states;
    for (const BreakerNews& news : health_.observer.news) states.push_back(news.state);
    return states;
  }
  bool Admits(Claim claim) { return guard_->Admits(claim) == Admission::kGranted; }
  void Good() { guard_->OnReply(loop_.now(), Fault::kNone, true); }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  NodeStats stats_;
  test::Health health_{4};
  size_t follows_ = 0;
  std::unique_ptr<NodeGuard> guard_;
};

TEST_F(NodeGuardTest, HeedsTheProcessBeforeItsOwnBreaker) {
  Make();
  EXPECT_TRUE(Admits(kWrite));
  health_.Publish(3, Verdict::kEjected);
  EXPECT_FALSE(Admits(kRead));
  health_.Publish(3, Verdict::kServe);
  MakeOpen();
  EXPECT_FALSE(Admits(kRead));
  health_.Publish(3, Verdict::kKeepAsking);
  EXPECT_TRUE(Admits(kWrite));
}

TEST_F(NodeGuardTest, TakesAHandshakeForAProbeWhereConnectingWasTheTrouble) {
  MakeOpen(TripReason::kConnection).OnReady();
  EXPECT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
}

TEST_F(NodeGuardTest, OpensForAFailedConnectionOnlyWhenTheNodeHasNoOther) {
  Make();
  stats_.ready_connections.Add();
  guard_->OnConnectFailed("too many");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
  stats_.ready_connections.Subtract(1);
  guard_->OnConnectFailed("refused");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  guard_->breaker().OnProbe(true);
  guard_->OnConnectFailed("refused");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

TEST_F(NodeGuardTest, LetsTheOtherConnectionsFollowTheFirstThatIsReady) {
  Make(16);
  EXPECT_EQ(guard_->WaitToConnect(false), Duration(0));
  EXPECT_GT(guard_->WaitToConnect(false), Duration(0));
  guard_->OnReady();
  EXPECT_EQ(follows_, 1U);
  for (int i = 0; i < 15; ++i) EXPECT_EQ(guard_->WaitToConnect(false), Duration(0));
}

TEST_F(NodeGuardTest, KnowsThatNoConnectionCanBeHadUntilOneIsReady) {
  Make(2);
  stats_.ready_connections.Add();
  guard_->OnConnectFailed("too many");
  EXPECT_TRUE(guard_->takes_connections());
  stats_.ready_connections.Subtract(1);
  guard_->OnConnectFailed("refused");
  EXPECT_FALSE(guard_->takes_connections());
  guard_->OnReady();
  EXPECT_TRUE(guard_->takes_connections());
}

TEST_F(NodeGuardTest, OpensForFaultsAndNotForRepliesThatOnlySoundBad) {
  Make();
  for (int i = 0; i < 4; ++i) guard_->OnReply(loop_.now(), Fault::kHard, true);
  Good();
  for (int i = 0; i < 4; ++i) guard_->OnReply(loop_.now(), Fault::kHard, true);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
  guard_->OnReply(loop_.now(), Fault::kHard, true);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  EXPECT_EQ(health_.observer.news[0].reason, TripReason::kFailures);
}

TEST_F(NodeGuardTest, TakesASlowReadOnTrialForABadOneUnlessItMayTakeItsTime) {
  for (const bool timed : {false, true}) {
    MakeHalfOpen();
    const net::TimePoint sent = loop_.now();
    loop_.Advance(100ms);
    guard_->OnReply(sent, Fault::kNone, timed);
    EXPECT_EQ(guard_->breaker().state(), timed ? Breaker::kOpen : Breaker::kHalfOpen);
  }
}

TEST_F(NodeGuardTest, TakesATimeoutOnTrialForABadAnswerOnlyIfItWasSentOnTrial) {
  Make();
  const net::TimePoint before = loop_.now();
  loop_.Advance(1s);
  MakeHalfOpen();
  guard_->OnTimeout(before, true);
  guard_->OnReply(before, Fault::kHard, true);
  guard_->OnLost(before, "closed by the node");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
  guard_->OnTimeout(loop_.now(), true);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

TEST_F(NodeGuardTest, BeginsToCountAnewOnceTheBreakerHasClosed) {
  MakeHalfOpen();
  for (int i = 0; i < 4; ++i) guard_->OnTimeout(net::TimePoint(-1us), true);
  for (int i = 0; i < 3; ++i) Good();
  ASSERT_EQ(guard_->breaker().state(), Breaker::kClosed);
  for (int i = 0; i < 4; ++i) guard_->OnTimeout(loop_.now(), true);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
  guard_->OnTimeout(loop_.now(), true);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

TEST_F(NodeGuardTest, OpensForANodeMuchSlowerThanItsPool) {
  settings_.breaker.slow_factor = {4000};
  settings_.breaker.slow_ratio = {};
  Make();
  for (int second = 0; second < 3; ++second) {
    EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
    const net::TimePoint sent = loop_.now();
    loop_.Advance(20ms);
    for (int i = 0; i < 20; ++i) guard_->OnReply(sent, Fault::kNone, true);
    loop_.Advance(980ms);
    Good();
    ASSERT_TRUE(guard_->Percentile95());
    guard_->OnPoolMedian(2ms);
  }
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  EXPECT_EQ(health_.observer.news[0].reason, TripReason::kSlowerThanPool);
}

TEST_F(NodeGuardTest, CallsANodeFullThatHasAsManyRequestsAsItsLimit) {
  settings_.concurrency = {.min = 4, .max = 4, .reserve = {250}};
  Make();
  EXPECT_EQ(stats_.concurrency_limit.value(), 4U);
  for (int i = 0; i < 3; ++i) guard_->load().OnSent();
  EXPECT_EQ(guard_->Admits(kRead), Admission::kFull);
  EXPECT_EQ(guard_->Admits({.is_read = false, .has_priority = true}), Admission::kGranted);
  guard_->load().OnSent();
  EXPECT_EQ(guard_->Admits({.is_read = true, .has_priority = true}), Admission::kFull);
  guard_->load().OnGone();
  guard_->load().OnGone();
  EXPECT_EQ(guard_->Admits(kRead), Admission::kGranted);
}

TEST_F(NodeGuardTest, KeepsItsLimitForANodeThatIsAskedThoughItIsSickAndCallsOneThatIsOutDown) {
  settings_.concurrency = {.min = 1, .max = 1, .reserve = {}};
  Make();
  guard_->load().OnSent();
  health_.Publish(3, Verdict::kKeepAsking);
  EXPECT_EQ(guard_->Admits(kRead), Admission::kFull);
  health_.Publish(3, Verdict::kEjected);
  EXPECT_EQ(guard_->Admits(kRead), Admission::kDown);
  health_.Publish(3, Verdict::kServe);
  MakeOpen();
  EXPECT_EQ(guard_->Admits(kRead), Admission::kDown);
}

TEST_F(NodeGuardTest, LowersItsLimitForATimeoutAndRaisesItForGoodReplies) {
  settings_.concurrency.min = 10;
  Make();
  for (int i = 0; i < 100; ++i) guard_->load().OnSent();
  guard_->OnTimeout(loop_.now(), true);
  EXPECT_EQ(stats_.concurrency_limit.value(), 90U);
  for (int i = 0; i < 90; ++i) guard_->OnReply(loop_.now(), Fault::kSoft, true);
  EXPECT_EQ(stats_.concurrency_limit.value(), 90U);
  for (int i = 0; i < 90; ++i) Good();
  EXPECT_EQ(stats_.concurrency_limit.value(), 91U);
  for (int i = 0; i < 100; ++i) guard_->load().OnGone();
  for (int second = 0; second < 11; ++second) guard_->OnSecond();
  EXPECT_EQ(stats_.concurrency_limit.value(), 65536U);
}

TEST_F(NodeGuardTest, LetsTheLowerOfRampAndLimitCount) {
  settings_.breaker.ramp = 1s;
  for (const uint32_t limit : {50U, 100U}) {
    settings_.concurrency = {.min = limit, .max = limit, .reserve = {}};
    stats_.in_flight.Set(0);
    MakeHalfOpen();
    for (int i = 0; i < 3; ++i) Good();
    ASSERT_EQ(guard_->breaker().state(), Breaker::kClosed);
    for (int i = 0; i < 63; ++i) guard_->load().OnSent();
    EXPECT_EQ(guard_->Admits(kWrite), limit == 50 ? Admission::kFull : Admission::kGranted);
    guard_->load().OnSent();
    EXPECT_EQ(guard_->Admits(kWrite), Admission::kDown);
  }
}

TEST_F(NodeGuardTest, HasNoLimitWhenThatIsOff) {
  settings_.concurrency.algorithm = conf::ConcurrencyAlgorithm::kOff;
  Make();
  for (int i = 0; i < 100'000; ++i) guard_->load().OnSent();
  guard_->OnTimeout(loop_.now(), true);
  EXPECT_TRUE(Admits(kWrite));
  EXPECT_EQ(stats_.concurrency_limit.value(), 0U);
}

}  // namespace
}  // namespace ringproxy::backends
