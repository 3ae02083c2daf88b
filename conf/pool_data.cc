#include "conf/pool_data.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "conf/quote.h"
#include "conf/rule_parts.h"

namespace ringproxy::conf {
namespace {

// An option that a pool uses, and what it does to data.
struct CacheUse {
  std::string path;
  std::string effect;
};

const Pool* PoolWithGutter(const Config& config, const Pool& gutter) {
  const auto found = std::ranges::find_if(config.pools, [&](const Pool& pool) {
    return pool.on_down.policy == DownPolicy::kGutter && pool.on_down.gutter == gutter.name;
  });
  return found != config.pools.end() ? &*found : nullptr;
}

std::vector<CacheUse> CacheUsesOf(const Config& config, const Pool& pool, const std::string& path) {
  std::vector<CacheUse> uses;
  if (pool.on_down.policy == DownPolicy::kRehash) {
    uses.push_back({path + ".on_down", "rehash leaves what a node's neighbours took while it was down with them"});
  }
  if (pool.on_down.policy == DownPolicy::kGutter) {
    uses.push_back({path + ".on_down", "a gutter forgets what was written while a node was down"});
  }
  if (pool.flush_on_return) uses.push_back({path + ".flush_on_return", "a node that returns is emptied"});
  if (pool.ring.load_bound.thousandths > 0) {
    uses.push_back({path + ".ring.load_bound", "a busy node's keys are written to its neighbours"});
  }
  if (const Pool* user = PoolWithGutter(config, pool)) {
    uses.push_back({path + ".data", "it is the gutter of pool " + Quote(user->name) + ", whose keys may be its own"});
  }
  return uses;
}

void CheckStore(const Config& config, const Pool& pool, const std::string& path, Source& source) {
  if (pool.data == DataKind::kCache) return;
  for (const CacheUse& use : CacheUsesOf(config, pool, path)) {
    source.Fail(use.path, use.effect + ", which data: store does not allow; data: cache does");
  }
}

// Only rehash asks another node of the pool for a key, which leaves old values behind and is what a hedge does.
void CheckRehash(const Pool& pool, const std::string& path, Source& source) {
  const auto ttl = pool.rehash_ttl;
  if (ttl > microseconds(0) && ttl < std::chrono::seconds(1)) {
    source.Fail(path + ".rehash_ttl", "is 0s (no bound) or at least 1s");
  }
  if (pool.on_down.policy == DownPolicy::kRehash) {
    if (pool.flush_on_return && ttl == microseconds(0)) {
      source.Fail(path + ".rehash_ttl",
                  "flush_on_return needs a bound: after a second outage a neighbour would serve "
                  "what it has kept since the first");
    }
    return;
  }
  if (pool.flush_on_return) source.Fail(path + ".flush_on_return", "goes with on_down: rehash only");
  if (pool.hedging.budget.thousandths > 0) source.Fail(path + ".hedging.budget", "goes with on_down: rehash only");
}

}  // namespace

void SettleData(Config& config, const Source& source) {
  for (Pool& pool : config.pools) {
    const std::string path = "pools." + PathPart(pool.name);
    if (source.Has(path + ".data") || CacheUsesOf(config, pool, path).empty()) continue;
    pool.data = DataKind::kCache;
    pool.taken_for_cache = true;
  }
}

void ValidateData(const Config& config, Source& source) {
  for (const Pool& pool : config.pools) {
    if (pool.name.empty()) continue;  // A bad name, and its options have no path that anybody could read.
    const std::string path = "pools." + PathPart(pool.name);
    if (!source.Sound({path + ".data", path + ".on_down", path + ".rehash_ttl"})) continue;
    CheckStore(config, pool, path, source);
    CheckRehash(pool, path, source);
  }
}

}  // namespace ringproxy::conf
