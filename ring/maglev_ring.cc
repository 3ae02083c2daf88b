#include "ring/maglev_ring.h"

#include <algorithm>
#include <cassert>

#include "ring/hash.h"

namespace ringproxy::ring {
namespace {

constexpr uint16_t kNobody = UINT16_MAX;

// One node while the table is filled.
struct Filler {
  uint16_t node;
  uint64_t weight;
  uint32_t next, skip;  // `next` is the next entry of the node's order.
  uint64_t turns = 0;   // Taken so far.

  void TakeTurn(std::vector<uint16_t>& owners) {
    const auto step = [&] { next = static_cast<uint32_t>((uint64_t{next} + skip) % owners.size()); };
    // It ends: some entry is vacant as long as turns are taken, and the prime size leads every node to all of them.
    while (owners[next] != kNobody) step();
    owners[next] = node;
    step();
    ++turns;
  }
};

std::vector<Filler> MakeFillers(uint32_t table_size, std::span<const RingNode> nodes) {
  std::vector<Filler> fillers;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const uint64_t hash = Hash(HashAlgorithm::kXxh3, nodes[i].name);
    const auto offset = static_cast<uint32_t>((hash >> 32) % table_size);
    // At least 1, for a skip of zero stays at one entry, and below the size, for that would be zero again.
    const auto skip = static_cast<uint32_t>((hash & UINT32_MAX) % (table_size - 1) + 1);
    fillers.push_back({static_cast<uint16_t>(i), nodes[i].weight, offset, skip});
  }
  // Whoever is first in a round has the better choice of entries: that must not depend on the list's order.
  std::ranges::sort(fillers, {}, [&](const Filler& filler) -> const std::string& { return nodes[filler.node].name; });
  return fillers;
}

std::vector<uint16_t> FillTable(uint32_t table_size, std::span<const RingNode> nodes) {
  std::vector<Filler> fillers = MakeFillers(table_size, nodes);
  const uint64_t heaviest = std::ranges::max(nodes, {}, &RingNode::weight).weight;
  std::vector<uint16_t> owners(table_size, kNobody);
  uint32_t vacant = table_size;
  // It ends: the heaviest node takes part in every round.
  for (uint64_t round = 1;; ++round) {
    for (Filler& filler : fillers) {
      // Rounded up, so that the first round gives every node an entry, however light it is.
      if (filler.turns * heaviest >= round * filler.weight) continue;
      filler.TakeTurn(owners);
      if (--vacant == 0) return owners;
    }
  }
}

}  // namespace

bool IsPrime(uint32_t number) {
  if (number < 2) return false;
  // Trial division is enough: a 32-bit number has at most 65,535 candidates, and no request asks.
  for (uint64_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

MaglevRing::MaglevRing(uint32_t table_size, std::span<const RingNode> nodes)
    : node_count_(static_cast<uint32_t>(nodes.size())) {
  // Only modulo a prime does every skip lead to every entry.
  assert(IsPrime(table_size) && nodes.size() <= table_size && nodes.size() < kNobody);
  owners_ = FillTable(table_size, nodes);
}

void MaglevRing::Walk(uint64_t hash, WalkVisitor visit) const {
  size_t entry = Entry(hash);
  if (visit(owners_[entry])) return;
  std::vector<bool> met(node_count_);
  met[owners_[entry]] = true;
  // It ends: every node has an entry.
  for (uint32_t left = node_count_ - 1; left > 0;) {
    entry = (entry + 1) % owners_.size();
    const NodeIndex owner = owners_[entry];
    if (met[owner]) continue;
    if (visit(owner)) return;
    met[owner] = true;
    --left;
  }
}

}  // namespace ringproxy::ring
