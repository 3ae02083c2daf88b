#include "backends/link/script_probe.h"

#include "tests/backends/link/flavours_fixture.h"

namespace ringproxy::backends {
namespace {

constexpr std::string_view kBusy =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

class ScriptProbeTest : public FlavoursTest {
 protected:
  void SendScript(uint32_t slot, uint32_t lane) {
    const std::string request = "eval" + std::to_string(slot) + ";";
    pool_->Send(0, {lane}, std::string_view(request), {0, 0, slot, Ticket::Kind::kSession}, wire::Work::kScript);
  }
  void Pass(net::Duration time) {
    for (; time > 0ms; time -= 10ms) {
      loop_.Advance(10ms);
      FlushAll();
    }
  }
  // The script of lane 0 runs for long, and the link is there over which the node is asked; it has written the
  // question.
  test::FakeSocket& BeLong() {
    Start();
    SendScript(1, 0);
    FlushAll();
    EXPECT_EQ(loop_.socket(0).TakeWritten(), "eval1;");
    Pass(200ms);
    EXPECT_EQ(loop_.sockets(), 2U);
    return GreetNewest({});
  }
  test::FakeSocket& BeBusy() {
    test::FakeSocket& control = BeLong();
    EXPECT_EQ(control.TakeWritten(), kPing);
    control.Receive(std::string(kBusy));
    EXPECT_TRUE(health_.records[0]->busy().is_up());
    return control;
  }
};

TEST_F(ScriptProbeTest, AsksNothingAsLongAsScriptsAreShort) {
  Start();
  for (uint32_t i = 1; i <= 10; ++i) {
    SendScript(i, 0);
    FlushAll();
    Pass(50ms);
    loop_.socket(0).Receive("+done\r\n");
    Pass(50ms);
  }
  EXPECT_EQ(loop_.sockets(), 1U);
}

TEST_F(ScriptProbeTest, WhoWouldStandBehindALongScriptReadsTheNodesOwnWords) {
  BeBusy();
  TakeOutcomes();
  SendIn({}, 2, 1);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "node_busy"}}));
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "");
  EXPECT_EQ(health_.stats(0).failures.value(), 0U);
  // Not a client's request, so that only those count.
  EXPECT_EQ(health_.stats(0).requests.value(), 2U);
  loop_.socket(0).Receive("+done\r\n");
  EXPECT_FALSE(health_.records[0]->busy().is_up());
  SendIn({}, 3, 1);
  FlushAll();
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "3;");
}

TEST_F(ScriptProbeTest, WhoHasSentTheScriptStandsBehindIt) {
  BeBusy();
  SendIn({}, 2, 0);
  FlushAll();
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "2;");
  loop_.socket(0).Receive("+done\r\n+two\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+done\r\n"}, {2, "+two\r\n"}}));
}

TEST_F(ScriptProbeTest, WhoHasSomethingBehindItKeepsTheOrder) {
  Start();
  SendScript(1, 0);
  SendIn({}, 2, 1);  // Before anybody knows.
  FlushAll();
  Pass(200ms);
  GreetNewest({}).Receive(std::string(kBusy));
  ASSERT_TRUE(health_.records[0]->busy().is_up());
  SendIn({}, 3, 1);
  SendIn({}, 4, 2);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{4, "node_busy"}}));
  FlushAll();
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "eval1;2;3;");
}

TEST_F(ScriptProbeTest, WhoHasReadATimeoutThereReadsTheNodesWordsNext) {
  Start();
  SendScript(1, 0);
  SendIn({}, 2, 1);
  FlushAll();
  Pass(pool_conf_.timeouts.request);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "timeout"}}));
  GreetNewest({}).Receive(std::string(kBusy));
  ASSERT_TRUE(health_.records[0]->busy().is_up());
  SendIn({}, 3, 1);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{3, "node_busy"}}));
  // Its late reply is still nobody else's.
  loop_.socket(0).Receive("+done\r\n+late\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+done\r\n"}}));
}

TEST_F(ScriptProbeTest, AskedForABatchOneFailureIsTheAnswer) {
  BeBusy();
  net::Block batch = io_.blocks.Copy("multi;2;exec;");
  pool_->SendBatch(0, {1}, std::move(batch), 3, {0, 0, 2, Ticket::Kind::kSession}, wire::Work::kPlain);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "node_busy"}}));
}

TEST_F(ScriptProbeTest, AsksAgainAsLongAsTheScriptRunsAndBelievesTheLastAnswer) {
  test::FakeSocket& control = BeBusy();
  Pass(100ms);
  EXPECT_EQ(control.TakeWritten(), kPing);
  control.Receive("+PONG\r\n");
  EXPECT_FALSE(health_.records[0]->busy().is_up());
  Pass(100ms);
  EXPECT_EQ(control.TakeWritten(), kPing);
  control.Receive(std::string(kBusy));
  EXPECT_TRUE(health_.records[0]->busy().is_up());
  loop_.socket(0).Receive("+done\r\n");
  Pass(1s);
  EXPECT_EQ(control.TakeWritten(), "");
  EXPECT_EQ(loop_.sockets(), 2U);
}

TEST_F(ScriptProbeTest, OneQuestionAtATimeIsOnItsWayHoweverLongTheNodeIsSilent) {
  test::FakeSocket& control = BeLong();
  EXPECT_EQ(control.TakeWritten(), kPing);
  Pass(900ms);
  EXPECT_EQ(control.TakeWritten(), "");
  SendIn({}, 2, 1);  // Nobody knows that it is busy: it waits, as at the node itself.
  FlushAll();
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "2;");
  control.Receive(std::string(kBusy));
  EXPECT_TRUE(health_.records[0]->busy().is_up());
}

TEST_F(ScriptProbeTest, WhatItHasSaidIsOutOfDateWhenItSaysNothingMore) {
  BeBusy();
  Pass(100ms);  // Asked again.
  EXPECT_TRUE(health_.records[0]->busy().is_up());
  Pass(300ms);
  EXPECT_FALSE(health_.records[0]->busy().is_up());
}

TEST_F(ScriptProbeTest, ALinkThatIsLostIsNoAnswer) {
  test::FakeSocket& control = BeBusy();
  Pass(100ms);
  control.ReceiveEnd();
  EXPECT_FALSE(health_.records[0]->busy().is_up());
}

TEST_F(ScriptProbeTest, AScriptsOwnWordsAreNoAnswer) {
  test::FakeSocket& control = BeLong();
  control.Receive("+PONG\r\n");
  SendScript(2, 0);
  loop_.socket(0).Receive("-BUSY says the script\r\n");
  EXPECT_FALSE(health_.records[0]->busy().is_up());
}

TEST_F(ScriptProbeTest, AConnectionWithoutAScriptInFrontIsNotHeld) {
  Start(2);
  SendScript(1, 0);
  FlushAll();
  Pass(200ms);
  GreetNewest({}).Receive(std::string(kBusy));
  ASSERT_TRUE(health_.records[0]->busy().is_up());
  SendIn({}, 2, 1);  // Its home is the other connection, and the node answers there.
  SendIn({}, 3, 2);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{3, "node_busy"}}));
  FlushAll();
  EXPECT_EQ(loop_.socket(1).TakeWritten(), "2;");
}

TEST_F(ScriptProbeTest, ALinkOfAnotherFlavourIsNotHeld) {
  BeBusy();
  TakeOutcomes();
  SendIn(kResp3Flavour, 2, 1);
  EXPECT_EQ(GreetNewest(kResp3Flavour).TakeWritten(), "2;");
  EXPECT_TRUE(pool_->BesideRequests(0).IsBusyFor({1}));
  EXPECT_FALSE(pool_->BesideRequests(0).IsBusyFor({0}));
  EXPECT_FALSE(pool_->BesideRequests(0).IsBusyFor({1, kResp3Flavour}));
}

TEST_F(ScriptProbeTest, NothingIsLeftOfItOnceScriptsAreOver) {
  BeBusy();
  loop_.socket(0).Receive("+done\r\n");
  pool_->Tick();
  SendScript(2, 1);
  FlushAll();
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "eval2;");
  pool_.reset();
  flush_list_.clear();
  EXPECT_FALSE(health_.records[0]->busy().is_up());
}

}  // namespace
}  // namespace ringproxy::backends
