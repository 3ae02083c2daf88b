#include "backends/net/repeating_timer.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"

namespace ringproxy::net {
namespace {

using namespace std::chrono_literals;

TEST(RepeatingTimer, WorksAtOnceOnItsStartAndThenAfterEachInterval) {
  test::FakeLoop loop;
  int done = 0;
  {
    RepeatingTimer timer(loop, 1s, [&] { ++done; });
    loop.Advance(5s);
    EXPECT_EQ(done, 0);
    timer.Start();
    EXPECT_EQ(done, 1);
    loop.Advance(999ms);
    EXPECT_EQ(done, 1);
    loop.Advance(1ms);
    EXPECT_EQ(done, 2);
    loop.Advance(3s);
    EXPECT_EQ(done, 5);
  }
  loop.Advance(5s);
  EXPECT_EQ(done, 5);
}

}  // namespace
}  // namespace ringproxy::net
