#include <gtest/gtest.h>

#include "conf/import/importer.h"
#include "conf/parse.h"

namespace ringproxy::conf {
namespace {

constexpr const char* kPools =
    "\"pools\": {\"A\": {\"servers\": [\"a:1\"]}, \"B\": {\"servers\": [\"b:1\", \"b:2\"]}, \"C\": {\"servers\": "
    "[\"c:1\"]}}";

std::string FromRoute(const std::string& route) {
  const Result<std::string> text = ImportText("{" + std::string(kPools) + ", \"route\": " + route + "}", "m.json", {});
  return text ? *text : ToString(text.errors());
}

// The pool that all keys of the file go to.
std::string DefaultPool(const std::string& route) {
  const std::string text = FromRoute(route);
  const Result<Config> config = ParseConfig(text, "r");
  EXPECT_TRUE(config) << text;
  if (!config) return text;
  for (const Route& known : config->listeners[0].routes) {
    if (known.prefix.empty()) return known.pool;
  }
  return "none";
}

TEST(ImportMcrouter, TakesOneChildOfEachHandle) {
  for (const char* type :
       {"AllSyncRoute", "AllAsyncRoute", "AllFastestRoute", "AllInitialRoute", "AllMajorityRoute", "RandomRoute",
        "LatestRoute", "MissFailoverRoute", "LoadBalancerRoute", "HostIdRoute", "UnheardOfRoute"}) {
    const std::string route =
        "{\"type\": \"" + std::string(type) + "\", \"children\": [\"NullRoute\", \"PoolRoute|B\", \"PoolRoute|C\"]}";
    EXPECT_EQ(DefaultPool(route), "B") << type;
    EXPECT_NE(FromRoute(route).find("# - " + std::string(type)), std::string::npos) << type;
  }
  EXPECT_EQ(DefaultPool("\"PoolRoute|B\""), "B");
  EXPECT_EQ(DefaultPool("\"AllSyncRoute|HashRoute|Pool|C\""), "C");
  EXPECT_EQ(DefaultPool("{\"type\": \"MigrateRoute\", \"to\": \"PoolRoute|A\", \"from\": \"PoolRoute|C\"}"), "C");
  EXPECT_EQ(DefaultPool("{\"type\": \"WarmUpRoute\", \"warm\": \"PoolRoute|A\", \"cold\": \"PoolRoute|C\"}"), "C");
  EXPECT_EQ(DefaultPool("{\"type\": \"OperationSelectorRoute\", \"operation_policies\": {\"get\": \"PoolRoute|B\"}}"),
            "B");
  EXPECT_EQ(DefaultPool("{\"type\": \"PoolRoute\", \"pool\": {\"name\": \"D\", \"servers\": [\"d:1\"]}}"), "D");
}

TEST(ImportMcrouter, SendsKeysOfNoRouteToTheFirstPoolAndSaysSo) {
  EXPECT_EQ(DefaultPool("\"NullRoute\""), "A");
  EXPECT_NE(FromRoute("\"NullRoute\"").find("mcrouter has no pool for keys of other prefixes"), std::string::npos);
}

TEST(ImportMcrouter, MakesOneGutterOfAFailoverAndNoChainOfThem) {
  const std::string there = "{\"type\": \"FailoverRoute\", \"children\": [\"PoolRoute|A\", \"PoolRoute|B\"]}";
  const std::string back = "{\"type\": \"FailoverRoute\", \"children\": [\"PoolRoute|B\", \"PoolRoute|A\"]}";
  EXPECT_NE(FromRoute(there).find("on_down: {gutter: B}\n"), std::string::npos);
  EXPECT_EQ(FromRoute(there).find("gutter_ttl:"), std::string::npos);
  const std::string both = FromRoute("{\"type\": \"PrefixSelectorRoute\", \"policies\": {\"a\": " + there +
                                     "}, \"wildcard\": " + back + "}");
  EXPECT_NE(both.find("on_down: {gutter: B}\n"), std::string::npos) << both;
  EXPECT_EQ(both.find("on_down: {gutter: A}\n"), std::string::npos);
  EXPECT_NE(both.find("to A is left out: a pool has one gutter"), std::string::npos);
}

TEST(ImportMcrouter, MakesLimitsOfRatesInTheWindowThatHoldsThem) {
  const auto with_rate = [](const std::string& rate) {
    return FromRoute("{\"type\": \"PoolRoute\", \"pool\": \"A\", \"rates\": {\"gets_rate\": " + rate + "}}");
  };
  EXPECT_NE(with_rate("10").find("    rate: 10/s\n"), std::string::npos);
  EXPECT_NE(with_rate("0.5").find("    rate: 30/m\n"), std::string::npos);
  EXPECT_NE(with_rate("0.0013").find("    rate: 5/h\n"), std::string::npos) << with_rate("0.0013");
  for (const char* none : {"0", "-1", "1e300", "many"}) {
    EXPECT_NE(with_rate(none).find("# gets_rate of line 1 is no rate that a limit can have.\n"), std::string::npos)
        << none;
  }
}

}  // namespace
}  // namespace ringproxy::conf
