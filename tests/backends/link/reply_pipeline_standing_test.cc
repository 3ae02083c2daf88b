// What a pipeline knows of a request by its number: whether it is gone, and whether anybody waits for its reply.
#include <gtest/gtest.h>

#include "backends/link/reply_pipeline.h"
#include "tests/backends/link/recording_sink.h"
#include "tests/backends/link/witness_fixture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;
using Standing = ReplyPipeline::Standing;

class StandingTest : public WitnessFixture {
 protected:
  StandingTest() {
    settings_.timeouts = {.connect = 100ms, .request = 100ms, .heavy = 1s};
    pipeline_.OnReady();
  }
  void Send(wire::Work work = wire::Work::kPlain) {
    pipeline_.Admit(10, Ticket{0, 0, 0, Ticket::Kind::kSession}, work);
  }

  RecordingSink sink_;
  ReplyPipeline pipeline_{loop_, settings_, witness_, sink_, stats_, [this] { pipeline_.FailLate(); }};
};

TEST_F(StandingTest, IsKnownByARequestsNumber) {
  EXPECT_EQ(pipeline_.oldest_work(), wire::Work::kPlain);
  Send(wire::Work::kScript);
  Send();
  pipeline_.OnFlushed(20, 0);
  EXPECT_EQ(pipeline_.oldest_work(), wire::Work::kScript);
  loop_.Advance(60ms);
  Send();
  pipeline_.OnFlushed(0, 10);
  loop_.Advance(40ms);
  EXPECT_EQ(pipeline_.StandingOf(0), Standing::kGone);
  EXPECT_EQ(pipeline_.StandingOf(1), Standing::kWaits);
  EXPECT_EQ(pipeline_.StandingOf(2), Standing::kLate);
  EXPECT_EQ(pipeline_.StandingOf(3), Standing::kWaits);
  loop_.Advance(60ms);
  EXPECT_EQ(pipeline_.StandingOf(3), Standing::kLate);
  // One of which nothing was written is forgotten, and its number with it.
  EXPECT_EQ(pipeline_.DropLate(10).bytes, 10U);
  EXPECT_EQ(pipeline_.StandingOf(3), Standing::kLate);
  Send();
  EXPECT_EQ(pipeline_.sent(), 4U);
  EXPECT_EQ(pipeline_.StandingOf(4), Standing::kWaits);
  EXPECT_EQ(pipeline_.StandingOf(1), Standing::kWaits);
  pipeline_.OnReply(Frame("+one\r\n"));
  EXPECT_EQ(pipeline_.StandingOf(1), Standing::kGone);
  EXPECT_EQ(pipeline_.oldest_work(), wire::Work::kPlain);
}

}  // namespace
}  // namespace ringproxy::backends
