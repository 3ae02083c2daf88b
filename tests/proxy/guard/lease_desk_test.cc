#include "proxy/guard/lease_desk.h"

#include <gmock/gmock.h>

#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

class LeaseDeskTest : public GuardFixture, private LeaseDesk::ExactAsker {
 protected:
  void Make(std::vector<conf::Limit> limits) {
    desk_.reset();
    Hold(std::move(limits));
    desk_ = MakeDesk();
    store_sink_ = &desk_->sink();
  }
  std::unique_ptr<LeaseDesk> MakeDesk() {
    LeaseDesk::ExactAsker& asker = *this;
    return std::make_unique<LeaseDesk>(io_, *shared_, 0, asker);
  }
  LeaseTable::KeptLease& Lease(uint64_t bucket = 1, uint32_t rule = 0) {
    return State(rule).leases.Get(bucket, Rule(rule).terms, loop_.now(), [] { return std::string("name"); });
  }
  void Ask(LeaseTable::KeptLease& lease, uint32_t rule = 0) { desk_->AskForLease(*held_, Rule(rule), lease); }
  // Takes so many tokens, on credit as far as there are none, and asks for what it wants then.
  void Spend(LeaseTable::KeptLease& lease, uint64_t tokens = 1, uint32_t rule = 0) {
    lease.lease.Take(lease.terms.lease, loop_.now(), tokens, 1);
    Ask(lease, rule);
  }
  void AskExact(uint32_t waiting, uint64_t cost = 1) {
    Charge charge = ChargeFor("get x");
    charge.cost = cost;
    desk_->AskExact(*held_, charge, "value", waiting);
  }
  void Tick() {
    desk_->Tick(*held_);
    Flush();
  }
  // "3 grants 1", "3 grants 0", "3 fails".
  std::vector<std::string> TakeAnswers() { return std::exchange(answers_, {}); }

  void OnExactAnswer(uint32_t waiting, const std::optional<LeaseReply>& reply) override {
    answers_.push_back(std::to_string(waiting) + (reply ? " grants " + std::to_string(reply->granted) : " fails"));
  }

  std::unique_ptr<LeaseDesk> desk_;
  std::vector<std::string> answers_;
};

TEST_F(LeaseDeskTest, AsksForALeaseOnlyWhatItWants) {
  Make({GlobalLimit("g", 10, 5)});
  Ask(Lease());
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  shared_->SetProxies(3);
  Spend(Lease());
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(Key(questions[0]), "ringproxy:{g:name}");
  EXPECT_THAT(std::vector(questions[0].begin() + 4, questions[0].end()),
              ElementsAre("10", "1000000", "5", "0", "1", "1", "3", "0"));
  Ask(Lease());
  EXPECT_THAT(TakeQuestions(), IsEmpty()) << "one question at a time";
}

TEST_F(LeaseDeskTest, GivesALeaseWhatTheStoreHasGranted) {
  Make({GlobalLimit("g", 10, 5)});
  Spend(Lease());
  Grant(4, 0, 250);
  EXPECT_EQ(Lease().lease.tokens(loop_.now()), 4U);
  EXPECT_EQ(Lease().lease.debt(), 0U);
  EXPECT_EQ(Lease().used_thousandths, 250U);
  EXPECT_EQ(Stats().store_granted.value(), 1U);
  EXPECT_EQ(Stats().store_refused.value(), 0U);
}

TEST_F(LeaseDeskTest, CountsARefusalATimeoutAndAnErrorForWhatTheyAre) {
  Make({GlobalLimit("g", 10, 5)});
  Spend(Lease(1));
  Grant(0, 5'000);
  EXPECT_EQ(Stats().store_refused.value(), 1U);
  Spend(Lease(2));
  Flush();
  Advance(20ms);
  EXPECT_EQ(Stats().store_timeouts.value(), 1U);
  Grant(1);  // It comes too late.
  Spend(Lease(3));
  Answer("-ERR no\r\n");
  Spend(Lease(4));
  Answer("+OK\r\n");  // No reply of the script.
  EXPECT_EQ(Stats().store_errors.value(), 2U);
  EXPECT_EQ(Stats().store_timeouts.value(), 1U);
  EXPECT_EQ(Stats().store_granted.value(), 0U);
  EXPECT_FALSE(Lease(1).lease.failing_since());
  for (const uint64_t bucket : {2U, 3U, 4U}) EXPECT_TRUE(Lease(bucket).lease.failing_since());
}

TEST_F(LeaseDeskTest, ALeaseThatFoundTheStoreAgainRecoversForASecond) {
  Make({GlobalLimit("g", 10, 5)});
  Spend(Lease());
  Answer("-ERR no\r\n");
  Advance(100ms);
  Ask(Lease());
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(2));
  EXPECT_EQ(Debt(questions[1]), 1U) << "it may not have been paid";
  EXPECT_TRUE(IsAfterOutage(questions[1]));
  Grant(1);
  EXPECT_FALSE(Lease().lease.failing_since());
  EXPECT_EQ(Lease().recovering_until, loop_.now() + 1s);
}

TEST_F(LeaseDeskTest, PaysWhatWasSpentWhileTheQuestionWasUnderWay) {
  Make({GlobalLimit("g", 1'000, 100)});
  Spend(Lease());
  Spend(Lease(), 3);
  EXPECT_THAT(TakeQuestions(), SizeIs(1));
  Grant(0);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(Debt(questions[0]), 3U);
}

// Nothing new shall go by a snapshot that is not in force: it would be needed for ever.
TEST_F(LeaseDeskTest, AsksNothingMoreByASnapshotThatHasRetired) {
  Make({GlobalLimit("g", 1'000, 100)});
  Spend(Lease());
  Spend(Lease(), 3);
  TakeQuestions();
  held_->Retire();
  EXPECT_TRUE(held_->is_used());
  Grant(0);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  EXPECT_FALSE(held_->is_used());
  EXPECT_EQ(Lease().lease.debt(), 3U);
  const backends::PoolNode::PoolNodeParts parts{io_, *this, flush_list_, observer_, 0};
  HeldSnapshot next(snapshot_, parts, held_.get());
  desk_->Tick(next);
  const auto questions = TakeQuestions();
  ASSERT_FALSE(questions.empty());
  EXPECT_EQ(Debt(questions[0]), 3U) << "the next second pays it by the one in force";
  Grant(0);
  Answer(":1\r\n");
}

TEST_F(LeaseDeskTest, AnAnswerForALeaseThatIsNoMoreIsCountedAndChangesNothing) {
  Make({GlobalLimit("g", 10, 5)});
  LeaseTable::KeptLease gone{.bucket = 7, .terms = Rule(0).terms, .name = "gone"};
  Spend(gone);
  Spend(gone, 2);
  Grant(5);
  EXPECT_EQ(Stats().store_granted.value(), 1U);
  EXPECT_EQ(State().leases.size(), 0U);
  EXPECT_EQ(gone.lease.tokens(loop_.now()), 0U);
  EXPECT_FALSE(held_->is_used());
}

TEST_F(LeaseDeskTest, AsksForOneRequestItsWholeCostOrNothing) {
  Make({ExactLimit("e", 10, 5)});
  AskExact(3, 4);
  AskExact(8);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(2));
  EXPECT_EQ(Key(questions[0]), "ringproxy:{e:value}");
  EXPECT_EQ(Want(questions[0]), 4U);
  EXPECT_EQ(Least(questions[0]), 4U);
  EXPECT_EQ(Debt(questions[0]), 0U);
  EXPECT_FALSE(IsAfterOutage(questions[0]));
  Grant(4);
  EXPECT_THAT(TakeAnswers(), ElementsAre("3 grants 4"));
  Grant(0, 5'000);
  EXPECT_THAT(TakeAnswers(), ElementsAre("8 grants 0"));
  EXPECT_EQ(Stats().store_granted.value(), 1U);
  EXPECT_EQ(Stats().store_refused.value(), 1U);
  EXPECT_EQ(State().leases.size(), 0U);
}

TEST_F(LeaseDeskTest, TellsWhoAskedForOneRequestThatTheStoreFails) {
  Make({ExactLimit("e", 10, 5)});
  AskExact(1);
  State().failing_since = loop_.now();
  AskExact(2);
  EXPECT_TRUE(IsAfterOutage(TakeQuestions().at(1)));
  Advance(20ms);
  EXPECT_THAT(TakeAnswers(), ElementsAre("1 fails", "2 fails"));
  LoseStore();
  AskExact(3);
  EXPECT_THAT(TakeAnswers(), ElementsAre("3 fails")) << "at once";
  EXPECT_EQ(Stats().store_timeouts.value(), 2U);
  EXPECT_EQ(Stats().store_errors.value(), 1U);
}

TEST_F(LeaseDeskTest, OneOfTheWorkersTellsThatTheProcessLivesAndLearnsHowManyDo) {
  Make({GlobalLimit("g", 10, 1)});
  Tick();
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(Key(questions[0]), "ringproxy:{members}");
  EXPECT_EQ(questions[0][4], shared_->process_id());
  Answer(":5\r\n");
  EXPECT_EQ(shared_->proxies(), 5U);
  Tick();
  Answer(":2\r\n");
  EXPECT_EQ(shared_->proxies(), 5U) << "a store that has lost its data hears of all of them within two ticks";
  for (const char* answer : {"-ERR no\r\n", "$-1\r\n", ":0\r\n", ":0\r\n"}) {
    Tick();
    Answer(answer);
  }
  EXPECT_EQ(shared_->proxies(), 1U) << "at least this one";
  TakeQuestions();
  const auto other = MakeDesk();
  other->Tick(*held_);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
}

TEST_F(LeaseDeskTest, TellsNobodyWhereNoStoreIsNamed) {
  desk_.reset();
  conf::Config config = LimitedFleet({TokenLimit("l", 10, 1)});
  config.global_limits.store.clear();
  Hold(std::move(config));
  desk_ = MakeDesk();
  store_sink_ = &desk_->sink();
  test::FakeSocket& first = loop_.socket(0);
  first.observer->OnConnected(0);
  first.Receive("+PONG\r\n");
  first.TakeWritten();
  Tick();
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  EXPECT_EQ(first.written, "");
  EXPECT_THAT(*desk_->View(*snapshot_), IsEmpty());
}

TEST_F(LeaseDeskTest, MeasuresItsLeasesAndHowLongTheStoreFails) {
  Make({GlobalLimit("g", 10, 5), GlobalLimit("h", 10, 5)});
  Spend(Lease(1));
  Grant(4);
  Spend(Lease(2));
  Grant(3);
  Tick();
  Answer(":1\r\n");
  EXPECT_EQ(Stats().leases.value(), 2U);
  EXPECT_EQ(Stats().lease_tokens.value(), 7U);
  EXPECT_EQ(Stats().failing_leases.value(), 0U);
  Spend(Lease(3));
  Answer("-ERR no\r\n");
  Advance(700ms);
  Tick();
  Answer("-ERR no\r\n");  // It owes a token still, and has asked again.
  EXPECT_EQ(Stats().failing_leases.value(), 1U);
  EXPECT_EQ(Stats().fallback_ms.value(), 700U);
  EXPECT_EQ(Stats(1).fallback_ms.value(), 0U);
}

// A lease that is not used any more has still to pay, and nobody else asks for it.
TEST_F(LeaseDeskTest, PaysWhatAnUnusedLeaseOwes) {
  Make({GlobalLimit("g", 10, 5)});
  Spend(Lease());
  Answer("-ERR no\r\n");
  TakeQuestions();
  Advance(1s);
  Tick();
  EXPECT_EQ(Debt(TakeQuestions().at(0)), 1U);
  Grant(0);
  Answer(":1\r\n");
  EXPECT_EQ(Lease().lease.debt(), 0U);
  Advance(1s);
  Tick();
  EXPECT_THAT(TakeQuestions(), SizeIs(1)) << "that the process lives";
}

TEST_F(LeaseDeskTest, ALeaseThatNobodyUsesDoesNotFailForEver) {
  Make({GlobalLimit("g", 10, 1)});
  Spend(Lease());
  Grant(0, 0, 1000);
  Spend(Lease());  // It is refused, so there is nothing to pay.
  LoseStore();
  Tick();
  EXPECT_EQ(Stats().failing_leases.value(), 1U);
  const uint64_t fallback_ms = Stats().fallback_ms.value();
  for (int i = 0; i < 5; ++i) {
    Advance(1s);
    Tick();
  }
  EXPECT_EQ(Stats().failing_leases.value(), 0U);
  EXPECT_LE(Stats().fallback_ms.value(), fallback_ms + 2'000);
  EXPECT_FALSE(desk_->View(*snapshot_)->at(0).is_failing);
}

TEST_F(LeaseDeskTest, AnExactLimitThatNobodyMeetsDoesNotFailForEver) {
  Make({ExactLimit("e", 10, 1)});
  State().failing_since = loop_.now();
  State().next_question = loop_.now() + 50ms;
  Tick();
  EXPECT_EQ(Stats().failing_leases.value(), 1U);
  Advance(1050ms);
  Tick();
  EXPECT_EQ(Stats().failing_leases.value(), 0U);
}

TEST_F(LeaseDeskTest, ShowsItsLeases) {
  Make({TokenLimit("l", 1'000, 100), GlobalLimit("g", 1'000, 100)});
  Spend(Lease(1, 1), 1, 1);
  Grant(7, 0, 300);
  Spend(Lease(2, 1), 1, 1);
  Answer("-ERR no\r\n");
  const auto view = desk_->View(*snapshot_);
  ASSERT_THAT(*view, SizeIs(2));
  EXPECT_EQ(view->at(0).limit, "g");
  EXPECT_EQ(view->at(0).value, "name");
  EXPECT_EQ(view->at(0).tokens, 7U);
  EXPECT_EQ(view->at(0).used_thousandths, 300U);
  EXPECT_FALSE(view->at(0).is_failing);
  EXPECT_TRUE(view->at(1).is_failing);
}

TEST_F(LeaseDeskTest, ShowsNoMoreThanAThousandLeasesOfALimit) {
  Make({GlobalLimit("g", 10, 5), GlobalLimit("h", 10, 5)});
  for (uint64_t bucket = 1; bucket <= 1'200; ++bucket) {
    Lease(bucket).lease.Charge(Rule(0).terms.lease, loop_.now(), 1);
    if (bucket <= 3) Lease(bucket, 1).lease.Charge(Rule(1).terms.lease, loop_.now(), 1);
  }
  EXPECT_THAT(*desk_->View(*snapshot_), SizeIs(1'003));
}

}  // namespace
}  // namespace ringproxy::proxy
