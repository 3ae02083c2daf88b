#include "ring/ketama_ring.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "ring/md5.h"

namespace ringproxy::ring {
namespace {

constexpr uint16_t kMemcachedPort = 11211;
constexpr uint32_t kPointsPerHash = 4;  // A digest of 16 bytes.

// The order in which a program keeps its nodes, which is that of their points of equal value.
std::vector<NodeIndex> OrderOf(KetamaKind kind, const std::vector<std::string>& names) {
  std::vector<NodeIndex> order(names.size());
  std::iota(order.begin(), order.end(), 0);
  if (kind == KetamaKind::kLibmemcached) return order;
  std::ranges::stable_sort(order, [&](NodeIndex a, NodeIndex b) {
    if (names[a].size() != names[b].size()) return names[a].size() < names[b].size();
    return names[a] < names[b];
  });
  return order;
}

}  // namespace

std::string KetamaRing::PointName(KetamaKind kind, const RingNode& node) {
  const bool is_twemproxy = kind == KetamaKind::kTwemproxy;
  if (node.host.empty() || (is_twemproxy && node.has_alias)) return node.name;
  // Both programs leave memcached's own port out of the name, and another name is another set of points.
  if (node.port == kMemcachedPort) return node.host;
  const bool is_unix = node.port == 0;
  return node.host + ":" + (is_twemproxy && is_unix ? "" : std::to_string(node.port));
}

uint32_t KetamaRing::PointsOf(uint32_t weight, uint64_t total_weight, uint32_t points_per_node, size_t nodes) {
  const float part = static_cast<float>(weight) / static_cast<float>(total_weight);
  // The order and the precision of these steps are the programs': other rounding gives a node four points more or less.
  const float hashes = part * static_cast<float>(points_per_node) / 4 * static_cast<float>(nodes);
  // The programs add so little that only a float near zero would notice; it is here for the sake of completeness.
  const auto nudged = static_cast<float>(static_cast<double>(hashes) + 1e-10);
  return static_cast<uint32_t>(std::floor(nudged)) * kPointsPerHash;
}

KetamaRing::KetamaRing(KetamaKind kind, uint32_t points_per_node, std::span<const RingNode> nodes)
    : node_count_(static_cast<uint32_t>(nodes.size())) {
  uint64_t total_weight = 0;
  std::vector<std::string> names;
  for (const RingNode& node : nodes) {
    total_weight += node.weight;
    names.push_back(PointName(kind, node));
  }
  for (const NodeIndex i : OrderOf(kind, names)) {
    const uint32_t count = PointsOf(nodes[i].weight, total_weight, points_per_node, nodes.size());
    for (uint32_t k = 0; k < count / kPointsPerHash; ++k) {
      for (const uint32_t value : Md5(names[i] + "-" + std::to_string(k))) points_.push_back({value, i});
    }
  }
  assert(!points_.empty());
  // The sort is stable, so that points of equal value keep the order of their nodes.
  std::ranges::stable_sort(points_, {}, &Point::value);
}

KetamaRing::KetamaRing(HashAlgorithm hash, uint32_t points_per_node, std::span<const RingNode> nodes)
    : node_count_(static_cast<uint32_t>(nodes.size())) {
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    const std::string name = PointName(KetamaKind::kLibmemcached, nodes[i]);
    for (uint32_t k = 0; k < points_per_node; ++k) {
      points_.push_back({static_cast<uint32_t>(Hash(hash, name + "-" + std::to_string(k))), i});
    }
  }
  std::ranges::stable_sort(points_, {}, &Point::value);
}

size_t KetamaRing::FirstPoint(uint32_t hash) const {
  const auto point = std::ranges::lower_bound(points_, hash, {}, &Point::value);
  return point == points_.end() ? 0 : static_cast<size_t>(point - points_.begin());
}

void KetamaRing::Walk(uint64_t hash, WalkVisitor visit) const {
  size_t point = FirstPoint(static_cast<uint32_t>(hash));
  if (visit(points_[point].owner)) return;
  std::vector<bool> met(node_count_);
  met[points_[point].owner] = true;
  uint32_t left = node_count_ - 1;
  // The points bound the walk too, since a node of very little weight has none and is never met among them.
  for (size_t steps = 1; left > 0 && steps < points_.size(); ++steps) {
    point = (point + 1) % points_.size();
    const NodeIndex owner = points_[point].owner;
    if (met[owner]) continue;
    if (visit(owner)) return;
    met[owner] = true;
    --left;
  }
  for (NodeIndex node = 0; left > 0; ++node) {
    if (met[node]) continue;
    if (visit(node)) return;
    --left;
  }
}

}  // namespace ringproxy::ring
