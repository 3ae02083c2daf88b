#include "tools/ringskew/advice.h"

#include <algorithm>
#include <cmath>

#include "conf/values.h"
#include "tools/ringskew/numbers.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {
namespace {

constexpr uint32_t kMostVirtualNodes = 16384;

// The least virtual nodes, as a power of two, whose ring is as even as the target wants; nothing if none is.
std::optional<uint32_t> EnoughVirtualNodes(conf::Pool pool, double target) {
  for (uint32_t v = 16; v <= kMostVirtualNodes; v *= 2) {
    pool.ring.virtual_nodes = v;
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
  for (const HotRow& hot : report.hot_keys) {
    if (hot.share * nodes <= 0.5) continue;
    std::string text = "The key " + hot.name + " alone is " + Percent(hot.share) + " of the requests, " +
                       Fixed(hot.share * nodes, 1) +
                       " times a node's fair share; no number of virtual nodes can spread one key. ";
    text += hot.copies >= report.nodes.size() && hot.share * nodes > 1
                ? "Even a copy on every node would not be enough to halve its weight: cache it in the clients."
                : "Cache it in the clients, or keep " + std::to_string(hot.copies) + " copies under different names (" +
                      hot.name + "#1 …) and read one at random.";
    report.advice.push_back(std::move(text));
    if (report.advice.size() >= 6) return;
  }
}

void AdviseWeights(const conf::Pool& pool, Report& report) {
  // Where the keys are few or their bytes uneven, weights are no cure; where a node has steadily more, they may be.
  const bool even_ring = report.ring_spread.peak_to_mean <= report.target;
  if (!even_ring || report.requests_spread.peak_to_mean <= report.target || !report.hot_keys.empty()) return;
  const double chance = 1 + 3 * report.sampling_cv;
  if (report.requests_spread.peak_to_mean <= chance) return;
  const auto fullest = std::ranges::max_element(report.nodes, {}, &NodeRow::ratio);
  report.advice.push_back(
      "Node " + fullest->name + " gets " + Fixed(fullest->ratio, 2) +
      " times its fair share although the ring is even and no single key is hot: a group of keys shares a hash "
      "tag, or the weights of the input are uneven. See the hottest prefixes; hash_tag \"\" hashes whole keys.");
  if (!pool.ring.hash_tag.empty()) report.yaml = RingLines(pool, "hash_tag: \"\"");
}

}  // namespace

uint32_t CopiesNeeded(double share, size_t nodes) {
  const auto all = static_cast<double>(nodes);
  return static_cast<uint32_t>(std::clamp(std::ceil(share * all / 0.5), 1.0, all));
}

void AddAdvice(const conf::Pool& pool, Report& report) {
  AdviseRing(pool, report);
  AdviseHotKeys(report);
  AdviseWeights(pool, report);
  if (!report.advice.empty()) return;
  report.advice.push_back("Nothing to change, the rest is chance: the fullest node has " +
                          Fixed(report.requests_spread.peak_to_mean, 2) + " times its fair share.");
}

}  // namespace ringproxy::ringskew
