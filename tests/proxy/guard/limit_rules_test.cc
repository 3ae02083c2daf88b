#include "proxy/guard/limit_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/proxy/guard/limit_fixture.h"
#include "tests/support/test_snapshot.h"

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;

conf::Limit Per(conf::Words per, const Conditions& match = {}) {
  conf::Limit limit = TokenLimit("limit", 100, 10);
  limit.per = std::move(per);
  limit.match = match;
  return limit;
}

class LimitRulesTest : public testing::Test {
 protected:
  void Make(std::vector<conf::Limit> limits, std::vector<Conditions> priority = {}) {
    conf::Config config = LimitedFleet(std::move(limits));
    config.priority.assign(priority.begin(), priority.end());
    rules_ = std::make_unique<LimitRules>(*MakeSnapshot(std::move(config)), 77);
  }
  std::vector<Charge> Match(const Asked& asked) {
    std::vector<Charge> charges;
    rules_->Match(asked, &scratch_, &charges);
    return charges;
  }
  // The bucket of a request that has one.
  uint64_t BucketOf(std::string_view line, const ClientIdentity& client = Client(1)) {
    const Asked asked(kWeb, line, client);
    const std::vector<Charge> charges = Match(asked);
    EXPECT_EQ(charges.size(), 1U) << line;
    return charges.empty() ? 0 : charges[0].bucket;
  }
  std::vector<uint64_t> CostsOf(const Asked& asked) {
    std::vector<uint64_t> costs;
    for (const Charge& charge : Match(asked)) costs.push_back(charge.cost);
    return costs;
  }
  std::multiset<std::string> ValuesOf(const Asked& asked) {
    std::multiset<std::string> values;
    for (const Charge& charge : Match(asked)) values.insert(rules_->ValueOf(charge, asked.client()));
    return values;
  }

  std::unique_ptr<LimitRules> rules_;
  wire::KeyPositions scratch_;
};

TEST_F(LimitRulesTest, AsksConnectionsBeforeTheProcessBeforeTheFleet) {
  conf::Limit connection = TokenLimit("c", 1, 1);
  connection.scope = conf::LimitScope::kConnection;
  Make({GlobalLimit("g1", 1, 1), TokenLimit("l1", 1, 1), connection, GlobalLimit("g2", 1, 1), TokenLimit("l2", 1, 1)});
  std::vector<std::string> names;
  for (const LimitRule& rule : rules_->rules()) names.push_back(rule.conf->name);
  EXPECT_THAT(names, ElementsAre("c", "l1", "l2", "g1", "g2"));
  std::vector<uint32_t> asked;
  const Asked get(kWeb, "get a");
  for (const Charge& charge : Match(get)) asked.push_back(charge.rule->index);
  EXPECT_THAT(asked, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(LimitRulesTest, MayConcernOnlyWhatListenerAndCommandAllow) {
  Make({});
  const Asked get(kWeb, "get a");
  const Asked set(kWeb, "set a b");
  EXPECT_FALSE(rules_->MayConcern(kWeb, get.row()));
  Make({Per({}, {.listener = {"web"}, .command = {"read"}})});
  EXPECT_TRUE(rules_->MayConcern(kWeb, get.row()));
  EXPECT_FALSE(rules_->MayConcern(kWeb, set.row()));
  EXPECT_FALSE(rules_->MayConcern(kAdmin, get.row()));
}

TEST_F(LimitRulesTest, HasOneBucketInAllWithoutPer) {
  Make({Per({})});
  EXPECT_EQ(BucketOf("get a"), rules_->OnlyBucket());
  EXPECT_EQ(BucketOf("set b c", Client(2, "10.0.0.8", "ann")), rules_->OnlyBucket());
}

TEST_F(LimitRulesTest, HasABucketForEachValueOfPer) {
  Make({Per({"client_ip"})});
  EXPECT_EQ(BucketOf("get a", Client(1, "10.0.0.7")), BucketOf("get b", Client(2, "10.0.0.7")));
  EXPECT_NE(BucketOf("get a", Client(1, "10.0.0.7")), BucketOf("get a", Client(1, "10.0.0.8")));
  Make({Per({"user"})});
  EXPECT_EQ(BucketOf("get a", Client(1, "10.0.0.7", "ann")), BucketOf("get a", Client(2, "10.0.0.8", "ann")));
  EXPECT_NE(BucketOf("get a", Client(1, "10.0.0.7", "ann")), BucketOf("get a", Client(1, "10.0.0.7", "bob")));
  EXPECT_NE(BucketOf("get a", Client(1, "10.0.0.7", "ann")), BucketOf("get a", Client(1, "10.0.0.7")));
  Make({Per({"connection"})});
  EXPECT_EQ(BucketOf("get a", Client(1)), BucketOf("get b", Client(1)));
  EXPECT_NE(BucketOf("get a", Client(1)), BucketOf("get a", Client(2)));
  Make({Per({"key"})});
  EXPECT_EQ(BucketOf("get a", Client(1)), BucketOf("set a b", Client(2)));
  EXPECT_NE(BucketOf("get a"), BucketOf("get b"));
  Make({Per({"prefix(3)"})});
  EXPECT_EQ(BucketOf("get user:1"), BucketOf("get use"));
  EXPECT_NE(BucketOf("get user:1"), BucketOf("get us"));
  EXPECT_NE(BucketOf("get user:1"), BucketOf("get Use"));
}

TEST_F(LimitRulesTest, CountsByEveryWordOfPerAndNamesTheirValuesInItsOrder) {
  Make({Per({"user", "prefix(5)", "client_ip"})});
  EXPECT_NE(BucketOf("get cart:1", Client(1, "10.0.0.7", "ann")), BucketOf("get cart:1", Client(1, "10.0.0.7", "bob")));
  EXPECT_NE(BucketOf("get cart:1", Client(1, "10.0.0.7", "ann")), BucketOf("get cart:1", Client(1, "10.0.0.8", "ann")));
  EXPECT_NE(BucketOf("get cart:1", Client(1, "10.0.0.7", "ann")), BucketOf("get user:1", Client(1, "10.0.0.7", "ann")));
  EXPECT_THAT(ValuesOf(Asked(kWeb, "get cart:1", Client(1, "10.0.0.7", "ann"))), ElementsAre("ann,cart:,10.0.0.7"));
  Make({Per({})});
  EXPECT_THAT(ValuesOf(Asked(kWeb, "get cart:1")), ElementsAre(""));
  Make({Per({"connection"})});
  EXPECT_THAT(ValuesOf(Asked(kWeb, "get cart:1", Client(42))), ElementsAre("42"));
}

TEST_F(LimitRulesTest, EqualKeysOfTwoDatabasesHaveBucketsOfTheirOwn) {
  const auto client = [](uint16_t database) {
    ClientIdentity identity = Client(1, "10.0.0.7");
    identity.database = database;
    return identity;
  };
  for (const char* per : {"key", "prefix(3)"}) {
    Make({Per({per})});
    EXPECT_NE(BucketOf("get abc", client(0)), BucketOf("get abc", client(3)));
    EXPECT_NE(BucketOf("get abc", client(2)), BucketOf("get abc", client(3)));
    EXPECT_EQ(BucketOf("get abc", client(3)), BucketOf("get abc", client(3)));
  }
  Make({Per({"client_ip", "key"})});
  EXPECT_THAT(ValuesOf(Asked(kWeb, "get cart:1", client(0))), ElementsAre("10.0.0.7,cart:1"));
  EXPECT_THAT(ValuesOf(Asked(kWeb, "get cart:1", client(3))), ElementsAre("10.0.0.7,db3:cart:1"));
  Make({Per({"client_ip"})});
  EXPECT_EQ(BucketOf("get abc", client(0)), BucketOf("get abc", client(3))) << "keys do not count";
}

TEST_F(LimitRulesTest, BucketsOfAConnectionsScopeAreItsOwn) {
  conf::Limit limit = Per({"client_ip"});
  limit.scope = conf::LimitScope::kConnection;
  Make({limit});
  EXPECT_NE(BucketOf("get a", Client(1)), BucketOf("get a", Client(2)));
  EXPECT_EQ(BucketOf("get a", Client(1)), BucketOf("get b", Client(1)));
}

TEST_F(LimitRulesTest, BucketsDifferFromProcessToProcess) {
  Make({Per({"key"})});
  const uint64_t bucket = BucketOf("get a");
  rules_ = std::make_unique<LimitRules>(*MakeSnapshot(LimitedFleet({Per({"key"})})), 78);
  EXPECT_NE(BucketOf("get a"), bucket);
}

TEST_F(LimitRulesTest, GivesAnOverriddenValueItsOwnTerms) {
  conf::Limit limit = Per({"client_ip", "prefix(5)"});
  limit.overrides = {{.value = "10.0.0.7,cart:", .rate = {.amount = 1000}, .burst = 50}};
  Make({limit});
  const Asked own(kWeb, "get cart:1", Client(1, "10.0.0.7"));
  const Asked other(kWeb, "get user:1", Client(1, "10.0.0.7"));
  const Asked elsewhere(kWeb, "get cart:1", Client(1, "10.0.0.8"));
  EXPECT_EQ(Match(own)[0].terms->lease.terms.rate.amount, 1000U);
  EXPECT_EQ(Match(own)[0].terms->bucket.interval_ns, 1'000'000);
  EXPECT_EQ(Match(own)[0].terms->lease.terms.burst, 50U);
  EXPECT_EQ(Match(other)[0].terms, &rules_->rules()[0].terms);
  EXPECT_EQ(Match(elsewhere)[0].terms, &rules_->rules()[0].terms);
  // The last part may hold commas, and one of several that are equal up to the prefix is found all the same.
  limit = Per({"user", "key"});
  limit.overrides = {{.value = "ann,a,b", .rate = {.amount = 7}, .burst = 1},
                     {.value = "ann,a", .rate = {.amount = 8}, .burst = 1}};
  Make({limit});
  const Asked comma(kWeb, "get a,b", Client(1, "10.0.0.7", "ann"));
  const Asked plain(kWeb, "get a", Client(1, "10.0.0.7", "ann"));
  EXPECT_EQ(Match(comma)[0].terms->lease.terms.rate.amount, 7U);
  EXPECT_EQ(Match(plain)[0].terms->lease.terms.rate.amount, 8U);
}

TEST_F(LimitRulesTest, LooksAtEveryKeyOfARequest) {
  Make({Per({"key"}, {.prefix = {"a", "b"}})});
  EXPECT_THAT(ValuesOf(Asked(kWeb, "mget a1 c1 b1 c2")), ElementsAre("a1", "b1"));
  EXPECT_THAT(ValuesOf(Asked(kWeb, "mget c1 c2")), ElementsAre());
  EXPECT_THAT(ValuesOf(Asked(kWeb, "get b7")), ElementsAre("b7"));
  EXPECT_THAT(ValuesOf(Asked(kWeb, "mset a1 c1 c1 b1")), ElementsAre("a1")) << "keys, not values";
  EXPECT_THAT(ValuesOf(Asked(kWeb, "dbsize")), ElementsAre()) << "it has no key to be counted by";
  EXPECT_THAT(ValuesOf(Asked(kWeb, "eval x 0")), ElementsAre());
  Make({Per({}, {.prefix = {"a"}})});
  EXPECT_EQ(Match(Asked(kWeb, "mget c1 a1 a2")).size(), 1U) << "one bucket, whichever keys fit";
  EXPECT_EQ(Match(Asked(kWeb, "mget c1 c2")).size(), 0U);
  EXPECT_EQ(Match(Asked(kWeb, "dbsize")).size(), 0U);
  Make({Per({}, {.pool = {"carts"}})});
  EXPECT_EQ(Match(Asked(kWeb, "mget a cart:1")).size(), 1U);
  EXPECT_EQ(Match(Asked(kWeb, "mget a b")).size(), 0U);
  EXPECT_EQ(Match(Asked(kWeb, "dbsize")).size(), 1U);
  EXPECT_EQ(Match(Asked(kWeb, "scan 0")).size(), 1U);
}

TEST_F(LimitRulesTest, GoesByTheRoutingKeyWhereThereIsOne) {
  Make({Per({"key"})});
  Asked asked(kCache, "mg Zm9v b");
  EXPECT_THAT(ValuesOf(asked), ElementsAre("Zm9v"));
  asked.RoutedBy("foo");
  EXPECT_THAT(ValuesOf(asked), ElementsAre("foo"));
}

TEST_F(LimitRulesTest, KeysOfOneBucketAreOneChargeWhichCostsThemAll) {
  conf::Limit limit = Per({"prefix(1)"});
  limit.cost = conf::LimitCost::kCommand;
  Make({limit});
  const Asked asked(kWeb, "mget a1 b1 a2 a3 b2 c1");
  std::map<std::string, uint64_t> costs;
  for (const Charge& charge : Match(asked)) costs[rules_->ValueOf(charge, asked.client())] += charge.cost;
  EXPECT_EQ(costs, (std::map<std::string, uint64_t>{{"a", 3}, {"b", 2}, {"c", 1}}));
  EXPECT_EQ(Match(asked).size(), 3U);
  limit.cost = conf::LimitCost::kRequest;
  Make({limit});
  EXPECT_THAT(CostsOf(asked), ElementsAre(1, 1, 1));
}

TEST_F(LimitRulesTest, CostsByCommand) {
  conf::Limit limit = Per({});
  limit.cost = conf::LimitCost::kCommand;
  Make({limit});
  EXPECT_THAT(CostsOf(Asked(kWeb, "get a")), ElementsAre(1));
  EXPECT_THAT(CostsOf(Asked(kWeb, "mget a b c")), ElementsAre(3));
  EXPECT_THAT(CostsOf(Asked(kWeb, "mset a 1 b 2")), ElementsAre(2));
  EXPECT_THAT(CostsOf(Asked(kWeb, "dbsize")), ElementsAre(1));
  EXPECT_THAT(CostsOf(Asked(kWeb, "eval x 0")), ElementsAre(10));
  EXPECT_THAT(CostsOf(Asked(kWeb, "eval x 3 a b c")), ElementsAre(12));
  EXPECT_THAT(CostsOf(Asked(kCache, "get a b c d")), ElementsAre(4));
  limit.match.prefix = {"a"};
  Make({limit});
  EXPECT_THAT(CostsOf(Asked(kWeb, "mget a1 b a2")), ElementsAre(2)) << "the keys that it concerns";
}

TEST_F(LimitRulesTest, BytesOfTheRequestCostOnTop) {
  conf::Limit limit = Per({});
  limit.bytes_per_token = 100;
  Make({limit});
  EXPECT_THAT(CostsOf(Asked(kWeb, "get a")), ElementsAre(1));
  const std::string line = "set a " + std::string(1'000, 'x');
  EXPECT_THAT(CostsOf(Asked(kWeb, line)), ElementsAre(11));
  EXPECT_TRUE(rules_->rules()[0].settles_later);
}

TEST_F(LimitRulesTest, SaysWhyALimitDoesNotConcernARequest) {
  Make({Per({}, {.listener = {"web"}, .client = {"10.0.0.0/8"}, .command = {"get"}, .prefix = {"a"}})});
  EXPECT_EQ(rules_->WhyNot(0, Asked(kWeb, "get a")), "");
  EXPECT_EQ(rules_->WhyNot(0, Asked(kAdmin, "get a")), "another listener");
  EXPECT_EQ(rules_->WhyNot(0, Asked(kWeb, "set a b")), "another command");
  EXPECT_EQ(rules_->WhyNot(0, Asked(kWeb, "get a", Client(1, "11.0.0.1"))), "another client");
  EXPECT_EQ(rules_->WhyNot(0, Asked(kWeb, "get b")), "another key");
}

TEST_F(LimitRulesTest, GivesPriorityByAnyOfTheMatches) {
  Make({}, {{.command = {"get"}}, {.user = {"ann"}, .prefix = {"a"}}, {.listener = {"web"}, .pool = {"carts"}}});
  const auto has = [&](uint32_t listener, std::string_view line, const ClientIdentity& client) {
    return rules_->HasPriority(Asked(listener, line, client), &scratch_);
  };
  EXPECT_TRUE(rules_->has_priorities());
  EXPECT_TRUE(has(kAdmin, "get x", Client(1)));
  EXPECT_TRUE(has(kAdmin, "set a b", Client(1, "10.0.0.7", "ann")));
  EXPECT_FALSE(has(kAdmin, "set b a", Client(1, "10.0.0.7", "ann")));
  EXPECT_FALSE(has(kAdmin, "set a b", Client(1, "10.0.0.7", "bob")));
  EXPECT_TRUE(has(kAdmin, "mset b a a b", Client(1, "10.0.0.7", "ann")));
  EXPECT_TRUE(has(kWeb, "set cart:1 b", Client(1)));
  EXPECT_TRUE(has(kWeb, "dbsize", Client(1)));
  EXPECT_FALSE(has(kAdmin, "dbsize", Client(1)));
  Make({});
  EXPECT_FALSE(rules_->has_priorities());
  EXPECT_FALSE(has(kWeb, "get a", Client(1)));
}

}  // namespace
}  // namespace ringproxy::proxy
