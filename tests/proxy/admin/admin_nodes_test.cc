#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "backends/line_limit.h"
#include "proxy/admin/admin_http.h"
#include "tests/proxy/admin/admin_fixture.h"
#include "tests/support/log_capture.h"

namespace ringproxy::proxy {
namespace {

using backends::TripReason;
using Breaker = backends::CircuitBreaker::BreakerState;
using nlohmann::json;
using testing::HasSubstr;

class AdminNodesTest : public AdminFixture {
 protected:
  AdminNodesTest() : AdminFixture(TwoPools()) {}
  static conf::Config TwoPools() {
    conf::Config config;
    for (const char* name : {"main", "carts"}) {
      conf::Pool& pool = config.pools.emplace_back();
      pool.name = name;
      pool.nodes = {{"r0", {"10.0.0.1", 7, ""}, 1}, {std::string(name) + "-only", {"10.0.0.2", 7, ""}, 1}};
    }
    config.pools[1].nodes.push_back({"unix:/run/x.sock", {"", 0, "/run/x.sock"}, 1});
    config.pools[1].nodes.push_back({"named", {"redis.test", 7, ""}, 1});
    conf::Listener& listener = config.listeners.emplace_back();
    listener.name = "web";
    listener.routes = {{"", "main"}};
    return config;
  }
  json Nodes(const AdminHttp::Query& query = {}) {
    return json::parse(admin_.Get("/api/v1/nodes", query).body)["nodes"];
  }
  // Asks the resolver, and waits for its answer.
  void Resolve(const std::string& host) {
    std::promise<void> answered;
    const auto question = resolver_.Ask(loop_, host, [&](const net::ResolvedName&) { answered.set_value(); });
    answered.get_future().wait();
  }
  std::string StateOf(size_t node) { return Nodes()[node]["state"]; }
  AdminReply Order(const std::string& node, const std::string& order, const AdminHttp::Query& query = {}) {
    return admin_.Post("/api/v1/nodes/" + node + "/" + order, query);
  }
};

TEST_F(AdminNodesTest, ShowsEachNodesStateWithItsReasonAndSinceWhen) {
  monitor_.OnBreaker(1, {AllNodes(*snapshot_)[1], Breaker::kOpen, TripReason::kConnection, "Connection refused"});
  const json nodes = Nodes();
  ASSERT_EQ(nodes.size(), 6U);
  EXPECT_EQ(nodes[0]["state"], "up");
  EXPECT_EQ(nodes[0]["reason"], "start");
  EXPECT_EQ(nodes[1]["name"], "main-only");
  EXPECT_EQ(nodes[1]["pool"], "main");
  EXPECT_EQ(nodes[1]["address"], "10.0.0.2:7");
  EXPECT_EQ(nodes[1]["state"], "down");
  EXPECT_EQ(nodes[1]["reason"], "connection");
  EXPECT_EQ(nodes[1]["detail"], "Connection refused");
  EXPECT_THAT(nodes[1]["since"], testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

TEST_F(AdminNodesTest, AddsUpTheWorkersCounts) {
  Stats(0, 2).requests.Add(3);
  Stats(1, 2).requests.Add(4);
  Stats(0, 2).failures.Add(2);
  Stats(0, 2).overloads.Add(3);
  Stats(1, 2).overloads.Add(5);
  Stats(0, 2).concurrency_limit.Set(64);
  Stats(1, 2).concurrency_limit.Set(100);
  Stats(1, 2).timeouts.Add(1);
  Stats(1, 2).late_replies.Add(1);
  Stats(0, 2).in_flight.Add(5);
  Stats(0, 2).ready_connections.Add(2);
  const json node = Nodes()[2];
  EXPECT_EQ(node["requests"], 7);
  EXPECT_EQ(node["failures"], 2);
  EXPECT_EQ(node["overloads"], 8);
  EXPECT_EQ(node["concurrency_limit"], 164);
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_overloads_total{pool=\"carts\",node=\"r0\"} 8"));
  EXPECT_THAT(Metrics(), HasSubstr("ringproxy_node_concurrency_limit{pool=\"carts\",node=\"r0\"} 164"));
  EXPECT_EQ(node["timeouts"], 1);
  EXPECT_EQ(node["late_replies"], 1);
  EXPECT_EQ(node["in_flight"], 5);
  EXPECT_EQ(node["connections"], 2);
}

TEST_F(AdminNodesTest, ShowsWhatANameResolvedToAndWhen) {
  EXPECT_EQ(Nodes()[0]["resolved"], nullptr);  // A number.
  EXPECT_EQ(Nodes()[4]["resolved"], nullptr);  // A path.
  EXPECT_EQ(Nodes()[5]["resolved"], nullptr);  // Nobody has asked yet.
  names_.Know("redis.test", {"10.0.0.5", "fd00::5"});
  Resolve("redis.test");
  const json good = Nodes()[5]["resolved"];
  EXPECT_EQ(good["addresses"], (json{"10.0.0.5", "fd00::5"}));
  EXPECT_THAT(good["at"], testing::MatchesRegex("20..-..-..T..:..:..Z"));
  EXPECT_EQ(good["asked"], good["at"]);
  EXPECT_FALSE(good.contains("error"));
  names_.Know("redis.test", {}, EAI_AGAIN);
  Resolve("redis.test");
  const json kept = Nodes()[5]["resolved"];
  EXPECT_EQ(kept["addresses"], good["addresses"]);
  EXPECT_EQ(kept["error"], "cannot resolve redis.test: Temporary failure in name resolution");
  names_.Know("redis.test", {}, EAI_NONAME);
  Resolve("redis.test");
  const json gone = Nodes()[5]["resolved"];
  EXPECT_EQ(gone["addresses"], json::array());
  EXPECT_FALSE(gone.contains("at"));
  EXPECT_EQ(gone["error"], "cannot resolve redis.test: Name or service not known");
}

TEST_F(AdminNodesTest, ShowsTheNodesOfOnePool) {
  EXPECT_EQ(Nodes({{"pool", "carts"}}).size(), 4U);
  EXPECT_EQ(Nodes({{"pool", "x"}}).size(), 0U);
}

TEST_F(AdminNodesTest, CarriesOutEachOrder) {
  EXPECT_EQ(Order("main-only", "drain").status, 200);
  EXPECT_EQ(StateOf(1), "drained");
  EXPECT_EQ(AllNodes(*snapshot_)[1]->verdict(), backends::Verdict::kEjected);
  EXPECT_EQ(Order("main-only", "disable").status, 200);
  EXPECT_EQ(StateOf(1), "disabled");
  EXPECT_EQ(Order("main-only", "enable").status, 200);
  EXPECT_EQ(StateOf(1), "up");
  EXPECT_EQ(AllNodes(*snapshot_)[1]->verdict(), backends::Verdict::kServe);
  const json reply = json::parse(Order("main-only", "enable").body);
  EXPECT_EQ(reply, (json{{"name", "main-only"}, {"order", "enable"}, {"pools", 1}}));
}

TEST_F(AdminNodesTest, LogsOrdersThatAreRepeatedForLongNotEachTime) {
  const test::LogCapture log;
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Order("main-only", i % 2 == 0 ? "drain" : "enable").status, 200);
  backends::LineLimit::SayAllLeftOut();
  const std::string text = log.text();
  // The order and what becomes of the node are two kinds of lines. Other tests may have had their share of the orders.
  EXPECT_LE(std::ranges::count(text, '\n'), 2 * backends::LineLimit::kBurst + 3);
  EXPECT_THAT(text, HasSubstr("node main-only of pool main is in state drained: an operator's order\n"));
  EXPECT_THAT(text, HasSubstr("more lines like this were left out: an operator's order: "));
}

TEST_F(AdminNodesTest, OrdersANameInEveryPoolOrInTheOneAskedFor) {
  EXPECT_EQ(json::parse(Order("r0", "drain", {{"pool", "carts"}}).body)["pools"], 1);
  EXPECT_EQ(StateOf(0), "up");
  EXPECT_EQ(StateOf(2), "drained");
  EXPECT_EQ(json::parse(Order("r0", "drain").body)["pools"], 2);
  EXPECT_EQ(StateOf(0), "drained");
}

TEST_F(AdminNodesTest, TakesANameWithSlashes) {
  EXPECT_EQ(Order("unix:/run/x.sock", "drain").status, 200);
  EXPECT_EQ(StateOf(4), "drained");
}

TEST_F(AdminNodesTest, SaysWhatIsWrongWithAnOrder) {
  for (const char* path :
       {"/api/v1/nodes/r0/explode", "/api/v1/nodes/drain", "/api/v1/nodes", "drain", "", "/api/v1/pools/main/drain"}) {
    const AdminReply reply = admin_.Post(path, {});
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_THAT(reply.body, HasSubstr("/api/v1/nodes/NAME/drain")) << path;
  }
  EXPECT_EQ(Order("x", "drain").status, 404);
  EXPECT_THAT(Order("x", "drain").body, HasSubstr("no node is called x"));
  EXPECT_EQ(Order("main-only", "drain", {{"pool", "carts"}}).status, 404);
  EXPECT_EQ(Order("", "drain").status, 404);
  for (size_t n = 0; n < 6; ++n) EXPECT_EQ(StateOf(n), "up");
}

}  // namespace
}  // namespace ringproxy::proxy
