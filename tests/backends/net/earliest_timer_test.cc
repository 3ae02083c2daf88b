#include "backends/net/earliest_timer.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

TEST(EarliestTimer, FiresByTheEarliestDeadlineAndAnewForALaterOne) {
  test::FakeLoop loop;
  int fired = 0;
  EarliestTimer timer(loop, [&] { ++fired; });
  EXPECT_FALSE(timer.armed());
  timer.FireBy(loop.now() + 20ms);
  timer.FireBy(loop.now() + 10ms);
  timer.FireBy(loop.now() + 30ms);
  loop.Advance(10ms);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer.armed());
  timer.FireBy(loop.now() + 20ms);
  loop.Advance(19ms);
  EXPECT_EQ(fired, 1);
  loop.Advance(1ms);
  EXPECT_EQ(fired, 2);
  timer.FireBy(loop.now() + 5ms);
  timer.Disarm();
  loop.Advance(1s);
  EXPECT_EQ(fired, 2);
}

}  // namespace
}  // namespace ringproxy::net
