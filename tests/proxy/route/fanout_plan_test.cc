#include "proxy/route/fanout_plan.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

FanoutPlan PlanOf(size_t request_bytes, size_t keys) {
  FanoutPlan plan;
  plan.merge = wire::Merge::kValues;
  plan.children = 2;
  plan.request.assign(request_bytes, 'x');
  plan.child_of_key.assign(keys, 1);
  plan.keys.assign(keys, {0, 1});
  plan.cas_tags = {wire::MakeCasTag(1)};
  plan.failures_are_misses = plan.counts_nodes = true;
  return plan;
}

TEST(FanoutPlan, FindsItsKeysInItsOwnCopyOfTheRequest) {
  FanoutPlan plan;
  plan.request = "get one three\r\n";
  plan.keys = {{4, 3}, {8, 5}};
  EXPECT_EQ(plan.key(0), "one");
  EXPECT_EQ(plan.key(1), "three");
}

TEST(FanoutPlan, KnowsNothingOfTheLastRequestOnceItIsCleared) {
  for (const size_t size : {size_t{100}, size_t{1} << 20}) {
    FanoutPlan plan = PlanOf(size, 10);
    plan.Clear();
    EXPECT_EQ(plan.merge, wire::Merge::kNone);
    EXPECT_EQ(plan.children, 0U);
    EXPECT_TRUE(plan.request.empty() && plan.child_of_key.empty() && plan.keys.empty() && plan.cas_tags.empty());
    EXPECT_FALSE(plan.failures_are_misses || plan.counts_nodes);
  }
}

TEST(FanoutPlan, KeepsTheMemoryOfASmallRequestForTheNextOne) {
  FanoutPlan plan = PlanOf(60'000, 4000);
  plan.Clear();
  EXPECT_GE(plan.request.capacity(), 60'000U);
  EXPECT_GE(plan.child_of_key.capacity(), 4000U);
}

TEST(FanoutPlan, GivesBackWhatTheBytesOfAHugeRequestNeeded) {
  FanoutPlan plan;
  plan.request.assign(1 << 20, 'x');
  plan.Clear();
  EXPECT_LT(plan.request.capacity(), size_t{1} << 10);
}

TEST(FanoutPlan, GivesBackWhatTheKeysOfAHugeRequestNeeded) {
  FanoutPlan plan = PlanOf(10, 100'000);
  plan.Clear();
  EXPECT_LT(plan.child_of_key.capacity(), 1000U);
  EXPECT_LT(plan.keys.capacity(), 1000U);
}

}  // namespace
}  // namespace ringproxy::proxy
