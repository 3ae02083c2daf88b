#include "conf/validate_limits.h"

#include <gtest/gtest.h>

#include <functional>

#include "conf/validate.h"
#include "tests/conf/sample_config.h"

namespace ringproxy::conf {
namespace {

// The texts with their places stand in tests/golden/conf; here are the rules themselves.
std::string LimitErrorsOf(const Config& config) {
  const Result<Config> checked = CheckedConfig(config);
  return checked.ok() ? "" : ToString(checked.errors());
}

// What is wrong with the sample's limit once `change` is made to it.
std::string After(const std::function<void(Limit&)>& change) {
  Config config = SampleConfig();
  config.global_limits.store = "sessions";
  change(config.limits[0]);
  return LimitErrorsOf(config);
}

TEST(ValidateLimits, RequiresARateUnlessRequestsInFlightAreLimited) {
  EXPECT_EQ(After([](Limit& limit) { limit.rate = {}; }), "limits[0].rate: is missing\n");
  EXPECT_EQ(After([](Limit& limit) { limit.requests_in_flight = 5; }),
            "limits[0].requests_in_flight: goes with algorithm: concurrency only\n");
  const auto in_flight = [](Limit& limit) {
    limit.algorithm = LimitAlgorithm::kConcurrency;
    limit.overrides.clear();
    limit.rate = {};
    limit.requests_in_flight = 5;
  };
  EXPECT_EQ(After(in_flight), "");
  EXPECT_EQ(After([&](Limit& limit) { in_flight(limit), limit.requests_in_flight = 0; }),
            "limits[0].requests_in_flight: is missing, which algorithm: concurrency requires\n");
  EXPECT_EQ(After([&](Limit& limit) { in_flight(limit), limit.rate = {1}; }),
            "limits[0].rate: does not go with algorithm: concurrency\n");
  EXPECT_EQ(After([&](Limit& limit) { in_flight(limit), limit.burst = 1; }),
            "limits[0].burst: goes with algorithm: token_bucket only\n");
  EXPECT_EQ(After([&](Limit& limit) { in_flight(limit), limit.action = LimitAction::kDelay; }),
            "limits[0].action: delay goes with algorithm: token_bucket only\n");
}

TEST(ValidateLimits, KeepsBurstDelayAndTheFleetToTokenBuckets) {
  for (const auto algorithm : {LimitAlgorithm::kSlidingWindow, LimitAlgorithm::kFixedWindow}) {
    const auto after = [&](const std::function<void(Limit&)>& change) {
      return After([&](Limit& limit) { limit.algorithm = algorithm, change(limit); });
    };
    EXPECT_EQ(after([](Limit&) {}), "");
    EXPECT_EQ(after([](Limit& limit) { limit.burst = 1; }),
              "limits[0].burst: goes with algorithm: token_bucket only\n");
    EXPECT_EQ(after([](Limit& limit) { limit.action = LimitAction::kDelay; }),
              "limits[0].action: delay goes with algorithm: token_bucket only\n");
    EXPECT_EQ(after([](Limit& limit) { limit.scope = LimitScope::kGlobal; }),
              "limits[0].scope: global goes with algorithm: token_bucket only\n");
  }
}

TEST(ValidateLimits, RequiresBurstsThatComeTogetherWithinAYear) {
  EXPECT_EQ(After([](Limit& limit) { limit.rate = {1, std::chrono::hours(24)}, limit.burst = 364; }), "");
  EXPECT_EQ(After([](Limit& limit) {
              limit.rate = {1, std::chrono::hours(24)}, limit.burst = 365;
            }),
            "limits[0].burst: 365 at 1/d need a year or more to come together\n");
  EXPECT_EQ(After([](Limit& limit) { limit.rate = {kMostRate}, limit.burst = kMostRate; }), "");
}

TEST(ValidateLimits, RequiresARedisPoolAsTheStoreOfGlobalLimits) {
  Config config = SampleConfig();
  config.limits[0].scope = LimitScope::kGlobal;
  EXPECT_EQ(LimitErrorsOf(config),
            "limits[0].scope: global requires global_limits.store, the Redis pool that keeps the buckets\n");
  config.global_limits.store = "sesions";
  EXPECT_EQ(LimitErrorsOf(config),
            "global_limits.store: no pool is called sesions; the nearest known one is sessions\n");
  config.global_limits.store = "sessions";
  EXPECT_EQ(LimitErrorsOf(config), "");
  config.pools.push_back(config.pools[0]);
  config.pools[1].name = "pages";
  config.pools[1].protocol = Protocol::kMemcached;
  config.global_limits.store = "pages";
  EXPECT_EQ(LimitErrorsOf(config), "global_limits.store: pool pages speaks another protocol than redis\n");
}

TEST(ValidateLimits, CountsConnectionsWithinAProcessOnly) {
  const auto per_connection = [](Limit& limit) { limit.per = {"connection"}, limit.overrides.clear(); };
  EXPECT_EQ(After(per_connection), "");
  EXPECT_EQ(After([&](Limit& limit) { per_connection(limit), limit.scope = LimitScope::kConnection; }), "");
  EXPECT_EQ(After([&](Limit& limit) { per_connection(limit), limit.scope = LimitScope::kGlobal; }),
            "limits[0].per: connection does not go with scope: global, since a connection is one process's\n");
  EXPECT_EQ(After([](Limit& limit) {
              limit.per = {"connection", "user"};
            }),
            "limits[0].overrides: have no values, since a connection has no name\n");
}

TEST(ValidateLimits, RequiresOverridesToNameEachValueOnceInItsOneForm) {
  EXPECT_EQ(After([](Limit& limit) { limit.per.clear(); }),
            "limits[0].overrides: have no values, since per is empty\n");
  EXPECT_EQ(After([](Limit& limit) { limit.overrides.push_back(limit.overrides[0]); }),
            "limits[0].overrides[1].value: value root is taken by limits[0].overrides[0].value\n");
  EXPECT_EQ(After([](Limit& limit) { limit.overrides[0].rate = {}; }), "limits[0].overrides[0].rate: is missing\n");
  EXPECT_EQ(After([](Limit& limit) {
              limit.per = {"user", "client_ip"};
            }),
            "limits[0].overrides[0].value: root lacks values; per has 2 words\n");
  EXPECT_EQ(After([](Limit& limit) { limit.per = {"prefix(3)"}; }),
            "limits[0].overrides[0].value: root is longer than the prefix, 3 bytes\n");
  const auto address = [](const char* value) {
    return After([&](Limit& limit) { limit.per = {"client_ip"}, limit.overrides[0].value = value; });
  };
  EXPECT_EQ(address("10.1.2.3"), "");
  EXPECT_EQ(address("root"), "limits[0].overrides[0].value: root is no IP address\n");
  EXPECT_EQ(address("::FFFF:10.1.2.3"), "limits[0].overrides[0].value: ::FFFF:10.1.2.3 has to be written 10.1.2.3\n");
}

TEST(ValidateLimits, AllowsMissesOnlyWhereMemcachedIsSpoken) {
  Config config = SampleConfig();
  config.limits[0].deny_as = DenyAs::kMiss;
  const std::string refused =
      "limits[0].deny_as: miss is for memcached, and no memcached listener has requests that match\n";
  EXPECT_EQ(LimitErrorsOf(config), refused);
  config.pools.push_back(config.pools[0]);
  config.pools[1].name = "pages";
  config.pools[1].protocol = Protocol::kMemcached;
  Listener listener = config.listeners[0];
  listener.name = "pages";
  listener.listen.port = 11211;
  listener.protocol = Protocol::kMemcached;
  listener.routes = {{"", "pages"}};
  config.listeners.push_back(listener);
  EXPECT_EQ(LimitErrorsOf(config), "");
  config.limits[0].match.listener = {"web"};
  EXPECT_EQ(LimitErrorsOf(config), refused);
  config.limits[0].match.listener = {"web", "pages"};
  EXPECT_EQ(LimitErrorsOf(config), "");
  config.limits[0].match.pool = {"sessions"};
  EXPECT_EQ(LimitErrorsOf(config), refused);
}

TEST(ValidateLimits, RequiresPriorityToSayWhatHasIt) {
  Config config = SampleConfig();
  config.priority.push_back({});
  EXPECT_EQ(LimitErrorsOf(config), "priority[1]: is empty: it would match every request\n");
}

TEST(ValidateLimits, KeepsLeasesAndConcurrencyInOrder) {
  EXPECT_EQ(After([](Limit& limit) { limit.lease.horizon = std::chrono::milliseconds(1001); }),
            "limits[0].lease.horizon: 1001ms is above lease.ttl, 1s\n");
  Config config = SampleConfig();
  config.pools[0].concurrency = {ConcurrencyAlgorithm::kAimd, 65, 64, {}};
  EXPECT_EQ(LimitErrorsOf(config), "pools.sessions.concurrency.min: 65 is above concurrency.max, 64\n");
}

TEST(ValidateLimits, GivesAllBucketsOfALimitTheSameWindow) {
  const auto with_window = [](microseconds window) {
    return After([window](Limit& limit) {
      limit.algorithm = LimitAlgorithm::kFixedWindow;
      limit.burst = 0;
      limit.action = LimitAction::kDeny;
      limit.scope = LimitScope::kLocal;
      limit.rate = {100};
      limit.overrides.resize(1);
      limit.overrides[0].burst = 0;
      limit.overrides[0].rate = {600, window};
    });
  };
  EXPECT_EQ(with_window(std::chrono::seconds(1)), "");
  EXPECT_EQ(with_window(std::chrono::minutes(1)),
            "limits[0].overrides[0].rate: 600/m has another window than the limit's 100/s\n");
}

TEST(ValidateLimits, ChargesNoRepliesWhereEachRequestIsAskedFor) {
  const auto exact = [](Limit& limit) {
    limit.algorithm = LimitAlgorithm::kTokenBucket;
    limit.scope = LimitScope::kGlobal;
    limit.check = LimitCheck::kExact;
    limit.per.clear();
    limit.overrides.clear();
    limit.rate = {100};
    limit.requests_in_flight = 0;
    limit.bytes_per_token = 0;
  };
  EXPECT_EQ(After(exact), "");
  EXPECT_EQ(After([&](Limit& limit) { exact(limit), limit.bytes_per_token = 1024; }),
            "limits[0].bytes_per_token: does not go with check: exact, which asks before the reply is known\n");
}

}  // namespace
}  // namespace ringproxy::conf
