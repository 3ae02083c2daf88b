#include "conf/validate_limits.h"

#include <algorithm>
#include <optional>

#include "conf/cidr.h"
#include "conf/limit_option_table.h"
#include "conf/limit_words.h"
#include "conf/quote.h"
#include "conf/rule_parts.h"
#include "conf/units.h"

namespace ringproxy::conf {

namespace {

// A sliding window keeps two counts of 24 bits in a bucket's word.
static_assert(kMostRate <= 16'777'215);
// An empty bucket is full again after this; the nanoseconds of longer times would come near the end of 64 bits.
constexpr microseconds kLongestFill = hours(24 * 365);

bool SoundWords(const Words& words, const std::string& path, const Source& source) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (!source.Sound({path, Index(path, i)})) return false;
  }
  return source.Sound({path});
}

void CheckMatch(const Config& config, const RequestMatch& match, const std::string& path, Source& source) {
  CheckWords(match.listener, path + ".listener", source, [&](const std::string& name) -> std::optional<Problem> {
    if (!source.Sound({"listeners"}) || FindListener(config, name) != nullptr) return std::nullopt;
    return Problem{NoListener(config, name)};
  });
  CheckWords(match.pool, path + ".pool", source, [&](const std::string& name) -> std::optional<Problem> {
    if (!source.Sound({"pools"}) || FindPool(config, name) != nullptr) return std::nullopt;
    return Problem{NoPool(config, name)};
  });
  CheckNetworks(match.client, path + ".client", source);
  CheckWords(match.command, path + ".command", source, CheckCommandWord);
}

// Of a limit or one of its overrides: they have the same three options at `path`.
template <class T>
void CheckAmounts(const T& amounts, LimitAlgorithm algorithm, const std::string& path, Source& source) {
  const std::string rate = path + ".rate";
  const std::string burst = path + ".burst";
  const std::string in_flight = path + ".requests_in_flight";
  if (!source.Sound({path, rate, burst, in_flight})) return;
  const bool is_concurrency = algorithm == LimitAlgorithm::kConcurrency;
  if (is_concurrency && amounts.requests_in_flight == 0) {
    source.Fail(in_flight, "is missing, which algorithm: concurrency requires");
  }
  if (is_concurrency && amounts.rate.amount > 0) source.Fail(rate, "does not go with algorithm: concurrency");
  if (!is_concurrency && amounts.rate.amount == 0) source.Fail(rate, "is missing");
  if (!is_concurrency && amounts.requests_in_flight > 0) {
    source.Fail(in_flight, "goes with algorithm: concurrency only");
  }
  if (amounts.burst == 0) return;
  if (algorithm != LimitAlgorithm::kTokenBucket) return source.Fail(burst, "goes with algorithm: token_bucket only");
  // It fits: kMostRate tokens of a day each are below 2^60 microseconds.
  const uint64_t fill_us = amounts.burst * static_cast<uint64_t>(amounts.rate.window.count());
  // Compared by division: a year in microseconds times the rate would leave 64 bits.
  if (fill_us / kLongestFill.count() < amounts.rate.amount || amounts.rate.amount == 0) return;
  source.Fail(burst, std::to_string(amounts.burst) + " at " + FormatRate(amounts.rate) + " need " +
                         "a year or more to come together");
}

void CheckScope(const Config& config, const Limit& limit, const std::string& path, Source& source) {
  const bool is_exact = limit.scope == LimitScope::kGlobal && limit.check == LimitCheck::kExact;
  if (is_exact && limit.bytes_per_token > 0 && source.Sound({path + ".check", path + ".bytes_per_token"})) {
    source.Fail(path + ".bytes_per_token", "does not go with check: exact, which asks before the reply is known");
  }
  const std::string scope = path + ".scope";
  if (!source.Sound({scope, path + ".algorithm"}) || limit.scope != LimitScope::kGlobal) return;
  // The store's script is a token bucket, and knows no other algorithm.
  if (limit.algorithm != LimitAlgorithm::kTokenBucket) {
    source.Fail(scope, "global goes with algorithm: token_bucket only");
  }
  if (source.Sound({"global_limits", "global_limits.store"}) && config.global_limits.store.empty()) {
    source.Fail(scope, "global requires global_limits.store, the Redis pool that keeps the buckets");
  }
}

// Some client of memcached can send a request that fits.
bool FitsMemcached(const Config& config, const RequestMatch& match) {
  const auto fits = [](const Words& words, const std::string& name) {
    return words.empty() || std::ranges::find(words, name) != words.end();
  };
  return std::ranges::any_of(config.listeners, [&](const Listener& listener) {
    return listener.protocol == Protocol::kMemcached && fits(match.listener, listener.name) &&
           std::ranges::any_of(listener.routes, [&](const Route& route) { return fits(match.pool, route.pool); });
  });
}

void CheckAction(const Config& config, const Limit& limit, const std::string& path, Source& source) {
  const bool delays = limit.action == LimitAction::kDelay && source.Sound({path + ".action", path + ".algorithm"});
  if (delays && limit.algorithm != LimitAlgorithm::kTokenBucket) {
    source.Fail(path + ".action", "delay goes with algorithm: token_bucket only");
  }
  const std::string deny_as = path + ".deny_as";
  if (limit.deny_as != DenyAs::kMiss || !source.Sound({deny_as, "listeners"})) return;
  const std::string match = path + ".match";
  const bool known = source.Sound({match}) && SoundWords(limit.match.listener, match + ".listener", source) &&
                     SoundWords(limit.match.pool, match + ".pool", source);
  if (known && !FitsMemcached(config, limit.match)) {
    source.Fail(deny_as, "miss is for memcached, and no memcached listener has requests that match");
  }
}

// The value that an override gives for `per`, as far as it can be told: the parts of several words may hold commas.
std::optional<Problem> CheckOverrideValue(const std::string& value, const LimitPer& per) {
  const size_t least = per.order.size() - 1;
  if (static_cast<size_t>(std::ranges::count(value, ',')) < least) {
    return Problem{Quote(value) + " lacks values; per has " + std::to_string(per.order.size()) + " words"};
  }
  if (per.order.size() > 1) return std::nullopt;
  if (per.prefix > 0 && value.size() > per.prefix) {
    return Problem{Quote(value) + " is longer than the prefix, " + std::to_string(per.prefix) + " bytes"};
  }
  if (!per.client_ip) return std::nullopt;
  const std::optional<IpAddress> address = ParseIp(value);
  if (!address) return Problem{Quote(value) + " is no IP address"};
  // Clients are looked up by this spelling of their address: no request would ever match another one.
  if (ToString(*address) == value) return std::nullopt;
  return Problem{Quote(value) + " has to be written " + ToString(*address)};
}

// Buckets of one limit are looked at by one window, to know which of them may be forgotten.
void CheckWindow(const LimitOverride& one, const Limit& limit, const std::string& path, Source& source) {
  const bool has_window =
      limit.algorithm == LimitAlgorithm::kSlidingWindow || limit.algorithm == LimitAlgorithm::kFixedWindow;
  const std::string rate = path + ".rate";
  if (!has_window || one.rate.window == limit.rate.window || !source.Sound({rate})) return;
  source.Fail(rate, FormatRate(one.rate) + " has another window than the limit's " + FormatRate(limit.rate));
}

void CheckOverrides(const Limit& limit, const LimitPer& per, const std::string& path, Source& source) {
  const std::string overrides = path + ".overrides";
  if (limit.overrides.empty() || !source.Sound({overrides})) return;
  if (per.order.empty()) return source.Fail(overrides, "have no values, since per is empty");
  if (per.connection) return source.Fail(overrides, "have no values, since a connection has no name");
  Seen values;
  for (size_t i = 0; i < limit.overrides.size(); ++i) {
    const LimitOverride& one = limit.overrides[i];
    const std::string here = Index(overrides, i);
    const std::string value = here + ".value";
    if (!source.Sound({here})) continue;
    if (source.Sound({path + ".algorithm"})) CheckAmounts(one, limit.algorithm, here, source);
    if (source.Sound({path + ".algorithm", path + ".rate"})) CheckWindow(one, limit, here, source);
    if (!source.Sound({value})) continue;
    if (const auto problem = CheckOverrideValue(one.value, per)) source.Fail(value, problem->text);
    CheckUnique(one.value, value, "value", values, source);
  }
}

void CheckPer(const Limit& limit, const std::string& path, Source& source) {
  const std::string here = path + ".per";
  // A word that could not be read is an empty one in its place, and would be called unknown as well.
  if (!SoundWords(limit.per, here, source)) return;
  const Result<LimitPer, Problem> per = ParsePer(limit.per);
  if (!per) return source.Fail(here, per.errors().text);
  if (per->connection && limit.scope == LimitScope::kGlobal) {
    source.Fail(here, "connection does not go with scope: global, since a connection is one process's");
  }
  CheckOverrides(limit, *per, path, source);
}

void CheckLimits(const Config& config, Source& source) {
  Seen names;
  for (size_t i = 0; i < config.limits.size(); ++i) {
    const Limit& limit = config.limits[i];
    const std::string path = Index("limits", i);
    if (!source.Sound({path})) continue;
    CheckUnique(limit.name, path + ".name", "name", names, source);
    CheckMatch(config, limit.match, path + ".match", source);
    if (source.Sound({path + ".algorithm"})) CheckAmounts(limit, limit.algorithm, path, source);
    CheckPer(limit, path, source);
    CheckScope(config, limit, path, source);
    CheckAction(config, limit, path, source);
    // Tokens for a longer time than the lease lives would be lost with it.
    CheckOrder(path, "lease.horizon", limit.lease.horizon, "lease.ttl", limit.lease.ttl, source);
  }
}

void CheckStore(const Config& config, Source& source) {
  const std::string path = "global_limits.store";
  const std::string& store = config.global_limits.store;
  if (store.empty() || !source.Sound({path, "pools"})) return;
  const Pool* pool = FindPool(config, store);
  if (pool == nullptr) return source.Fail(path, NoPool(config, store));
  // A script keeps the buckets, which no memcached runs.
  if (pool->protocol == Protocol::kRedis) return;
  source.Fail(path, "pool " + Quote(store) + " speaks another protocol than redis");
}

void CheckPriority(const Config& config, Source& source) {
  for (size_t i = 0; i < config.priority.size(); ++i) {
    const std::string path = Index("priority", i);
    if (!source.Sound({path})) continue;
    CheckMatch(config, config.priority[i], path, source);
    bool read = true;
    // A match of which a word could not be read looks emptier than it was meant.
    ForEachRow<RequestMatch>(
        [&](const OptionFacts& row) { read = read && source.Sound({path + "." + std::string(row.name)}); });
    if (read && config.priority[i] == RequestMatch{}) source.Fail(path, "is empty: it would match every request");
  }
}

void CheckConcurrency(const Config& config, Source& source) {
  for (const Pool& pool : config.pools) {
    if (pool.name.empty()) continue;
    const std::string path = "pools." + PathPart(pool.name) + ".concurrency";
    const Concurrency& concurrency = pool.concurrency;
    if (!source.Sound({path, path + ".min", path + ".max"}) || concurrency.min <= concurrency.max) continue;
    source.Fail(path + ".min",
                std::to_string(concurrency.min) + " is above concurrency.max, " + std::to_string(concurrency.max));
  }
}

}  // namespace

void ValidateLimits(const Config& config, Source& source) {
  CheckConcurrency(config, source);
  // The root was no map, so everything below is made of defaults.
  if (!source.Sound({""})) return;
  if (source.Sound({"limits"})) CheckLimits(config, source);
  CheckStore(config, source);
  if (source.Sound({"priority"})) CheckPriority(config, source);
}

}  // namespace ringproxy::conf
