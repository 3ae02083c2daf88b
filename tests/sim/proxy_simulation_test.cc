// The whole proxy, from a seed: random commands of Redis and memcached clients, chunks, delays and resets, and nodes
// that die, flap, hang, answer late, fall sick, talk nonsense or close half a connection, under random settings
// of which some change while it runs.
// Checked: every request of a client that stays gets exactly one reply, in order and its own; what only it writes it
// reads again; every key and cas token reaches its owner; late replies go to nobody; everything heals; nothing is left
// when everybody has gone. (semantics.md 1, 6, 8, 9, 13, 24 and 27.)
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/sim/simulation.h"

namespace ringproxy::sim {
namespace {

// RINGPROXY_SIM_SEEDS: how many; RINGPROXY_SIM_SEED: just this one, to look at a failure.
uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(ProxySimulation, AnswersEveryRequestOnceInOrderUnderRandomFaultsAndHeals) {
  const uint64_t one = FromEnvironment("RINGPROXY_SIM_SEED", 0);
  const uint64_t first = one != 0 ? one : 1;
  const uint64_t last = one != 0 ? one : FromEnvironment("RINGPROXY_SIM_SEEDS", 110);
  Events all;
  uint64_t swapped = 0;  // Runs in which every worker went from one snapshot to another, and all was as it has to be.
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("RINGPROXY_SIM_SEED=" + std::to_string(seed));
    Simulation simulation(seed);
    simulation.Run();
    simulation.Check();
    EXPECT_GT(simulation.events().answered, 0U);
    all += simulation.events();
    swapped += simulation.events().changes > 0 ? 1 : 0;
    if (testing::Test::HasFailure()) return;  // One failing seed is enough to look at.
  }
  if (last - first < 100) return;
  // The checkers had something to check.
  const uint64_t runs = last - first + 1;
  std::cout << "snapshots were swapped in " << swapped << " of " << runs << " seeds\n";
  EXPECT_GE(swapped, runs / 2);
  EXPECT_GT(all.refused_at_once, 0U);
  EXPECT_GT(all.kept_asking, 0U);
  EXPECT_GT(all.late_replies, 0U);
  EXPECT_GT(all.overloads, 0U);
  EXPECT_GT(all.rate_limited, 0U);
  EXPECT_GT(all.delayed, 0U);
  EXPECT_GT(all.leased, 0U);
  EXPECT_GT(all.store_failures, 0U);
  EXPECT_GT(all.transitions, 0U);
  EXPECT_GT(all.moved_keys, 0U);
  EXPECT_GT(all.changes, 0U);
  EXPECT_GT(all.lasting_uses, 0U);
  EXPECT_GT(all.leaving_nodes, 0U);
  EXPECT_GT(all.pushes, 0U);
  EXPECT_GT(all.scenarios.counted, 0U);
  EXPECT_GT(all.scenarios.nils, 0U);
  EXPECT_GT(all.scenarios.unknown_executions, 0U);
  EXPECT_GT(all.scenarios.received, 0U);
  EXPECT_GT(all.scenarios.empty_waits, 0U);
  EXPECT_GT(all.scenarios.lost_elements, 0U);
  EXPECT_GT(all.scenarios.messages, 0U);
  EXPECT_GT(all.scenarios.ended_scans, 0U);
  EXPECT_GT(all.scenarios.failed_pages, 0U);
}

TEST(ProxySimulation, RepeatsItselfFromItsSeed) {
  const auto fingerprint = [] {
    Simulation simulation(7);
    simulation.Run();
    simulation.Check();
    return simulation.Fingerprint();
  };
  EXPECT_EQ(fingerprint(), fingerprint());
}

}  // namespace
}  // namespace ringproxy::sim
