// Requests whose time is over before any of their bytes has left.
#include "tests/backends/link/node_connection_fixture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

TEST_F(NodeConnectionTest, NeverWritesARequestThatFailedWhileItWaitedForTheConnection) {
  settings_.timeouts.total = 70ms;
  Make().Connect();
  Send(1, "INCR a\r\n");
  Send(2, "INCR b\r\n");
  loop_.Advance(50ms);
  Send(3, "INCR c\r\n");
  loop_.Advance(20ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}, {2, "no_connection"}}));
  EXPECT_EQ(connection_->in_flight(), 1U);
  FinishHandshake();
  EXPECT_EQ(Node().TakeWritten(), "INCR c\r\n");
  Node().Receive(":1\r\n");
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{3, ":1\r\n"}));
  EXPECT_EQ(connection_->pipeline().StandingOf(3), ReplyPipeline::Standing::kGone);
}

TEST_F(NodeConnectionTest, NeverWritesARequestThatFailedBehindAFullSocket) {
  MakeReady();
  Node().TakeWritten();
  Node().room = 4;
  Send(1, "INCR a\r\n");
  Send(2, "INCR b\r\n");
  connection_->Send(io_.blocks.Copy(std::string(50'000, 'x')), Ticket{0, 0, 3, Ticket::Kind::kSession});
  FlushAll();
  loop_.Advance(60ms);
  Send(4, "INCR d\r\n");
  loop_.Advance(40ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "timeout"}, {3, "timeout"}}));
  EXPECT_EQ(connection_->in_flight(), 2U);
  Node().room = SIZE_MAX;
  Node().observer->OnWritable();
  // Of the first one the node has read a part.
  EXPECT_EQ(Node().TakeWritten(), "INCR a\r\nINCR d\r\n");
  Node().Receive(":1\r\n");
  EXPECT_EQ(connection_->pipeline().StandingOf(1), ReplyPipeline::Standing::kGone);
  EXPECT_NE(connection_->pipeline().StandingOf(3),
            ReplyPipeline::Standing::kGone);  // Counted late: two have gone out of turn.
  Node().Receive(":2\r\n");
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{4, ":2\r\n"}));
  EXPECT_EQ(connection_->pipeline().StandingOf(4), ReplyPipeline::Standing::kGone);
  EXPECT_EQ(stats_.late_replies.value(), 1U);
}

}  // namespace
}  // namespace ringproxy::backends
