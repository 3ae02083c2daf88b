#include "conf/hints.h"

#include <algorithm>

#include "conf/pool_ring.h"
#include "conf/quote.h"
#include "conf/rule_parts.h"
#include "conf/source.h"
#include "conf/units.h"
#include "conf/values.h"
#include "ring/ketama_ring.h"

namespace ringproxy::conf {
namespace {

// Ketama gives points by shares and rounds them down: a light node among heavy ones has none.
void HintAtNodesWithoutPoints(const Pool& pool, std::vector<std::string>& hints) {
  // It is a hint and no error, since the programs whose ring this is allow such a node.
  if (!IsKetama(pool.ring.algorithm) || pool.ring.algorithm == ring::Algorithm::kKetamaUnweighted) return;
  uint64_t total = 0;
  for (const Node& node : pool.nodes) total += node.weight;
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    const Node& node = pool.nodes[i];
    if (ring::KetamaRing::PointsOf(node.weight, total, VirtualNodesOf(pool.ring), pool.nodes.size()) > 0) continue;
    hints.push_back("pools." + PathPart(pool.name) + ".nodes[" + std::to_string(i) + "]: weight " +
                    std::to_string(node.weight) + " of " + std::to_string(total) +
                    " is too small a share for a point on the ring " + std::string(NameOf(pool.ring.algorithm)) + ": " +
                    Quote(node.name) + " gets no key");
  }
}

void HintAtWeightsWithoutEffect(const Pool& pool, std::vector<std::string>& hints) {
  if (pool.ring.algorithm != ring::Algorithm::kKetamaUnweighted) return;
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    if (pool.nodes[i].weight == pool.nodes[0].weight) continue;
    hints.push_back("pools." + PathPart(pool.name) + ".nodes[" + std::to_string(i) +
                    "]: its weight has no effect on the ring ketama_unweighted");
    return;
  }
}

// semantics.md 31: of a narrow hash these rings see one short arc, and its owner gets every key. Their programs allow
// it, so it is what somebody may come from. Modula and slots look at the low bits alone; for the others KeyHasher
// spreads it.
void HintAtNarrowHashes(const Pool& pool, std::vector<std::string>& hints) {
  constexpr uint32_t kEnough = 32;  // As wide as ketama's points.
  const ring::HashAlgorithm hash = HashOf(pool.ring);
  if (!IsKetama(pool.ring.algorithm) || ring::HashBits(hash) >= kEnough) return;
  hints.push_back("pools." + PathPart(pool.name) + ".ring.hash: " + std::string(NameOf(hash)) + " has " +
                  std::to_string(ring::HashBits(hash)) + " bits, too few for the ring " +
                  std::string(NameOf(pool.ring.algorithm)) +
                  ": nearly all keys go to one node; crc32a spreads them, and moves them");
}

void HintAtOpenHashTags(const Pool& pool, std::vector<std::string>& hints) {
  if (!LeavesHashTagOpen(pool.ring) || !HashTagOf(pool.ring).empty()) return;
  hints.push_back(
      "pools." + PathPart(pool.name) + ".ring.hash_tag: is left open, which with " +
      std::string(NameOf(pool.ring.algorithm)) +
      " means none: keys with braces are hashed whole (release 0.1.0 had \"{}\"); \"\" or \"{}\" says which");
}

void HintAtGroups(const Pool& pool, std::vector<std::string>& hints) {
  if (pool.groups.empty()) return;
  const std::string path = "pools." + PathPart(pool.name) + ".groups: ";
  hints.push_back(path +
                  "a key that fits one lies elsewhere than it does without it: when they are switched on or "
                  "changed in a pool that has data, such keys are not found any more");
  const ring::Algorithm algorithm = pool.ring.algorithm;
  const bool is_elsewhere_too =
      IsKetama(algorithm) || algorithm == ring::Algorithm::kModula || algorithm == ring::Algorithm::kSlots;
  if (!is_elsewhere_too) return;
  hints.push_back(path + "other programs that have the ring " + std::string(NameOf(algorithm)) +
                  " know no groups, and look for such keys elsewhere");
}

void HintAtOpenData(const Pool& pool, std::vector<std::string>& hints) {
  if (!pool.taken_for_cache) return;
  hints.push_back(
      "pools." + PathPart(pool.name) +
      ".data: is not said; since the pool uses what may lose data (on_down, flush_on_return, load_bound) it "
      "is taken for a cache. Write data: cache, or leave those options out");
}

// Below two tokens in the life of a lease each batch is one token.
void HintAtLeasesOfOneToken(const Limit& limit, const std::string& path, std::vector<std::string>& hints) {
  if (limit.scope != LimitScope::kGlobal || limit.check != LimitCheck::kLease) return;
  const auto window_us = static_cast<uint64_t>(limit.rate.window.count());
  if (limit.rate.amount * static_cast<uint64_t>(limit.lease.ttl.count()) >= 2 * window_us) return;
  hints.push_back(path + ".rate: " + FormatRate(limit.rate) + " is less than two tokens in lease.ttl, " +
                  FormatDuration(limit.lease.ttl) + ": the store will be asked for each request; a longer lease.ttl " +
                  "asks less often, check: exact asks before the request passes");
}

void HintAtOptionsWithoutEffect(const Limit& limit, const std::string& path, std::vector<std::string>& hints) {
  // A Config does not say what the file has written; a default that was written out does no harm either.
  const Limit defaults;
  const auto hint = [&](bool changed, std::string_view option, std::string_view only) {
    if (changed)
      hints.push_back(path + "." + std::string(option) + ": has an effect with " + std::string(only) + " only");
  };
  if (limit.scope != LimitScope::kGlobal) {
    hint(limit.check != defaults.check, "check", "scope: global");
    hint(limit.lease != defaults.lease, "lease", "scope: global");
    hint(limit.on_store_failure != defaults.on_store_failure, "on_store_failure", "scope: global");
  }
  if (limit.action != LimitAction::kDelay) {
    hint(limit.max_wait != defaults.max_wait, "max_wait", "action: delay");
    hint(limit.max_waiting != defaults.max_waiting, "max_waiting", "action: delay");
  }
}

// Only the kernel's word for the other end of a Unix socket makes a user known.
void HintAtUnknownUsers(const Config& config, const Limit& limit, const std::string& path,
                        std::vector<std::string>& hints) {
  const bool per_user = std::ranges::find(limit.per, "user") != limit.per.end();
  if (limit.match.user.empty() && !per_user) return;
  const Words& names = limit.match.listener;
  // A match without listeners is one for all of them.
  const bool known = std::ranges::any_of(config.listeners, [&](const Listener& listener) {
    return listener.listen.is_unix() && (names.empty() || std::ranges::find(names, listener.name) != names.end());
  });
  if (known) return;
  hints.push_back(path + (per_user ? ".per" : ".match.user") +
                  ": no listener that matches is a Unix socket, so no client has a user");
}

void HintAtReserveWithoutUse(const Config& config, std::vector<std::string>& hints) {
  const bool reserves =
      std::ranges::any_of(config.pools, [](const Pool& pool) { return pool.concurrency.reserve.thousandths > 0; });
  if (reserves == config.priority.empty()) {
    hints.push_back(reserves ? "priority: is empty, so nothing may use what a pool's concurrency.reserve keeps"
                             : "priority: has no effect, since no pool has a concurrency.reserve");
  }
}

void HintAtPoolsThatDoNotLearn(const Config& config, const Listener& listener, std::vector<std::string>& hints) {
  const auto learns = [&](const Route& route) {
    const auto pool = std::ranges::find(config.pools, route.pool, &Pool::name);
    return pool != config.pools.end() && pool->learn;
  };
  const auto learning = std::ranges::find_if(listener.routes, learns);
  const auto other = std::ranges::find_if_not(listener.routes, learns);
  if (learning == listener.routes.end() || other == listener.routes.end()) return;
  hints.push_back("pools." + learning->pool + ".learn: has no effect at listener " + listener.name + ", since pool " +
                  other->pool + " does not learn");
}

}  // namespace

std::vector<std::string> Hints(const Config& config) {
  std::vector<std::string> hints;
  for (const Pool& pool : config.pools) {
    HintAtNodesWithoutPoints(pool, hints);
    HintAtWeightsWithoutEffect(pool, hints);
    HintAtNarrowHashes(pool, hints);
    HintAtOpenHashTags(pool, hints);
    HintAtOpenData(pool, hints);
    HintAtGroups(pool, hints);
  }
  for (size_t i = 0; i < config.limits.size(); ++i) {
    const std::string path = Index("limits", i);
    HintAtLeasesOfOneToken(config.limits[i], path, hints);
    HintAtOptionsWithoutEffect(config.limits[i], path, hints);
    HintAtUnknownUsers(config, config.limits[i], path, hints);
  }
  HintAtReserveWithoutUse(config, hints);
  for (const Listener& listener : config.listeners) HintAtPoolsThatDoNotLearn(config, listener, hints);
  return hints;
}

}  // namespace ringproxy::conf
