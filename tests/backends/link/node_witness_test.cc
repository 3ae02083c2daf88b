#include "backends/link/node_witness.h"

#include <gtest/gtest.h>

#include "tests/backends/link/witness_fixture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;
using Breaker = CircuitBreaker::BreakerState;

class NodeWitnessTest : public WitnessFixture {
 protected:
  NodeWitnessTest() {
    settings_.timeouts.request = 100ms;
    settings_.breaker.consecutive_failures = 3;
    loop_.Advance(10s);
  }

  InFlight Entry(wire::Work work = wire::Work::kPlain) const {
    return {.ticket = {.kind = Ticket::Kind::kSession}, .entered = {}, .sent = loop_.now(), .bytes = 10, .asked = work};
  }
  InFlight Probe() const {
    return {.ticket = {.kind = Ticket::Kind::kInternal}, .entered = {}, .sent = loop_.now(), .bytes = 10};
  }
  void Reply(const InFlight& entry, const std::string& text) {
    const ReplyFrame reply = Frame(text);
    witness_.OnAnswered(entry, reply.size());
    witness_.OnReply(entry, reply);
    reply.Drop();
  }
  // Opens the breaker by the node's own words, or not.
  void FailThreeTimes(wire::Work work) {
    for (int i = 0; i < 3; ++i) Reply(Entry(work), "-LOADING x\r\n");
  }
};

TEST_F(NodeWitnessTest, TellsTheNodesWordsAndNotThoseOfAClientsScript) {
  FailThreeTimes(wire::Work::kScript);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
  FailThreeTimes(wire::Work::kPlain);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, TakesNoWordsOfAForeignCommandForTheNodesAndItsTimeAsUsual) {
  FailThreeTimes(wire::Work::kForeign);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
  const InFlight foreign = Entry(wire::Work::kForeign);
  witness_.OnSent(foreign);
  EXPECT_EQ(stats_.heavy_in_flight.value(), 0U);
  for (int i = 0; i < 3; ++i) witness_.OnTimeout(foreign);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, AGoodReplyOfAForeignCommandExcusesNothing) {
  for (int i = 0; i < 3; ++i) {
    Reply(Entry(), "-LOADING x\r\n");
    Reply(Entry(wire::Work::kForeign), "+OK\r\n");
  }
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, AGoodReplyOfAForeignCommandEndsARowOfTimeouts) {
  for (int i = 0; i < 3; ++i) {
    for (int late = 0; late < 2; ++late) witness_.OnTimeout(Entry(wire::Work::kForeign));
    Reply(Entry(wire::Work::kForeign), "+OK\r\n");
  }
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
}

TEST_F(NodeWitnessTest, TellsOfTimeoutsAndNotOfAScripts) {
  for (int i = 0; i < 3; ++i) {
    const InFlight script = Entry(wire::Work::kScript);
    witness_.OnSent(script);
    witness_.OnTimeout(script);
  }
  loop_.Advance(1ms);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
  EXPECT_EQ(stats_.excused_timeouts.value(), 3U);
  for (int i = 0; i < 3; ++i) witness_.OnTimeout(Entry());
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
  EXPECT_EQ(stats_.excused_timeouts.value(), 3U);
}

TEST_F(NodeWitnessTest, WhatAScriptKeepsBusyIsNoNewsForTheBreaker) {
  FailThreeTimes(wire::Work::kPlain);
  ASSERT_EQ(guard_.breaker().state(), Breaker::kOpen);
  const InFlight script = Entry(wire::Work::kScript);
  witness_.OnSent(script);
  InFlight question = Entry();
  question.ticket = NodeWitness::kScriptQuestion;
  Reply(question, "-BUSY x\r\n");
  EXPECT_EQ(guard_.heavy().scripts.words(), "BUSY x");
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
  witness_.OnProbeFailed(NodeWitness::kScriptQuestion);
  EXPECT_EQ(guard_.heavy().scripts.words(), "");
  Reply(question, "-BUSY x\r\n");
  // Its client waits no longer, and the node goes on with it.
  InFlight late = script;
  late.timed_out = true;
  EXPECT_TRUE(guard_.heavy().scripts.any());
  witness_.OnGone(late);
  EXPECT_FALSE(guard_.heavy().scripts.any());
  EXPECT_EQ(guard_.heavy().scripts.words(), "");
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, ExcusesWaitsOfClients) {
  for (int i = 0; i < 5; ++i) {
    const InFlight wait = Entry(wire::Work::kBlocking);
    witness_.OnSent(wait);
    witness_.OnTimeout(wait);
  }
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
  EXPECT_EQ(stats_.excused_timeouts.value(), 5U);
}

TEST_F(NodeWitnessTest, HoldsNoTimeAgainstTheNodeThatARequestHasWaitedForItsLink) {
  for (int i = 0; i < 5; ++i) witness_.OnTimeout(Entry(), false);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
  EXPECT_EQ(stats_.excused_timeouts.value(), 5U);
}

TEST_F(NodeWitnessTest, ExcusesWhatWasSentBeforeSomethingLargeWasLastUnderWay) {
  const InFlight behind = Entry();
  InFlight large = Entry();
  large.bytes = 5000;
  for (int kind = 0; kind < 3; ++kind) {
    loop_.Advance(1ms);
    if (kind == 0) witness_.OnUnfinished(70'000);
    if (kind == 1) witness_.OnAnswered(behind, 70'000);
    if (kind == 2) witness_.OnAnswered(large, 5);
    for (int i = 0; i < 5; ++i) witness_.OnTimeout(behind);
    EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed) << kind;
  }
  EXPECT_EQ(stats_.excused_timeouts.value(), 15U);
  for (int i = 0; i < 3; ++i) witness_.OnTimeout(Entry());
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, ExcusesNothingBehindWhatIsOfUsualSize) {
  const InFlight behind = Entry();
  loop_.Advance(1ms);
  witness_.OnUnfinished(64 << 10);
  witness_.OnAnswered(behind, 64 << 10);
  for (int i = 0; i < 3; ++i) witness_.OnTimeout(behind);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, CountsASilenceOnceATimeoutAndEndsItByAnyByte) {
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(witness_.CountSilence());
  loop_.Advance(100ms);
  EXPECT_FALSE(witness_.CountSilence());
  witness_.OnBytes();
  for (int i = 0; i < 2; ++i) {
    loop_.Advance(100ms);
    EXPECT_FALSE(witness_.CountSilence());
  }
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
  loop_.Advance(100ms);
  EXPECT_TRUE(witness_.CountSilence());
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, StartsToCountAnewWithANewLink) {
  for (uint32_t i = 1; i < NodeWitness::kSilentTimeouts; ++i) {
    EXPECT_FALSE(witness_.CountSilence());
    loop_.Advance(100ms);
  }
  witness_.OnReady({});
  EXPECT_FALSE(witness_.CountSilence());
}

TEST_F(NodeWitnessTest, LetsAProbeSpeakForTheNodeAndNobodyElse) {
  FailThreeTimes(wire::Work::kPlain);
  ASSERT_EQ(guard_.breaker().state(), Breaker::kOpen);
  Reply(Probe(), "-LOADING x\r\n");
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
  Reply(Probe(), "+PONG\r\n");
  EXPECT_EQ(guard_.breaker().state(), Breaker::kHalfOpen);
  witness_.OnLost(Probe(), "closed by the node");  // It is its failure that is told.
  EXPECT_EQ(guard_.breaker().state(), Breaker::kHalfOpen);
  witness_.OnProbeFailed({.kind = Ticket::Kind::kInternal});
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, TellsOfLinksThatCannotBeHad) {
  witness_.OnConnectFailed("Connection refused");
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_EQ(health_.observer.news[0].detail, "Connection refused");
  witness_.OnReady({});
  EXPECT_EQ(guard_.breaker().state(), Breaker::kHalfOpen);
}

TEST_F(NodeWitnessTest, ExcusesWhatIsHeavyAndWhatWaitsWhileItIsUnderWay) {
  const InFlight heavy = Entry(wire::Work::kHeavy);
  const InFlight behind = Entry();
  witness_.OnSent(heavy);
  EXPECT_EQ(stats_.heavy_in_flight.value(), 1U);
  for (int i = 0; i < 5; ++i) witness_.OnTimeout(behind);
  EXPECT_FALSE(witness_.CountSilence());
  loop_.Advance(1ms);
  witness_.OnGone(heavy);
  EXPECT_EQ(stats_.heavy_in_flight.value(), 0U);
  for (int i = 0; i < 5; ++i) witness_.OnTimeout(behind);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kClosed);
  EXPECT_EQ(stats_.excused_timeouts.value(), 10U);
  for (int i = 0; i < 3; ++i) witness_.OnTimeout(Entry());
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

TEST_F(NodeWitnessTest, TakesTheWordsOfAHeavyCommandForTheNodes) {
  FailThreeTimes(wire::Work::kHeavy);
  EXPECT_EQ(guard_.breaker().state(), Breaker::kOpen);
}

}  // namespace
}  // namespace ringproxy::backends
