#include "proxy/admin/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "tests/proxy/admin/admin_fixture.h"

namespace ringproxy::proxy {
namespace {

using backends::NodeState;
using backends::TripReason;
using Breaker = backends::CircuitBreaker::BreakerState;
using testing::HasSubstr;
using testing::Not;

class MetricsTest : public AdminFixture {
 protected:
  MetricsTest() : AdminFixture(TwoNodes()) {}
};

// A worker counts on while it is read.
TEST_F(MetricsTest, NeverShowsLessThanNoRequestAdmittedByALimit) {
  snapshot_->limits->rules()[0].record->state(0).stats.admitted.Add(3);
  snapshot_->limits->rules()[0].record->state(0).stats.delayed.Add(1);
  const std::string admitted = "ringproxy_limit_decisions_total{limit=\"slow\",decision=\"admitted\"} ";
  EXPECT_THAT(Metrics(), HasSubstr(admitted + "2\n"));
  snapshot_->limits->rules()[0].record->state(1).stats.delayed.Add(5);
  EXPECT_THAT(Metrics(), HasSubstr(admitted + "0\n"));
}

TEST_F(MetricsTest, AddsUpTheWorkers) {
  Stats(0, 1).requests.Add(3);
  Stats(1, 1).requests.Add(4);
  stats_[0]->listeners[0].accepted.Add(2);
  stats_[1]->listeners[0].closed.Add(1);
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_requests_total{pool=\"main\",node=\"r1\"} 7\n"));
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_sessions{listener=\"web\"} 1\n"));
  // Clients that came and went while the page was made.
  stats_[1]->listeners[0].closed.Add(3);
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_sessions{listener=\"web\"} 0\n"));
}

TEST_F(MetricsTest, WritesHistogramsWithGrowingBucketsThatEndAtTheCount) {
  EXPECT_THAT(Metrics(), Not(HasSubstr("ringproxy_request_duration_seconds_count")));
  stats_[0]->pools[0].request_duration[0].Record(std::chrono::microseconds(3));
  stats_[1]->pools[0].request_duration[0].Record(std::chrono::hours(1));
  const std::string text = Metrics();
  const std::string labels = "pool=\"main\",class=\"read\"";
  EXPECT_THAT(text, HasSubstr("ringproxy_request_duration_seconds_bucket{" + labels + ",le=\"2e-06\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("ringproxy_request_duration_seconds_bucket{" + labels + ",le=\"4e-06\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ringproxy_request_duration_seconds_bucket{" + labels + ",le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("ringproxy_request_duration_seconds_count{" + labels + "} 2\n"));
}

TEST_F(MetricsTest, CountsUnknownCommandsAsOtherAndLeavesOutWhatNeverCame) {
  stats_[0]->listeners[0].requests[wire::RedisCommands().size()].Add();
  EXPECT_THAT(Metrics(), HasSubstr("command=\"other\"} 1\n"));
  EXPECT_THAT(Metrics(), Not(HasSubstr("command=\"get\"")));
}

TEST_F(MetricsTest, SharesFollowTheWeights) {
  const std::vector<double> shares = MeasureRingShares(*snapshot_)[0];
  EXPECT_NEAR(shares[0], 0.25, 0.04);
  EXPECT_NEAR(shares[0] + shares[1], 1, 1e-9);
}

TEST_F(MetricsTest, TellsMetricsWhetherANodeIsUp) {
  const std::string up = "ringproxy_node_up{pool=\"main\",node=\"r0\"} ";
  EXPECT_THAT(Metrics(), HasSubstr(up + "0\n"));
  Stats(1, 0).ready_connections.Add();
  EXPECT_THAT(Metrics(), HasSubstr(up + "0\n"));  // The clients of the other worker read NODEDOWN.
  Stats(0, 0).ready_connections.Add();
  EXPECT_THAT(Metrics(), HasSubstr(up + "1\n"));
  monitor_.OnBreaker(0, {AllNodes(*snapshot_)[0], Breaker::kOpen, TripReason::kTimeouts, ""});
  EXPECT_THAT(Metrics(), HasSubstr(up + "0\n"));
  monitor_.OnBreaker(0, {AllNodes(*snapshot_)[0], Breaker::kHalfOpen, TripReason::kTimeouts, ""});
  EXPECT_THAT(Metrics(), HasSubstr(up + "0\n"));  // Writes do.
  monitor_.OnBreaker(0, {AllNodes(*snapshot_)[0], Breaker::kClosed, TripReason::kTimeouts, ""});
  EXPECT_THAT(Metrics(), HasSubstr(up + "1\n"));
}

TEST_F(MetricsTest, ShowsTheWorstOfTheWorkersBreakers) {
  const std::string breaker = "ringproxy_node_breaker_state{pool=\"main\",node=\"r0\"} ";
  const auto set = [&](Breaker first, Breaker second) {
    Stats(0, 0).breaker_state.Set(static_cast<uint64_t>(first));
    Stats(1, 0).breaker_state.Set(static_cast<uint64_t>(second));
  };
  const std::pair<std::pair<Breaker, Breaker>, const char*> cases[] = {
      {{Breaker::kClosed, Breaker::kClosed}, "0\n"},   {{Breaker::kClosed, Breaker::kOpen}, "1\n"},
      {{Breaker::kOpen, Breaker::kClosed}, "1\n"},     {{Breaker::kOpen, Breaker::kHalfOpen}, "1\n"},
      {{Breaker::kHalfOpen, Breaker::kOpen}, "1\n"},   {{Breaker::kHalfOpen, Breaker::kClosed}, "2\n"},
      {{Breaker::kClosed, Breaker::kHalfOpen}, "2\n"},
  };
  for (const auto& [states, text] : cases) {
    set(states.first, states.second);
    EXPECT_THAT(Metrics(), HasSubstr(breaker + text));
  }
}

TEST_F(MetricsTest, ShowsTheCountersAloneOfANodeThatHasLeftAndForFiveMinutes) {
  const std::string labels = "{pool=\"main\",node=\"gone\"";
  {
    const auto gone = nodes_.Get("main", "gone");
    gone->stats(0).requests.Add(7);
    gone->stats(1).request_duration.Record(std::chrono::microseconds(3));
    gone->transitions[{NodeState::kUp, NodeState::kDown, "check"}] = 2;
  }
  nodes_.Tick(net::TimePoint());
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_requests_total" + labels + "} 7\n"));
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_request_duration_seconds_count" + labels + "} 1\n"));
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_transitions_total" + labels + ",from=\"up\""));
  for (const char* gauge :
       {"node_up", "node_in_flight", "node_breaker_state", "node_concurrency_limit", "ring_share"}) {
    EXPECT_THAT(Metrics(), HasSubstr(std::string("ringproxy_") + gauge + "{pool=\"main\",node=\"r0\"}"));
    EXPECT_THAT(Metrics(), Not(HasSubstr(std::string("ringproxy_") + gauge + labels)));
  }
  nodes_.Tick(net::TimePoint(backends::NodeRegistry::kKept));
  EXPECT_THAT(Metrics(), Not(HasSubstr(labels)));
}

TEST_F(MetricsTest, CountsTransitionsByFromToAndReason) {
  EXPECT_THAT(Metrics(), Not(HasSubstr("ringproxy_node_transitions_total{")));
  for (int i = 0; i < 2; ++i) {
    admin_.Post("/api/v1/nodes/r1/drain", {});
    admin_.Post("/api/v1/nodes/r1/enable", {});
  }
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_transitions_total{pool=\"main\",node=\"r1\",from=\"up\","
                                   "to=\"drained\",reason=\"operator\"} 2\n"));
}

TEST_F(MetricsTest, DescribesEveryFamilyOnceBeforeItsSamples) {
  stats_[0]->pools[0].request_duration[0].Record(std::chrono::microseconds(3));
  std::istringstream lines(Metrics());
  std::set<std::string> families;
  std::string family;
  size_t samples = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family << " comes twice";
      EXPECT_GT(line.size(), family.size() + 10) << line;
    } else if (!line.starts_with("# TYPE ")) {
      ++samples;
      EXPECT_TRUE(line.starts_with("ringproxy_") && line.starts_with(family)) << line << " is in " << family;
    }
  }
  EXPECT_GT(families.size(), 40U);
  EXPECT_GT(samples, families.size());
}

TEST_F(MetricsTest, TellsWhatEachLimitHasDecidedOverAllWorkers) {
  const LimitRule& rule = snapshot_->limits->rules()[0];
  for (const uint32_t worker : {0U, 1U}) {
    LimitStats& stats = rule.record->state(worker).stats;
    stats.refused.Add(2);
    stats.shadow_refused.Add(3);
    stats.store_granted.Add(4);
    stats.store_timeouts.Add(5);
    stats.fallback_ms.Add(750);
    stats.near_limit.Add(6);
    stats.waiting.Add(7);
    stats.leases.Add(8);
    stats.lease_tokens.Add(9);
  }
  const auto of = [&](const std::string& family, const std::string& more = "") {
    return Metric(family + "{limit=\"slow\"" + more + "}");
  };
  EXPECT_EQ(of("limit_decisions_total", ",decision=\"refused\""), "4");
  EXPECT_EQ(of("limit_decisions_total", ",decision=\"shadow_refused\""), "6");
  EXPECT_EQ(of("limit_decisions_total", ",decision=\"delayed\""), "0");
  EXPECT_EQ(of("limit_store_calls_total", ",result=\"granted\""), "8");
  EXPECT_EQ(of("limit_store_calls_total", ",result=\"timeout\""), "10");
  EXPECT_EQ(of("limit_store_calls_total", ",result=\"error\""), "0");
  EXPECT_EQ(of("limit_fallback_seconds_total"), "1.5");
  EXPECT_EQ(of("limit_near_limit_total"), "12");
  EXPECT_EQ(of("limit_waiting"), "14");
  EXPECT_EQ(of("limit_leases"), "16");
  EXPECT_EQ(of("limit_lease_tokens"), "18");
  EXPECT_EQ(of("limit_failing_leases"), "0");
}

TEST_F(MetricsTest, TellsHowManyBucketsALimitHasInUse) {
  const LimitRule& rule = snapshot_->limits->rules()[0];
  EXPECT_EQ(Metric("limit_buckets{limit=\"slow\"}"), "0");
  rule.record->table().Take(snapshot_->limits->OnlyBucket(), rule.terms.bucket, 1'000'000'000, 1);
  EXPECT_EQ(Metric("limit_buckets{limit=\"slow\"}"), "1");
  EXPECT_EQ(Metric("limit_bucket_overflows_total{limit=\"slow\"}"), "0");
}

TEST_F(MetricsTest, TellsHowManyProxiesTheStoreKnows) {
  EXPECT_EQ(Metric("limit_proxies"), "1");
  limits_.SetProxies(3);
  EXPECT_EQ(Metric("limit_proxies"), "3");
}

TEST_F(MetricsTest, CountsRefusalsByListenerCommandAndReason) {
  EXPECT_THAT(Metrics(), Not(HasSubstr("ringproxy_refusals_total{")));
  const size_t multi = wire::CommandIndex(*wire::FindRedisCommand("multi"));
  stats_[0]->listeners[0].refusals.Add(multi, wire::ErrorCode::kNotSupported);
  stats_[1]->listeners[0].refusals.Add(multi, wire::ErrorCode::kNotSupported);
  stats_[1]->listeners[0].refusals.Add(wire::RedisCommands().size(), wire::ErrorCode::kUnknownCommand);
  EXPECT_EQ(Metric("refusals_total{listener=\"web\",command=\"multi\",reason=\"not_supported\"}"), "2");
  EXPECT_EQ(Metric("refusals_total{listener=\"web\",command=\"other\",reason=\"unknown_command\"}"), "1");
}

TEST_F(MetricsTest, CountsRequestsByTheirCommand) {
  const size_t get = wire::CommandIndex(*wire::FindRedisCommand("get"));
  stats_[0]->listeners[0].requests[get].Add(3);
  stats_[1]->listeners[0].requests[get].Add(4);
  EXPECT_EQ(Metric("requests_total{listener=\"web\",command=\"get\"}"), "7");
  EXPECT_EQ(Metric("requests_total{listener=\"web\",command=\"set\"}"), "none");
}

TEST_F(MetricsTest, AddsUpTheRetriesOfAPool) {
  stats_[0]->retries[0].retries.Add(1);
  stats_[1]->retries[0].retries.Add(2);
  stats_[1]->retries[0].hedges.Add(5);
  stats_[1]->retries[0].hedges_won.Add(4);
  EXPECT_EQ(Metric("retries_total{pool=\"main\"}"), "3");
  EXPECT_EQ(Metric("hedges_total{pool=\"main\"}"), "5");
  EXPECT_EQ(Metric("hedges_won_total{pool=\"main\"}"), "4");
}

TEST_F(MetricsTest, TellsEachListenersClientsAndBytes) {
  ListenerStats& listener = stats_[1]->listeners[0];
  listener.accepted.Add(9);
  listener.closed.Add(4);
  listener.cut_off.Add(1);
  listener.greeting_failures.Add(2);
  listener.bytes_in.Add(100);
  listener.bytes_out.Add(1'000'000'000'000);
  EXPECT_EQ(Metric("accepted_total{listener=\"web\"}"), "9");
  EXPECT_EQ(Metric("sessions{listener=\"web\"}"), "5");
  EXPECT_EQ(Metric("clients_cut_off_total{listener=\"web\"}"), "1");
  EXPECT_EQ(Metric("greeting_failures_total{listener=\"web\"}"), "2");
  EXPECT_EQ(Metric("bytes_in_total{listener=\"web\"}"), "100");
  EXPECT_DOUBLE_EQ(std::stod(Metric("bytes_out_total{listener=\"web\"}")), 1e12);
}

TEST_F(MetricsTest, ShowsANodesShareAndTheTimesOfItsRequests) {
  EXPECT_NEAR(std::stod(Metric("ring_share{pool=\"main\",node=\"r1\"}")), 0.75, 0.04);
  const std::string duration = "node_request_duration_seconds_";
  const std::string labels = "{pool=\"main\",node=\"r1\"}";
  EXPECT_EQ(Metric(duration + "count" + labels), "none");
  Stats(0, 1).request_duration.Record(std::chrono::milliseconds(500));
  Stats(1, 1).request_duration.Record(std::chrono::milliseconds(250));
  EXPECT_EQ(Metric(duration + "count" + labels), "2");
  EXPECT_EQ(Metric(duration + "sum" + labels), "0.75");
}

}  // namespace
}  // namespace ringproxy::proxy
