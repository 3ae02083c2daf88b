#include "tools/ringskew/advice.h"

#include <algorithm>
#include <cmath>

#include "conf/pool_ring.h"
#include "conf/values.h"
#include "tools/ringskew/numbers.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {
namespace {

constexpr uint32_t kMostVirtualNodes = 16384;
constexpr size_t kMostHotKeys = 6;
// Tagged keys that may make a load uneven.
constexpr double kTagged = 0.01;
// Keys scattered by so many times what the ring and chance explain are the hash's doing.
constexpr double kBeyondChance = 2;
// New weights are told in tenths of the old ones, and none goes beyond half or twice: a lump of keys moves as a whole.
constexpr double kWeightSteps = 10;
constexpr double kMostWeight = 1000;

// The least virtual nodes, as a power of two, whose ring is as even as the target wants; nothing if none is.
std::optional<uint32_t> EnoughVirtualNodes(conf::Pool pool, double target) {
  for (uint32_t v = 16; v <= kMostVirtualNodes; v *= 2) {
    pool.ring.virtual_nodes = v;
    if (WhyNoRing(pool)) return std::nullopt;  // Heavy nodes and many: more points than a ring may have.
    // The ring is made and measured: with these very names it may be better or worse than the average.
    const Topology topology = MakeTopology(pool);
    if (ring::MeasureSpread(ring::RingShares(*topology.ring), topology.weights()).peak_to_mean <= target) return v;
  }
  return std::nullopt;
}

std::string RingLines(const conf::Pool& pool, const std::string& option) {
  return "pools:\n  " + pool.name + ":\n    ring:\n      " + option + "\n";
}

void AdviseRing(const conf::Pool& pool, Report& report) {
  if (report.ring_spread.peak_to_mean <= report.target) return;
  const std::string fullest = Fixed(report.ring_spread.peak_to_mean, 2);
  if (pool.ring.algorithm != ring::Algorithm::kVnode) {
    report.advice.push_back("The ring alone gives a node " + fullest +
                            " times its fair share. The algorithm vnode with 1,024 "
                            "virtual nodes spreads better; a change of algorithm moves nearly all keys once.");
    report.yaml = RingLines(pool, "algorithm: vnode");
    return;
  }
  const auto enough = EnoughVirtualNodes(pool, report.target);
  if (!enough) {
    report.advice.push_back("The ring alone gives a node " + fullest +
                            " times its fair share, and no number of virtual nodes up to " +
                            Grouped(kMostVirtualNodes) + " brings it to " + Fixed(report.target, 2) + ".");
    return;
  }
  report.advice.push_back("Too few virtual nodes: with " + Grouped(report.virtual_nodes) +
                          " the ring alone gives a node " + fullest + " times its fair share; " + Grouped(*enough) +
                          " are the fewest that reach " + Fixed(report.target, 2) + ".");
  report.yaml = RingLines(pool, "virtual_nodes: " + std::to_string(*enough));
}

void AdviseHotKeys(Report& report) {
  const auto nodes = static_cast<double>(report.nodes.size());
  size_t advised = 0;
  for (const HotRow& hot : report.hot_keys) {
    // CopiesNeeded says one for such a key, which is no advice.
    if (hot.share * nodes <= 0.5) continue;
    std::string text = "The key " + hot.name + " alone is " + Percent(hot.share) + " of the requests, " +
                       Fixed(hot.share * nodes, 1) +
                       " times a node's fair share; no number of virtual nodes can spread one key. ";
    text += hot.copies >= report.nodes.size() && hot.share * nodes > 1
                ? "Even a copy on every node would not be enough to halve its weight: cache it in the clients."
                : "Cache it in the clients, or keep " + std::to_string(hot.copies) + " copies under different names (" +
                      hot.name + "#1 …) and read one at random.";
    report.advice.push_back(std::move(text));
    if (++advised == kMostHotKeys) return;
  }
}

void AdviseMisplaced(Report& report) {
  if (!report.misplaced || report.misplaced->keys == 0) return;
  double unrelated = 1;  // What a ring that knows nothing of the nodes' contents would find misplaced.
  std::string where;
  for (const NodeRow& node : report.nodes) {
    unrelated -= node.ring_share * node.ring_share;
    if (node.misplaced > 0) where += (where.empty() ? "" : ", ") + Grouped(node.misplaced) + " on " + node.name;
  }
  std::string text = Grouped(report.misplaced->keys) + " keys (" + Percent(report.misplaced->share) +
                     " of those that were read) lie on a node that the ring does not map them to, where no request "
                     "finds them: " +
                     where + ". ";
  // A fifth less is left for chance and for keys that were written since.
  text += report.misplaced->share > 0.8 * unrelated
              ? "So many are left by an unrelated ring: they were written with another algorithm, another hash or "
                "other names of the nodes. Try those as a what-if before the proxy serves these nodes."
              : "They were written before a change of the ring, or past the proxy. In a cache they expire; in a store "
                "move them to their owners.";
  report.advice.push_back(std::move(text));
}

// True when it was the hash.
bool AdviseHash(const conf::Pool& pool, Report& report) {
  // Without keys, or with groups of them that share a tag, nothing is known of the hash.
  if (report.keys == 0 || report.tagged_share.value_or(1) > kTagged) return false;
  const double explained = std::hypot(report.ring_spread.cv, report.sampling_cv);
  if (report.keys_spread.peak_to_mean <= report.target || report.keys_spread.cv <= kBeyondChance * explained) {
    return false;
  }
  const char* const better = conf::IsKetama(pool.ring.algorithm) ? "md5" : "xxh3";
  report.advice.push_back("The hash " + report.hash + " does not spread these keys: their CV is " +
                          Percent(report.keys_spread.cv) + ", and the ring and chance explain " + Percent(explained) +
                          ". " + better + " spreads any keys; a change of hash moves nearly all of them once.");
  // On a ring of slots the hash is what a slot is.
  if (pool.ring.algorithm != ring::Algorithm::kSlots && report.hash != better) {
    report.yaml = RingLines(pool, std::string("hash: ") + better);
  }
  return true;
}

// As lines of configuration; empty where no weight says how much a node gets, or none would change.
std::string WeightLines(const conf::Pool& pool, const Report& report) {
  const ring::Algorithm algorithm = pool.ring.algorithm;
  const bool has_weights =
      HasVirtualNodes(algorithm) || algorithm == ring::Algorithm::kMaglev || algorithm == ring::Algorithm::kRendezvous;
  const uint32_t heaviest = std::ranges::max(pool.nodes, {}, &conf::Node::weight).weight;
  // Ten times the heaviest weight, doubled at the most, still has to be one that a configuration may have.
  if (!has_weights || heaviest * kWeightSteps * 2 > kMostWeight) return {};
  std::string nodes;
  bool changes = false;
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    const conf::Node& node = pool.nodes[i];
    const double wanted = kWeightSteps * node.weight / std::clamp(report.nodes[i].ratio, 0.5, 2.0);
    changes = changes || std::llround(wanted) != std::llround(kWeightSteps) * node.weight;
    const bool is_named = node.address.host.empty() && !node.address.is_unix();
    nodes += "      - {name: " + node.name + (is_named ? "" : ", address: " + node.address.ToString()) +
             ", weight: " + Fixed(wanted, 0) + "}\n";
  }
  if (!changes) return {};
  std::string lines = "pools:\n  " + pool.name + ":\n    nodes:\n" + nodes;
  if (algorithm != ring::Algorithm::kVnode) return lines;
  // A vnode ring's weights are absolute: the points of a weight of ten are those of ten times the virtual nodes.
  const double virtual_nodes = std::max(conf::VirtualNodesOf(pool.ring) / kWeightSteps, 1.0);
  return lines + "    ring:\n      virtual_nodes: " + Fixed(virtual_nodes, 0) + "\n";
}

void AdviseWeights(const conf::Pool& pool, Report& report) {
  // Where the keys are few or one is hot, weights are no cure; where a node has steadily more, they may be.
  const bool even_ring = report.ring_spread.peak_to_mean <= report.target;
  if (!even_ring || report.requests_spread.peak_to_mean <= report.target || !report.hot_keys.empty()) return;
  // Three deviations of what so many keys scatter: the fullest of some dozens of nodes is seldom beyond them by chance.
  const double chance = 1 + 3 * report.sampling_cv;
  if (report.requests_spread.peak_to_mean <= chance) return;
  const auto fullest = std::ranges::max_element(report.nodes, {}, &NodeRow::ratio);
  const std::string head = "Node " + fullest->name + " gets " + Fixed(fullest->ratio, 2) +
                           " times its fair share although the ring is even and no single key is hot: ";
  if (report.tagged_share.value_or(0) > kTagged) {
    report.advice.push_back(head + "large groups of keys share a hash tag (" + Percent(*report.tagged_share) +
                            " of the keys have one), and a group lies on one node. hash_tag \"\" hashes whole keys, "
                            "where no command needs a group's keys together.");
    report.yaml = RingLines(pool, "hash_tag: \"\"");
    return;
  }
  report.yaml = WeightLines(pool, report);
  report.advice.push_back(head + "its keys are asked for steadily more than others. " +
                          (report.yaml.empty()
                               ? "See the hottest prefixes."
                               : "The weights below lean against that while the keys stay as they are. Try them as a "
                                 "what-if (--weight), and judge by the shares: fair shares follow the weights."));
}

}  // namespace

uint32_t CopiesNeeded(double share, size_t nodes) {
  const auto all = static_cast<double>(nodes);
  return static_cast<uint32_t>(std::clamp(std::ceil(share * all / 0.5), 1.0, all));
}

void AddAdvice(const conf::Pool& pool, Report& report) {
  AdviseMisplaced(report);
  AdviseRing(pool, report);
  AdviseHotKeys(report);
  // Weights would only lean against one sample of a hash that spreads badly.
  if (!AdviseHash(pool, report)) AdviseWeights(pool, report);
  if (!report.advice.empty()) return;
  report.advice.push_back("Nothing to change, the rest is chance: the fullest node has " +
                          Fixed(report.requests_spread.peak_to_mean, 2) + " times its fair share.");
}

}  // namespace ringproxy::ringskew
