#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "proxy/admin/admin_http.h"
#include "tests/proxy/admin/admin_fixture.h"
#include "tests/proxy/guard/limit_fixture.h"

namespace ringproxy::proxy {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// So slow that nothing comes back while a test runs.
conf::Limit OneAnHour(std::string name, uint64_t burst) {
  conf::Limit limit = TokenLimit(std::move(name), 1, burst);
  limit.rate.window = 1h;
  return limit;
}

class AdminLimitsTest : public AdminFixture {
 protected:
  AdminLimitsTest() : AdminFixture(Limited()) {}

  static conf::Config Limited() {
    conf::Limit tenant = OneAnHour("tenant", 5);
    tenant.match.prefix = {"t:"};
    tenant.per = {"prefix(5)"};
    tenant.cost = conf::LimitCost::kCommand;
    conf::Limit writes = OneAnHour("writes", 2);
    writes.match.command = {"write"};
    conf::Limit patient = OneAnHour("patient", 1);
    patient.match.prefix = {"slow:"};
    patient.action = conf::LimitAction::kDelay;
    patient.max_wait = 2h;
    conf::Limit counting = OneAnHour("counting", 1);
    counting.match.prefix = {"slow:"};
    counting.action = conf::LimitAction::kShadow;
    conf::Limit places;
    places.name = "places";
    places.algorithm = conf::LimitAlgorithm::kConcurrency;
    places.requests_in_flight = 7;
    places.match.listener = {"admin"};
    conf::Limit window = OneAnHour("window", 0);
    window.algorithm = conf::LimitAlgorithm::kSlidingWindow;
    window.match.user = {"root"};
    conf::Limit fleet = OneAnHour("fleet", 9);
    fleet.scope = conf::LimitScope::kGlobal;
    fleet.per = {"client_ip"};
    fleet.match.client = {"10.0.0.0/8"};
    conf::Config config = LimitedFleet({tenant, writes, patient, counting, places, window, fleet});
    config.priority = {Conditions{.prefix = {"t:"}}};
    return config;
  }

  const LimitRule& Rule(const std::string& name) const {
    const auto& rules = snapshot_->limits->rules();
    return *std::ranges::find(rules, name, [](const LimitRule& rule) { return rule.conf->name; });
  }
  // Takes from the one bucket of a limit.
  void Take(const std::string& name, uint64_t cost) {
    const int64_t now = std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
    const LimitRule& rule = Rule(name);
    rule.record->table().Take(snapshot_->limits->OnlyBucket(), rule.terms.bucket, now, cost);
  }
  json Listed(const AdminHttp::Query& query = {}) {
    return json::parse(admin_.Get("/api/v1/limits", query).body)["limits"];
  }
  json Limit(const std::string& name) { return Listed({{"limit", name}})[0]; }
  AdminReply Explain(const AdminHttp::Query& query) { return admin_.Get("/api/v1/limits/explain", query); }
  json Explained(const AdminHttp::Query& query) {
    const AdminReply reply = Explain(query);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  }
  // What one limit says of a request that it concerns.
  json Said(const std::string& limit, const AdminHttp::Query& query) {
    const json said = Explained(query);
    for (const json& entry : said["limits"]) {
      if (entry["name"] == limit) return entry;
    }
    return {};
  }
  void Lease(size_t worker, std::vector<LeaseView> leases) {
    stats_[worker]->leases.Set(std::make_shared<LeasesView>(std::move(leases)));
  }
};

TEST_F(AdminLimitsTest, ListsTheLimitsAsTheyStandInTheFile) {
  std::vector<std::string> names;
  for (const json& limit : Listed()) names.push_back(limit["name"]);
  EXPECT_EQ(names, (std::vector<std::string>{"tenant", "writes", "patient", "counting", "places", "window", "fleet"}));
  EXPECT_EQ(json::parse(admin_.Get("/api/v1/limits", {}).body)["store"], "store");
  EXPECT_EQ(Listed({{"limit", "writes"}}).size(), 1U);
  EXPECT_EQ(Listed({{"limit", "nosuch"}}).size(), 0U);
}

TEST_F(AdminLimitsTest, DescribesALimitByWhatItCounts) {
  EXPECT_EQ(Limit("tenant")["rate"], "1/h");
  EXPECT_EQ(Limit("tenant")["burst"], 5);
  EXPECT_EQ(Limit("tenant")["scope"], "local");
  EXPECT_EQ(Limit("patient")["action"], "delay");
  EXPECT_EQ(Limit("window")["algorithm"], "sliding_window");
  EXPECT_FALSE(Limit("window").contains("burst"));
  EXPECT_EQ(Limit("places")["requests_in_flight"], 7);
  EXPECT_FALSE(Limit("places").contains("rate"));
}

TEST_F(AdminLimitsTest, AddsUpWhatTheWorkersHaveDecided) {
  Rule("writes").record->state(0).stats.admitted.Add(3);
  Rule("writes").record->state(1).stats.admitted.Add(4);
  Rule("writes").record->state(1).stats.refused.Add(5);
  Rule("counting").record->state(0).stats.shadow_refused.Add(6);
  Rule("patient").record->state(0).stats.delayed.Add(7);
  Rule("patient").record->state(1).stats.waiting.Add(8);
  Rule("patient").record->state(1).stats.near_limit.Add(9);
  EXPECT_EQ(Limit("writes")["admitted"], 7);
  EXPECT_EQ(Limit("writes")["refused"], 5);
  EXPECT_EQ(Limit("counting")["shadow_refused"], 6);
  EXPECT_EQ(Limit("patient")["delayed"], 7);
  EXPECT_EQ(Limit("patient")["waiting"], 8);
  EXPECT_EQ(Limit("patient")["near_limit"], 9);
}

TEST_F(AdminLimitsTest, TellsHowFullTheOneBucketOfALimitIs) {
  EXPECT_EQ(Limit("writes")["fill"], 0);
  EXPECT_EQ(Limit("writes")["buckets"], (json{{"used", 0}, {"most", 1}, {"overflows", 0}}));
  Take("writes", 1);
  EXPECT_NEAR(Limit("writes")["fill"], 0.5, 0.01);
  EXPECT_EQ(Limit("writes")["buckets"]["used"], 1);
  EXPECT_FALSE(Limit("tenant").contains("fill"));  // It has many.
  EXPECT_FALSE(Limit("fleet").contains("fill"));   // The store knows.
}

TEST_F(AdminLimitsTest, TellsOfAGlobalLimitHowItsStoreFares) {
  EXPECT_FALSE(Limit("writes").contains("store"));
  limits_.SetProxies(4);
  LimitStats& stats = Rule("fleet").record->state(1).stats;
  stats.leases.Set(2);
  stats.lease_tokens.Set(30);
  stats.store_granted.Add(5);
  stats.store_timeouts.Add(1);
  const json store = Limit("fleet")["store"];
  EXPECT_EQ(store["state"], "ok");
  EXPECT_EQ(store["on_failure"], "local");
  EXPECT_EQ(store["proxies"], 4);
  EXPECT_EQ(store["leases"], 2);
  EXPECT_EQ(store["lease_tokens"], 30);
  EXPECT_EQ(store["granted"], 5);
  EXPECT_EQ(store["timeouts"], 1);
  stats.failing_leases.Set(1);
  EXPECT_EQ(Limit("fleet")["store"]["state"], "failing");
}

TEST_F(AdminLimitsTest, ExplainsWhichLimitsConcernARequestAndWhyTheOthersDoNot) {
  const json said = Explained({{"command", "MGET t:042:1 t:042:2 t:007:1 other"}, {"ip", "127.0.0.1"}});
  EXPECT_EQ(said["listener"], "web");
  EXPECT_EQ(said["command"], "mget");
  EXPECT_EQ(said["decision"], "admit");
  EXPECT_EQ(said["has_priority"], true);
  std::map<std::string, int> buckets;
  for (const json& entry : said["limits"]) {
    EXPECT_EQ(entry["name"], "tenant");
    EXPECT_EQ(entry["says"], "admit");
    EXPECT_EQ(entry["used"], 0);
    buckets[entry["bucket"]] = entry["cost"];
  }
  EXPECT_EQ(buckets, (std::map<std::string, int>{{"t:007", 1}, {"t:042", 2}}));
  std::map<std::string, std::string> others;
  for (const json& entry : said["others"]) others[entry["name"]] = entry["why"];
  EXPECT_EQ(others, (std::map<std::string, std::string>{{"writes", "another command"},
                                                        {"patient", "another key"},
                                                        {"counting", "another key"},
                                                        {"places", "another listener"},
                                                        {"window", "another client"},
                                                        {"fleet", "another client"}}));
}

TEST_F(AdminLimitsTest, ChangesNothingByExplaining) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Explained({{"command", "SET x 1"}})["decision"], "admit");
  EXPECT_EQ(Limit("writes")["fill"], 0);
}

TEST_F(AdminLimitsTest, TellsWhenARefusedRequestMayComeAgain) {
  Take("writes", 2);
  const json said = Said("writes", {{"command", "SET x 1"}});
  EXPECT_EQ(said["says"], "refuse");
  EXPECT_NEAR(said["retry_after_ms"], 3'600'000, 60'000);
  EXPECT_NEAR(said["used"], 1, 0.01);
  EXPECT_EQ(Explained({{"command", "SET x 1"}})["decision"], "refuse");
  // What costs more than the bucket holds is never admitted.
  EXPECT_EQ(Said("tenant", {{"command", " MGET  t:123a t:123b t:123c t:123d t:123e t:123f "}})["retry_after_ms"], -1);
}

TEST_F(AdminLimitsTest, TellsOfAWaitAndLetsNoLimitDecideThatOnlyCounts) {
  Take("patient", 1);
  Take("counting", 1);
  const json said = Explained({{"command", "GET slow:1"}});
  EXPECT_EQ(said["decision"], "delay");
  EXPECT_EQ(Said("counting", {{"command", "GET slow:1"}})["says"], "refuse");
  const json patient = Said("patient", {{"command", "GET slow:1"}});
  EXPECT_EQ(patient["says"], "delay");
  EXPECT_NEAR(patient["wait_ms"], 3'600'000, 60'000);
  Take("writes", 2);
  EXPECT_EQ(Explained({{"command", "SET slow:1 x"}})["decision"], "refuse");  // The stricter word counts.
}

TEST_F(AdminLimitsTest, TellsWhatTheWorkersHoldOfABucketOfTheStore) {
  const AdminHttp::Query asked = {{"command", "GET x"}, {"ip", "10.1.2.3"}};
  EXPECT_EQ(Said("fleet", asked)["says"], "ask the store");
  const std::string bucket = Said("fleet", asked)["bucket"];
  EXPECT_EQ(bucket, "10.1.2.3");
  Lease(0, {{"fleet", bucket, 3, 500, false}, {"fleet", "10.9.9.9", 100, 0, false}, {"other", bucket, 100, 0, false}});
  Lease(1, {{"fleet", bucket, 4, 250, false}});
  const json held = Said("fleet", asked);
  EXPECT_EQ(held["says"], "admit");
  EXPECT_EQ(held["lease_tokens"], 7);
  EXPECT_EQ(held["workers"], 2);
  EXPECT_DOUBLE_EQ(held["used"], 0.5);
  Lease(0, {{"fleet", bucket, 0, 1000, false}});
  Lease(1, {});
  EXPECT_EQ(Said("fleet", asked)["says"], "ask the store");
  Lease(1, {{"fleet", bucket, 4, 250, true}});
  EXPECT_EQ(Said("fleet", asked)["says"], "go by on_store_failure");
}

TEST_F(AdminLimitsTest, TakesTheListenerAndTheClientThatAreAskedAbout) {
  EXPECT_EQ(Said("window", {{"command", "GET x"}, {"user", "root"}})["says"], "admit");
  EXPECT_EQ(Said("places", {{"command", "GET x"}, {"listener", "admin"}})["says"], "admit");
  const json cache = Explained({{"command", "set t:1 0 0 1"}, {"listener", "cache"}});
  EXPECT_EQ(cache["listener"], "cache");
  EXPECT_EQ(cache["command"], "set");
}

TEST_F(AdminLimitsTest, SaysThatNoLimitConcernsWhatTheProxyAnswersItself) {
  const json said = Explained({{"command", "PING"}});
  EXPECT_EQ(said["decision"], "admit");
  EXPECT_EQ(said["limits"], json::array());
  for (const json& other : said["others"]) {
    EXPECT_EQ(other["why"], "the proxy answers it, and no node is asked") << other["name"];
  }
  EXPECT_EQ(said["others"].size(), 7U);
}

TEST_F(AdminLimitsTest, KnowsMemcachedCommandsThatAreOneWordAlone) {
  for (const char* command : {"stats", "stats|items"}) {
    std::string words = command;
    std::ranges::replace(words, '|', ' ');
    EXPECT_EQ(Explained({{"command", words}, {"listener", "cache"}})["command"], command);
  }
}

TEST_F(AdminLimitsTest, SaysWhatIsWrongWithAQuestion) {
  const std::pair<AdminHttp::Query, std::pair<int, std::string>> kWrong[] = {
      {{{"command", "GET x"}, {"listener", "nosuch"}}, {404, "no listener is called nosuch"}},
      {{}, {400, "command is missing: the words of a request, as in GET cart:1"}},
      {{{"command", "   "}}, {400, "command is missing: the words of a request, as in GET cart:1"}},
      {{{"command", "NOSUCH x"}}, {400, "unknown command"}},
      {{{"command", "GET"}}, {400, "unknown subcommand or wrong number of arguments"}},
      {{{"command", "SWAPDB 0 1"}},
       {400, "not supported: nodes cannot swap databases at the same instant: ask each of them"}},
      {{{"command", "stats proxy"}, {"listener", "cache"}},
       {400, "not supported: it concerns one server: ask the node itself"}},
      {{{"command", "GET x"}, {"ip", "10.0.0"}}, {400, "10.0.0 is no IP address"}},
      {{{"command", "nosuch x"}, {"listener", "cache"}}, {400, "unknown command"}},
      {{{"command", "get"}, {"listener", "cache"}}, {400, "too few arguments"}},
      {{{"command", "incr n"}, {"listener", "cache"}}, {400, "too few arguments"}},
      {{{"command", "incr n 1 2 3"}, {"listener", "cache"}}, {400, "too many arguments"}},
      {{{"command", "stats nosuch"}, {"listener", "cache"}}, {400, "unknown command"}},
  };
  for (const auto& [query, expected] : kWrong) {
    const AdminReply reply = Explain(query);
    EXPECT_EQ(reply.status, expected.first);
    EXPECT_EQ(json::parse(reply.body), (json{{"error", expected.second}}));
  }
}

}  // namespace
}  // namespace ringproxy::proxy
