// Nodes that have as many requests under way as they may: who is asked, who is not, and what is counted.
#include "tests/backends/link/node_pool_fixture.h"

namespace ringproxy::backends {
namespace {

TEST_F(NodePoolTest, MovesNoKeysAwayFromANodeThatIsOnlyFull) {
  pool_conf_.on_down.policy = conf::DownPolicy::kRehash;
  pool_conf_.concurrency = {.min = 1, .max = 1, .reserve = {}};
  MakeReady();
  const uint64_t hash = HashOf(0);
  const NodeIndex second = ring_->PickNth(hash, 1);
  Send(0);
  EXPECT_EQ(pool_->Choose(hash, kRead).admission, Admission::kFull);
  EXPECT_EQ(pool_->Choose(hash, kRead).node, 0U);
  // Nor further on from the one that stands in for it.
  health_.Publish(0, Verdict::kEjected);
  EXPECT_EQ(Choose(hash, kRead), second);
  Send(second);
  EXPECT_EQ(pool_->Choose(hash, kRead).admission, Admission::kFull);
  EXPECT_EQ(pool_->Choose(hash, kRead).node, second);
  FlushAll();
  Node(second).Receive("+1\r\n");
  EXPECT_EQ(Choose(hash, kRead), second);
}

TEST_F(NodePoolTest, SpillsFromAFullNodeOnlyByItsLoadBound) {
  pool_conf_.ring.load_bound = {1250};
  pool_conf_.concurrency = {.min = 2, .max = 2, .reserve = {}};
  MakeReady();
  const uint64_t hash = HashOf(0);
  Send(0);
  Send(0);
  EXPECT_EQ(Choose(hash, kRead), ring_->PickNth(hash, 1));
  Send(1);
  Send(1);
  Send(2);
  Send(2);  // Six of three nodes: at most ceil(7 * 1.25 / 3) = 3 each.
  EXPECT_EQ(pool_->Choose(hash, kRead).admission, Admission::kFull);
  EXPECT_EQ(pool_->Choose(hash, kRead).node, 0U);
}

TEST_F(NodePoolTest, HedgesNeitherAtAFullNodeNorPastIt) {
  pool_conf_.concurrency = {.min = 2, .max = 2, .reserve = {500}};
  MakeReady();
  const uint64_t hash = HashOf(0);
  const NodeIndex second = ring_->PickNth(hash, 1);
  EXPECT_EQ(pool_->ChooseOther(hash, 0, kRead), second);
  Send(second);
  EXPECT_EQ(pool_->ChooseOther(hash, 0, kRead), std::nullopt);
  EXPECT_EQ(pool_->ChooseOther(hash, 0, {.is_read = true, .has_priority = true}), second);
  health_.Publish(second, Verdict::kEjected);
  EXPECT_EQ(pool_->ChooseOther(hash, 0, kRead), ring_->PickNth(hash, 2));
}

TEST_F(NodePoolTest, RefusesForAFullNodeAndCountsNoFailure) {
  MakeReady();
  for (int i = 0; i < 1000; ++i) pool_->Refuse(1, Admission::kFull, {});
  EXPECT_EQ(sink_.last, "node_overloaded main/r1");
  EXPECT_EQ(health_.stats(1).requests.value(), 1000U);
  EXPECT_EQ(health_.stats(1).overloads.value(), 1000U);
  EXPECT_EQ(health_.stats(1).failures.value(), 0U);
  EXPECT_TRUE(health_.observer.news.empty());
  EXPECT_TRUE(Admits(1, kWrite));
}

// Nothing comes for eleven seconds but the ticks.
TEST_F(NodePoolTest, ForgetsItsLimitsWithTheTicks) {
  pool_conf_.concurrency.min = 1;
  pool_conf_.breaker.consecutive_failures = 0;
  MakeReady();
  for (int i = 0; i < 10; ++i) Send(0);
  FlushAll();
  loop_.Advance(pool_conf_.timeouts.request);
  EXPECT_EQ(health_.stats(0).concurrency_limit.value(), 9U);
  for (int i = 0; i < 10; ++i) Node(0).Receive("+late\r\n");
  for (int second = 0; second < 11; ++second) pool_->Tick();
  EXPECT_EQ(health_.stats(0).concurrency_limit.value(), 65536U);
}

}  // namespace
}  // namespace ringproxy::backends
