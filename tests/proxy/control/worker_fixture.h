// tests/proxy/control/worker_fixture.h – A whole worker on a fake loop: two nodes and any number of clients, by hand.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "proxy/control/worker.h"
#include "proxy/route/router.h"
#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"
#include "tests/support/test_snapshot.h"
#include "tests/support/test_view.h"

namespace ringproxy::proxy {

class WorkerFixture : public testing::Test {
 protected:
  static conf::Config TwoNodes() {
    conf::Config config;
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = "main";
    pool.nodes = {{"r0", {"10.0.0.1", 1, ""}, 1}, {"r1", {"10.0.0.2", 1, ""}, 1}};
    conf::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.routes = {{"", "main"}};
    return config;
  }

  static conf::Config TwoMemcachedNodes() {
    conf::Config config = TwoNodes();
    config.pools[0].protocol = config.listeners[0].protocol = conf::Protocol::kMemcached;
    return config;
  }

  // Node i of the configuration becomes socket i; clients follow.
  void Start(conf::Config config = TwoNodes()) {
    spdlog::set_level(spdlog::level::off);
    snapshot_.reset();  // A limit that nobody holds is a new one.
    snapshot_ = NewSnapshot(std::move(config));
    stats_ = std::make_unique<WorkerStats>(*snapshot_);
    MakeWorker();
    worker_->Start();
    for (size_t i = 0; i < AllNodes(*snapshot_).size(); ++i) {
      loop_.socket(i).observer->OnConnected(0);
      const bool memcached = snapshot_->config.pools[0].protocol == conf::Protocol::kMemcached;
      loop_.socket(i).Receive(memcached ? "MN\r\n" : "+PONG\r\n");
      loop_.socket(i).TakeWritten();
    }
    loop_.EndTurn();
  }
  // Of the nodes and limits that it has known before.
  std::shared_ptr<const Snapshot> NewSnapshot(conf::Config config) {
    auto snapshot = MakeSnapshot(std::move(config), nodes_);
    limits_.Compile(*snapshot);
    return snapshot;
  }
  // Of the snapshot.
  void MakeWorker() {
    const Worker::WorkerParts parts{
        .loop = loop_,
        .number = 0,
        .stats = *stats_,
        .view = view_,
        .observer = observer_,
        .limits = limits_,
        .subscriptions = subscriptions_,
        .memory = memory_.get(),
        .hand_back = [this](std::shared_ptr<const Snapshot> old) { handed_back_.push_back(old); },
        .clients = client_posts_};
    worker_ = std::make_unique<Worker>(parts, snapshot_, 1);
  }
  ~WorkerFixture() override {
    worker_.reset();
    for (size_t i = 0; i < loop_.sockets(); ++i) EXPECT_TRUE(loop_.socket(i).closed());
  }

  const LimitStats& LimitCounts(size_t rule) const { return snapshot_->limits->rules()[rule].record->state(0).stats; }
  test::FakeSocket& Node(size_t i) { return loop_.socket(i); }
  test::FakeSocket& NewClient() {
    worker_->AddClient(0, TestClient(), [&](net::StreamObserver& observer) { return loop_.NewStream(observer); });
    return loop_.last_socket();
  }
  // A key of the given node.
  std::string KeyOf(uint32_t node) const {
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      if (RouteKey(*snapshot_, snapshot_->listeners[0], key).node == node) return key;
    }
  }
  static std::string Encode(const std::vector<std::string>& arguments) {
    std::string out = "*" + std::to_string(arguments.size()) + "\r\n";
    for (const std::string& a : arguments) out += "$" + std::to_string(a.size()) + "\r\n" + a + "\r\n";
    return out;
  }
  // Turns until nothing is held back.
  void Settle() {
    while (loop_.EndTurn() == net::NextTurn::kAtOnce) {
    }
  }

  test::FakeLoop loop_;
  TestView view_;
  backends::NodeRegistry nodes_{1};
  SharedLimits limits_{1, 1};
  SubscriptionCounts subscriptions_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::shared_ptr<const Snapshot>> handed_back_;
  std::unique_ptr<WorkerStats> stats_;
  test::RecordingObserver observer_;
  std::unique_ptr<net::ProcessMemory> memory_;  // None: no limit.
  ClientPosts client_posts_;                    // None: it is alone.
  std::unique_ptr<Worker> worker_;
};

}  // namespace ringproxy::proxy
