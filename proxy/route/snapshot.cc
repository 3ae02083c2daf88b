#include "proxy/route/snapshot.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <set>

#include "backends/cas_tags.h"
#include "conf/pool_ring.h"
#include "proxy/route/learnt_commands.h"

namespace ringproxy::proxy {
namespace {

PoolSnapshot MakePool(const conf::Pool& pool, backends::NodeRegistry& registry) {
  std::vector<std::shared_ptr<backends::NodeRecord>> nodes;
  for (const conf::Node& node : pool.nodes) nodes.push_back(registry.Get(pool.name, node.name));
  return {
      .ring = conf::MakePoolRing(pool),
      .hash = conf::KeyHasher(pool),
      .hash_tag = std::string(conf::HashTagOf(pool.ring)),
      .cas_tags = backends::CasTagsOf(pool),
      .moves_keys = pool.on_down.policy != conf::DownPolicy::kError || pool.ring.load_bound.thousandths > 0,
      .keeps_reads = pool.retries.max > 0 || pool.hedging.budget.thousandths > 0,
      .nodes = std::move(nodes),
  };
}

uint32_t PoolIndex(const conf::Config& config, const std::string& name) {
  const auto found = std::ranges::find(config.pools, name, &conf::Pool::name);
  // A name that no pool has was refused together with its configuration.
  assert(found != config.pools.end());
  return static_cast<uint32_t>(found - config.pools.begin());
}

ListenerSnapshot MakeListener(const conf::Config& config, const conf::Listener& listener) {
  ListenerSnapshot snapshot;
  std::set<uint32_t> pools;
  for (const conf::Route& route : listener.routes) {
    snapshot.routes.push_back({route.prefix, PoolIndex(config, route.pool)});
    pools.insert(snapshot.routes.back().pool);
  }
  std::ranges::stable_sort(snapshot.routes, std::ranges::greater(),
                           [](const auto& route) { return route.prefix.size(); });
  snapshot.pools.assign(pools.begin(), pools.end());
  std::vector<ScanOrder::ScanNode> nodes;
  for (const uint32_t pool : snapshot.pools) {
    for (uint32_t node = 0; node < config.pools[pool].nodes.size(); ++node) {
      // Nodes of two pools may have one name. None has a line's end in it.
      nodes.push_back({config.pools[pool].name + '\n' + config.pools[pool].nodes[node].name, pool, node});
    }
  }
  snapshot.scan_order = ScanOrder(std::move(nodes));
  return snapshot;
}

}  // namespace

std::shared_ptr<Snapshot> MakeSnapshot(conf::Config config, backends::NodeRegistry& registry) {
  static std::atomic<uint64_t> last_number{0};
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->number = ++last_number;
  for (const conf::Pool& pool : config.pools) snapshot->pools.push_back(MakePool(pool, registry));
  for (size_t i = 0; i < config.pools.size(); ++i) {
    const conf::OnDown& on_down = config.pools[i].on_down;
    if (on_down.policy == conf::DownPolicy::kGutter) snapshot->pools[i].gutter = PoolIndex(config, on_down.gutter);
  }
  for (const conf::Listener& listener : config.listeners) snapshot->listeners.push_back(MakeListener(config, listener));
  if (!config.global_limits.store.empty()) snapshot->limit_store = PoolIndex(config, config.global_limits.store);
  snapshot->config = std::move(config);
  return snapshot;
}

const wire::CommandSpec* ListenerSnapshot::FindLearnt(std::string_view name) const {
  return learnt ? learnt->Find(name) : nullptr;
}

std::span<const wire::CommandSpec* const> ListenerSnapshot::learnt_rows() const {
  return learnt ? learnt->rows() : std::span<const wire::CommandSpec* const>();
}

bool MayFollow(const Snapshot& before, const Snapshot& after) {
  const auto same = [](const auto& a, const auto& b) { return a.name == b.name && a.protocol == b.protocol; };
  return std::ranges::equal(before.config.pools, after.config.pools, same) &&
         std::ranges::equal(before.config.listeners, after.config.listeners, same);
}

}  // namespace ringproxy::proxy
