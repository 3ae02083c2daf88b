#include "backends/link/reply_pipeline.h"

#include <gtest/gtest.h>

#include "tests/backends/link/recording_sink.h"
#include "tests/backends/link/witness_fixture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class ReplyPipelineTest : public WitnessFixture {
 protected:
  ReplyPipelineTest() {
    settings_.timeouts = {.connect = 100ms, .request = 100ms, .heavy = 1s};
    pipeline_.OnReady();
  }

  bool Send(uint32_t slot, wire::Work work = wire::Work::kPlain, size_t bytes = 10) {
    return pipeline_.Admit(bytes, Ticket{0, 0, slot, Ticket::Kind::kSession}, work);
  }
  void SendBatch(uint32_t slot, uint32_t requests) {
    pipeline_.Admit(10, Ticket{0, 0, slot, Ticket::Kind::kTransaction}, wire::Work::kPlain)->replies_to_come = requests;
  }
  // At the end of a turn; `left` bytes found no room in the socket.
  void Flush(size_t written, size_t left = 0) { pipeline_.OnFlushed(written, left); }
  void Answer(const std::string& reply) {
    pipeline_.OnReply(Frame(reply));
    EXPECT_TRUE(input_.empty());
  }
  void CheckDeadlines() {
    ++checks_;
    any_late_ = pipeline_.FailLate();
    if (looks_for_silence_) gave_up_ = gave_up_ || pipeline_.IsSilentForLong(any_late_);
    pipeline_.LookForSilence();
  }

  RecordingSink sink_;
  size_t checks_ = 0;
  bool any_late_ = false;
  bool looks_for_silence_ = true;
  bool gave_up_ = false;
  ReplyPipeline pipeline_{loop_, settings_, witness_, sink_, stats_, [this] { CheckDeadlines(); }};
};

TEST_F(ReplyPipelineTest, GivesEachReplyToTheOldestRequest) {
  for (uint32_t i = 1; i <= 3; ++i) EXPECT_TRUE(Send(i));
  EXPECT_EQ(pipeline_.size(), 3U);
  EXPECT_EQ(stats_.in_flight.value(), 3U);
  Answer(":1\r\n");
  Answer("$-1\r\n");
  Answer("+three\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, ":1\r\n"}, {2, "$-1\r\n"}, {3, "+three\r\n"}}));
  EXPECT_EQ(pipeline_.size(), 0U);
  EXPECT_EQ(stats_.in_flight.value(), 0U);
}

TEST_F(ReplyPipelineTest, FailsALateRequestAloneAndDiscardsItsReplyByPosition) {
  Send(1);
  loop_.Advance(60ms);
  Send(2);
  loop_.Advance(40ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
  EXPECT_TRUE(pipeline_.anyone_waits());
  Answer("+late\r\n");
  Answer("+two\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "+two\r\n"}}));
  EXPECT_EQ(stats_.late_replies.value(), 1U);
}

TEST_F(ReplyPipelineTest, GivesABatchAReplyForEachOfItsRequestsBeforeTheNextOneGetsAny) {
  SendBatch(1, 3);
  Send(2);
  EXPECT_EQ(pipeline_.size(), 2U);
  for (const char* reply : {"+OK\r\n", "+QUEUED\r\n", "*0\r\n", "+two\r\n"}) Answer(reply);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "+OK\r\n"}, {1, "+QUEUED\r\n"}, {1, "*0\r\n"}, {2, "+two\r\n"}}));
  EXPECT_EQ(stats_.in_flight.value(), 0U);
}

TEST_F(ReplyPipelineTest, DiscardsAllThatIsStillToComeOfALateBatch) {
  SendBatch(1, 3);
  Flush(10);
  Answer("+OK\r\n");
  loop_.Advance(60ms);
  Send(2);
  loop_.Advance(40ms);
  for (const char* reply : {"+late\r\n", "+late\r\n", "+two\r\n"}) Answer(reply);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "+OK\r\n"}, {1, "timeout"}, {2, "+two\r\n"}}));
  EXPECT_EQ(sink_.may_have_run, std::vector{true});
  EXPECT_EQ(stats_.late_replies.value(), 1U);
}

TEST_F(ReplyPipelineTest, TellsWhatWasSentFromWhatWasNotWhenTheLinkIsLost) {
  Send(1);
  Flush(10);
  Send(2);
  Send(3);
  Flush(15, 5);
  pipeline_.FailAll("closed by the node");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "node_down"}, {2, "node_down"}, {3, "node_down"}}));
  EXPECT_EQ(sink_.may_have_run, (std::vector{true, true, false}));
}

TEST_F(ReplyPipelineTest, TellsWhatWasSentFromWhatWasNotWhenItIsLate) {
  Send(1);
  Flush(10);
  Send(2, wire::Work::kPlain, 100'000);
  Flush(50'000, 50'000);
  Send(3);
  loop_.Advance(1s);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "timeout"}, {3, "timeout"}}));
  // The second has left in part, and its rest follows.
  EXPECT_EQ(sink_.may_have_run, (std::vector{true, true, false}));
}

TEST_F(ReplyPipelineTest, NothingThatWaitsForItsLinkMayHaveRunNorDoesItCountAsAFailureOfTheNode) {
  pipeline_.FailAll({});
  Send(1);
  loop_.Advance(2s);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}}));
  EXPECT_EQ(sink_.may_have_run, std::vector{false});
  EXPECT_EQ(stats_.failures.value(), 0U);
  EXPECT_EQ(stats_.excused_timeouts.value(), stats_.timeouts.value());
}

TEST_F(ReplyPipelineTest, LooksOnceForManyDeadlinesAndNotOnceForEachRequest) {
  for (uint32_t i = 0; i < 50; ++i) {
    Send(i);
    Answer("+OK\r\n");
    loop_.Advance(1ms);
  }
  loop_.Advance(200ms);
  EXPECT_LE(checks_, 2U);
  EXPECT_EQ(stats_.timeouts.value(), 0U);
}

TEST_F(ReplyPipelineTest, TimesWhatWaitedForItsLinkFromWhenItIsWritten) {
  settings_.timeouts.total = 300ms;
  looks_for_silence_ = false;
  pipeline_.FailAll({});
  Send(1);
  loop_.Advance(150ms);
  pipeline_.OnReady();
  loop_.Advance(99ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
  // It is its total time that fails what is not written at all.
  pipeline_.FailAll({});
  Send(2);
  loop_.Advance(299ms);
  EXPECT_EQ(sink_.outcomes.size(), 1U);
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes.size(), 2U);
}

TEST_F(ReplyPipelineTest, HasRoomForSoManyRequestsAndBytes) {
  settings_.limits = {.requests_in_flight = 3, .bytes_in_flight = 25};
  EXPECT_TRUE(Send(1));
  EXPECT_TRUE(Send(2));
  EXPECT_FALSE(Send(3));  // Its bytes.
  settings_.limits.bytes_in_flight = 1000;
  EXPECT_TRUE(Send(4));
  EXPECT_FALSE(Send(5));
  EXPECT_EQ(sink_.outcomes, (Outcomes{{3, "node_overloaded"}, {5, "node_overloaded"}}));
  Answer("+1\r\n");
  EXPECT_TRUE(Send(6));
}

TEST_F(ReplyPipelineTest, FailsAllOnceAndWhatIsSentMeanwhileNotAtAll) {
  Send(1);
  loop_.Advance(100ms);
  Send(2);
  Send(3);
  sink_.on_failure = [this](Ticket ticket) {
    if (ticket.slot < 10) Send(ticket.slot + 10);
  };
  pipeline_.FailAll("closed by the node");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "node_down"}, {3, "node_down"}}));
  EXPECT_EQ(pipeline_.size(), 2U);
  // Those have deadlines of their own: they wait for another link.
  loop_.Advance(199ms);
  EXPECT_EQ(sink_.outcomes.size(), 3U);
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes.size(), 5U);
}

TEST_F(ReplyPipelineTest, RefusesInTheNodesNameWhatNoLinkTakes) {
  pipeline_.Refuse(Ticket{0, 0, 7, Ticket::Kind::kSession});
  EXPECT_EQ(sink_.outcomes, (Outcomes{{7, "node_down"}}));
  EXPECT_EQ(stats_.requests.value(), 1U);
  EXPECT_EQ(stats_.failures.value(), 1U);
  EXPECT_EQ(pipeline_.size(), 0U);
}

TEST_F(ReplyPipelineTest, FindsANodeSilentAfterThreeTimeoutsThoughNobodyAsksItAgain) {
  Send(1);
  loop_.Advance(299ms);
  EXPECT_FALSE(gave_up_);
  loop_.Advance(1ms);
  EXPECT_TRUE(gave_up_);
  EXPECT_EQ(stats_.timeouts.value(), 1U);
}

TEST_F(ReplyPipelineTest, HandsALargeReplyOverInItsOwnBlock) {
  Send(1);
  const std::string large = "$100000\r\n" + std::string(100'000, 'L') + "\r\n";
  loop_.last_socket().incoming = large;
  while (framer_->Frame((input_.Fill(*stream_, io_.read_buffer), input_.bytes())) !=
         wire::ReplyFramer::FrameStatus::kReply) {
    input_.Keep(framer_->bytes_needed());
  }
  const bool is_large = input_.CanTakeFrame(framer_->size());
  pipeline_.OnReply({input_, *framer_});
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, large}}));
  EXPECT_EQ(sink_.large, is_large ? 1U : 0U);
}

TEST_F(ReplyPipelineTest, TellsTheGuardAloneOfItsProbe) {
  health_.observer.news.clear();
  pipeline_.Admit(10, Ticket{.kind = Ticket::Kind::kInternal}, wire::Work::kPlain);
  Answer("+PONG\r\n");
  pipeline_.Admit(10, Ticket{.kind = Ticket::Kind::kInternal}, wire::Work::kPlain);
  pipeline_.FailAll("closed by the node");
  pipeline_.Refuse(Ticket{.kind = Ticket::Kind::kInternal});
  EXPECT_TRUE(sink_.outcomes.empty());
  EXPECT_EQ(stats_.failures.value(), 0U);
  EXPECT_EQ(stats_.requests.value(), 0U);
  uint64_t recorded = 0;
  for (size_t i = 0; i < Histogram::kBuckets; ++i) recorded += stats_.request_duration.bucket(i);
  EXPECT_EQ(recorded, 0U);
}

TEST_F(ReplyPipelineTest, GivesWhatIsHeavyATimeOfItsOwnAndWhatStandsBehindItNone) {
  settings_.timeouts.total = 5s;
  Send(1, wire::Work::kHeavy);
  Send(2, wire::Work::kScript);
  Send(3);
  Send(4, wire::Work::kPlain, 1 << 20);
  loop_.Advance(60ms);
  Send(5);
  loop_.Advance(40ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{3, "timeout"}}));
  EXPECT_EQ(stats_.heavy_in_flight.value(), 3U);
  loop_.Advance(60ms);
  EXPECT_EQ(sink_.outcomes.size(), 2U);
  loop_.Advance(839ms);
  EXPECT_EQ(sink_.outcomes.size(), 2U);
  EXPECT_FALSE(gave_up_);
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{3, "timeout"}, {5, "timeout"}, {1, "timeout"}, {2, "timeout"}, {4, "timeout"}}));
  EXPECT_EQ(stats_.heavy_in_flight.value(), 0U);
  // Three timeouts later nothing excuses the silence.
  loop_.Advance(300ms);
  EXPECT_TRUE(gave_up_);
}

TEST_F(ReplyPipelineTest, NoticesAShortDeadlineBehindALongOne) {
  Send(1, wire::Work::kHeavy);
  loop_.Advance(50ms);
  Send(2);
  loop_.Advance(100ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{2, "timeout"}}));
}

TEST_F(ReplyPipelineTest, BoundsWhatIsHeavyByTheTotalTimeThatWasGiven) {
  settings_.timeouts.total = 400ms;
  Send(1, wire::Work::kHeavy);
  loop_.Advance(399ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes.size(), 1U);
}

TEST_F(ReplyPipelineTest, CountsTheTimeOfALargeRequestFromItsLastByte) {
  Send(1, wire::Work::kPlain, 200'000);
  Send(2);
  size_t left = 200'010;
  for (int i = 0; i < 5; ++i) {
    left -= 39'999;
    Flush(39'999, left);
    loop_.Advance(90ms);
    EXPECT_TRUE(sink_.outcomes.empty()) << i;
  }
  Flush(left, 0);  // Now both are written.
  loop_.Advance(99ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "timeout"}}));
}

TEST_F(ReplyPipelineTest, FailsWhatIsUnwrittenOnceTheSocketTakesNothing) {
  Send(1, wire::Work::kPlain, 200'000);
  Flush(40'000, 160'000);
  loop_.Advance(50ms);
  Flush(40'000, 120'000);
  loop_.Advance(99ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
}

TEST_F(ReplyPipelineTest, TimesEachOfABacklogFromWhenItsOwnLastByteLeft) {
  for (uint32_t i = 1; i <= 3; ++i) Send(i, wire::Work::kPlain, 1000);
  Flush(1500, 1500);
  loop_.Advance(60ms);
  Flush(600, 900);
  loop_.Advance(40ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
  Flush(900, 0);
  loop_.Advance(60ms);
  EXPECT_EQ(sink_.outcomes.size(), 2U);
  loop_.Advance(40ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "timeout"}, {3, "timeout"}}));
}

TEST_F(ReplyPipelineTest, TakesAReplyThatComesBeforeItsRequestIsWritten) {
  Send(1, wire::Work::kPlain, 200'000);
  Send(2);
  Flush(40'000, 160'010);
  Answer("-ERR too large\r\n");
  loop_.Advance(90ms);
  Flush(160'000, 10);
  loop_.Advance(90ms);
  Flush(10, 0);
  loop_.Advance(99ms);
  Answer("+two\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "-ERR too large\r\n"}, {2, "+two\r\n"}}));
}

TEST_F(ReplyPipelineTest, StopsTheClockWhileALargeReplyFlowsUpToTheLongestTime) {
  settings_.timeouts.heavy = 500ms;
  Send(1);
  Send(2);
  for (int i = 0; i < 6; ++i) {
    loop_.Advance(90ms);
    pipeline_.OnBytes(1 << 20);
    EXPECT_TRUE(sink_.outcomes.empty());
  }
  loop_.Advance(59ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);  // connect and heavy together
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "timeout"}}));
  Send(3);  // Nothing has flowed since.
  loop_.Advance(100ms);
  EXPECT_EQ(sink_.outcomes.size(), 3U);
}

TEST_F(ReplyPipelineTest, FailsWhatWaitsForALargeReplyThatHasStopped) {
  Send(1);
  loop_.Advance(50ms);
  pipeline_.OnBytes(1 << 20);
  loop_.Advance(99ms);
  pipeline_.OnBytes(0);  // A small one, which is no excuse.
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
}

TEST_F(ReplyPipelineTest, AsksAboutANodeFromWhichNothingComes) {
  settings_.check_timeout = 40ms;
  const auto told = [this] { return std::exchange(health_.observer.news, {}).size(); };
  told();
  Send(1);
  loop_.Advance(39ms);
  EXPECT_EQ(told(), 0U);
  loop_.Advance(1ms);
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_TRUE(health_.observer.news[0].is_silent);
  told();
  loop_.Advance(39ms);
  EXPECT_EQ(told(), 0U);
  loop_.Advance(1ms);
  EXPECT_EQ(told(), 1U);
  witness_.OnBytes();
  Answer("+OK\r\n");
  loop_.Advance(1s);
  EXPECT_EQ(told(), 0U);
  // Another one is written later than the first look.
  Send(2);
  loop_.Advance(20ms);
  Answer("+OK\r\n");
  witness_.OnBytes();
  Send(3);
  loop_.Advance(39ms);
  EXPECT_EQ(told(), 0U);
  loop_.Advance(1ms);
  EXPECT_EQ(told(), 1U);
}

}  // namespace
}  // namespace ringproxy::backends
