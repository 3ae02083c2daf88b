#include "proxy/admin/admin_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "proxy/admin/metrics.h"
#include "proxy/route/router.h"
#include "tests/proxy/admin/admin_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::HasSubstr;
using testing::Not;

class AdminTest : public AdminFixture {
 protected:
  AdminTest() : AdminFixture(TwoNodes()) {}

  static conf::Config TwoNodes() {
    conf::Config config;
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = "main";
    pool.nodes = {{"r0", {"10.0.0.1", 7, ""}, 1}, {"r1", {"10.0.0.2", 7, ""}, 3}};
    conf::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.routes = {{"", "main"}};
    conf::Limit& limit = config.limits.emplace_back();
    limit.name = "slow";
    limit.rate = {.amount = 10};
    return config;
  }
};

// A worker counts on while it is read.
TEST_F(AdminTest, NeverShowsLessThanNoRequestAdmittedByALimit) {
  snapshot_->limits->rules()[0].record->state(0).stats.admitted.Add(3);
  snapshot_->limits->rules()[0].record->state(0).stats.delayed.Add(1);
  const std::string admitted = "ringproxy_limit_decisions_total{limit=\"slow\",decision=\"admitted\"} ";
  EXPECT_THAT(Metrics(), HasSubstr(admitted + "2\n"));
  snapshot_->limits->rules()[0].record->state(1).stats.delayed.Add(5);
  EXPECT_THAT(Metrics(), HasSubstr(admitted + "0\n"));
}

TEST_F(AdminTest, AddsUpTheWorkers) {
  Stats(0, 1).requests.Add(3);
  Stats(1, 1).requests.Add(4);
  stats_[0]->listeners[0].accepted.Add(2);
  stats_[1]->listeners[0].closed.Add(1);
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_requests_total{pool=\"main\",node=\"r1\"} 7\n"));
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_sessions{listener=\"web\"} 1\n"));
}

TEST_F(AdminTest, WritesHistogramsWithGrowingBucketsThatEndAtTheCount) {
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

TEST_F(AdminTest, CountsUnknownCommandsAsOtherAndLeavesOutWhatNeverCame) {
  stats_[0]->listeners[0].requests[wire::RedisCommands().size()].Add();
  EXPECT_THAT(Metrics(), HasSubstr("command=\"other\"} 1\n"));
  EXPECT_THAT(Metrics(), Not(HasSubstr("command=\"get\"")));
}

TEST_F(AdminTest, SharesFollowTheWeights) {
  const std::vector<double> shares = MeasureRingShares(*snapshot_)[0];
  EXPECT_NEAR(shares[0], 0.25, 0.04);
  EXPECT_NEAR(shares[0] + shares[1], 1, 1e-9);
}

TEST_F(AdminTest, IsReadyOnceEachPoolHasAUsableNodeAndUntilItDrains) {
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);
  Stats(1, 0).ready_connections.Add();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);  // The other worker has none.
  Stats(0, 0).ready_connections.Add();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 200);
  admin_.SetDraining();
  EXPECT_EQ(admin_.Get("/readyz", {}).status, 503);
  EXPECT_EQ(admin_.Get("/healthz", {}).status, 200);
}

TEST_F(AdminTest, LocatesAKeyWhereTheRouterSendsIt) {
  for (int i = 0; i < 50; ++i) {
    const std::string key = "{tag}" + std::to_string(i) + "\xff";
    const auto node = RouteKey(*snapshot_, snapshot_->listeners[0], key).node;
    const AdminReply reply = admin_.Get("/api/v1/locate", {{"pool", "main"}, {"key", key}});
    EXPECT_EQ(reply.status, 200);
    EXPECT_THAT(reply.body, HasSubstr("\"node\": \"r" + std::to_string(node) + "\""));
    EXPECT_THAT(reply.body, HasSubstr("\"hashed_part\": \"tag\""));
  }
}

TEST_F(AdminTest, SaysWhatIsWrongWithAQuestion) {
  EXPECT_EQ(admin_.Get("/api/v1/locate", {{"pool", "main"}}).status, 400);
  EXPECT_EQ(admin_.Get("/api/v1/locate", {{"pool", "x"}, {"key", "k"}}).status, 404);
  EXPECT_THAT(admin_.Get("/x", {}).body, HasSubstr("/metrics"));
}

TEST_F(AdminTest, ShowsHowTheLoadIsSpread) {
  nodes_.Tick(net::TimePoint(std::chrono::seconds(100)));
  Stats(0, 0).requests.Add(30);
  Stats(1, 1).requests.Add(30);
  Stats(1, 1).bytes_sent.Add(500);
  nodes_.Tick(net::TimePoint(std::chrono::seconds(110)));
  const auto minute = nlohmann::json::parse(admin_.Get("/api/v1/skew", {{"pool", "main"}}).body)["pools"][0]["minute"];
  EXPECT_EQ(minute["seconds"], 10);
  EXPECT_EQ(minute["requests"], 60);
  // r1 has three quarters of the weight and half of the requests.
  EXPECT_DOUBLE_EQ(minute["nodes"][0]["ratio"], 2);
  EXPECT_DOUBLE_EQ(minute["peak_to_mean"], 2);
  EXPECT_EQ(minute["nodes"][1]["bytes"], 500);
  nodes_.Tick(net::TimePoint(std::chrono::seconds(300)));
  const auto pool = nlohmann::json::parse(admin_.Get("/api/v1/skew", {{"pool", "main"}}).body)["pools"][0];
  EXPECT_EQ(pool["minute"]["requests"], 0);
  EXPECT_EQ(pool["hour"]["requests"], 60);
  EXPECT_EQ(pool["hour"]["bytes"], 500);
  EXPECT_DOUBLE_EQ(pool["hour"]["nodes"][1]["share"], 0.5);
  EXPECT_EQ(nlohmann::json::parse(admin_.Get("/api/v1/skew", {{"pool", "x"}}).body)["pools"].size(), 0U);
}

TEST_F(AdminTest, AddsUpTheWorkersHotKeys) {
  for (uint64_t count : {30U, 50U}) {
    auto view = std::make_shared<HotKeysView>();
    view->pools.push_back({{{"hot", count}, {"warm", 10}}, 200});
    stats_[count == 30 ? 0 : 1]->hot_keys.Set(std::move(view));
  }
  const auto pool = nlohmann::json::parse(admin_.Get("/api/v1/hotkeys", {{"limit", "1"}}).body)["pools"][0];
  ASSERT_EQ(pool["keys"].size(), 1U);
  EXPECT_EQ(pool["keys"][0]["key"], "hot");
  EXPECT_DOUBLE_EQ(pool["keys"][0]["share"], 0.2);
  EXPECT_EQ(pool["keys"][0]["node"],
            nlohmann::json::parse(admin_.Get("/api/v1/locate", {{"pool", "main"}, {"key", "hot"}}).body)["node"]);
  EXPECT_EQ(admin_.Get("/api/v1/hotkeys", {{"limit", "x"}}).status, 400);
}

}  // namespace
}  // namespace ringproxy::proxy
