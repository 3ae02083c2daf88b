#include "backends/stats.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

TEST(Histogram, PutsADurationIntoTheBucketBelowItsPowerOfTwo) {
  Histogram histogram;
  histogram.Record(0us);
  histogram.Record(1us);
  histogram.Record(2us);
  histogram.Record(3us);
  histogram.Record(4us);
  EXPECT_EQ(histogram.bucket(0), 1U);
  EXPECT_EQ(histogram.bucket(1), 1U);
  EXPECT_EQ(histogram.bucket(2), 2U);
  EXPECT_EQ(histogram.bucket(3), 1U);
  EXPECT_EQ(histogram.sum_us(), 10U);
}

TEST(Histogram, CountsWhatIsTooLongInTheLastBucketAndATimeThatRanBackwardsAsNothing) {
  Histogram histogram;
  histogram.Record(100s);
  histogram.Record(-5us);
  EXPECT_EQ(histogram.bucket(Histogram::kBuckets - 1), 1U);
  EXPECT_EQ(histogram.bucket(0), 1U);
}

TEST(Counter, AddsSubtractsAndSets) {
  Counter counter;
  counter.Add();
  counter.Add(5);
  counter.Subtract(2);
  EXPECT_EQ(counter.value(), 4U);
  counter.Set(9);
  EXPECT_EQ(counter.value(), 9U);
}

}  // namespace
}  // namespace ringproxy::backends
