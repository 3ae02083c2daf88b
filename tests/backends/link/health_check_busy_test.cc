// A check of a node that has something heavy of a client's to do.
#include <gtest/gtest.h>

#include "backends/link/health_check.h"
#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class BusyHealthCheckTest : public testing::Test {
 protected:
  void Check() {
    check_.Check([this](HealthCheck::CheckOutcome outcome, const std::string& why) {
      outcome_ = outcome;
      why_ = why;
    });
    loop_.last_socket().observer->OnConnected(0);
  }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  conf::Health options_;
  bool is_busy_ = false;
  HealthCheck check_{io_, settings_, options_, [this] { return is_busy_; }};
  std::optional<HealthCheck::CheckOutcome> outcome_;
  std::string why_;
};

TEST_F(BusyHealthCheckTest, WaitsItsTimeoutForANodeThatHasNothingHeavyToDo) {
  Check();
  loop_.Advance(499ms);
  EXPECT_FALSE(outcome_);
  loop_.Advance(1ms);
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kNoAnswer);
  EXPECT_EQ(why_, "no answer to a check within 500ms");
}

TEST_F(BusyHealthCheckTest, WaitsFiveSecondsForOneThatHas) {
  is_busy_ = true;
  Check();
  loop_.Advance(4999ms);
  EXPECT_FALSE(outcome_);
  loop_.Advance(1ms);
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kNoAnswer);
  EXPECT_EQ(why_, "no answer to a check within 5s");
}

TEST_F(BusyHealthCheckTest, WaitsWhenTheHeavyThingBeganAfterTheCheck) {
  Check();
  loop_.Advance(499ms);
  is_busy_ = true;
  loop_.Advance(1s);
  EXPECT_FALSE(outcome_);
  loop_.last_socket().Receive("+PONG\r\n");
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kGood);
}

TEST_F(BusyHealthCheckTest, GivesANodeThatIsJustDoneTheUsualTimeOnceMore) {
  is_busy_ = true;
  Check();
  loop_.Advance(900ms);
  is_busy_ = false;
  loop_.Advance(599ms);
  EXPECT_FALSE(outcome_);
  loop_.Advance(1ms);
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kNoAnswer);
}

TEST_F(BusyHealthCheckTest, BelievesABadAnswerAtOnce) {
  is_busy_ = true;
  Check();
  loop_.last_socket().Receive("-BUSY Redis is busy running a script\r\n");
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kBad);
}

}  // namespace
}  // namespace ringproxy::backends
