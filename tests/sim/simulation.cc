#include "tests/sim/simulation.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "proxy/route/router.h"
#include "tests/sim/faults.h"
#include "tests/sim/sim_binary_client.h"
#include "tests/sim/sim_memcache_node.h"
#include "tests/sim/sim_redis_client.h"
#include "tests/sim/sim_redis_node.h"
#include "tests/sim/simulation_thread.h"

namespace ringproxy::sim {
namespace {

using backends::CircuitBreaker;
using backends::Verdict;

constexpr uint32_t kClients = 14;
constexpr net::TimePoint kLastFault{std::chrono::milliseconds(400)};  // Begins.
constexpr net::TimePoint kUselessAsked{std::chrono::seconds(4)};
constexpr net::TimePoint kLinksOpened{std::chrono::seconds(9)};
constexpr net::TimePoint kWarmUp{std::chrono::seconds(12)};
// At the earliest; before what the proxy does once a second, which may ask a node.
constexpr net::TimePoint kLastRound{std::chrono::milliseconds(19'999)};
constexpr net::TimePoint kLatestRound{std::chrono::seconds(40)};
constexpr net::Duration kRound = std::chrono::seconds(1);
// Where few flavours may be open at once, each page of a scan may need a new connection, and the least rate opens ten a
// second.
constexpr net::Duration kFinalRound = std::chrono::seconds(6);

// Now and then a database that no node has.
backends::Flavour RandomFlavour(SimLoop& loop) {
  backends::Flavour flavour;
  if (loop.Chance(0.4)) flavour.protocol = 3;
  if (loop.Chance(0.4)) flavour.database = static_cast<uint16_t>(1 + loop.Random(kSimDatabases));
  return flavour;
}

std::shared_ptr<const proxy::Snapshot> NewSnapshot(conf::Config config, backends::NodeRegistry& nodes,
                                                   proxy::SharedLimits& limits) {
  auto snapshot = proxy::MakeSnapshot(std::move(config), nodes);
  limits.Compile(*snapshot);
  return snapshot;
}

// Until a node that is not well has failed its checks: one that began just before, the wait for the next, two more at
// the fast pace.
net::Duration SlowestDetection(const conf::Health& health) {
  constexpr net::Duration kNetwork(5'000);
  return (health.interval + 2 * health.fast_interval) * 11 / 10 + health.fall * (health.timeout + kNetwork);
}

}  // namespace

Simulation::Simulation(uint64_t seed)
    : loop_(seed),
      registry_(kMostWorkers),
      limits_(kMostWorkers, seed),
      snapshot_(NewSnapshot(RandomConfig(loop_, seed % 4 == 0), registry_, limits_)),
      current_(snapshot_),
      control_(loop_, snapshot_->config.workers) {
  spdlog::set_level(spdlog::level::off);
  const uint32_t workers = snapshot_->config.workers;
  monitor_ = std::make_unique<proxy::HealthMonitor>(control_, *snapshot_, seed, Orders());
  for (uint32_t i = 0; i < workers; ++i) threads_.push_back(std::make_unique<Thread>(*this, i, seed + i));
  if (loop_.Chance(0.6)) change_ = loop_.Chance(0.3) ? Change::kOrder : Change::kKeys;
  AddNodes();
  AddClients();
  const auto connect = [this](SimDialog& client) {
    threads_[loop_.Random(threads_.size())]->AddClient(0, client.wire(), client.flavour());
  };
  const auto may_miss = [this](size_t node) {
    return change_ == Change::kKeys ||
           Record(static_cast<uint32_t>(node)).Sum(&backends::NodeStats::subscription_gaps) > 0;
  };
  const auto skipped_scans = [this](size_t node) {
    const backends::NodeRecord* const record = FindRecord(*current_, node);
    return record != nullptr ? record->Sum(&backends::NodeStats::scans_skipped) : 0;
  };
  scenario_ = NewScenario(seed, {.loop = loop_,
                                 .pool = snapshot_->config.pools[0],
                                 .nodes = nodes_,
                                 .spare = *spares_[0],
                                 .may_miss = may_miss,
                                 .absent_until = [this](size_t node) { return AbsentUntil(node); },
                                 .skipped_scans = skipped_scans,
                                 .connect = connect});
}

Simulation::~Simulation() = default;

std::set<backends::Flavour, FlavourOrder> Simulation::FlavoursOf(uint32_t node) const {
  std::set<backends::Flavour, FlavourOrder> flavours{backends::Flavour{}};
  if (PoolOf(node).protocol == conf::Protocol::kRedis) flavours.insert(flavours_.begin(), flavours_.end());
  return flavours;
}

std::unique_ptr<SimNode> Simulation::NewNode(uint32_t fleet, const std::string& name, uint16_t port) {
  const auto may_be_asked = [this, fleet, name](std::string_view key) {
    if (MayOwn(fleet, name, key)) return true;
    ++events_.moved_keys;
    return snapshot_->pools[fleet].moves_keys;
  };
  if (kProtocols[fleet] == conf::Protocol::kRedis) return std::make_unique<SimRedisNode>(loop_, port, may_be_asked);
  const bool moves = snapshot_->pools[fleet].moves_keys || change_ == Change::kKeys;
  return std::make_unique<SimMemcacheNode>(loop_, port, may_be_asked, moves);
}

void Simulation::AddNodes() {
  keys_.resize(kNodes);
  for (uint32_t i = 0; i < kNodes; ++i) {
    const uint32_t fleet = i / kNodesOfAPool;
    const auto owns = [&](std::string_view key) { return IsOwner(*snapshot_, fleet, NameOf(i), key); };
    for (int k = 0; !owns(keys_[i]) || keys_[i].empty(); ++k) keys_[i] = "probe:" + std::to_string(k);
    nodes_.push_back(NewNode(fleet, NameOf(i), static_cast<uint16_t>(kFirstPort + i)));
  }
  for (uint32_t fleet = 0; fleet < std::size(kProtocols); ++fleet) {
    spares_.push_back(NewNode(fleet, "n3", static_cast<uint16_t>(kFirstSpare + fleet)));
  }
}

void Simulation::AddClients() {
  for (uint32_t i = 0; i < kClients; ++i) {
    const uint32_t fleet = i % std::size(kProtocols);
    const Consistency consistency = ConsistencyOf(snapshot_->config.pools[fleet], change_ == Change::kKeys);
    flavours_.push_back(kProtocols[fleet] == conf::Protocol::kRedis ? RandomFlavour(loop_) : backends::Flavour{});
    if (kProtocols[fleet] == conf::Protocol::kRedis) {
      // More flavours than have a place take turns, and wait for their links.
      const bool is_crowded = snapshot_->config.pools[fleet].flavours_per_node < kMostFlavours;
      clients_.push_back(std::make_unique<SimRedisClient>(loop_, i, consistency, flavours_[i], is_crowded));
    } else {
      clients_.push_back(NewMemcacheClient(loop_, i, consistency));
    }
  }
}

proxy::HealthMonitor::WorkerOrders Simulation::Orders() {
  const auto later = [this](proxy::Worker::NodeWord word) {
    return [this, word](const std::shared_ptr<backends::NodeRecord>& node) {
      for (auto& thread : threads_) {
        thread->loop.Post([worker = thread->worker.get(), node, word] { worker->Tell(*node, word); });
      }
    };
  };
  return {.hurry = later(&backends::NodePool::Hurry),
          .distrust = later(&backends::NodePool::Distrust),
          .disable = later(&backends::NodePool::Disable),
          .enable = later(&backends::NodePool::Enable)};
}

void Simulation::Run() {
  for (auto& thread : threads_) thread->worker->Start();
  monitor_->Start();
  for (uint32_t i = 0; i < kClients; ++i) {
    loop_.After(loop_.RandomDelay(net::Duration(30'000)), [this, i] {
      const uint32_t fleet = i % std::size(kProtocols);
      const bool is_proxied = i % 3 == 0 && !snapshot_->config.listeners[fleet].proxy_protocol.empty();
      threads_[loop_.Random(threads_.size())]->AddClient(fleet, clients_[i]->wire(), flavours_[i], is_proxied);
      const net::Duration pause(loop_.Chance(0.5) ? 3'000 : 40'000);
      const auto commands = static_cast<uint32_t>(50 + loop_.Random(200));
      clients_[i]->Start({commands, pause, loop_.Chance(0.5), std::string(is_proxied ? kProxyHeader : "")});
    });
  }
  // Sometimes all at the start, where most clients are.
  const net::Duration spread = loop_.Chance(0.5) ? net::Duration(100'000) : kLastFault - net::TimePoint();
  for (uint64_t i = 1 + loop_.Random(8); i > 0; --i) loop_.After(loop_.RandomDelay(spread), [this] { BeginFault(); });
  PlanChanges();
  PlanScenario();
  loop_.After(net::Duration(5'000), [this] { Look(); });
  loop_.After(kFaultsOver - loop_.now(), [this] {
    for (auto& node : nodes_) node->Heal();
    for (uint32_t i = 0; i < kNodes; ++i) Enable(i);
  });
  loop_.After(kUselessAsked - loop_.now(), [this] { AskUseless(); });
  loop_.After(kLinksOpened - loop_.now(), [this] { OpenLinks(); });
  loop_.RunUntil(kLastRound);
  while (!LimitsAreForgotten() && loop_.now() < kLatestRound) loop_.RunUntil(loop_.now() + kRound);
  loop_.After(net::Duration(0), [this] { FinalRound(); });
  loop_.RunUntil(loop_.now() + kFinalRound);
  // A link may just be greeted, and holds what has come of that; what is lost is held for ever.
  const auto holds_blocks = [](const auto& thread) { return thread->worker->blocks().blocks_in_use() > 0; };
  const net::TimePoint last = loop_.now() + net::Duration(100'000);
  while (loop_.now() < last && std::ranges::any_of(threads_, holds_blocks))
    loop_.RunUntil(loop_.now() + net::Duration(5'000));
}

void Simulation::PlanScenario() {
  if (!scenario_) return;
  scenario_->Start();
  loop_.After(kWarmUp - loop_.now(), [this] { scenario_->WarmUp(); });
}

void Simulation::BeginFault() {
  if (loop_.Chance(0.1)) return BeginOrder();
  history_ += sim::BeginFault(loop_, nodes_, kFaultsOver);
}

// An operator takes a node out, and sometimes forgets it until the end.
void Simulation::BeginOrder() {
  const auto node = static_cast<uint32_t>(loop_.Random(kNodes));
  const bool drains = loop_.Chance(0.5);
  monitor_->Order(Record(node), drains ? backends::NodeOrder::kDrain : backends::NodeOrder::kDisable);
  loop_.After(loop_.RandomDelay(net::Duration(300'000)), [this, node] { Enable(node); });
  history_ += "\n  at " + std::to_string(loop_.now().time_since_epoch().count()) +
              " us: an operator's order: " + std::to_string(nodes_[node]->port());
}

void Simulation::Enable(uint32_t node) {
  monitor_->Order(Record(node), backends::NodeOrder::kEnable);
  enabled_[node] = loop_.now();
}

void Simulation::Look() {
  for (uint32_t pool = 0; pool < std::size(kProtocols); ++pool) LookAtEjections(pool);
  for (auto& thread : threads_) {
    events_.lasting_uses += thread->worker->old_snapshots();
    events_.leaving_nodes += thread->worker->leaving_nodes();
    for (uint32_t node = 0; node < kNodes; ++node) {
      // What a node that has left still times out in nobody holds against it when it is back.
      const bool looks = IsPresent(thread->worker->snapshot(), node) && thread->worker->leaving_nodes() == 0;
      looks ? LookForOversights(*thread, node) : thread->seen[node].reset();
      const std::optional<Outcome> expected = ExpectedNow(*thread, node);
      if (loop_.Chance(expected ? 0.2 : 0.01)) Ask(*thread, node, expected.value_or(Outcome::kAnything));
    }
  }
  if (loop_.now() < kFaultsOver) loop_.After(net::Duration(10'000), [this] { Look(); });
}

std::optional<Simulation::Outcome> Simulation::ExpectedNow(const Thread& thread, uint32_t node) const {
  const conf::Pool& pool = PoolOf(node);
  // Where keys move, another node may be asked instead, unless there is none.
  if (pool.on_down.policy == conf::DownPolicy::kRehash) return std::nullopt;
  const proxy::Snapshot& snapshot = thread.worker->snapshot();
  if (!IsOwner(snapshot, node / kNodesOfAPool, NameOf(node), keys_[node])) return std::nullopt;
  const backends::NodeStats& stats = Record(node).stats(thread.number);
  const auto breaker = static_cast<CircuitBreaker::BreakerState>(stats.breaker_state.value());
  const bool open = breaker == CircuitBreaker::BreakerState::kOpen;
  const Verdict verdict = Record(node).verdict();
  if (verdict == Verdict::kEjected || (verdict == Verdict::kServe && open)) return Outcome::kRefused;
  if (verdict == Verdict::kServe && breaker == CircuitBreaker::BreakerState::kHalfOpen) return Outcome::kWriteRefused;
  const SimNode& far = *nodes_[node];
  const bool ready = far.PlainConnections(thread.number) == pool.connections_per_node &&
                     stats.ready_connections.value() == pool.connections_per_node + far.OtherConnections(thread.number);
  const bool fails_open = verdict == Verdict::kKeepAsking && open && ready;
  return fails_open && pool.ring.load_bound.thousandths == 0 ? std::optional(Outcome::kAsked) : std::nullopt;
}

// No more are out than may be; one more, and with on_down: error all are asked.
void Simulation::LookAtEjections(uint32_t pool) {
  const conf::Pool& conf = snapshot_->config.pools[pool];
  const auto& nodes = current_->pools[pool].nodes;
  const size_t limit = nodes.size() * conf.max_ejected.thousandths / 1000;
  size_t down = 0;
  size_t ejected = 0;
  for (const auto& node : nodes) {
    const bool is_down = node->view.state == backends::NodeState::kDown;
    down += is_down ? 1 : 0;
    ejected += is_down && node->verdict() == Verdict::kEjected ? 1 : 0;
  }
  const bool fails_open = conf.on_down.policy == conf::DownPolicy::kError && down > limit;
  if (ejected > (fails_open ? 0 : limit)) Complain(pool * kNodesOfAPool, "or more of its pool should be asked");
}

void Simulation::LookForOversights(Thread& thread, uint32_t node) {
  const conf::Pool& pool = PoolOf(node);
  const bool served = Record(node).verdict() == Verdict::kServe;
  // A node that was disabled was not checked either, and one with a script to run is given time.
  if (Record(node).Sum(&backends::NodeStats::heavy_in_flight) > 0) busy_[node] = loop_.now();
  const net::TimePoint excused = std::max(enabled_[node], busy_[node]);
  const net::Duration unwell_for = std::min(nodes_[node]->unwell_for(), loop_.now() - excused);
  const bool checked = pool.health.interval > net::Duration(0);
  if (checked && served && unwell_for > SlowestDetection(pool.health)) {
    Complain(node, "fails its checks and nobody minds");
  }
  const backends::NodeStats& stats = Record(node).stats(thread.number);
  Thread::Failing now{.timeouts = stats.timeouts.value() - stats.excused_timeouts.value(),
                      .connects = stats.connects.value(),
                      .connect_failures = stats.connect_failures.value()};
  for (size_t i = 0; i < backends::Histogram::kBuckets; ++i) now.replies += stats.request_duration.bucket(i);
  std::optional<Thread::Failing>& before = thread.seen[node];
  const bool closed = stats.breaker_state.value() == static_cast<uint64_t>(CircuitBreaker::BreakerState::kClosed);
  // News travel in no time, so twice is no chance.
  now.unknown = served && Record(node).view.state == backends::NodeState::kUp &&
                stats.breaker_state.value() == static_cast<uint64_t>(CircuitBreaker::BreakerState::kOpen);
  if (before && before->unknown && now.unknown) Complain(node, "is cut off by a worker and nobody knows");
  if (!before || !closed || before->replies != now.replies) before = now;
  // One of the timeouts may have been a probe's.
  // Where checks are on it is them that judge.
  const uint64_t limit = checked ? 0 : pool.breaker.consecutive_failures;
  if (limit > 0 && now.timeouts > before->timeouts + limit) Complain(node, "is silent and nobody minds");
  // While others of its connections are fine it is a matter of the one.
  now.some_ready = stats.ready_connections.value() > 0 || now.connects != before->connects;
  if (before->some_ready || now.some_ready) before->connect_failures = now.connect_failures;
  before->some_ready = now.some_ready;
  before->connects = now.connects;
  if (now.connect_failures > before->connect_failures) Complain(node, "refuses connections and nobody minds");
}

void Simulation::Complain(uint32_t node, std::string_view what) {
  ADD_FAILURE() << "at " << loop_.now().time_since_epoch().count() << " us node " << nodes_[node]->port() << " " << what
                << history_;
}

void Simulation::Ask(Thread& thread, uint32_t node, Outcome expected, backends::Flavour flavour) {
  const bool is_redis = PoolOf(node).protocol == conf::Protocol::kRedis;
  auto client = std::make_unique<SimProbe>(loop_);
  thread.AddClient(node / kNodesOfAPool, client->wire(), flavour);
  const uint64_t failures = Record(node).stats(thread.number).failures.value();
  if (expected == Outcome::kWriteRefused) {
    client->Ask(is_redis ? "SET " + keys_[node] + " x\r\n" : "set " + keys_[node] + " 0 0 1\r\nx\r\n");
  } else {
    client->Ask((is_redis ? "GET " : "get ") + keys_[node] + "\r\n");
  }
  // Later in this turn it may fail because its connection is broken.
  const bool refused = Record(node).stats(thread.number).failures.value() > failures;
  if (refused && expected == Outcome::kAsked) Complain(node, "is not asked though too many are down");
  probes_.push_back({std::move(client), node, expected, flavour});
}

// Often enough for the timeouts that make a connection be given up.
void Simulation::AskUseless() {
  for (uint32_t node = 0; node < kNodes; ++node) {
    if (nodes_[node]->useless_connections() == 0) continue;
    for (auto& thread : threads_) {
      // The place of a session decides which connection it uses: some stand in between, so that all have their turn.
      for (uint64_t i = loop_.Random(12); i > 0; --i) Ask(*thread, (node + 1) % kNodes, Outcome::kAnything);
      for (uint32_t i = 0; i < 2 * PoolOf(node).connections_per_node; ++i) {
        for (const backends::Flavour flavour : FlavoursOf(node)) Ask(*thread, node, Outcome::kAnything, flavour);
      }
    }
  }
  const net::TimePoint next = loop_.now() + net::Duration(15'000);
  if (next < kUselessAsked + std::chrono::seconds(4)) loop_.After(next - loop_.now(), [this] { AskUseless(); });
}

// What opens in the last round may have to wait for reconnect.rate: one flavour after the other opens before.
void Simulation::OpenLinks() {
  for (uint32_t node = 0; node < kNodes; ++node) {
    net::Duration pause(0);
    for (const backends::Flavour flavour : FlavoursOf(node)) {
      loop_.After(pause, [this, node, flavour] {
        for (auto& thread : threads_) Ask(*thread, node, Outcome::kAnything, flavour);
      });
      pause += std::chrono::milliseconds(1200);
    }
  }
}

void Simulation::FinalRound() {
  SCOPED_TRACE("faults:" + history_);
  if (scenario_) scenario_->Finish();
  for (uint32_t node = 0; node < kNodes; ++node) {
    EXPECT_EQ(Record(node).view.state, backends::NodeState::kUp) << Record(node).view.detail;
    EXPECT_EQ(Record(node).verdict(), Verdict::kServe);
    EXPECT_EQ(nodes_[node]->useless_connections(), 0U);
    for (auto& thread : threads_) {
      const backends::NodeStats& stats = Record(node).stats(thread->number);
      EXPECT_EQ(stats.breaker_state.value(), static_cast<uint64_t>(CircuitBreaker::BreakerState::kClosed));
      EXPECT_EQ(stats.in_flight.value(), 0U);
      const conf::Pool& pool = PoolOf(node);
      const SimNode& far = *nodes_[node];
      // A link that a client had for itself comes back when it is lost, and nothing is said on it before it is needed.
      const size_t plain = far.PlainConnections(thread->number);
      EXPECT_GE(plain, pool.connections_per_node);
      // The control link may have asked about a script alone, and links for what goes back say nothing else.
      const uint64_t untold = 1 + stats.given_back.value() + stats.lost_data.value();
      EXPECT_LE(plain, pool.connections_per_node + far.OwnConnectionsEver(thread->number) + untold);
      // The answer to a greeting may be on its way.
      EXPECT_LE(stats.ready_connections.value(), plain + far.OtherConnections(thread->number));
      EXPECT_GE(stats.ready_connections.value(),
                pool.connections_per_node + far.SettledOtherConnections(thread->number));
      EXPECT_LE(far.FlavourConnections(thread->number), pool.connections_per_node * pool.flavours_per_node);
    }
  }
  for (const auto& thread : threads_) {
    EXPECT_EQ(thread->worker->old_snapshots(), 0U);
    EXPECT_EQ(thread->worker->leaving_nodes(), 0U);
    EXPECT_EQ(thread->handed_back, events_.changes);
    for (const auto& spare : spares_) EXPECT_EQ(spare->open_connections(thread->number), 0U);
  }
  for (uint32_t node = 0; node < kNodes; ++node) {
    // As many as make it probable that each of the connections is asked.
    for (auto& thread : threads_) {
      for (int i = 0; i < 4; ++i) Ask(*thread, node, Outcome::kMiss);
    }
  }
  for (auto& client : clients_) client->FinishWell();
}

std::string Simulation::Fingerprint() const {
  std::string text = std::to_string(events_.answered);
  for (const auto& node : nodes_) text += "," + std::to_string(node->requests());
  return text;
}

}  // namespace ringproxy::sim
