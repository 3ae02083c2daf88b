// tests/ring/sample.h – Node lists, key hashes and counts that the tests of the rings share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

constexpr uint32_t kKeys = 100'000;
constexpr uint32_t kVirtualNodes = 1024;

using Nodes = std::vector<RingNode>;

// The xxh3 hashes of key:0, key:1 and so on.
const std::vector<uint64_t>& KeyHashes();

// `count` nodes of weight 1, called PREFIX10, PREFIX11 and so on.
Nodes EqualNodes(uint32_t count, const std::string& prefix = "n");
// Ten nodes whose weights are 1, 2, 4, 1, 2, 4 …
Nodes WeightedNodes();

std::unique_ptr<const Ring> MakeVnodeRing(const Nodes& nodes);

// The same nodes with slots by weight, in list order.
Nodes WithSlots(Nodes nodes);

// The owner's name for each of KeyHashes().
std::vector<std::string> Owners(Algorithm algorithm, const Nodes& nodes);
// The keys that each node of the list owns.
std::vector<uint32_t> KeyCounts(const Ring& ring);

// Four standard deviations of a share of `fair` that is counted over KeyHashes().
double SamplingError(double fair);
// Each node's share of KeyHashes() is its weight's, within the sampling error.
void ExpectSharesByWeight(Algorithm algorithm, const Nodes& nodes);

struct Moves {
  uint32_t needed = 0;    // To or from the node that changed.
  uint32_t needless = 0;  // Between two others.
};

Moves CountMoves(Algorithm algorithm, const Nodes& before, const Nodes& after, const std::string& changed);
// The keys that the node of that name owns.
uint32_t CountOwned(Algorithm algorithm, const Nodes& nodes, const std::string& name);
// Neither the listed order nor addresses are part of the layout.
void ExpectSamePicksInEveryOrder(Algorithm algorithm, Nodes nodes);

}  // namespace ringproxy::ring
