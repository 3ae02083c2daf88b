#include "backends/health/ejection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ringproxy::backends {
namespace {

using conf::DownPolicy;

std::vector<Verdict> Verdicts(const Ejection& ejection, size_t nodes) {
  std::vector<Verdict> all;
  for (size_t n = 0; n < nodes; ++n) all.push_back(ejection.verdict(n));
  return all;
}

constexpr Verdict kServe = Verdict::kServe;
constexpr Verdict kOut = Verdict::kEjected;
constexpr Verdict kAsk = Verdict::kKeepAsking;

TEST(Ejection, EjectsASickNodeAndTakesItBack) {
  Ejection ejection(4, {500}, DownPolicy::kError);
  EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kServe, kServe, kServe, kServe}));
  ejection.SetSick(2, true);
  EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kServe, kServe, kOut, kServe}));
  ejection.SetSick(2, false);
  EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kServe, kServe, kServe, kServe}));
}

TEST(Ejection, FailsOpenBeyondItsLimitAndNotAtIt) {
  Ejection ejection(4, {500}, DownPolicy::kError);
  ejection.SetSick(0, true);
  ejection.SetSick(3, true);
  EXPECT_FALSE(ejection.fails_open());
  EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kOut, kServe, kServe, kOut}));
  ejection.SetSick(1, true);
  EXPECT_TRUE(ejection.fails_open());
  EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kAsk, kAsk, kAsk, kAsk}));
}

// In at 6 of 10, out at 3: a node that flaps at the limit does not make the pool flap.
TEST(Ejection, StaysOpenUntilTheSickAreAtMostThreeFifthsOfTheLimit) {
  Ejection ejection(10, {500}, DownPolicy::kError);
  for (size_t n = 0; n < 6; ++n) ejection.SetSick(n, true);
  EXPECT_TRUE(ejection.fails_open());
  ejection.SetSick(0, false);
  ejection.SetSick(1, false);
  EXPECT_TRUE(ejection.fails_open());
  ejection.SetSick(2, false);
  EXPECT_FALSE(ejection.fails_open());
  EXPECT_EQ(ejection.verdict(5), kOut);
  // And in again only at the limit.
  ejection.SetSick(0, true);
  ejection.SetSick(1, true);
  EXPECT_FALSE(ejection.fails_open());
}

// The keys of the only node have a place to go to, or of two nodes of which one is a third too many.
TEST(Ejection, EjectsOneNodeOfASmallPoolThatHasAGutter) {
  for (const size_t nodes : {size_t{1}, size_t{2}}) {
    for (const conf::Ratio most : {conf::Ratio{340}, conf::Ratio{1}, conf::Ratio{0}}) {
      for (const DownPolicy policy : {DownPolicy::kGutter, DownPolicy::kRehash, DownPolicy::kError}) {
        Ejection ejection(nodes, most, policy);
        ejection.SetSick(0, true);
        EXPECT_EQ(ejection.verdict(0), policy == DownPolicy::kGutter && most.thousandths > 0 ? kOut : kAsk);
        if (nodes == 1) continue;
        ejection.SetSick(1, true);
        EXPECT_EQ(ejection.verdict(1), kAsk);
      }
    }
  }
}

TEST(Ejection, KeepsTheLongestSickOutAndAsksTheOthersWhereKeysMove) {
  for (const DownPolicy policy : {DownPolicy::kRehash, DownPolicy::kGutter}) {
    Ejection ejection(4, {500}, policy);
    for (const size_t n : {3, 1, 0}) ejection.SetSick(n, true);
    EXPECT_FALSE(ejection.fails_open());
    EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kAsk, kOut, kServe, kOut}));
    ejection.SetSick(3, false);
    EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kOut, kOut, kServe, kServe}));
    ejection.SetSick(3, true);  // Now the last in the row.
    EXPECT_EQ(Verdicts(ejection, 4), (std::vector{kOut, kOut, kServe, kAsk}));
  }
}

TEST(Ejection, EjectsNobodyWithoutALimitOrFromAPoolOfOne) {
  Ejection nobody(4, {0}, DownPolicy::kError);
  nobody.SetSick(0, true);
  EXPECT_TRUE(nobody.fails_open());
  nobody.SetSick(0, false);
  EXPECT_FALSE(nobody.fails_open());
  Ejection one(1, {500}, DownPolicy::kRehash);
  one.SetSick(0, true);
  EXPECT_EQ(one.verdict(0), kAsk);
}

TEST(Ejection, MayEjectEverybodyWhenToldSo) {
  Ejection ejection(3, {1000}, DownPolicy::kError);
  for (size_t n = 0; n < 3; ++n) ejection.SetSick(n, true);
  EXPECT_EQ(Verdicts(ejection, 3), (std::vector{kOut, kOut, kOut}));
}

TEST(Ejection, HearsOfASicknessTwiceWithoutCountingItTwice) {
  Ejection ejection(4, {500}, DownPolicy::kError);
  for (int i = 0; i < 5; ++i) ejection.SetSick(1, true);
  EXPECT_FALSE(ejection.fails_open());
  for (int i = 0; i < 5; ++i) ejection.SetSick(1, false);
  EXPECT_EQ(ejection.verdict(1), kServe);
}

// Random sicknesses against a plain list of who fell sick when.
TEST(Ejection, NeverHasMoreOutThanItsLimitAndGoesInAndOutAtTwoNumbers) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 100; ++round) {
    const size_t nodes = 1 + random() % 12;
    const conf::Ratio most{static_cast<uint32_t>(random() % 1001)};
    const auto policy = static_cast<DownPolicy>(random() % 3);
    size_t limit = nodes * most.thousandths / 1000;
    if (policy == DownPolicy::kGutter && most.thousandths > 0) limit = std::max<size_t>(limit, 1);
    Ejection ejection(nodes, most, policy);
    std::vector<size_t> sick;
    bool open = false;
    for (int i = 0; i < 300; ++i) {
      const size_t node = random() % nodes;
      const bool falls_sick = random() % 2 == 0;
      const auto at = std::ranges::find(sick, node);
      if (falls_sick && at == sick.end()) sick.push_back(node);
      if (!falls_sick && at != sick.end()) sick.erase(at);
      ejection.SetSick(node, falls_sick);
      if (policy == DownPolicy::kError && sick.size() > limit) open = true;
      if (static_cast<double>(sick.size()) <= 0.6 * static_cast<double>(limit)) open = false;
      ASSERT_EQ(ejection.fails_open(), open);
      const std::vector<Verdict> verdicts = Verdicts(ejection, nodes);
      ASSERT_LE(static_cast<size_t>(std::ranges::count(verdicts, kOut)), limit);
      for (size_t n = 0; n < nodes; ++n) {
        const auto place = static_cast<size_t>(std::ranges::find(sick, n) - sick.begin());
        const Verdict expected = open ? kAsk : place == sick.size() ? kServe : place < limit ? kOut : kAsk;
        ASSERT_EQ(verdicts[n], expected) << "round " << round << ", step " << i << ", node " << n;
      }
    }
  }
}

}  // namespace
}  // namespace ringproxy::backends
