#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "proxy/admin/admin_http.h"
#include "proxy/route/database_key.h"
#include "tests/proxy/admin/admin_fixture.h"

namespace ringproxy::proxy {
namespace {

using nlohmann::json;

class AdminSkewTest : public AdminFixture {
 protected:
  AdminSkewTest() : AdminFixture(TwoNodes()) {}

  json Page(const std::string& path, const AdminHttp::Query& query = {}) {
    return json::parse(admin_.Get("/api/v1/" + path, query).body)["pools"];
  }
  // What a worker says of its keys.
  void Publish(size_t worker, std::vector<ring::HeavyHitters::Hitter> top, uint64_t total) {
    auto view = std::make_shared<HotKeysView>();
    view->pools.push_back({std::move(top), total});
    stats_[worker]->hot_keys.Set(std::move(view));
  }
};

TEST_F(AdminSkewTest, ShowsHowTheLoadIsSpread) {
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

TEST_F(AdminSkewTest, AddsUpTheWorkersHotKeys) {
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

TEST_F(AdminSkewTest, HasNoSharesWhereNobodyAsked) {
  const json minute = Page("skew")[0]["minute"];
  EXPECT_EQ(minute["requests"], 0);
  EXPECT_EQ(minute["nodes"].size(), 2U);
  EXPECT_EQ(minute["nodes"][0]["share"], 0);
  EXPECT_DOUBLE_EQ(minute["nodes"][1]["fair_share"], 0.75);
  EXPECT_EQ(minute["nodes"][1]["weight"], 3);
}

TEST_F(AdminSkewTest, ListsTheMostFrequentKeysFirstAndTwentyOfThem) {
  std::vector<ring::HeavyHitters::Hitter> top;
  for (uint64_t i = 0; i < 30; ++i) top.push_back({"k" + std::to_string(i), 100 - i});
  Publish(0, std::move(top), 1000);  // The other worker has said nothing yet.
  const json keys = Page("hotkeys")[0]["keys"];
  ASSERT_EQ(keys.size(), 20U);
  EXPECT_EQ(keys[0]["key"], "k0");
  EXPECT_EQ(keys[19]["key"], "k19");
  EXPECT_DOUBLE_EQ(keys[0]["share"], 0.1);
  EXPECT_EQ(Page("hotkeys", {{"limit", "25"}})[0]["keys"].size(), 25U);
}

TEST_F(AdminSkewTest, ListsTheBiggestKeysThatAnyWorkerHasSeen) {
  using Big = ring::BiggestKeys::BigKey;
  const auto publish = [&](size_t worker, std::vector<Big> keys) {
    stats_[worker]->key_sizes.Set(std::make_shared<KeySizesView>(KeySizesView{std::move(keys)}));
  };
  publish(0, {{"big", 5000, true, 60}, {"same", 70, true, 9}, {"small", 7, false, 0}});
  publish(1, {{"big", 4000, false, 1}, {"same", 70, false, 3}});
  const json biggest = Page("hotkeys")[0]["biggest"];
  ASSERT_EQ(biggest.size(), 3U);
  const json owner = json::parse(admin_.Get("/api/v1/locate", {{"pool", "main"}, {"key", "big"}}).body)["node"];
  const json expected = {{"key", "big"}, {"node", owner}, {"bytes", 5000}, {"seen_in", "reply"}, {"seconds_ago", 60}};
  EXPECT_EQ(biggest[0], expected);
  EXPECT_EQ(biggest[1]["key"], "same");
  EXPECT_EQ(biggest[1]["seconds_ago"], 3);
  EXPECT_EQ(biggest[1]["seen_in"], "request");
  EXPECT_EQ(biggest[2]["key"], "small");
  EXPECT_EQ(Page("hotkeys", {{"limit", "1"}})[0]["biggest"].size(), 1U);
}

TEST_F(AdminSkewTest, NamesTheDatabaseOfAKeyThatIsNotInTheFirst) {
  Publish(0, {{std::string(DatabaseKey(3, "hot").text()), 70}, {"hot", 30}}, 100);
  stats_[0]->key_sizes.Set(
      std::make_shared<KeySizesView>(KeySizesView{{{std::string(DatabaseKey(3, "hot").text()), 5000, true, 60}}}));
  const json page = Page("hotkeys")[0];
  EXPECT_EQ(page["keys"][0]["key"], "hot");
  EXPECT_EQ(page["keys"][0]["database"], 3);
  EXPECT_EQ(page["keys"][0]["node"], page["keys"][1]["node"]) << "a database does not decide about the node";
  EXPECT_FALSE(page["keys"][1].contains("database"));
  EXPECT_EQ(page["biggest"][0]["database"], 3);
}

TEST_F(AdminSkewTest, ListsNoKeysOfAPoolThatIsNotAskedFor) {
  EXPECT_EQ(Page("hotkeys", {{"pool", "main"}})[0],
            (json{{"name", "main"}, {"keys", json::array()}, {"biggest", json::array()}}));
  EXPECT_TRUE(Page("hotkeys", {{"pool", "x"}}).empty());
}

TEST_F(AdminSkewTest, TakesNothingButANumberForALimit) {
  for (const char* limit : {"", "x", "-1", "5x", "99999999999999999999"}) {
    EXPECT_EQ(admin_.Get("/api/v1/hotkeys", {{"limit", limit}}).status, 400) << limit;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
