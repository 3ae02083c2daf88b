#include "proxy/admin/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <utility>

#include "conf/version.h"
#include "proxy/admin/metrics_families.h"
#include "proxy/control/log.h"
#include "proxy/control/refusals.h"

namespace ringproxy::proxy {
namespace {

struct NodeStatRow {
  backends::Counter backends::NodeStats::*counter;
  const char* name;
  MetricType type;
  const char* help;
};

constexpr NodeStatRow kNodeStats[] = {
    {&backends::NodeStats::requests, "node_requests_total", MetricType::Counter, "Requests meant for the node."},
    {&backends::NodeStats::failures, "node_failures_total", MetricType::Counter,
     "Requests to the node that the proxy answered with an error of its own."},
    {&backends::NodeStats::overloads, "node_overloads_total", MetricType::Counter,
     "Requests refused because the node has enough in flight; they are no failures."},
    {&backends::NodeStats::timeouts, "node_timeouts_total", MetricType::Counter, "Requests whose deadline passed."},
    {&backends::NodeStats::excused_timeouts, "node_excused_timeouts_total", MetricType::Counter,
     "Timeouts of waits and scripts, and of requests behind something large or without a connection; the breaker does "
     "not count them."},
    {&backends::NodeStats::pushes, "node_pushes_total", MetricType::Counter,
     "Frames of RESP3 that a node sent unasked (push), which are dropped."},
    {&backends::NodeStats::subscription_gaps, "subscription_gaps_total", MetricType::Counter,
     "Channels and patterns whose messages at the node clients may have missed: its connection was lost, or late."},
    {&backends::NodeStats::given_back, "wait_data_given_back_total", MetricType::Counter,
     "Times that a blocking command had popped something for a client that had left, and it was put back."},
    {&backends::NodeStats::lost_data, "wait_data_lost_total", MetricType::Counter,
     "Times that a blocking command had popped something for a client that had left, and it could not be put back."},
    {&backends::NodeStats::scans_skipped, "node_scans_skipped_total", MetricType::Counter,
     "Times that a SCAN went on without the node, which was down (scan.skip_down)."},
    {&backends::NodeStats::late_replies, "node_late_replies_total", MetricType::Counter,
     "Replies discarded because their requests had timed out."},
    {&backends::NodeStats::connects, "node_connects_total", MetricType::Counter, "Connections that became ready."},
    {&backends::NodeStats::connect_failures, "node_connect_failures_total", MetricType::Counter,
     "Connection attempts that failed."},
    {&backends::NodeStats::bytes_sent, "node_bytes_sent_total", MetricType::Counter, "Bytes written to the node."},
    {&backends::NodeStats::bytes_received, "node_bytes_received_total", MetricType::Counter,
     "Bytes read from the node."},
    {&backends::NodeStats::in_flight, "node_in_flight", MetricType::Gauge, "Requests that wait for the node's reply."},
    {&backends::NodeStats::pinned_links, "pinned_links", MetricType::Gauge,
     "Connections to the node that one client each has for itself."},
    {&backends::NodeStats::concurrency_limit, "node_concurrency_limit", MetricType::Gauge,
     "How many may wait for the node's reply, over all workers; 0 where there is no limit."},
};

struct ListenerStatRow {
  backends::Counter ListenerStats::*counter;
  const char* name;
  const char* help;
};

constexpr ListenerStatRow kListenerStats[] = {
    {&ListenerStats::accepted, "accepted_total", "Client connections accepted."},
    {&ListenerStats::auth_failures, "auth_failures_total",
     "Logins that were refused: the password was wrong, or too many had come from the address."},
    {&ListenerStats::greeting_failures, "greeting_failures_total",
     "Client connections closed since what has to come before the first request was wrong, late or missing."},
    {&ListenerStats::cut_off, "clients_cut_off_total",
     "Clients disconnected since too many bytes waited for them, or the memory limit was passed."},
    {&ListenerStats::replies, "replies_total", "Replies given to clients."},
    {&ListenerStats::bytes_in, "bytes_in_total", "Bytes read from clients."},
    {&ListenerStats::bytes_out, "bytes_out_total", "Bytes written to clients."},
};

struct RetryStatRow {
  backends::Counter RetryStats::*counter;
  const char* name;
  const char* help;
};

constexpr RetryStatRow kRetryStats[] = {
    {&RetryStats::retries, "retries_total", "Reads that were sent once more after a failure."},
    {&RetryStats::hedges, "hedges_total", "Reads that were also asked of a second node."},
    {&RetryStats::hedges_won, "hedges_won_total", "Hedged reads whose answer came from the second node."},
};

struct LimitStatRow {
  backends::Counter LimitStats::*counter;
  const char* name;
  MetricType type;
  const char* help;
};

constexpr LimitStatRow kLimitStats[] = {
    {&LimitStats::near_limit, "limit_near_limit_total", MetricType::Counter,
     "Requests admitted when at least 80% of their bucket were used up."},
    {&LimitStats::waiting, "limit_waiting", MetricType::Gauge, "Requests that wait for the limit."},
    {&LimitStats::leases, "limit_leases", MetricType::Gauge, "Buckets of a global limit that workers hold leases of."},
    {&LimitStats::lease_tokens, "limit_lease_tokens", MetricType::Gauge, "Tokens that are leased and not spent."},
    {&LimitStats::failing_leases, "limit_failing_leases", MetricType::Gauge, "Leases that the store does not answer."},
};

// One family each, by a label whose values are these.
struct LimitValueRow {
  backends::Counter LimitStats::*counter;
  const char* value;
};
constexpr LimitValueRow kDecisions[] = {
    {&LimitStats::refused, "refused"},
    {&LimitStats::shadow_refused, "shadow_refused"},
    {&LimitStats::delayed, "delayed"},
};
constexpr LimitValueRow kStoreResults[] = {
    {&LimitStats::store_granted, "granted"},
    {&LimitStats::store_refused, "refused"},
    {&LimitStats::store_timeouts, "timeout"},
    {&LimitStats::store_errors, "error"},
};

constexpr const char* kAccessNames[kAccessCount] = {"read", "write", "admin", "other"};

// The nodes in the order in which they are shown: those of the snapshot, then those that have left it.
struct ShownNodes {
  ShownNodes(const Snapshot& snapshot, const backends::NodeRegistry& registry) {
    std::set<const backends::NodeRecord*> known;
    for (const PoolSnapshot& pool : snapshot.pools) {
      for (const auto& node : pool.nodes) {
        present.push_back(node.get());
        known.insert(node.get());
      }
    }
    // The registry keeps those that have left for some minutes, so that a rate over their counters sees their end.
    all = present;
    registry.ForEach([&](const backends::NodeRecord& node) {
      if (!known.contains(&node)) all.push_back(&node);
    });
  }
  // What a node that has left is doing now is nothing to show.
  const std::vector<const backends::NodeRecord*>& Of(MetricType type) const {
    return type == MetricType::Gauge ? present : all;
  }

  std::vector<const backends::NodeRecord*> present;
  std::vector<const backends::NodeRecord*> all;
};

Labels LabelsOf(const backends::NodeRecord& node) {
  return {{"pool", node.pool()}, {"node", node.name()}};
}

// One worker's open breaker is worse than another's on trial.
double BreakerState(const backends::NodeRecord& node) {
  using BreakerState = backends::CircuitBreaker::BreakerState;
  BreakerState worst = BreakerState::kClosed;
  for (uint32_t worker = 0; worker < node.workers(); ++worker) {
    const auto state = static_cast<BreakerState>(node.stats(worker).breaker_state.value());
    if (state == BreakerState::kOpen || worst == BreakerState::kClosed) worst = state;
  }
  return static_cast<double>(worst);
}

void AddHealth(const ShownNodes& nodes, Families& families) {
  MetricFamily& up = families.Add(
      "node_up", MetricType::Gauge,
      "1 while the node serves everybody: neither out nor on trial, and each worker has a ready connection.");
  MetricFamily& breaker = families.Add("node_breaker_state", MetricType::Gauge,
                                       "The worst of the workers' circuit breakers: 0 closed, 1 open, 2 half-open.");
  for (const backends::NodeRecord* node : nodes.present) {
    AddValue(up, LabelsOf(*node), node->IsUp() ? 1 : 0);
    AddValue(breaker, LabelsOf(*node), BreakerState(*node));
  }
  MetricFamily& transitions =
      families.Add("node_transitions_total", MetricType::Counter, "Changes of a node's state, by what caused them.");
  for (const backends::NodeRecord* node : nodes.all) {
    for (const auto& [transition, count] : node->transitions) {
      Labels labels = LabelsOf(*node);
      labels.push_back({"from", std::string(NameOf(transition.from))});
      labels.push_back({"to", std::string(NameOf(transition.to))});
      labels.push_back({"reason", transition.reason});
      AddValue(transitions, std::move(labels), static_cast<double>(count));
    }
  }
}

void AddNodes(const ShownNodes& nodes, Families& families) {
  for (const NodeStatRow& row : kNodeStats) {
    MetricFamily& family = families.Add(row.name, row.type, row.help);
    for (const backends::NodeRecord* node : nodes.Of(row.type)) {
      AddValue(family, LabelsOf(*node), static_cast<double>(node->Sum(row.counter)));
    }
  }
}

void AddShares(const Snapshot& snapshot, const RingShares& shares, Families& families) {
  MetricFamily& share = families.Add("ring_share", MetricType::Gauge, "The node's share of its pool's ring.");
  for (size_t p = 0; p < snapshot.pools.size(); ++p) {
    for (size_t n = 0; n < shares[p].size(); ++n) AddValue(share, LabelsOf(*snapshot.pools[p].nodes[n]), shares[p][n]);
  }
}

void AddNodeDurations(const ShownNodes& nodes, Families& families) {
  MetricFamily& duration = families.Add("node_request_duration_seconds", MetricType::Histogram,
                                        "From handing a request to the node's connection to its reply.");
  for (const backends::NodeRecord* node : nodes.all) {
    std::vector<const backends::Histogram*> histograms;
    for (uint32_t w = 0; w < node->workers(); ++w) histograms.push_back(&node->stats(w).request_duration);
    AddHistogram(duration, LabelsOf(*node), histograms);
  }
}

void AddListeners(const Snapshot& snapshot, AllStats workers, Families& families) {
  const auto sum = [&](size_t listener, const std::function<uint64_t(const ListenerStats&)>& of) {
    uint64_t total = 0;
    for (const auto& worker : workers) total += of(worker->listeners[listener]);
    return static_cast<double>(total);
  };
  for (const ListenerStatRow& row : kListenerStats) {
    MetricFamily& family = families.Add(row.name, MetricType::Counter, row.help);
    for (size_t l = 0; l < snapshot.config.listeners.size(); ++l) {
      AddValue(family, {{"listener", snapshot.config.listeners[l].name}},
               sum(l, [&](const ListenerStats& stats) { return (stats.*row.counter).value(); }));
    }
  }
  MetricFamily& sessions = families.Add("sessions", MetricType::Gauge, "Client connections open now.");
  MetricFamily& requests = families.Add("requests_total", MetricType::Counter, "Requests of clients, by command.");
  for (size_t l = 0; l < snapshot.config.listeners.size(); ++l) {
    const std::string& name = snapshot.config.listeners[l].name;
    // Read first, since a client may come and go in between.
    const double closed = sum(l, [](const ListenerStats& stats) { return stats.closed.value(); });
    const double accepted = sum(l, [](const ListenerStats& stats) { return stats.accepted.value(); });
    AddValue(sessions, {{"listener", name}}, std::max(accepted, closed) - closed);
    const conf::Protocol protocol = snapshot.config.listeners[l].protocol;
    const size_t commands = CommandCount(protocol);
    // The row behind the last command counts those that the table does not know. Commands that nobody has sent are left
    // out: hundreds of zeros for each listener would be most of the page.
    for (size_t c = 0; c <= commands; ++c) {
      const double count = sum(l, [c](const ListenerStats& stats) { return stats.requests[c].value(); });
      const std::string_view command = c < commands ? CommandAt(protocol, c).name : "other";
      if (count > 0) AddValue(requests, {{"listener", name}, {"command", std::string(command)}}, count);
    }
  }
}

void AddRefusals(const Snapshot& snapshot, AllStats workers, Families& families) {
  MetricFamily& refusals = families.Add("refusals_total", MetricType::Counter,
                                        "Requests refused for what they are, not because of a node or a limit.");
  for (uint32_t l = 0; l < snapshot.config.listeners.size(); ++l) {
    const conf::Listener& listener = snapshot.config.listeners[l];
    ForEachRefusal(listener.protocol, l, workers, [&](const Refusal& refusal) {
      AddValue(refusals,
               {{"listener", listener.name},
                {"command", std::string(refusal.command)},
                {"reason", std::string(wire::ErrorName(refusal.reason))}},
               static_cast<double>(refusal.count));
    });
  }
}

void AddPools(const Snapshot& snapshot, AllStats workers, Families& families) {
  MetricFamily& duration = families.Add("request_duration_seconds", MetricType::Histogram,
                                        "From the framing of a request to its reply entering the client's output.");
  for (size_t p = 0; p < snapshot.pools.size(); ++p) {
    for (size_t access = 0; access < kAccessCount; ++access) {
      std::vector<const backends::Histogram*> histograms;
      for (const auto& worker : workers) histograms.push_back(&worker->pools[p].request_duration[access]);
      AddHistogram(duration, {{"pool", snapshot.config.pools[p].name}, {"class", kAccessNames[access]}}, histograms);
    }
  }
}

void AddRetries(const Snapshot& snapshot, AllStats workers, Families& families) {
  for (const RetryStatRow& row : kRetryStats) {
    MetricFamily& family = families.Add(row.name, MetricType::Counter, row.help);
    for (size_t p = 0; p < snapshot.pools.size(); ++p) {
      uint64_t total = 0;
      for (const auto& worker : workers) total += (worker->retries[p].*row.counter).value();
      AddValue(family, {{"pool", snapshot.config.pools[p].name}}, static_cast<double>(total));
    }
  }
}

// Decisions add up to the requests that the limit was asked about: those admitted are those that did not wait.
void AddLimitCounters(const LimitRule& rule, MetricFamily& decisions, MetricFamily& store_calls) {
  const std::string& name = rule.conf->name;
  const auto sum = [&](backends::Counter LimitStats::*counter) { return rule.record->Sum(counter); };
  // Read first, since it may grow meanwhile and there are never fewer admitted.
  const uint64_t delayed = sum(&LimitStats::delayed);
  const uint64_t admitted = std::max(sum(&LimitStats::admitted), delayed) - delayed;
  AddValue(decisions, {{"limit", name}, {"decision", "admitted"}}, static_cast<double>(admitted));
  for (const LimitValueRow& row : kDecisions) {
    AddValue(decisions, {{"limit", name}, {"decision", row.value}}, static_cast<double>(sum(row.counter)));
  }
  for (const LimitValueRow& row : kStoreResults) {
    AddValue(store_calls, {{"limit", name}, {"result", row.value}}, static_cast<double>(sum(row.counter)));
  }
}

void AddLimits(std::span<const LimitRule> rules, const SharedLimits& limits, Families& families) {
  MetricFamily& decisions =
      families.Add("limit_decisions_total", MetricType::Counter, "What the limit has said of requests.");
  MetricFamily& store_calls =
      families.Add("limit_store_calls_total", MetricType::Counter, "Questions to the store of global limits.");
  MetricFamily& fallback = families.Add("limit_fallback_seconds_total", MetricType::Counter,
                                        "Time in which a worker went by on_store_failure.");
  MetricFamily& buckets = families.Add("limit_buckets", MetricType::Gauge, "Buckets in the process's table.");
  MetricFamily& overflows = families.Add("limit_bucket_overflows_total", MetricType::Counter,
                                         "Requests that had to share a bucket, since the table was full.");
  for (const LimitRule& rule : rules) {
    const std::string& name = rule.conf->name;
    const BucketTable& table = std::as_const(*rule.record).table();
    AddLimitCounters(rule, decisions, store_calls);
    AddValue(fallback, {{"limit", name}}, static_cast<double>(rule.record->Sum(&LimitStats::fallback_ms)) * 1e-3);
    AddValue(buckets, {{"limit", name}}, static_cast<double>(table.size()));
    AddValue(overflows, {{"limit", name}}, static_cast<double>(table.overflows()));
  }
  for (const LimitStatRow& row : kLimitStats) {
    MetricFamily& family = families.Add(row.name, row.type, row.help);
    for (const LimitRule& rule : rules) {
      AddValue(family, {{"limit", rule.conf->name}}, static_cast<double>(rule.record->Sum(row.counter)));
    }
  }
  AddValue(families.Add("limit_proxies", MetricType::Gauge, "Proxies alive, as the store of global limits last said."),
           {}, limits.proxies());
}

}  // namespace

void AddHistogram(MetricFamily& family, Labels labels, std::span<const backends::Histogram* const> histograms) {
  ClientMetric metric;
  metric.label = std::move(labels);
  uint64_t count = 0;
  uint64_t sum_us = 0;
  for (const backends::Histogram* histogram : histograms) sum_us += histogram->sum_us();
  for (size_t i = 0; i < backends::Histogram::kBuckets; ++i) {
    for (const backends::Histogram* histogram : histograms) count += histogram->bucket(i);
    const bool last = i + 1 == backends::Histogram::kBuckets;
    const double bound = last ? INFINITY : std::ldexp(1e-6, static_cast<int>(i));
    // Prometheus wants buckets that include all smaller ones, the last one without a bound.
    metric.histogram.bucket.push_back({count, bound});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = static_cast<double>(sum_us) * 1e-6;
  if (count > 0) family.metric.push_back(std::move(metric));
}

// Measured and not computed, so that it holds for every algorithm: where evenly spread hashes land.
RingShares MeasureRingShares(const Snapshot& snapshot) {
  constexpr uint64_t kSamples = 1 << 16;
  constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // Its multiples are evenly spread (Knuth, TAOCP 6.4).
  RingShares shares;
  for (const PoolSnapshot& pool : snapshot.pools) {
    std::vector<double>& own = shares.emplace_back(pool.nodes.size());
    for (uint64_t i = 0; i < kSamples; ++i) own[pool.ring->Pick(i * kGoldenRatio)] += 1.0 / kSamples;
  }
  return shares;
}

std::string MetricsText(const Snapshot& snapshot, AllStats workers, const backends::NodeRegistry& nodes,
                        const RingShares& ring_shares, const SharedLimits& limits, const net::ProcessMemory& memory) {
  const ShownNodes shown(snapshot, nodes);
  Families families;
  AddListeners(snapshot, workers, families);
  AddRefusals(snapshot, workers, families);
  AddPools(snapshot, workers, families);
  AddNodes(shown, families);
  AddShares(snapshot, ring_shares, families);
  AddNodeDurations(shown, families);
  AddRetries(snapshot, workers, families);
  AddHealth(shown, families);
  AddLimits(snapshot.limits->rules(), limits, families);
  AddProcess(workers, memory, families);
  return families.Text();
}

}  // namespace ringproxy::proxy
