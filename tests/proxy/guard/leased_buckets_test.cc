#include "proxy/guard/leased_buckets.h"

#include <gmock/gmock.h>

#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::StoreFailure;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

class LeasedBucketsTest : public GuardFixture, private LeaseDesk::ExactAsker {
 protected:
  void Make(conf::Limit limit) {
    desk_.reset();
    Hold({std::move(limit)});
    LeaseDesk::ExactAsker& asker = *this;
    desk_.emplace(io_, *shared_, 0, asker);
    store_sink_ = &desk_->sink();
    fallback_.emplace(loop_, *shared_);
    buckets_.emplace(loop_, *shared_, 0, *desk_, *fallback_);
    charge_ = ChargeFor("get x");
  }
  BucketAnswer Look() { return buckets_->Look(charge_, *held_); }
  BucketAnswer Take() {
    const ClientIdentity client = Client(1);
    return buckets_->Take(&charge_, {*held_, &client, nullptr});
  }
  int Admitted(int count) {
    int admitted = 0;
    for (int i = 0; i < count; ++i) admitted += Take().admitted ? 1 : 0;
    return admitted;
  }
  // The store has no tokens left for the lease of a slow limit, and has said so.
  void EmptyLease() {
    Take();
    Grant(0, 0, 1000);
    TakeQuestions();
  }
  // The lease owes a token, and the store fails from now on.
  void Fail() {
    Take();
    Answer("-ERR no\r\n");
    TakeQuestions();
  }
  const QuotaLease& Lease() { return State().leases.Find(charge_.bucket)->lease; }

  void OnExactAnswer(uint32_t, const std::optional<LeaseReply>&) override { ADD_FAILURE(); }

  std::optional<LeaseDesk> desk_;
  std::optional<StoreFallback> fallback_;
  std::optional<LeasedBuckets> buckets_;
  Charge charge_;
};

TEST_F(LeasedBucketsTest, AdmitsOnCreditAndPaysAtOnce) {
  Make(PerClient(GlobalLimit("g", 1'000, 100)));
  EXPECT_TRUE(Look().admitted) << "of this bucket nothing is known";
  EXPECT_EQ(State().leases.size(), 0U);
  const BucketAnswer answer = Take();
  EXPECT_TRUE(answer.admitted);
  EXPECT_EQ(answer.wait_ns, 0);
  EXPECT_EQ(charge_.taken, Source::kLease);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(Key(questions[0]), "ringproxy:{g:10.0.0.7}");
  EXPECT_EQ(Debt(questions[0]), 1U);
}

TEST_F(LeasedBucketsTest, ALeaseIsCalledWhatTheRequestWasWhenItHadToWait) {
  Make(PerClient(GlobalLimit("g", 1'000, 100)));
  const std::string name = "10.9.9.9";
  EXPECT_TRUE(buckets_->Take(&charge_, {*held_, nullptr, &name}).admitted);
  EXPECT_EQ(Key(TakeQuestions().at(0)), "ringproxy:{g:10.9.9.9}");
}

TEST_F(LeasedBucketsTest, IsNearTheLimitWhenTheStoreSaysSo) {
  Make(GlobalLimit("g", 1'000, 100));
  EXPECT_FALSE(Take().near_limit);
  Grant(10, 0, 799);
  EXPECT_FALSE(Take().near_limit);
  Advance(1s);
  Take();
  Grant(10, 0, 800);
  EXPECT_TRUE(Take().near_limit);
}

TEST_F(LeasedBucketsTest, RefusesByTheLeaseWithoutAskingAgain) {
  Make(GlobalLimit("g", 10, 1));
  EmptyLease();
  EXPECT_FALSE(Take().admitted);
  EXPECT_GT(Take().wait_ns, 0);
  EXPECT_THAT(TakeQuestions(), SizeIs(1));
  EXPECT_EQ(Admitted(10), 0);
  Grant(0, 90'000, 1000);
  EXPECT_EQ(Admitted(10), 0);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
}

// Else the lease would stay empty until it gives credit: nobody takes of it who has seen the refusal already.
TEST_F(LeasedBucketsTest, ALookAtAnEmptyLeaseAsksTheStore) {
  Make(GlobalLimit("g", 10, 1));
  EmptyLease();
  const BucketAnswer look = Look();
  EXPECT_FALSE(look.admitted);
  EXPECT_GT(look.wait_ns, 0);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_GE(Want(questions[0]), 1U);
  EXPECT_EQ(Debt(questions[0]), 0U);
  Grant(1);
  EXPECT_TRUE(Look().admitted);
  EXPECT_EQ(Lease().tokens(loop_.now()), 1U) << "looking takes nothing";
  EXPECT_TRUE(Take().admitted);
}

TEST_F(LeasedBucketsTest, SaysThatNoWaitHelpsACostAboveTheBurst) {
  Make(GlobalLimit("g", 10, 5));
  charge_.cost = 6;
  const BucketAnswer answer = Take();
  EXPECT_FALSE(answer.admitted);
  EXPECT_LT(answer.wait_ns, 0);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
}

TEST_F(LeasedBucketsTest, GivesTokensBackToTheLease) {
  Make(GlobalLimit("g", 1'000, 100));
  Take();
  Grant(5);
  EXPECT_EQ(Lease().tokens(loop_.now()), 5U);
  Take();
  EXPECT_EQ(Lease().tokens(loop_.now()), 4U);
  buckets_->GiveBack(charge_);
  EXPECT_EQ(Lease().tokens(loop_.now()), 5U);
  charge_.taken = Source::kShadow;
  buckets_->GiveBack(charge_);
  EXPECT_EQ(Lease().tokens(loop_.now()), 5U) << "a refused one has taken none";
  charge_.taken = Source::kLease;
  ++charge_.bucket;
  buckets_->GiveBack(charge_);
  EXPECT_EQ(State().leases.size(), 1U) << "a lease that is forgotten needs none";
}

TEST_F(LeasedBucketsTest, ChargesBytesOfRepliesToTheLease) {
  conf::Limit limit = GlobalLimit("g", 1'000, 100);
  limit.bytes_per_token = 100;
  Make(limit);
  Take();
  Grant(0, 0, 10);
  TakeQuestions();
  buckets_->Settle(charge_, *held_, 99);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  buckets_->Settle(charge_, *held_, 5'000);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(Debt(questions[0]), 50U);
  ++charge_.bucket;
  buckets_->Settle(charge_, *held_, 5'000);
  EXPECT_EQ(State().leases.size(), 1U) << "nobody pays for a lease that is forgotten";
}

TEST_F(LeasedBucketsTest, OthersShareALeaseWhenThereIsNoRoomForTheirOwn) {
  conf::Limit limit = PerClient(GlobalLimit("g", 1, 1));
  limit.buckets = 2;
  Make(limit);
  std::vector<bool> admitted;
  for (const char* ip : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}) {
    const ClientIdentity client = Client(1, ip);
    Charge charge = ChargeFor("get x", client);
    admitted.push_back(buckets_->Take(&charge, {*held_, &client, nullptr}).admitted);
  }
  std::vector<std::string> keys;
  for (const Words& question : TakeQuestions()) keys.push_back(Key(question));
  EXPECT_THAT(keys, ElementsAre("ringproxy:{g:10.0.0.1}", "ringproxy:{g:10.0.0.2}", "ringproxy:{g:(others)}"));
  EXPECT_THAT(admitted, ElementsAre(true, true, true, false)) << "two of the others are one too many";
}

TEST_F(LeasedBucketsTest, GoesByTheFallbackWhileTheStoreFails) {
  for (const StoreFailure on_failure : {StoreFailure::kOpen, StoreFailure::kClosed}) {
    Make(Failing(GlobalLimit("g", 10, 1), on_failure));
    EmptyLease();
    EXPECT_FALSE(Look().admitted);
    Advance(1s);
    Fail();
    EXPECT_TRUE(Look().admitted) << "the lease's word does not hold any more";
    EXPECT_EQ(Admitted(50), on_failure == StoreFailure::kOpen ? 50 : 0);
    EXPECT_EQ(charge_.taken, Source::kFree);
  }
}

TEST_F(LeasedBucketsTest, GivesTheShareOfTheProcessBack) {
  Make(GlobalLimit("g", 10, 1));
  Fail();
  EXPECT_EQ(Admitted(5), 0) << "it begins empty";
  Advance(100ms);
  EXPECT_EQ(Admitted(1), 1);
  EXPECT_EQ(charge_.taken, Source::kFallback);
  EXPECT_DOUBLE_EQ(Used(0), 1.0);
  buckets_->GiveBack(charge_);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
}

// Other proxies may not have found it yet, and spend their shares.
TEST_F(LeasedBucketsTest, TakesNoMoreThanItsShareForASecondAfterTheStoreIsBack) {
  Make(GlobalLimit("g", 100, 100));
  shared_->SetProxies(2);
  Fail();
  Advance(100ms);
  Take();
  Grant(90);
  ASSERT_FALSE(Lease().failing_since());
  const uint64_t tokens = Lease().tokens(loop_.now());
  Advance(100ms);
  EXPECT_EQ(Admitted(8), 8);
  EXPECT_EQ(charge_.taken, Source::kLease) << "to which it goes back";
  EXPECT_EQ(Admitted(20), 1) << "ten in 200 ms at 50 a second, and one was admitted while the store failed";
  EXPECT_GE(tokens, 80U);
  EXPECT_EQ(Lease().tokens(loop_.now()), tokens - 9) << "what the share refused is the lease's again";
  Advance(900ms);
  Take();
  Grant(90);
  EXPECT_EQ(Admitted(90), 90);
}

// The tokens of a lease that fetched ahead are enough for the question that fails: it owes nothing then.
TEST_F(LeasedBucketsTest, GoesOnTryingAStoreThatFailsAsLongAsThereIsDemand) {
  Make(GlobalLimit("g", 1'000, 100));
  for (int i = 0; i < 1'000; ++i) {
    Advance(1ms);
    Take();
    for (const Words& question : TakeQuestions()) Grant(Want(question));
  }
  ASSERT_EQ(Lease().debt(), 0U);
  LoseStore();
  for (int i = 0; i < 60'000; ++i) {
    Advance(1ms);
    Take();
  }
  ASSERT_TRUE(Lease().failing_since());
  FindStore();
  for (int i = 0; i < 1'000 && Lease().failing_since(); ++i) {
    Advance(1ms);
    Take();
    for (const Words& question : TakeQuestions()) {
      question.size() == 1 ? Answer("+PONG\r\n") : Grant(Want(question));
    }
  }
  EXPECT_FALSE(Lease().failing_since());
}

}  // namespace
}  // namespace ringproxy::proxy
