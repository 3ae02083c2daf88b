#include "ring/vnode_ring.h"

#include <algorithm>
#include <bit>
#include <cassert>

#include "ring/hash.h"

namespace ringproxy::ring {
namespace {

VnodePoint MakePoint(uint64_t value, NodeIndex owner) {
  return {static_cast<uint32_t>(value), static_cast<uint32_t>(value >> 32), owner};
}

void AppendPoints(const std::string& name, NodeIndex owner, uint64_t count, std::vector<VnodePoint>& points) {
  // The number is text and not xxh3's seed: for short inputs the seed is merely XORed in, and the names n10 and n11
  // would share all their points.
  for (uint64_t v = 0; v < count; ++v) {
    points.push_back(MakePoint(Hash(HashAlgorithm::kXxh3, name + '#' + std::to_string(v)), owner));
  }
}

std::vector<VnodePoint> MakePoints(uint32_t virtual_nodes, std::span<const RingNode> nodes) {
  uint64_t count = 0;
  for (const RingNode& node : nodes) count += uint64_t{virtual_nodes} * node.weight;
  // index_ keeps positions in 32 bits; conf/validate bounds a ring far below that.
  assert(count > 0 && count < UINT32_MAX);
  std::vector<VnodePoint> points;
  points.reserve(count + 1);
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    AppendPoints(nodes[i].name, i, uint64_t{virtual_nodes} * nodes[i].weight, points);
  }
  std::ranges::sort(points, [&](const VnodePoint& a, const VnodePoint& b) {
    if (a.value() != b.value()) return a.value() < b.value();
    // The names decide and not the indexes, so that the list's order moves no key.
    return nodes[a.owner].name < nodes[b.owner].name;
  });
  // It spares each pick the question whether the ring's end is passed.
  points.push_back(MakePoint(UINT64_MAX, points.front().owner));
  return points;
}

}  // namespace

VnodeRing::VnodeRing(uint32_t virtual_nodes, std::span<const RingNode> nodes)
    : points_(MakePoints(virtual_nodes, nodes)), node_count_(static_cast<uint32_t>(nodes.size())) {
  BuildIndex();
}

void VnodeRing::BuildIndex() {
  // The largest power of two not above the points: one to two points a prefix. 64 Ki prefixes at 100 nodes x 1,024.
  // At least one bit, for a shift by 64 is undefined.
  const size_t count = points_.size() - 1;
  const uint32_t bits = std::max(1U, static_cast<uint32_t>(std::bit_width(count / 2)));
  shift_ = 64 - bits;
  index_.resize(size_t{1} << bits);
  size_t point = 0;
  for (size_t prefix = 0; prefix < index_.size(); ++prefix) {
    while (point < count && (points_[point].value() >> shift_) < prefix) ++point;
    // A prefix without points leads to the first one behind it, the last of them to the sentinel.
    index_[prefix] = static_cast<uint32_t>(point);
  }
}

size_t VnodeRing::FirstPoint(uint64_t hash) const {
  size_t point = index_[hash >> shift_];
  // Whether the prefix's first points lie before the hash is a coin toss, which a branch would lose half of the time:
  // these two steps are additions. The sentinel, never below a hash, ends the walk.
  point += points_[point].value() < hash ? 1 : 0;
  point += points_[point].value() < hash ? 1 : 0;
  while (points_[point].value() < hash) [[unlikely]]++ point;
  return point;
}

void VnodeRing::Walk(uint64_t hash, WalkVisitor visit) const {
  const NodeIndex first = Pick(hash);
  if (visit(first)) return;
  const size_t count = points_.size() - 1;
  // Nothing is allocated before: nearly all walks end at the owner.
  std::vector<bool> met(node_count_);
  met[first] = true;
  // The sentinel's position stands for that of the first point.
  size_t point = FirstPoint(hash) % count;
  for (uint32_t left = node_count_ - 1; left > 0; point = (point + 1) % count) {
    const NodeIndex owner = points_[point].owner;
    if (met[owner]) continue;
    if (visit(owner)) return;
    met[owner] = true;
    --left;
  }
}

}  // namespace ringproxy::ring
