#include "backends/link/backoff.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesWithEachFailureUpToTheMostAndDrawsFromTheUpperHalf) {
  const conf::Reconnect options{.initial = 10ms, .max = 100ms};
  std::mt19937_64 random(1);
  Backoff backoff(options);
  for (const net::Duration whole : {10ms, 20ms, 40ms, 80ms, 100ms, 100ms}) {
    backoff.OnFailure();
    net::Duration least = 1h;
    net::Duration most = 0ms;
    for (int i = 0; i < 1000; ++i) {
      const net::Duration wait = backoff.Next(random);
      least = std::min(least, wait);
      most = std::max(most, wait);
    }
    EXPECT_GE(least, whole / 2);
    EXPECT_LT(least, whole * 6 / 10);
    EXPECT_LE(most, whole);
    EXPECT_GT(most, whole * 9 / 10);
  }
  backoff.Reset();
  backoff.OnFailure();
  EXPECT_LE(backoff.Next(random), 10ms);
}

TEST(Backoff, StaysAtTheMostHoweverManyFailuresThereAre) {
  const conf::Reconnect options{.initial = 1ms, .max = 10min};
  std::mt19937_64 random(1);
  Backoff backoff(options);
  for (int i = 0; i < 1000; ++i) backoff.OnFailure();
  EXPECT_GE(backoff.Next(random), 5min);
}

}  // namespace
}  // namespace ringproxy::backends
