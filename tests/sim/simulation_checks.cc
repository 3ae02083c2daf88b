// What is held against a run once it is over.
#include <gtest/gtest.h>

#include "tests/sim/simulation_thread.h"

namespace ringproxy::sim {
namespace {

// Of one node, as all workers and the checks see it.
constexpr uint64_t kMostTransitions = 40;

net::Duration LongestWait(const conf::Timeouts& timeouts) {
  return timeouts.total > net::Duration(0) ? timeouts.total : timeouts.connect + timeouts.request;
}

}  // namespace

Events& Events::operator+=(const Events& other) {
  answered += other.answered;
  refused_at_once += other.refused_at_once;
  kept_asking += other.kept_asking;
  timeouts += other.timeouts;
  overloads += other.overloads;
  rate_limited += other.rate_limited;
  delayed += other.delayed;
  leased += other.leased;
  store_failures += other.store_failures;
  late_replies += other.late_replies;
  transitions += other.transitions;
  moved_keys += other.moved_keys;
  changes += other.changes;
  lasting_uses += other.lasting_uses;
  leaving_nodes += other.leaving_nodes;
  pushes += other.pushes;
  scenarios += other.scenarios;
  return *this;
}

void Simulation::Check() {
  SCOPED_TRACE("faults:" + history_);
  CheckClients();
  CheckScenario();
  CheckProbes();
  CheckNodes();
  CheckNothingIsLeft();
}

void Simulation::CheckClients() {
  for (const auto& client : clients_) {
    EXPECT_EQ(client->complaint(), "");
    if (client->left_early()) continue;
    EXPECT_EQ(client->unanswered(), 0U);
    EXPECT_TRUE(client->closed());
    events_.answered += client->answered();
  }
}

void Simulation::CheckScenario() {
  if (scenario_) scenario_->Check(&events_.scenarios);
}

void Simulation::CheckProbes() {
  for (const Probe& probe : probes_) {
    const conf::Pool& pool = PoolOf(probe.node);
    const bool is_redis = pool.protocol == conf::Protocol::kRedis;
    const std::string& reply = probe.client->reply();
    ASSERT_TRUE(probe.client->took());
    const net::Duration took = *probe.client->took();
    EXPECT_LE(took, LongestWait(pool.timeouts)) << reply;
    const bool missed = reply == (!is_redis ? "END\r\n" : probe.flavour.protocol == 3 ? "_\r\n" : "$-1\r\n");
    const bool refused = reply.starts_with(is_redis ? "-NODEDOWN " : "SERVER_ERROR node down");
    const bool failed = reply.starts_with(is_redis ? "-" : "SERVER_ERROR ") && reply.ends_with("\r\n");
    switch (probe.expected) {
      case Outcome::kRefused:
      case Outcome::kWriteRefused:
        EXPECT_TRUE(refused && took == net::Duration(0)) << reply << " after " << took.count() << " us";
        ++events_.refused_at_once;
        break;
      case Outcome::kAsked: ++events_.kept_asking; [[fallthrough]];
      case Outcome::kAnything: EXPECT_TRUE(missed || failed) << reply; break;
      case Outcome::kMiss: EXPECT_TRUE(missed) << reply; break;
    }
  }
}

void Simulation::CheckNodes() {
  std::vector<uint64_t> transitions(kNodes);
  for (uint32_t node = 0; node < kNodes; ++node) {
    for (const auto& [transition, count] : Record(node).transitions) transitions[node] += count;
  }
  for (const auto& spare : spares_) EXPECT_EQ(spare->wrong_requests(), 0U);
  for (uint32_t node = 0; node < kNodes; ++node) {
    EXPECT_EQ(nodes_[node]->wrong_requests(), 0U);
    EXPECT_EQ(nodes_[node]->ignored_nonsense(), 0U);
    EXPECT_LE(transitions[node], kMostTransitions);
    events_.transitions += transitions[node];
    for (const auto& thread : threads_) {
      // Those that follow the first one that is ready are apart from the rate; a node that comes back begins anew. A
      // client that needs a link for itself does not wait for it, once.
      const size_t own = scenario_ ? scenario_->own_links() : 0;
      EXPECT_LE(
          nodes_[node]->MostConnectsASecond(thread->number),
          (PoolOf(node).reconnect.rate.amount + PoolOf(node).connections_per_node - 1) * (1 + comings_[node]) + own);
    }
  }
}

void Simulation::CheckNothingIsLeft() {
  for (const auto& thread : threads_) {
    EXPECT_EQ(thread->worker->session_count(), 0U);
    EXPECT_EQ(thread->worker->open_fanouts(), 0U);
    EXPECT_EQ(thread->worker->limiter().followed(), 0U);
    for (const proxy::LimitRule& rule : snapshot_->limits->rules()) {
      const proxy::LimitStats& limit = rule.record->state(thread->number).stats;
      EXPECT_EQ(limit.waiting.value(), 0U);
      events_.rate_limited += limit.refused.value();
      events_.delayed += limit.delayed.value();
      events_.leased += limit.store_granted.value();
      events_.store_failures += limit.store_errors.value() + limit.store_timeouts.value();
    }
    EXPECT_EQ(thread->worker->blocks().blocks_in_use(), 0U);
    thread->worker.reset();
    EXPECT_EQ(thread->stats.clients.open.value(), 0U);
    for (uint32_t node = 0; node < kNodes; ++node) {
      const backends::NodeStats& stats = Record(node).stats(thread->number);
      EXPECT_EQ(stats.in_flight.value(), 0U);
      EXPECT_EQ(stats.ready_connections.value(), 0U);
      events_.timeouts += stats.timeouts.value();
      events_.overloads += stats.overloads.value();
      events_.late_replies += stats.late_replies.value();
      events_.pushes += stats.pushes.value();
    }
  }
  monitor_.reset();
  EXPECT_EQ(loop_.open_streams(), 0U);
}

}  // namespace ringproxy::sim
