// tests/conf/sample_config.h – A Config with one of each section, and a walk over every option in it.
#pragma once

#include <string>

#include "conf/option_table.h"

namespace ringproxy::conf {

// Valid, and roomy: no rule between options breaks when one option moves to either of its bounds.
inline Config SampleConfig() {
  Config config;
  Listener& listener = config.listeners.emplace_back();
  listener.name = "web";
  listener.listen = {"127.0.0.1", 6380, ""};
  listener.routes = {{"cart:", "sessions"}, {"", "sessions"}};
  Pool& pool = config.pools.emplace_back();
  pool.name = "sessions";
  pool.nodes = {{"r1", {"127.0.0.1", 7001, ""}, 1}};
  pool.reconnect = {std::chrono::milliseconds(1), std::chrono::minutes(10), {10}};
  pool.timeouts.total = std::chrono::minutes(20);
  pool.data = DataKind::kCache;
  pool.on_down.policy = DownPolicy::kRehash;
  pool.concurrency.min = 1;
  pool.concurrency.max = 1'000'000;
  Limit& limit = config.limits.emplace_back();
  limit.name = "writes";
  limit.match.command = {"write"};
  limit.per = {"user"};
  limit.rate = {1000};
  limit.lease = {std::chrono::milliseconds(20), std::chrono::seconds(1)};
  limit.overrides = {{"root", {2000}, 0, 0}};
  config.priority = {{}};
  config.priority[0].prefix = {"cart:", "two words"};
  return config;
}

// `config` made to suit the option `path`: a store rehashes no keys, a vnode ring would have too many virtual nodes of
// the heaviest, a socket's file has a mode, and a limit has either a rate or a number of requests in flight.
inline Config Suited(Config config, const std::string& path) {
  if (path.ends_with(".data")) config.pools[0].on_down = {};
  if (path == "listeners[0].socket_mode") config.listeners[0].listen = {"", 0, "/run/ringproxy.sock"};
  if (path.ends_with("].weight")) config.pools[0].ring.algorithm = ring::Algorithm::kTwemproxy;
  if (!path.starts_with("limits[0].") || !path.ends_with(".requests_in_flight")) return config;
  Limit& limit = config.limits[0];
  limit.algorithm = LimitAlgorithm::kConcurrency;
  limit.rate = limit.overrides[0].rate = {};
  if (limit.requests_in_flight == 0) limit.requests_in_flight = 1;
  if (limit.overrides[0].requests_in_flight == 0) limit.overrides[0].requests_in_flight = 1;
  return config;
}

// Not inlined, since the walks below are compiled for every option.
[[gnu::noinline]] inline std::string Below(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : path + "." + std::string(name);
}

// Calls f(row, path, value&) for every option that is a value, in every section of `section`.
template <SectionType S, class F>
void WalkOptions(S& section, const std::string& path, F&& f) {
  ForEachOption(section, [&]<class T>(const OptionFacts& row, T& value) {
    const std::string here = Below(path, row.name);
    if constexpr (Scalar<T>) {
      f(row, here, value);
    } else if constexpr (SectionType<T>) {
      WalkOptions(value, here, f);
    } else if constexpr (std::is_same_v<T, std::vector<Pool>>) {
      for (Pool& pool : value) WalkOptions(pool, Below(here, pool.name), f);
    } else if (row.bounds.kind == OptionKind::kList) {
      for (size_t i = 0; i < value.size(); ++i) WalkOptions(value[i], here + "[" + std::to_string(i) + "]", f);
    }
  });
}

}  // namespace ringproxy::conf
