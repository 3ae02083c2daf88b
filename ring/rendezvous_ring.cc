#include "ring/rendezvous_ring.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <tuple>

#include "ring/hash.h"
#include "ring/mix.h"

namespace ringproxy::ring {
namespace {

// The type is no part of C++, and -Wpedantic would refuse it without the mark.
__extension__ typedef unsigned __int128 Uint128;

constexpr int kFractionBits = 57;  // 64 whole numbers take the other seven bits.
constexpr int kTableBits = 10;
constexpr size_t kTableSize = size_t{1} << kTableBits;

// log2 of 1 + i / kTableSize, bit by bit: the square of a number has twice its logarithm.
constexpr uint64_t LogarithmByHand(uint64_t i) {
  // 2 itself does not fit into `number`, whose 1 is 2^63.
  if (i == kTableSize) return uint64_t{1} << kFractionBits;
  uint64_t number = uint64_t{1} << 63 | i << (63 - kTableBits);  // From 1 to 2, 1 being 2^63.
  uint64_t logarithm = 0;
  for (int bit = 0; bit < kFractionBits; ++bit) {
    const Uint128 square = Uint128{number} * number;
    const bool above_two = square >> 127 != 0;
    number = static_cast<uint64_t>(square >> (above_two ? 64 : 63));
    logarithm = logarithm << 1 | (above_two ? 1 : 0);
  }
  return logarithm;
}

constexpr auto kLogarithms = [] {
  std::array<uint64_t, kTableSize + 1> table{};
  for (size_t i = 0; i <= kTableSize; ++i) table[i] = LogarithmByHand(i);
  return table;
}();

}  // namespace

uint64_t NegativeLog2(uint64_t draw) {
  draw |= 1;  // Zero has no logarithm.
  const int zeros = std::countl_zero(draw);
  const uint64_t fraction = draw << zeros << 1;  // What follows the leading one.
  const size_t i = fraction >> (64 - kTableBits);
  const uint64_t rest = fraction << kTableBits;  // Between two entries: a straight line.
  const uint64_t rise = kLogarithms[i + 1] - kLogarithms[i];
  const uint64_t logarithm = kLogarithms[i] + static_cast<uint64_t>(Uint128{rise} * rest >> 64);
  return (static_cast<uint64_t>(zeros + 1) << kFractionBits) - logarithm;
}

RendezvousRing::RendezvousRing(std::span<const RingNode> nodes) {
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    nodes_.push_back({Hash(HashAlgorithm::kXxh3, nodes[i].name), nodes[i].weight, i});
  }
  std::ranges::sort(nodes_, {},
                    [&](const WeightedNode& node) { return std::tie(node.weight, nodes[node.index].name); });
}

// What a node draws for a key. The least cost for its weight wins; of equal ones the higher draw, then the first name.
struct RendezvousRing::Draw {
  uint64_t cost, draw;
  uint32_t weight, place;

  bool Beats(const Draw& other) const {
    // Products are compared and not quotients: a division rounds, and would call two costs equal that are not.
    const Uint128 mine = Uint128{cost} * other.weight;
    const Uint128 others = Uint128{other.cost} * weight;
    if (mine != others) return mine < others;
    return draw != other.draw ? draw > other.draw : place < other.place;
  }
};

NodeIndex RendezvousRing::Pick(uint64_t hash) const {
  // Every node beats it: a cost is at most 64 in units of 2^-57, which is 2^63.
  Draw best{UINT64_MAX, 0, 1, 0};
  for (uint32_t place = 0; place < nodes_.size();) {
    // Of equal weights the highest draw wins, so one logarithm does for all of them.
    const uint32_t weight = nodes_[place].weight;
    Draw high{0, Mix(hash ^ nodes_[place].name_hash), weight, place};
    while (++place < nodes_.size() && nodes_[place].weight == weight) {
      const uint64_t draw = Mix(hash ^ nodes_[place].name_hash);
      // A draw that is merely equal changes nothing: the first name keeps the key, as Draw::Beats has it.
      high.place = draw > high.draw ? place : high.place;
      high.draw = std::max(draw, high.draw);
    }
    high.cost = NegativeLog2(high.draw);
    if (high.Beats(best)) best = high;
  }
  return nodes_[best.place].index;
}

std::vector<RendezvousRing::Draw> RendezvousRing::Draws(uint64_t hash) const {
  std::vector<Draw> draws;
  draws.reserve(nodes_.size());
  for (const WeightedNode& node : nodes_) {
    const uint64_t draw = Mix(hash ^ node.name_hash);
    draws.push_back({NegativeLog2(draw), draw, node.weight, static_cast<uint32_t>(draws.size())});
  }
  return draws;
}

void RendezvousRing::Walk(uint64_t hash, WalkVisitor visit) const {
  if (visit(Pick(hash))) return;
  // A heap, whose top is the best draw that is left: few walks go far.
  std::vector<Draw> draws = Draws(hash);
  const auto beaten = [](const Draw& a, const Draw& b) { return b.Beats(a); };
  std::ranges::make_heap(draws, beaten);
  std::ranges::pop_heap(draws, beaten);  // The owner.
  for (draws.pop_back(); !draws.empty(); draws.pop_back()) {
    std::ranges::pop_heap(draws, beaten);
    if (visit(nodes_[draws.back().place].index)) return;
  }
}

}  // namespace ringproxy::ring
