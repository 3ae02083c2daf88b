// tests/backends/link/node_pool_fixture.h – A pool of three nodes in one worker, which are sockets of a fake loop.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <optional>

#include "backends/link/node_pool.h"
#include "conf/pool_ring.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"

namespace ringproxy::backends {

using ring::NodeIndex;
using namespace std::chrono_literals;

inline constexpr Claim kRead{.is_read = true};
inline constexpr Claim kWrite{.is_read = false};

class CountingSink final : public ReplySink {
 public:
  void OnReply(Ticket, Reply&&) override { ++replies; }
  void OnFailure(Ticket, const wire::Failure& failure) override {
    ++failures;
    last =
        std::string(wire::ErrorName(failure.code)) + " " + std::string(failure.pool) + "/" + std::string(failure.node);
  }
  size_t replies = 0;
  size_t failures = 0;
  std::string last;
};

class NodePoolTest : public testing::Test {
 protected:
  NodePoolTest() {
    spdlog::set_level(spdlog::level::off);
    pool_conf_.name = "main";
    pool_conf_.health.interval = {};  // Nobody checks the nodes, so time alone may judge them.
    for (uint16_t i = 0; i < 3; ++i) pool_conf_.nodes.push_back({"r" + std::to_string(i), {"10.0.0.1", i, ""}, 1});
  }

  NodePool& Make() {
    pool_.reset();
    flush_list_.clear();  // Its connections may stand there.
    ring_ = conf::MakePoolRing(pool_conf_);
    pool_.emplace(parts_, pool_conf_, *ring_, health_.records);
    return *pool_;
  }
  // Of one connection a node; node i is the socket `first_ + i`.
  NodePool& MakeReady() {
    Make();
    first_ = loop_.sockets();
    pool_->Connect();
    for (NodeIndex i = 0; i < pool_->node_count(); ++i) Ready(loop_.socket(first_ + i));
    return *pool_;
  }
  void Ready(test::FakeSocket& socket) {
    socket.observer->OnConnected(0);
    socket.TakeWritten();
    socket.Receive(pool_conf_.protocol == conf::Protocol::kMemcached ? "MN\r\n" : "+PONG\r\n");
  }
  test::FakeSocket& Node(NodeIndex i) { return loop_.socket(first_ + i); }
  void Send(NodeIndex node) {
    pool_->Send(node, 0, std::string_view("*1\r\n$1\r\nx\r\n"), {0, 0, 0, Ticket::Kind::kSession});
  }
  void FlushAll() {
    for (size_t i = 0; i < flush_list_.size(); ++i) flush_list_[i]->Flush();
    flush_list_.clear();
  }
  // Five timeouts; their replies come late.
  void TripByTimeouts(NodeIndex node) {
    for (int i = 0; i < 5; ++i) Send(node);
    FlushAll();
    loop_.Advance(pool_conf_.timeouts.request);
    for (int i = 0; i < 5; ++i) Node(node).Receive("+late\r\n");
    Node(node).TakeWritten();
    EXPECT_FALSE(Admits(node, kRead));
  }
  // Until the guard has sent the node something.
  void AwaitProbe(NodeIndex node) {
    for (int ms = 0; ms < 1200 && Node(node).written.empty(); ++ms) {
      loop_.Advance(1ms);
      FlushAll();
    }
  }
  bool Admits(NodeIndex node, Claim claim) { return pool_->Admits(node, claim) == Admission::kGranted; }
  std::optional<NodeIndex> Choose(uint64_t hash, Claim claim) {
    const Choice choice = pool_->Choose(hash, claim);
    return choice.admission == Admission::kGranted ? std::optional(choice.node) : std::nullopt;
  }
  uint64_t HashOf(NodeIndex node) const {
    uint64_t hash = 1;
    while (ring_->Pick(hash) != node) hash += 0x9E3779B97F4A7C15;
    return hash;
  }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  conf::Pool pool_conf_;
  std::unique_ptr<const ring::Ring> ring_;
  test::Health health_{3};
  FlushList flush_list_;
  CountingSink sink_;
  const PoolNode::PoolNodeParts parts_{io_, sink_, flush_list_, health_.observer, 0};
  size_t first_ = 0;
  std::optional<NodePool> pool_;
};

}  // namespace ringproxy::backends
