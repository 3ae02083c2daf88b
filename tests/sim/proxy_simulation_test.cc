// The whole proxy in one thread, from a seed: random commands of Redis and memcached clients, chunks, delays, resets,
// stalls and kills. Checked: every request of a client that stays gets exactly one reply, in order and its own (traps
// 8, 9, 13, 27), and what only it writes it reads again (trap 1); every key and cas token reaches its owner (trap 24);
// nothing is left when everybody has gone.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "conf/values.h"
#include "proxy/control/health_monitor.h"
#include "proxy/control/worker.h"
#include "proxy/route/router.h"
#include "tests/sim/sim_memcache_client.h"
#include "tests/sim/sim_memcache_node.h"
#include "tests/sim/sim_redis_client.h"
#include "tests/sim/sim_redis_node.h"
#include "tests/support/test_view.h"

namespace ringproxy::sim {
namespace {

constexpr uint16_t kFirstPort = 7001;
constexpr uint32_t kNodes = 3;  // Of each protocol.
constexpr uint32_t kClients = 14;

constexpr conf::Protocol kProtocols[] = {conf::Protocol::kRedis, conf::Protocol::kMemcached};

// A listener and a pool of each protocol, both with the protocol's number.
void AddFleet(conf::Protocol protocol, conf::Config& config) {
  conf::Pool& pool = config.pools.emplace_back();
  pool.name = conf::NameOf(protocol);
  pool.protocol = protocol;
  pool.ring.virtual_nodes = 64;
  pool.timeouts = {.connect = net::Duration(50'000), .request = net::Duration(20'000)};
  pool.reconnect = {.initial = net::Duration(5'000), .max = net::Duration(40'000), .rate = {100}};
  pool.health = {.interval = net::Duration(40'000),
                 .fast_interval = net::Duration(8'000),
                 .down_interval = net::Duration(60'000),
                 .timeout = net::Duration(20'000),
                 .maintenance_key = {}};
  pool.breaker.open = net::Duration(20'000);
  pool.breaker.ramp = net::Duration(50'000);
  for (uint32_t i = 0; i < kNodes; ++i) {
    const size_t port = kFirstPort + (config.pools.size() - 1) * kNodes + i;
    pool.nodes.push_back({"n" + std::to_string(i), {"sim", static_cast<uint16_t>(port), ""}, 1});
  }
  conf::Listener& listener = config.listeners.emplace_back();
  listener.name = pool.name;
  listener.protocol = protocol;
  listener.routes = {{"", pool.name}};
  // So few that full queues are common.
  listener.limits.requests_in_flight = 24;
  listener.limits.bulk_bytes = kLargestValue;
}

conf::Config SimConfig() {
  conf::Config config;
  for (const conf::Protocol protocol : kProtocols) AddFleet(protocol, config);
  return config;
}

class Simulation final : private backends::BreakerObserver {
 public:
  explicit Simulation(uint64_t seed)
      : loop_(seed),
        snapshot_(proxy::MakeSnapshot(SimConfig())),
        stats_(*snapshot_),
        board_(snapshot_->node_count),
        monitor_(std::make_unique<proxy::HealthMonitor>(loop_, snapshot_, board_, 1, seed, Orders())),
        worker_(std::make_unique<proxy::Worker>(
            proxy::Worker::Parts{.loop = loop_, .stats = stats_, .view = view_, .board = board_, .observer = *this},
            snapshot_, seed)) {
    spdlog::set_level(spdlog::level::off);
    for (uint32_t i = 0; i < std::size(kProtocols) * kNodes; ++i) {
      const uint32_t fleet = i / kNodes;
      const auto owns = [this, i, fleet](std::string_view key) {
        return proxy::RouteKey(*snapshot_, snapshot_->listeners[fleet], key).node == i % kNodes;
      };
      const auto port = static_cast<uint16_t>(kFirstPort + i);
      if (kProtocols[fleet] == conf::Protocol::kRedis) {
        nodes_.push_back(std::make_unique<SimRedisNode>(loop_, port, owns));
      } else {
        nodes_.push_back(std::make_unique<SimMemcacheNode>(loop_, port, owns));
      }
    }
  }

  void Run() {
    worker_->Start();
    monitor_->Start();
    for (uint32_t i = 0; i < kClients; ++i) {
      const uint32_t fleet = i % std::size(kProtocols);
      if (kProtocols[fleet] == conf::Protocol::kRedis) {
        clients_.push_back(std::make_unique<SimRedisClient>(loop_, i));
      } else {
        clients_.push_back(std::make_unique<SimMemcacheClient>(loop_, i));
      }
      loop_.After(loop_.RandomDelay(net::Duration(30'000)), [this, i, fleet] { Connect(fleet, *clients_[i]); });
    }
    for (int i = 0; i < 6; ++i) loop_.After(loop_.RandomDelay(net::Duration(100'000)), [this] { Fault(); });
    loop_.RunUntil(net::TimePoint(std::chrono::seconds(5)));
  }

  void Check() {
    for (const auto& client : clients_) {
      EXPECT_EQ(client->complaint(), "");
      if (client->left_early()) continue;
      EXPECT_EQ(client->unanswered(), 0U);
      EXPECT_TRUE(client->closed());
      answered_ += client->answered();
    }
    for (const auto& node : nodes_) EXPECT_EQ(node->wrong_requests(), 0U);
    EXPECT_GT(answered_, 0U);
    EXPECT_EQ(worker_->session_count(), 0U);
    EXPECT_EQ(worker_->open_fanouts(), 0U);
    EXPECT_EQ(worker_->blocks().blocks_in_use(), 0U);
    for (const backends::NodeStats& node : stats_.nodes) EXPECT_EQ(node.in_flight.value(), 0U);
    worker_.reset();
    monitor_.reset();
    EXPECT_EQ(loop_.open_streams(), 0U);
  }

  // For comparing two runs of one seed.
  std::string Fingerprint() const {
    std::string text = std::to_string(answered_);
    for (const auto& node : nodes_) text += "," + std::to_string(node->requests());
    return text;
  }

 private:
  // As between threads: later.
  void OnBreaker(const backends::BreakerNews& news) override {
    loop_.Post([this, news] { monitor_->OnBreaker(0, news); });
  }
  proxy::HealthMonitor::WorkerOrders Orders() {
    const auto later = [this](void (backends::NodePool::*order)(ring::NodeIndex)) {
      return [this, order](uint32_t pool, ring::NodeIndex node) {
        loop_.Post([this, order, pool, node] { (worker_->pool(pool).*order)(node); });
      };
    };
    return {.hurry = later(&backends::NodePool::Hurry),
            .disable = later(&backends::NodePool::Disable),
            .enable = later(&backends::NodePool::Enable)};
  }

  void Connect(uint32_t listener, SimClient& client) {
    worker_->AddClient(listener, proxy::TestClient(),
                       [&](net::StreamObserver& observer) { return loop_.AdoptWire(client.wire(), observer); });
    client.Start(static_cast<uint32_t>(50 + loop_.Random(250)));
  }

  void Fault() {
    SimNode& node = *nodes_[loop_.Random(nodes_.size())];
    const net::Duration length = loop_.RandomDelay(net::Duration(100'000));
    switch (loop_.Random(3)) {
      case 0:
        node.Kill();
        loop_.After(length, [&node] { node.Restart(); });
        break;
      case 1:
        node.Stall(true);
        loop_.After(length, [&node] { node.Stall(false); });
        break;
      default: node.ResetOne();
    }
  }

  SimLoop loop_;
  std::shared_ptr<const proxy::Snapshot> snapshot_;
  proxy::WorkerStats stats_;
  proxy::TestView view_;
  backends::NodeBoard board_;
  std::unique_ptr<proxy::HealthMonitor> monitor_;
  std::unique_ptr<proxy::Worker> worker_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  size_t answered_ = 0;
};

// RINGPROXY_SIM_SEEDS: how many; RINGPROXY_SIM_SEED: just this one, to look at a failure.
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(ProxySimulation, AnswersEveryRequestOnceInOrderUnderRandomFaults) {
  const uint64_t one = FromEnvironment("RINGPROXY_SIM_SEED", 0);
  const uint64_t first = one != 0 ? one : 1;
  const uint64_t last = one != 0 ? one : FromEnvironment("RINGPROXY_SIM_SEEDS", 200);
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("RINGPROXY_SIM_SEED=" + std::to_string(seed));
    Simulation simulation(seed);
    simulation.Run();
    simulation.Check();
    if (testing::Test::HasFailure()) break;  // One failing seed is enough to look at.
  }
}

TEST(ProxySimulation, RepeatsItselfFromItsSeed) {
  const auto fingerprint = [] {
    Simulation simulation(7);
    simulation.Run();
    simulation.Check();
    return simulation.Fingerprint();
  };
  EXPECT_EQ(fingerprint(), fingerprint());
}

}  // namespace
}  // namespace ringproxy::sim
