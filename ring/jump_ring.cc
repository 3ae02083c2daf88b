#include "ring/jump_ring.h"

#include <algorithm>
#include <cassert>

#include "ring/mix.h"

namespace ringproxy::ring {
namespace {

// After so many jumps a node, those not yet met follow in list order: a very light node comes up too seldom to wait.
constexpr uint64_t kJumpsPerNode = 16;

}  // namespace

uint32_t JumpHash(uint64_t key, uint32_t buckets) {
  // The paper's floating point is the same on every host: IEEE 754 rounds one multiplication and one division exactly,
  // and no product is added to anything, which a compiler might fuse.
  constexpr double kTwoTo31 = 1LL << 31;
  int64_t bucket = 0;
  for (int64_t next = 0; next < buckets;) {
    bucket = next;
    // The paper's generator: with other constants the buckets would be other ones than those of every other program.
    key = key * 2862933555777941757U + 1;
    next = static_cast<int64_t>(static_cast<double>(bucket + 1) * (kTwoTo31 / static_cast<double>((key >> 33) + 1)));
  }
  return static_cast<uint32_t>(bucket);
}

JumpRing::JumpRing(std::span<const RingNode> nodes) : node_count_(static_cast<uint32_t>(nodes.size())) {
  for (NodeIndex i = 0; i < nodes.size(); ++i) owners_.insert(owners_.end(), nodes[i].weight, i);
}

void JumpRing::Walk(uint64_t hash, WalkVisitor visit) const {
  const NodeIndex first = Pick(hash);
  if (visit(first)) return;
  std::vector<bool> met(node_count_);
  met[first] = true;
  uint32_t left = node_count_ - 1;
  for (uint64_t jumps = kJumpsPerNode * node_count_ - 1; left > 0 && jumps > 0; --jumps) {
    // Plus one, since Mix leaves zero as it is and every jump would lead to the same bucket.
    hash = Mix(hash + 1);
    const NodeIndex node = Pick(hash);
    if (met[node]) continue;
    if (visit(node)) return;
    met[node] = true;
    --left;
  }
  for (NodeIndex node = 0; left > 0; ++node) {
    if (met[node]) continue;
    if (visit(node)) return;
    --left;
  }
}

}  // namespace ringproxy::ring
