// The checkers of the simulation notice each of the faults that are planted in this program's copies of the proxy's
// sources: see the *.cmake beside this file.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include "tests/sim/mutants/planted_fault.h"
#include "tests/sim/simulation.h"

namespace ringproxy::sim {
namespace {

// It and the next few meet all of the faults, which saves time; when the simulation changes, a later seed will.
constexpr uint64_t kFirstSeed = 41;
constexpr uint64_t kMostSeeds = 1000;

// What the checkers say of one run; empty: nothing.
std::string ComplaintAbout(uint64_t seed) {
  testing::TestPartResultArray complaints;
  const testing::ScopedFakeTestPartResultReporter reporter(
      testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &complaints);
  Simulation simulation(seed);
  simulation.Run();
  simulation.Check();
  return complaints.size() == 0 ? "" : complaints.GetTestPartResult(0).message();
}

class PlantedFaults : public testing::Test {
 protected:
  ~PlantedFaults() override { planted_fault = PlantedFault::kNone; }

  void ExpectFound(PlantedFault fault) {
    planted_fault = fault;
    for (uint64_t seed = kFirstSeed; seed < kFirstSeed + kMostSeeds; ++seed) {
      const std::string complaint = ComplaintAbout(seed);
      if (complaint.empty()) continue;
      // For whoever asks with --gtest_output=json.
      RecordProperty("seed", std::to_string(seed));
      RecordProperty("complaint", complaint);
      return;
    }
    ADD_FAILURE() << "no checker has noticed anything in " << kMostSeeds << " seeds";
  }
};

TEST_F(PlantedFaults, AReplyThatComesInThePlaceOfAnotherIsFound) {
  ExpectFound(PlantedFault::kWrongSlot);
}

TEST_F(PlantedFaults, AReplyThatComesTwiceIsFound) {
  ExpectFound(PlantedFault::kReplyTwice);
}

TEST_F(PlantedFaults, ALateReplyThatTheNextRequestGetsIsFound) {
  ExpectFound(PlantedFault::kMissedDiscard);
}

TEST_F(PlantedFaults, ASwapOfSnapshotsThatDropsARequestThatALimitLetsWaitIsFound) {
  ExpectFound(PlantedFault::kLimitedRequestDropped);
}

TEST_F(PlantedFaults, ASwapOfSnapshotsThatDropsAReadThatWaitsToBeAskedAgainIsFound) {
  ExpectFound(PlantedFault::kRetriedReadDropped);
}

TEST_F(PlantedFaults, APushThatIsTakenForAReplyIsFound) {
  ExpectFound(PlantedFault::kPushTaken);
}

TEST_F(PlantedFaults, ARequestThatLeavesBeforeItsLinkIsGreetedIsFound) {
  ExpectFound(PlantedFault::kRequestBeforeGreeting);
}

TEST_F(PlantedFaults, AReplyOfATransactionThatTheNextRequestGetsIsFound) {
  ExpectFound(PlantedFault::kBatchShort);
}

TEST_F(PlantedFaults, ATransactionThatIsCalledDiscardedThoughItMayHaveRunIsFound) {
  ExpectFound(PlantedFault::kOutcomeDenied);
}

TEST_F(PlantedFaults, ATransactionThatLetsOthersComeBetweenItsCommandsIsFound) {
  ExpectFound(PlantedFault::kExecSplit);
}

TEST_F(PlantedFaults, ASubscriptionThatIsNotRenewedAfterTheLossOfItsLinkIsFound) {
  ExpectFound(PlantedFault::kSubscriptionNotRenewed);
}

TEST_F(PlantedFaults, AWaitThatGoesOnAtItsNodeWhenItsClientHasLeftIsFound) {
  ExpectFound(PlantedFault::kWaitNotEnded);
}

TEST_F(PlantedFaults, AScanThatLeavesOutANodeWithoutAWordIsFound) {
  ExpectFound(PlantedFault::kScanSkipsNode);
}

TEST_F(PlantedFaults, NothingIsFoundWhereNothingIsPlanted) {
  EXPECT_EQ(ComplaintAbout(kFirstSeed), "");
}

}  // namespace
}  // namespace ringproxy::sim
