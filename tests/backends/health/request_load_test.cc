#include "backends/health/request_load.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

class RequestLoadTest : public testing::Test {
 protected:
  static constexpr ring::NodeIndex kNode = 1;

  const std::vector<ring::RingNode> nodes_{{"r0", 1}, {"r1", 1}};
  const std::unique_ptr<const ring::Ring> ring_ = ring::MakeRing({}, nodes_);
  ring::BoundedLoad bound_{*ring_, nodes_, 1.25};
  ring::BoundedLoad other_bound_{*ring_, nodes_, 1.25};
  NodeStats stats_;
};

TEST_F(RequestLoadTest, CountsWhatIsInFlight) {
  RequestLoad load(stats_, nullptr, 0);
  EXPECT_EQ(load.in_flight(), 0U);
  load.OnSent();
  load.OnSent();
  load.OnGone();
  EXPECT_EQ(load.in_flight(), 1U);
  EXPECT_EQ(stats_.in_flight.value(), 1U);
}

TEST_F(RequestLoadTest, AlwaysHasRoomWhereNothingIsBounded) {
  RequestLoad load(stats_, nullptr, 0);
  for (int i = 0; i < 1'000; ++i) load.OnSent();
  EXPECT_TRUE(load.HasRoom());
}

TEST_F(RequestLoadTest, HasNoRoomWhileItIsAheadOfItsPool) {
  RequestLoad load(stats_, &bound_, kNode);
  EXPECT_TRUE(load.HasRoom());
  for (int i = 0; i < 10; ++i) load.OnSent();
  EXPECT_EQ(bound_.load(kNode), 10U);
  EXPECT_EQ(bound_.load(0), 0U);
  EXPECT_FALSE(load.HasRoom());
  for (int i = 0; i < 10; ++i) load.OnGone();
  EXPECT_EQ(bound_.total(), 0U);
  EXPECT_TRUE(load.HasRoom());
}

TEST_F(RequestLoadTest, GoesByAnotherBoundAndKeepsWhatIsInFlight) {
  RequestLoad load(stats_, &bound_, kNode);
  load.OnSent();
  load.Adopt(&other_bound_, 0);
  EXPECT_EQ(other_bound_.load(0), 1U) << "it will be told of the end of this one";
  load.OnSent();
  EXPECT_EQ(load.in_flight(), 2U);
  EXPECT_EQ(other_bound_.load(0), 2U);
  load.OnGone();
  load.OnGone();
  EXPECT_EQ(other_bound_.total(), 0U);
  EXPECT_EQ(bound_.load(kNode), 1U) << "the old bound is nobody's concern";
  load.Adopt(nullptr, 0);
  load.OnSent();
  EXPECT_EQ(other_bound_.total(), 0U);
}

}  // namespace
}  // namespace ringproxy::backends
