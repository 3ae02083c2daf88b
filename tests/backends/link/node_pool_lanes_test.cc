// Which of a node's connections serves whom, while they come and go.
#include <algorithm>
#include <map>
#include <set>

#include "backends/link/node_pool.h"
#include "tests/backends/link/node_pool_fixture.h"

namespace ringproxy::backends {
namespace {

class NodePoolLanesTest : public NodePoolTest {
 protected:
  // One node with so many connections, of which none is open yet.
  void MakeOne(uint32_t connections) {
    pool_conf_.nodes.resize(1);
    pool_conf_.connections_per_node = connections;
    Make();
    first_ = loop_.sockets();
    pool_->Connect();
  }
  // All of them ready: the first one, and those that follow.
  void MakeOneReady(uint32_t connections) {
    MakeOne(connections);
    ReadyAll();
    ASSERT_EQ(health_.stats(0).ready_connections.value(), connections);
  }
  void ReadyAll() {
    for (size_t i = first_; i < loop_.sockets(); ++i) {
      if (loop_.socket(i).closed() || seen_.contains(i)) continue;
      seen_.insert(i);
      Ready(loop_.socket(i));
    }
  }
  // All connections break, and so do the attempts that follow at once.
  void CloseAll() {
    const size_t before = loop_.sockets();
    for (size_t i = first_; i < before; ++i) loop_.socket(i).ReceiveEnd();
  }
  void RefuseAll() {
    for (size_t i = first_; i < loop_.sockets(); ++i) {
      if (loop_.socket(i).closed() || seen_.contains(i)) continue;
      loop_.socket(i).observer->OnConnected(ECONNREFUSED);
    }
  }
  void SendOn(uint32_t lane, const std::string& word) {
    pool_->Send(0, lane, std::string_view(word), {0, 0, lane, Ticket::Kind::kSession});
  }
  // The sockets of those connections that have written since the last call, with what they wrote.
  std::map<size_t, std::string> Written() {
    FlushAll();
    std::map<size_t, std::string> result;
    for (size_t i = first_; i < loop_.sockets(); ++i) {
      if (std::string bytes = loop_.socket(i).TakeWritten(); !bytes.empty()) result[i - first_] = bytes;
    }
    return result;
  }
  std::set<size_t> seen_;
};

using Bytes = std::map<size_t, std::string>;

TEST_F(NodePoolLanesTest, OpensOneConnectionFirstAndTheOthersWhenItIsReady) {
  MakeOne(32);
  EXPECT_EQ(loop_.sockets() - first_, 1U);
  ReadyAll();
  EXPECT_EQ(loop_.sockets() - first_, 32U);
  EXPECT_EQ(health_.stats(0).ready_connections.value(), 32U);
}

TEST_F(NodePoolLanesTest, ServesEveryLaneByTheConnectionThatIsReady) {
  MakeOne(32);
  Ready(loop_.socket(first_));
  for (uint32_t lane = 0; lane < 100; ++lane) SendOn(lane, "x");
  EXPECT_EQ(Written(), (Bytes{{0, std::string(100, 'x')}}));
  EXPECT_EQ(sink_.failures, 0U);
}

TEST_F(NodePoolLanesTest, LetsRequestsWaitForTheFirstAttemptWhicheverConnectionMakesIt) {
  MakeOne(4);
  for (uint32_t lane = 0; lane < 8; ++lane) SendOn(lane, "x");
  EXPECT_EQ(sink_.failures, 0U);
  ReadyAll();
  EXPECT_EQ(Written(), (Bytes{{0, "xxxxxxxx"}}));
}

TEST_F(NodePoolLanesTest, KeepsTheOrderOfALaneThatGoesHome) {
  MakeOne(2);
  Ready(loop_.socket(first_));
  SendOn(1, "a");
  EXPECT_EQ(Written(), (Bytes{{0, "a"}}));
  Ready(loop_.socket(first_ + 1));  // Its home; but `a` is still under way elsewhere.
  SendOn(1, "b");
  SendOn(3, "c");  // Another lane of that home.
  EXPECT_EQ(Written(), (Bytes{{0, "b"}, {1, "c"}}));
  Node(0).Receive("+a\r\n");
  SendOn(1, "d");
  EXPECT_EQ(Written(), (Bytes{{0, "d"}}));
  Node(0).Receive("+b\r\n+d\r\n");
  SendOn(1, "e");
  EXPECT_EQ(Written(), (Bytes{{1, "e"}}));
}

TEST_F(NodePoolLanesTest, KeepsTheOrderOfWhatWaitsForAConnection) {
  MakeOneReady(2);
  Node(1).ReceiveEnd();
  SendOn(0, "a");
  SendOn(1, "b");  // Its home is being opened again: the other one is ready.
  EXPECT_EQ(Written(), (Bytes{{0, "ab"}}));
  CloseAll();
  EXPECT_EQ(sink_.failures, 2U);
  SendOn(1, "c");  // None is ready: it waits for the attempt under way.
  RefuseAll();
  EXPECT_EQ(sink_.failures, 3U);
}

TEST_F(NodePoolLanesTest, KeepsARequestThatTimedOutBeforeItsSuccessor) {
  MakeOneReady(2);
  Node(1).ReceiveEnd();
  SendOn(1, "a");
  EXPECT_EQ(Written(), (Bytes{{0, "a"}}));
  loop_.Advance(pool_conf_.timeouts.request);
  EXPECT_EQ(sink_.failures, 1U);
  ReadyAll();
  SendOn(1, "b");  // The node may still be at work on `a`.
  EXPECT_EQ(Written(), (Bytes{{0, "b"}}));
}

TEST_F(NodePoolLanesTest, SpreadsTheLanesOfALostConnectionOverTheOthers) {
  MakeOneReady(4);
  Node(3).ReceiveEnd();
  for (uint32_t lane = 3; lane < 32; lane += 4) SendOn(lane, "x");
  const Bytes written = Written();
  EXPECT_EQ(written.size(), 3U);
  for (const auto& [socket, bytes] : written) EXPECT_LE(bytes.size(), 4U);
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
