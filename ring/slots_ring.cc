#include "ring/slots_ring.h"

#include <algorithm>
#include <cassert>

#include "ring/mix.h"

namespace ringproxy::ring {
namespace {

constexpr uint16_t kNobody = UINT16_MAX;

std::array<uint16_t, kSlots> MakeOwners(std::span<const RingNode> nodes) {
  // conf/validate refuses slots without an owner or with two, so what is asserted here is a mistake of the program.
  assert(nodes.size() < kNobody);
  std::array<uint16_t, kSlots> owners;
  owners.fill(kNobody);
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const auto [first, last] : nodes[i].slots) {
      assert(first <= last && last < kSlots);
      for (size_t slot = first; slot <= last; ++slot) {
        assert(owners[slot] == kNobody);
        owners[slot] = static_cast<uint16_t>(i);
      }
    }
  }
  assert(std::ranges::find(owners, kNobody) == owners.end());
  return owners;
}

}  // namespace

SlotsRing::SlotsRing(std::span<const RingNode> nodes) : owners_(MakeOwners(nodes)), others_(nodes) {}

void SlotsRing::Walk(uint64_t hash, WalkVisitor visit) const {
  const NodeIndex owner = Pick(hash);
  // The owner has a place in the others' order too, and is left out there.
  if (visit(owner)) return;
  // Slots are small numbers: plus one, since zero is the one number that Mix leaves as it is.
  others_.Walk(Mix(hash % kSlots + 1), [&](NodeIndex node) { return node != owner && visit(node); });
}

}  // namespace ringproxy::ring
