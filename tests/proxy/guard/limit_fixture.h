// tests/proxy/guard/limit_fixture.h – A small fleet with limits, and requests that were never sent.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/wire/memcache_command.h"
#include "proxy/guard/request_match.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {

constexpr uint32_t kWeb = 0;    // Redis: cart: → carts, all else → main.
constexpr uint32_t kAdmin = 1;  // Redis: all → main.
constexpr uint32_t kCache = 2;  // Memcached.

inline conf::Config LimitedFleet(std::vector<conf::Limit> limits = {}) {
  conf::Config config;
  for (const char* name : {"main", "carts", "cache", "store"}) {
    conf::Pool& pool = config.pools.emplace_back();
    pool.name = name;
    pool.nodes = {{std::string(name) + "0", {"10.0.0.1", static_cast<uint16_t>(config.pools.size()), ""}, 1}};
  }
  config.pools[2].protocol = conf::Protocol::kMemcached;
  for (const char* name : {"web", "admin", "cache"}) {
    conf::Listener& listener = config.listeners.emplace_back();
    listener.name = name;
    listener.routes = {{"", "main"}};
  }
  config.listeners[kWeb].routes = {{"cart:", "carts"}, {"", "main"}};
  config.listeners[kCache].protocol = conf::Protocol::kMemcached;
  config.listeners[kCache].routes = {{"", "cache"}};
  config.global_limits.store = "store";
  config.limits = std::move(limits);
  return config;
}

// As conf::RequestMatch, but a test may name some of its members alone.
struct Conditions {
  conf::Words listener{};
  conf::Words user{};
  conf::Words client{};
  conf::Words command{};
  conf::Words prefix{};
  conf::Words glob{};
  conf::Words pool{};
  operator conf::RequestMatch() const { return {listener, user, client, command, prefix, glob, pool}; }
};

// A token bucket of `burst` that gives `amount` more in a second.
inline conf::Limit TokenLimit(std::string name, uint64_t amount, uint64_t burst) {
  conf::Limit limit;
  limit.name = std::move(name);
  limit.rate = {.amount = amount};
  limit.burst = burst;
  return limit;
}

inline conf::Limit GlobalLimit(std::string name, uint64_t amount, uint64_t burst) {
  conf::Limit limit = TokenLimit(std::move(name), amount, burst);
  limit.scope = conf::LimitScope::kGlobal;
  return limit;
}

inline conf::Limit ExactLimit(std::string name, uint64_t amount, uint64_t burst) {
  conf::Limit limit = GlobalLimit(std::move(name), amount, burst);
  limit.check = conf::LimitCheck::kExact;
  return limit;
}

inline conf::Limit ConcurrencyLimit(std::string name, uint32_t in_flight) {
  conf::Limit limit;
  limit.name = std::move(name);
  limit.algorithm = conf::LimitAlgorithm::kConcurrency;
  limit.requests_in_flight = in_flight;
  return limit;
}

inline ClientIdentity Client(uint64_t connection, std::string_view ip = "10.0.0.7", std::string_view user = {}) {
  return {connection, *conf::ParseIp(ip), user};
}

// "mget a b" of a client, as the limits see it.
class Asked {
 public:
  Asked(uint32_t listener, std::string_view line, ClientIdentity client = Client(1))
      : words_(test::TestRequest::Split(line)), request_(words_), client_(client), listener_(listener) {
    if (listener == kCache) {
      const wire::MemcacheSpec* spec = wire::FindMemcacheCommand(request_.name());
      spec_ = &spec->command;
      row_ = static_cast<uint32_t>(wire::MemcacheCommandIndex(*spec));
    } else {
      spec_ = wire::FindRedisCommand(request_);
      row_ = static_cast<uint32_t>(wire::CommandIndex(*spec_));
    }
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  operator LimitedRequest() const { return {listener_, row_, *spec_, request_, routing_key_, client_}; }
  Asked& RoutedBy(std::string_view key) {
    routing_key_ = key;
    return *this;
  }
  const ClientIdentity& client() const { return client_; }
  const wire::CommandSpec& spec() const { return *spec_; }
  uint32_t row() const { return row_; }

 private:
  test::TestRequest words_;
  wire::Request request_;
  ClientIdentity client_;
  uint32_t listener_;
  const wire::CommandSpec* spec_ = nullptr;
  uint32_t row_ = 0;
  std::optional<std::string_view> routing_key_;
};

}  // namespace ringproxy::proxy
