#include "ring/vnode_ring.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <tuple>

namespace ringproxy::ring {
namespace {

// 64 Ki prefixes leave one or two points to look at on a ring of 100,000; a small ring needs fewer.
constexpr uint32_t kMostPrefixBits = 16;

struct Point {
  uint64_t value;
  NodeIndex owner;
};

std::vector<Point> MakePoints(uint32_t virtual_nodes, std::span<const RingNode> nodes) {
  std::vector<Point> points;
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    const uint64_t count = uint64_t{virtual_nodes} * nodes[i].weight;
    for (uint64_t v = 0; v < count; ++v) {
      points.push_back({XXH3_64bits_withSeed(nodes[i].name.data(), nodes[i].name.size(), v), i});
    }
  }
  std::ranges::sort(points, [&](const Point& a, const Point& b) {
    return std::tie(a.value, nodes[a.owner].name) < std::tie(b.value, nodes[b.owner].name);
  });
  return points;
}

}  // namespace

VnodeRing::VnodeRing(uint32_t virtual_nodes, std::span<const RingNode> nodes)
    : node_count_(static_cast<uint32_t>(nodes.size())) {
  assert(!nodes.empty() && virtual_nodes > 0);
  const std::vector<Point> points = MakePoints(virtual_nodes, nodes);
  points_.reserve(points.size() + 1);
  owners_.reserve(points.size() + 1);
  for (const Point& point : points) {
    points_.push_back(point.value);
    owners_.push_back(point.owner);
  }
  points_.push_back(UINT64_MAX);
  owners_.push_back(owners_.front());
  BuildIndex();
}

void VnodeRing::BuildIndex() {
  const size_t count = points_.size() - 1;
  const uint32_t bits = std::min(kMostPrefixBits, static_cast<uint32_t>(std::bit_width(count)));
  shift_ = 64 - bits;
  index_.resize(size_t{1} << bits);
  size_t point = 0;
  for (size_t prefix = 0; prefix < index_.size(); ++prefix) {
    while (point < count && (points_[point] >> shift_) < prefix) ++point;
    index_[prefix] = static_cast<uint32_t>(point);
  }
}

size_t VnodeRing::FirstPoint(uint64_t hash) const {
  // The sentinel ends the walk; few points share a prefix, so walking beats a binary search.
  size_t point = index_[hash >> shift_];
  while (points_[point] < hash) ++point;
  return point;
}

NodeIndex VnodeRing::PickNth(uint64_t hash, uint32_t attempt) const {
  assert(attempt < node_count_);
  const size_t count = points_.size() - 1;
  std::vector<bool> seen(node_count_);
  size_t point = FirstPoint(hash) % count;
  for (uint32_t distinct = 0;; point = (point + 1) % count) {
    const NodeIndex owner = owners_[point];
    if (seen[owner]) continue;
    if (distinct++ == attempt) return owner;
    seen[owner] = true;
  }
}

}  // namespace ringproxy::ring
