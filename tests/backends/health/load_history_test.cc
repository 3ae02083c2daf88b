#include "backends/health/load_history.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// One node that gets `rate` requests of ten bytes each second.
class Node {
 public:
  void Run(LoadHistory& history, net::Duration length, uint64_t rate) {
    const net::TimePoint end = now_ + length;
    for (; now_ < end; now_ += LoadHistory::kStep) {
      history.Sample(now_, {requests_, 10 * requests_});
      requests_ += 5 * rate;
    }
  }

 private:
  net::TimePoint now_{};
  uint64_t requests_ = 0;
};

TEST(LoadHistory, KnowsTheLastMinuteAndTheLastHour) {
  LoadHistory history;
  Node node;
  node.Run(history, minutes(90), 100);
  node.Run(history, minutes(2), 1000);
  const auto minute = history.Last(LoadHistory::kMinute);
  EXPECT_EQ(minute.span, minutes(1));
  EXPECT_EQ(minute.load.requests, 60'000U);
  EXPECT_EQ(minute.load.bytes, 600'000U);
  const auto hour = history.Last(LoadHistory::kHour);
  EXPECT_GE(hour.span, minutes(59));
  EXPECT_LE(hour.span, minutes(60));
  const double seconds_before = std::chrono::duration<double>(hour.span).count() - 115;
  EXPECT_NEAR(static_cast<double>(hour.load.requests), 100 * seconds_before + 1000 * 115, 1000);
}

TEST(LoadHistory, SaysHowMuchOfAWindowItHasSeen) {
  LoadHistory history;
  EXPECT_EQ(history.Last(LoadHistory::kMinute).span, seconds(0));
  Node node;
  node.Run(history, seconds(15), 10);
  const auto window = history.Last(LoadHistory::kHour);
  EXPECT_EQ(window.span, seconds(10));
  EXPECT_EQ(window.load.requests, 100U);
}

}  // namespace
}  // namespace ringproxy::backends
