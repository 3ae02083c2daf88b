#include "proxy/guard/admission.h"

#include <gmock/gmock.h>

#include <deque>
#include <functional>

#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

// Says of each bucket what the test wants it to, and remembers by the limits' names what it was asked.
class ScriptedBuckets final : public BucketSource {
 public:
  BucketAnswer Look(const Charge& charge, HeldSnapshot&) override {
    calls.push_back("look " + NameOf(charge));
    return look;
  }
  bool MustAsk(const Charge&) const override { return must_ask; }
  BucketAnswer Take(Charge* charge, const ChargedRequest& request) override {
    calls.push_back("take " + NameOf(*charge) + " " + request.NameOf(*charge));
    charge->taken = Source::kLease;
    return take;
  }
  void GiveBack(const Charge& charge) override { calls.push_back("back " + NameOf(charge)); }
  void Settle(const Charge& charge, HeldSnapshot&, size_t reply_bytes) override {
    calls.push_back("settle " + NameOf(charge) + " " + std::to_string(reply_bytes));
  }
  std::vector<std::string> TakeCalls() { return std::exchange(calls, {}); }

  BucketAnswer look{.admitted = true};
  BucketAnswer take{.admitted = true};
  bool must_ask = false;
  std::vector<std::string> calls;

 private:
  static std::string NameOf(const Charge& charge) { return charge.rule->conf->name; }
};

class AdmissionTest : public GuardFixture {
 protected:
  void Begin(std::vector<conf::Limit> limits) {
    Hold(std::move(limits));
    attempt_.held = held_.get();
    attempt_.charges = ChargesFor("get x");
  }
  AdmissionStep Run() { return Outcome().step; }
  AdmissionOutcome Outcome() { return admission_.Run(&attempt_, &client_); }
  Source Taken(size_t charge) const { return attempt_.charges[charge].taken; }

  const ClientIdentity client_ = Client(1);
  LocalBuckets local_{loop_};
  ScriptedBuckets leased_;
  ScriptedBuckets exact_;
  Admission admission_{local_, leased_, exact_};
  AdmissionAttempt attempt_;
};

TEST_F(AdmissionTest, ARequestThatNoLimitConcernsIsDone) {
  Begin({});
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  admission_.Undo(&attempt_);
  EXPECT_EQ(admission_.TakePlaces(&attempt_).step, AdmissionStep::kDone);
}

TEST_F(AdmissionTest, LooksAtAllBucketsAndThenTakesFromEachOfThem) {
  Begin({TokenLimit("l", 10, 2), PerClient(GlobalLimit("g", 10, 1)), ExactLimit("e", 10, 1)});
  leased_.take.near_limit = true;
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  EXPECT_THAT(leased_.TakeCalls(), ElementsAre("look g", "take g 10.0.0.7"));
  EXPECT_THAT(exact_.TakeCalls(), ElementsAre("look e", "take e "));
  EXPECT_DOUBLE_EQ(Used(0), 0.5);
  EXPECT_EQ(attempt_.next, 3U);
  EXPECT_FALSE(attempt_.charges[0].is_near_limit);
  EXPECT_TRUE(attempt_.charges[1].is_near_limit);
}

TEST_F(AdmissionTest, NeedNotLookAtABucketThatIsAlone) {
  Begin({GlobalLimit("g", 10, 1)});
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  EXPECT_THAT(leased_.TakeCalls(), ElementsAre("take g "));
  Begin({ExactLimit("e", 10, 1)});
  attempt_.next = 0;
  exact_.look.admitted = false;
  EXPECT_EQ(Run(), AdmissionStep::kRefused) << "the store is not asked for what it has just refused";
}

TEST_F(AdmissionTest, ARefusalThatIsForeseenChargesNobody) {
  Begin({TokenLimit("l", 10, 2), GlobalLimit("g", 10, 1), ExactLimit("e", 10, 1)});
  exact_.look = {.admitted = false, .wait_ns = 1'500};
  const AdmissionOutcome outcome = Outcome();
  EXPECT_EQ(outcome.step, AdmissionStep::kRefused);
  EXPECT_EQ(outcome.rule, &Rule(2));
  EXPECT_EQ(outcome.retry_after, 2us) << "rounded up";
  EXPECT_THAT(leased_.TakeCalls(), ElementsAre("look g"));
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
}

TEST_F(AdmissionTest, ARefusalThatNobodyHasForeseenGivesBackWhatWasTaken) {
  Begin({TokenLimit("l", 10, 2), GlobalLimit("g", 10, 1), ExactLimit("e", 10, 1)});
  attempt_.hold_ns = 0;
  exact_.take = {.admitted = false, .wait_ns = kNever};
  const AdmissionOutcome outcome = Outcome();
  EXPECT_EQ(outcome.rule, &Rule(2));
  EXPECT_LT(outcome.retry_after, 0us) << "no wait helps";
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  EXPECT_THAT(leased_.TakeCalls(), ElementsAre("look g", "take g ", "back g"));
  EXPECT_THAT(exact_.TakeCalls(), ElementsAre("look e", "take e ")) << "it gave nothing";
  EXPECT_EQ(attempt_.next, 0U) << "it can be tried again from the beginning";
  EXPECT_EQ(Taken(0), Source::kNone);
}

// The two keys look at one bucket, which has room for each but not for both.
TEST_F(AdmissionTest, ARefusalByABucketThatHadRoomAtTheLookGivesBackToo) {
  conf::Limit limit = TokenLimit("a", 1, 1);
  limit.per = {"key"};
  limit.buckets = 1;
  Begin({TokenLimit("all", 1, 10), limit});
  attempt_.charges = ChargesFor("mget x y");
  EXPECT_EQ(Run(), AdmissionStep::kRefused);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
  attempt_.charges = ChargesFor("get x");
  EXPECT_EQ(Run(), AdmissionStep::kDone);
}

TEST_F(AdmissionTest, StopsWhereTheStoreHasToBeAskedAndGoesOnFromThere) {
  Begin({TokenLimit("l", 10, 2), ExactLimit("e", 10, 1), PerClient(ExactLimit("f", 10, 1))});
  attempt_.names = {"", "", "kept"};
  exact_.must_ask = true;
  const AdmissionOutcome outcome = Outcome();
  EXPECT_EQ(outcome.step, AdmissionStep::kAskStore);
  EXPECT_EQ(outcome.rule, &Rule(1));
  EXPECT_EQ(attempt_.next, 1U);
  EXPECT_DOUBLE_EQ(Used(0), 0.5);
  ++attempt_.next;  // The store has admitted it.
  exact_.must_ask = false;
  exact_.TakeCalls();
  EXPECT_EQ(admission_.Run(&attempt_, nullptr).step, AdmissionStep::kDone);
  EXPECT_THAT(exact_.TakeCalls(), ElementsAre("take f kept")) << "nobody knows the client any more";
  EXPECT_DOUBLE_EQ(Used(0), 0.5) << "the first one has been charged already";
}

TEST_F(AdmissionTest, AShadowThatRefusesLetsThroughAndNeedsNoLook) {
  Begin({Shadow(GlobalLimit("s", 10, 1)), TokenLimit("l", 10, 2)});
  leased_.look.admitted = false;
  leased_.take.admitted = false;
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  EXPECT_THAT(leased_.TakeCalls(), ElementsAre("take s "));
  ASSERT_EQ(attempt_.charges[1].rule->conf->name, "s") << "the fleet's limits come last";
  EXPECT_EQ(Taken(1), Source::kShadow);
  EXPECT_DOUBLE_EQ(Used(0), 0.5);
}

TEST_F(AdmissionTest, KnowsTheLongestWaitThatABucketAskedForAndWhose) {
  Begin({Delaying(TokenLimit("a", 10, 1), 10s), Delaying(TokenLimit("b", 4, 1), 10s),
         Delaying(TokenLimit("c", 20, 1), 10s)});
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  EXPECT_EQ(attempt_.hold_ns, 0);
  attempt_.next = 0;
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  EXPECT_EQ(attempt_.hold_ns, 250'000'000);
  EXPECT_EQ(attempt_.hold_rule, &Rule(1));
  admission_.Undo(&attempt_);
  EXPECT_EQ(attempt_.hold_ns, 0);
}

TEST_F(AdmissionTest, ARefusalMayBeTriedLaterOnlyIfTheFleetsLimitDelaysAndTimeHelps) {
  Begin({GlobalLimit("refuses", 10, 1), Delaying(GlobalLimit("delays", 10, 1), 1s),
         Delaying(TokenLimit("local", 10, 1), 1s)});
  std::map<std::string, Charge> charges;
  for (const Charge& charge : attempt_.charges) charges[charge.rule->conf->name] = charge;
  EXPECT_EQ(RefusalBy(charges["delays"], 1).step, AdmissionStep::kTryLater);
  EXPECT_EQ(RefusalBy(charges["delays"], 1).retry_after, 1us);
  EXPECT_EQ(RefusalBy(charges["delays"], 1'000).retry_after, 1us);
  EXPECT_EQ(RefusalBy(charges["delays"], 1'001).retry_after, 2us);
  EXPECT_EQ(RefusalBy(charges["delays"], 0).step, AdmissionStep::kRefused);
  EXPECT_EQ(RefusalBy(charges["delays"], kNever).step, AdmissionStep::kRefused);
  EXPECT_EQ(RefusalBy(charges["refuses"], 1).step, AdmissionStep::kRefused);
  EXPECT_EQ(RefusalBy(charges["local"], 1).step, AdmissionStep::kRefused) << "it has taken the wait into account";
}

TEST_F(AdmissionTest, WhoIsHeldReturnsItsPlacesAndTakesThemWhenItGoes) {
  Begin({TokenLimit("l", 10, 2), ConcurrencyLimit("c", 1)});
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  admission_.ReturnPlaces(&attempt_);
  EXPECT_DOUBLE_EQ(Used(0), 0.5) << "tokens stay taken";
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
  EXPECT_EQ(Taken(1), Source::kLater);
  EXPECT_EQ(admission_.TakePlaces(&attempt_).step, AdmissionStep::kDone);
  EXPECT_DOUBLE_EQ(Used(1), 1.0);
  EXPECT_EQ(Taken(1), Source::kTable);
  admission_.Settle(attempt_.charges[1], *held_, 0);
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
}

TEST_F(AdmissionTest, WhoFindsNoPlaceWhenItGoesIsRefusedAndKeepsNothing) {
  Begin({TokenLimit("l", 10, 2), ConcurrencyLimit("roomy", 2), ConcurrencyLimit("full", 1), ConcurrencyLimit("c", 5),
         GlobalLimit("g", 10, 1)});
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  admission_.ReturnPlaces(&attempt_);
  std::vector<Charge> another = ChargesFor("get x");
  ASSERT_TRUE(local_.Take(&another[2]).admitted);
  leased_.TakeCalls();
  const AdmissionOutcome outcome = admission_.TakePlaces(&attempt_);
  EXPECT_EQ(outcome.step, AdmissionStep::kRefused);
  EXPECT_EQ(outcome.rule, &Rule(2));
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
  EXPECT_DOUBLE_EQ(Used(2), 1.0) << "the other one's";
  EXPECT_DOUBLE_EQ(Used(3), 0.0) << "it had not been asked again";
  EXPECT_THAT(leased_.TakeCalls(), ElementsAre("back g"));
}

TEST_F(AdmissionTest, AShadowWithoutAPlaceLetsGoWhoWasHeld) {
  Begin({TokenLimit("l", 10, 2), Shadow(ConcurrencyLimit("s", 1))});
  EXPECT_EQ(Run(), AdmissionStep::kDone);
  admission_.ReturnPlaces(&attempt_);
  std::vector<Charge> another = ChargesFor("get x");
  ASSERT_TRUE(local_.Take(&another[1]).admitted);
  EXPECT_EQ(admission_.TakePlaces(&attempt_).step, AdmissionStep::kDone);
  EXPECT_EQ(Taken(1), Source::kShadow);
  admission_.Undo(&attempt_);
  EXPECT_DOUBLE_EQ(Used(1), 1.0) << "it has none to give back";
}

TEST_F(AdmissionTest, TellsEachSourceOfTheReply) {
  Begin({TokenLimit("l", 10, 2), GlobalLimit("g", 10, 1), ExactLimit("e", 10, 1)});
  for (const Charge& charge : attempt_.charges) admission_.Settle(charge, *held_, 7);
  EXPECT_THAT(leased_.TakeCalls(), ElementsAre("settle g 7"));
  EXPECT_THAT(exact_.TakeCalls(), ElementsAre("settle e 7"));
}

}  // namespace
}  // namespace ringproxy::proxy
