#include "ring/slots_ring.h"

#include <gtest/gtest.h>

#include <string_view>

#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

RingNode Owner(const std::string& name, std::vector<SlotRange> slots, uint32_t weight = 1) {
  return {.name = name, .weight = weight, .slots = std::move(slots)};
}

TEST(SlotsRing, PicksTheNodeWhoseRangeHasTheHashModulo16384) {
  const SlotsRing ring(
      Nodes{Owner("a", {{0, 99}, {16383, 16383}}), Owner("b", {{100, 100}}), Owner("c", {{101, 16382}})});
  for (const uint64_t high : {uint64_t{0}, uint64_t{16384}, UINT64_MAX - 16383}) {
    for (const uint64_t slot : {0, 99, 16383}) EXPECT_EQ(ring.Pick(high + slot), 0U);
    EXPECT_EQ(ring.Pick(high + 100), 1U);
    for (const uint64_t slot : {101, 5000, 16382}) EXPECT_EQ(ring.Pick(high + slot), 2U);
  }
}

uint64_t SlotHash(std::string_view key) {
  uint32_t crc = 0;
  for (const char c : key) {
    crc ^= uint32_t{static_cast<unsigned char>(c)} << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

// What CLUSTER KEYSLOT answers.
TEST(SlotsRing, GivesAKeyItsSlotOfRedisCluster) {
  constexpr std::pair<std::string_view, uint16_t> kSlotsOfKeys[] = {
      {"", 0}, {"123456789", 12739}, {"foo", 12182}, {"bar", 5061}, {"hello", 866}, {"user1000", 3443}};
  for (const auto& [key, slot] : kSlotsOfKeys) {
    const auto before = static_cast<uint16_t>(slot == 0 ? kSlots - 1 : slot - 1);
    const auto after = static_cast<uint16_t>((slot + 1) % kSlots);
    Nodes nodes = {Owner("slot", {{slot, slot}}), Owner("others", {})};
    if (slot > 0) nodes[1].slots.push_back({0, before});
    if (slot < kSlots - 1) nodes[1].slots.push_back({after, kSlots - 1});
    const SlotsRing ring(nodes);
    EXPECT_EQ(ring.Pick(SlotHash(key)), 0U) << key;
    for (const uint16_t other : {before, after}) EXPECT_EQ(ring.Pick(other), 1U) << key;
  }
}

// semantics.md 32: names and ranges are the layout, not the place in the list.
TEST(SlotsRing, PicksTheSameNodesInWhateverOrderTheyAreListed) {
  const Nodes nodes = WithSlots(WeightedNodes());
  ExpectSamePicksInEveryOrder(Algorithm::kSlots, nodes);
  const Nodes reversed(nodes.rbegin(), nodes.rend());
  const SlotsRing ring(nodes), other(reversed);
  for (uint32_t i = 0; i < 1000; ++i) {
    const uint32_t attempt = i % 10;
    ASSERT_EQ(nodes[ring.PickNth(i, attempt)].name, reversed[other.PickNth(i, attempt)].name);
  }
}

TEST(SlotsRing, SpreadsTheSecondChoicesOfOneNodesSlotsOverAllTheOthersByWeight) {
  const SlotsRing ring(Nodes{Owner("a", {{0, 9999}}), Owner("b", {{10000, 16383}}), Owner("c", {}), Owner("d", {}, 2)});
  std::vector<double> counts(4);
  for (uint64_t slot = 0; slot < 10000; ++slot) ++counts[ring.PickNth(slot, 1)];
  EXPECT_EQ(counts[0], 0);
  EXPECT_NEAR(counts[1], 2500, 200);
  EXPECT_NEAR(counts[2], 2500, 200);
  EXPECT_NEAR(counts[3], 5000, 200);
}

TEST(SlotsRing, ChoosesNodesWithoutSlotsAfterTheOwner) {
  const SlotsRing ring(Nodes{Owner("new", {}), Owner("all", {{0, 16383}}), Owner("newer", {})});
  for (uint64_t slot = 0; slot < kSlots; ++slot) {
    ASSERT_EQ(ring.PickNth(slot, 0), 1U);
    ASSERT_EQ(ring.PickNth(slot, 1) + ring.PickNth(slot, 2), 2U);
    ASSERT_NE(ring.PickNth(slot, 1), 1U);
  }
}

TEST(SlotsRing, MovesOnlyTheSlotsThatAreGivenAway) {
  const Nodes before = {Owner("a", {{0, 8191}}), Owner("b", {{8192, 16383}})};
  const Nodes after = {Owner("c", {{8000, 8191}}), Owner("b", {{8192, 16383}}), Owner("a", {{0, 7999}})};
  const Moves moves = CountMoves(Algorithm::kSlots, before, after, "c");
  EXPECT_EQ(moves.needless, 0U);
  EXPECT_EQ(moves.needed, CountOwned(Algorithm::kSlots, after, "c"));
}

TEST(SlotsRingDeathTest, DiesOfASlotThatNobodyOrTwoNodesOwnOrThatIsNone) {
  EXPECT_DEATH(SlotsRing(Nodes{Owner("a", {{0, 16382}})}), "kNobody");
  EXPECT_DEATH(SlotsRing(Nodes{Owner("a", {{0, 16383}}), Owner("b", {{7, 7}})}), "kNobody");
  EXPECT_DEATH(SlotsRing(Nodes{Owner("a", {{0, 16384}})}), "kSlots");
}

}  // namespace
}  // namespace ringproxy::ring
