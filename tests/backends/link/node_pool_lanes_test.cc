// Which of a node's connections serves whom, while they come and go.
#include "backends/link/node_pool.h"
#include "tests/backends/link/node_pool_lanes_fixture.h"

namespace ringproxy::backends {
namespace {

TEST_F(NodePoolLanesTest, OpensOneConnectionFirstAndTheOthersWhenItIsReady) {
  MakeOne(32);
  EXPECT_EQ(loop_.sockets() - first_, 1U);
  ReadyAll();
  EXPECT_EQ(loop_.sockets() - first_, 32U);
  EXPECT_EQ(health_.stats(0).ready_connections.value(), 32U);
}

TEST_F(NodePoolLanesTest, LetsRequestsWaitForTheFirstAttemptWhicheverConnectionMakesIt) {
  MakeOne(4);
  for (uint32_t lane = 0; lane < 8; ++lane) SendOn(lane, "x");
  EXPECT_EQ(sink_.failures, 0U);
  ReadyAll();
  EXPECT_EQ(Written(), (Bytes{{0, "xxxxxxxx"}}));
}

// A node that is gone for a while: one attempt at a time, and all connections back as soon as one is.
TEST_F(NodePoolLanesTest, IsBackWithAllConnectionsWithinASecondOfTheNodesReturn) {
  for (const uint32_t connections : {1U, 2U, 8U, 16U, 32U, 64U}) {
    for (const net::Duration gone : {0ms, 1ms, 30ms, 700ms, 1500ms, 9000ms}) {
      seen_.clear();
      MakeOneReady(connections);
      loop_.Advance(2s);  // It has not just come back.
      CloseAll();
      for (const net::TimePoint end = loop_.now() + gone; loop_.now() < end; loop_.Advance(1ms)) RefuseAll();
      const net::TimePoint back = loop_.now();
      while (health_.stats(0).ready_connections.value() < connections && loop_.now() < back + 10s) {
        ReadyAll();
        loop_.Advance(1ms);
      }
      EXPECT_LE(loop_.now() - back, 1s) << connections << " after " << gone.count();
      for (int ms = 0; ms < 3000 && !Admits(0, kWrite); ++ms) loop_.Advance(1ms);
    }
  }
}

TEST_F(NodePoolLanesTest, ServesWhileAServerClosesIdleConnections) {
  for (const uint32_t connections : {1U, 8U, 16U, 32U}) {
    seen_.clear();
    MakeOneReady(connections);
    std::mt19937_64 random(connections);
    const size_t failures = sink_.failures;
    for (int round = 0; round < 200; ++round) {
      // Some or all of them, and requests come before and after they are open again.
      const size_t end = loop_.sockets();
      const bool all = random() % 2 == 0;
      for (size_t i = first_; i < end; ++i) {
        if (seen_.contains(i) && (all || random() % 3 == 0)) loop_.socket(i).ReceiveEnd();
      }
      for (uint32_t lane = 0; lane < 64; lane += 3) SendOn(lane, "x");
      for (int ms = 0; ms < 1000; ms += 50) {
        ReadyAll();
        for (const auto& [socket, bytes] : Written()) {
          for (size_t i = 0; i < bytes.size(); ++i) loop_.socket(first_ + socket).Receive("+1\r\n");
        }
        for (uint32_t lane = 0; lane < 64; lane += 7) SendOn(lane, "x");
        loop_.Advance(50ms);
        for (const auto& [socket, bytes] : Written()) {
          for (size_t i = 0; i < bytes.size(); ++i) loop_.socket(first_ + socket).Receive("+1\r\n");
        }
      }
    }
    EXPECT_EQ(sink_.failures, failures) << connections;
  }
}

TEST_F(NodePoolLanesTest, OpensAllConnectionsOfANodeThatIsEnabledAgainAtOnce) {
  MakeOne(4);
  pool_->Disable(*health_.records[0]);
  pool_->Enable(*health_.records[0]);
  ReadyAll();
  EXPECT_EQ(health_.stats(0).ready_connections.value(), 4U);
}

// Nobody waits for the later attempts at a node that swallows packets, though a pool of one node goes on asking it.
TEST_F(NodePoolLanesTest, LetsNobodyWaitForAttemptsAfterOneHasFailed) {
  MakeOneReady(8);
  health_.Publish(0, Verdict::kKeepAsking);
  CloseAll();
  SendOn(0, "x");
  loop_.Advance(pool_conf_.timeouts.connect);
  EXPECT_EQ(sink_.failures, 1U);
  for (int ms = 0; ms < 5000; ms += 10) {
    EXPECT_FALSE(Admits(0, kRead));
    loop_.Advance(10ms);
  }
  ReadyAll();
  EXPECT_TRUE(Admits(0, kRead));
}

}  // namespace
}  // namespace ringproxy::backends
