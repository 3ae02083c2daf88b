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
  loop_.last_socket().Receive("-ERR unknown command 'HELLO'\r\n+OK\r\n*0\r\n");
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
  loop_.last_socket().Receive("-LOADING Redis is loading the dataset in memory\r\n");
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kBad);
}

TEST_F(BusyHealthCheckTest, DoesNotKnowWhetherANodeIsInMaintenanceThatAScriptKeepsBusy) {
  options_.maintenance_key = "maint";
  HealthCheck check(io_, settings_, options_);
  check.Check([this](HealthCheck::CheckOutcome outcome, const std::string& why) {
    outcome_ = outcome;
    why_ = why;
  });
  loop_.last_socket().observer->OnConnected(0);
  loop_.last_socket().Receive("-BUSY Redis is busy running a script.\r\n");
  EXPECT_FALSE(outcome_);
  loop_.last_socket().Receive("-BUSY Redis is busy running a script.\r\n");
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kNotAsked);
}

TEST_F(BusyHealthCheckTest, FindsANodeWellThatAScriptKeepsBusy) {
  Check();
  const std::string busy =
      "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
  loop_.last_socket().Receive(busy);
  loop_.last_socket().Receive(
      "-ERR unknown command 'HELLO'\r\n+OK\r\n-EXECABORT Transaction discarded because of: BUSY x\r\n");
  EXPECT_EQ(outcome_, HealthCheck::CheckOutcome::kGood);
}

}  // namespace
}  // namespace ringproxy::backends
