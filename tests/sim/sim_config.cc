#include "tests/sim/sim_config.h"

#include <initializer_list>

#include "conf/values.h"
#include "tests/sim/sim_client.h"

namespace ringproxy::sim {
namespace {

using net::Duration;

template <typename T>
T OneOf(SimLoop& loop, std::initializer_list<T> values) {
  return values.begin()[loop.Random(values.size())];
}

// Loose, tight, or off.
conf::Breaker RandomBreaker(SimLoop& loop) {
  conf::Breaker breaker;
  switch (loop.Random(4)) {
    case 0: break;
    case 1:
      breaker.consecutive_failures = 0;
      breaker.failure_ratio = breaker.slow_ratio = {};
      break;
    default:
      breaker = {.consecutive_failures = 2,
                 .failure_ratio = {300},
                 .min_requests = 5,
                 .window = Duration(1'000'000),
                 .slow_ratio = {500},
                 .slow_threshold = Duration(5'000),
                 .slow_factor = OneOf<conf::Ratio>(loop, {{0}, {3000}})};
  }
  breaker.open = OneOf(loop, {Duration(20'000), Duration(100'000)});
  breaker.ramp = OneOf(loop, {Duration(0), Duration(50'000)});
  return breaker;
}

void SetPolicies(SimLoop& loop, conf::Pool& pool) {
  if (loop.Chance(0.35)) pool.on_down.policy = conf::DownPolicy::kRehash;
  if (loop.Chance(0.25)) pool.ring.load_bound = {1250};
  if (loop.Chance(0.3)) pool.on_partial = conf::OnPartial::kMiss;
  // Who takes a part of the values for all of them does so with keys.
  pool.scan.skip_down = pool.on_partial == conf::OnPartial::kMiss;
  pool.max_ejected = OneOf<conf::Ratio>(loop, {{0}, {340}, {500}, {1000}});
  pool.connections_per_node = static_cast<uint32_t>(1 + loop.Random(3));
  pool.flavours_per_node = OneOf<uint32_t>(loop, {2, kMostFlavours});
  pool.breaker = RandomBreaker(loop);
  using Algorithm = conf::ConcurrencyAlgorithm;
  pool.concurrency.algorithm = OneOf(loop, {Algorithm::kOff, Algorithm::kAimd, Algorithm::kAimd, Algorithm::kGradient});
  // A gradient follows every change of the latency, also when all is well; what it leaves has to suffice then.
  pool.concurrency.min =
      pool.concurrency.algorithm == Algorithm::kGradient ? kEnoughInFlight : OneOf<uint32_t>(loop, {4, 64});
  pool.timeouts = {
      .connect = Duration(50'000),
      .request = Duration(20'000),
      .heavy = Duration(60'000),
      .total = OneOf(loop, {Duration(0), Duration(30'000)}),
  };
  // Shares that let many through: what they do is of interest here, not how seldom.
  if (loop.Chance(0.25)) {
    pool.retries = {.max = OneOf<uint32_t>(loop, {0, 2}), .budget = {500}, .least = {100}};
    pool.hedging.budget = OneOf<conf::Ratio>(loop, {{0}, {300}});
  }
  pool.reconnect = {
      .initial = Duration(5'000), .max = Duration(40'000), .rate = {OneOf<uint64_t>(loop, {10, 30, 100})}};
  pool.health = {.interval = OneOf(loop, {Duration(0), Duration(40'000), Duration(40'000), Duration(200'000)}),
                 .fast_interval = Duration(8'000),
                 .down_interval = Duration(60'000),
                 .timeout = Duration(20'000),
                 .maintenance_key = {}};
}

void AddFleet(SimLoop& loop, conf::Protocol protocol, conf::Config& config) {
  conf::Pool& pool = config.pools.emplace_back();
  pool.name = conf::NameOf(protocol);
  pool.protocol = protocol;
  pool.ring.virtual_nodes = 64;
  SetPolicies(loop, pool);
  for (uint32_t i = 0; i < kNodesOfAPool; ++i) {
    const size_t port = kFirstPort + (config.pools.size() - 1) * kNodesOfAPool + i;
    pool.nodes.push_back({"n" + std::to_string(i), {"sim", static_cast<uint16_t>(port), ""}, 1});
  }
  conf::Listener& listener = config.listeners.emplace_back();
  listener.name = pool.name;
  listener.protocol = protocol;
  listener.routes = {{"", pool.name}};
  // So few that full queues are common.
  listener.limits.requests_in_flight = 24;
  listener.limits.bulk_bytes = kLargestValue;
  if (protocol == conf::Protocol::kRedis && loop.Chance(0.4)) pool.subscriptions = conf::SubscriptionLinks::kOwn;
}

// All of it on keys that clients own: the probes of the last round are not limited.
conf::Limit RandomLimit(SimLoop& loop) {
  conf::Limit limit;
  limit.match.prefix = {"own:"};
  limit.rate = {OneOf<uint64_t>(loop, {50, 300, 2000})};
  limit.burst = OneOf<uint64_t>(loop, {1, 5, 50});
  limit.action = OneOf(loop, {conf::LimitAction::kDeny, conf::LimitAction::kDelay, conf::LimitAction::kShadow});
  limit.max_wait = Duration(30'000);
  limit.max_waiting = OneOf<uint32_t>(loop, {1, 1000});
  limit.cost = OneOf(loop, {conf::LimitCost::kRequest, conf::LimitCost::kCommand});
  limit.bytes_per_token = OneOf<uint64_t>(loop, {0, 0, 64});
  limit.buckets = OneOf<uint32_t>(loop, {1, 65536});
  if (loop.Chance(0.4)) limit.per = {"key"};
  if (loop.Chance(0.3)) limit.match.command = {OneOf<std::string>(loop, {"write", "get", "mget"})};
  switch (loop.Random(4)) {
    case 0:
      limit.scope = conf::LimitScope::kGlobal;
      limit.check = OneOf(loop, {conf::LimitCheck::kLease, conf::LimitCheck::kExact});
      limit.on_store_failure =
          OneOf(loop, {conf::StoreFailure::kLocal, conf::StoreFailure::kOpen, conf::StoreFailure::kClosed});
      break;
    case 1:
      limit.algorithm = OneOf(loop, {conf::LimitAlgorithm::kConcurrency, conf::LimitAlgorithm::kSlidingWindow,
                                     conf::LimitAlgorithm::kFixedWindow});
      limit.requests_in_flight = 2;
      if (limit.action == conf::LimitAction::kDelay) limit.action = conf::LimitAction::kDeny;
      break;
    case 2: limit.scope = conf::LimitScope::kConnection; break;
    default: break;
  }
  return limit;
}

void AddLimits(SimLoop& loop, conf::Config& config) {
  // Their store is a fleet that fails as any other.
  config.global_limits.store = config.pools.front().name;
  config.global_limits.timeout = Duration(8'000);
  // Once a second all buckets in debt pay: with a tiny limit that would go on until the last round.
  config.pools.front().concurrency.algorithm = conf::ConcurrencyAlgorithm::kOff;
  for (uint64_t count = loop.Random(4); count > 0; --count) {
    config.limits.push_back(RandomLimit(loop));
    config.limits.back().name = "limit" + std::to_string(count);
  }
}

}  // namespace

conf::Config RandomConfig(SimLoop& loop, bool has_proxies) {
  conf::Config config;
  config.workers = static_cast<uint32_t>(1 + loop.Random(kMostWorkers));
  for (const conf::Protocol protocol : kProtocols) AddFleet(loop, protocol, config);
  if (loop.Chance(0.5)) AddLimits(loop, config);
  for (conf::Listener& listener : config.listeners) {
    if (has_proxies) listener.proxy_protocol = {"10.0.0.1"};
  }
  return config;
}

conf::Config ChangedConfig(SimLoop& loop, conf::Config base, Change change) {
  for (size_t p = 0; p < base.pools.size(); ++p) {
    std::vector<conf::Node>& nodes = base.pools[p].nodes;
    if (change == Change::kKeys) {
      if (loop.Chance(0.5)) nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(loop.Random(nodes.size())));
      if (loop.Chance(0.5)) nodes.push_back({"n3", {"sim", static_cast<uint16_t>(kFirstSpare + p), ""}, 1});
      for (conf::Node& node : nodes) node.weight = static_cast<uint32_t>(1 + loop.Random(3));
    }
    for (size_t i = nodes.size() - 1; i > 0; --i) std::swap(nodes[i], nodes[loop.Random(i + 1)]);
  }
  for (conf::Listener& listener : base.listeners) {
    listener.limits.requests_in_flight = OneOf<uint64_t>(loop, {8, 24, 100});
  }
  for (conf::Limit& limit : base.limits) {
    if (loop.Chance(0.5)) continue;
    const std::string name = limit.name;
    limit = RandomLimit(loop);
    limit.name = name;
  }
  if (!base.limits.empty() && loop.Chance(0.3)) base.limits.pop_back();
  for (size_t i = base.limits.size(); i > 1; --i) std::swap(base.limits[i - 1], base.limits[loop.Random(i)]);
  return base;
}

Consistency ConsistencyOf(const conf::Pool& pool, bool keys_move) {
  if (pool.retries.max > 0 || pool.hedging.budget.thousandths > 0) return Consistency::kReordered;
  // A key may be looked for elsewhere than where it was written, or a failure may look like a miss.
  const bool moves = pool.on_down.policy == conf::DownPolicy::kRehash || pool.ring.load_bound.thousandths > 0;
  return moves || keys_move || pool.on_partial == conf::OnPartial::kMiss ? Consistency::kStale : Consistency::kStrict;
}

}  // namespace ringproxy::sim
