#include "ring/ketama_ring.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "ring/md5.h"

namespace ringproxy::ring {
namespace {

constexpr uint16_t kMemcachedPort = 11211;
constexpr uint32_t kPointsPerHash = 4;

std::string PointName(const RingNode& node, bool aliases) {
  if (node.host.empty() || (aliases && node.has_alias)) return node.name;
  // A Unix socket's path has no port.
  if (node.port == kMemcachedPort || node.port == 0) return node.host;
  return node.host + ":" + std::to_string(node.port);
}

// How many hashes a node gets, rounded as the originals round: in float, with a little added in double.
uint32_t HashesOf(uint32_t weight, uint32_t total_weight, uint32_t points_per_node, size_t nodes) {
  const float part = static_cast<float>(weight) / static_cast<float>(total_weight);
  const float scaled = part * static_cast<float>(points_per_node) / 4 * static_cast<float>(nodes);
  return static_cast<uint32_t>(std::floor(static_cast<float>(static_cast<double>(scaled) + 0.0000000001)));
}

}  // namespace

KetamaRing::KetamaRing(uint32_t points_per_node, std::span<const RingNode> nodes, bool aliases)
    : node_count_(static_cast<uint32_t>(nodes.size())) {
  uint32_t total_weight = 0;
  for (const RingNode& node : nodes) total_weight += node.weight;
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    const std::string name = PointName(nodes[i], aliases);
    const uint32_t hashes = HashesOf(nodes[i].weight, total_weight, points_per_node, nodes.size());
    for (uint32_t k = 0; k < hashes; ++k) {
      for (const uint32_t value : Md5(name + "-" + std::to_string(k))) points_.push_back({value, i});
    }
  }
  // So light a weight that every node was rounded to nothing is no ring.
  assert(!points_.empty());
  std::ranges::sort(points_, [](const Point& a, const Point& b) {
    return a.value != b.value ? a.value < b.value : a.owner < b.owner;
  });
}

size_t KetamaRing::FirstPoint(uint32_t hash) const {
  const auto point = std::ranges::lower_bound(points_, hash, {}, &Point::value);
  return point == points_.end() ? 0 : static_cast<size_t>(point - points_.begin());
}

NodeIndex KetamaRing::PickNth(uint64_t hash, uint32_t attempt) const {
  assert(attempt < node_count_);
  std::vector<bool> met(node_count_);
  size_t point = FirstPoint(static_cast<uint32_t>(hash));
  uint32_t distinct = 0;
  for (size_t steps = 0; steps < points_.size(); ++steps, point = (point + 1) % points_.size()) {
    const NodeIndex owner = points_[point].owner;
    if (met[owner]) continue;
    if (distinct++ == attempt) return owner;
    met[owner] = true;
  }
  // Nodes whose weight was rounded to no point come last, in the order of the list.
  for (NodeIndex node = 0;; ++node) {
    if (!met[node] && distinct++ == attempt) return node;
  }
}

}  // namespace ringproxy::ring
