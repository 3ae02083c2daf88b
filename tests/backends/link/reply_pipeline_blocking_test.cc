// What waits at a node for other clients, on a pipeline of its own.
#include <gtest/gtest.h>

#include "backends/link/reply_pipeline.h"
#include "tests/backends/link/recording_sink.h"
#include "tests/backends/link/witness_fixture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class BlockingPipelineTest : public WitnessFixture {
 protected:
  BlockingPipelineTest() {
    settings_.timeouts = {.connect = 100ms, .request = 100ms, .heavy = 1s};
    pipeline_.OnReady();
  }
  void Answer(const std::string& reply) { pipeline_.OnReply(Frame(reply)); }
  void CheckDeadlines() {
    ++checks_;
    const bool any_late = pipeline_.FailLate();
    gave_up_ = gave_up_ || pipeline_.IsSilentForLong(any_late);
    pipeline_.LookForSilence();
  }

  RecordingSink sink_;
  size_t checks_ = 0;
  bool gave_up_ = false;
  ReplyPipeline pipeline_{loop_, settings_, witness_, sink_, stats_, [this] { CheckDeadlines(); }};
};

TEST_F(BlockingPipelineTest, GivesWhatBlocksItsOwnTimeAndHoldsNothingOfItAgainstTheNode) {
  const auto wait = [this](uint32_t slot, uint32_t seconds) {
    InFlight* const entry = pipeline_.Admit(10, Ticket{0, 0, slot, Ticket::Kind::kSession}, wire::Work::kBlocking);
    entry->replies_to_come = 1;
    entry->patience_s = seconds;
    pipeline_.OnFlushed(10, 0);
    EXPECT_EQ(pipeline_.oldest_work(), wire::Work::kBlocking);
  };
  wait(1, 0);
  EXPECT_EQ(stats_.in_flight.value(), 0U);
  loop_.Advance(24h);
  EXPECT_TRUE(sink_.outcomes.empty());
  EXPECT_LE(checks_, 2U);
  Answer("*-1\r\n");
  EXPECT_EQ(stats_.request_duration.sum_us(), 0U);
  wait(2, 5);
  loop_.Advance(4s);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "*-1\r\n"}}));
  loop_.Advance(2s);
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{2, "timeout"}));
  Answer("*2\r\n+q\r\n+late\r\n");
  EXPECT_EQ(stats_.late_replies.value(), 1U);
  wait(3, 0);
  pipeline_.FailAll("lost");
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{3, "node_down"}));
  EXPECT_EQ(stats_.in_flight.value(), 0U);
  EXPECT_FALSE(gave_up_);
}

}  // namespace
}  // namespace ringproxy::backends
