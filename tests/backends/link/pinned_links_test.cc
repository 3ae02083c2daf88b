#include "backends/link/pinned_links.h"

#include "tests/backends/link/flavours_fixture.h"

namespace ringproxy::backends {
namespace {

class PinnedLinksTest : public FlavoursTest {
 protected:
  std::unique_ptr<PinnedLease> Lease(Flavour flavour = {}, std::optional<uint32_t> lane = {}) {
    return pool_->Pin(0, flavour, lane);
  }
  void Send(PinnedLease& lease, uint32_t slot) {
    const std::string request = std::to_string(slot) + ";";
    lease.Send(std::string_view(request), {0, 0, slot, Ticket::Kind::kSession});
  }
  uint64_t Leased() { return health_.stats(0).pinned_links.value(); }
};

TEST_F(PinnedLinksTest, OneIsOpenedWhenItIsNeededAndServesTheNextLease) {
  Start();
  auto lease = Lease();
  ASSERT_TRUE(lease);
  ASSERT_EQ(loop_.sockets(), 2U);
  Send(*lease, 1);
  test::FakeSocket& link = GreetNewest({});
  EXPECT_EQ(link.TakeWritten(), "1;");
  link.Receive("+a\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+a\r\n"}}));
  PinnedLease::Return(std::move(lease));
  EXPECT_EQ(Leased(), 0U);
  lease = Lease();
  Send(*lease, 2);
  FlushAll();
  EXPECT_EQ(link.TakeWritten(), "2;");
  EXPECT_EQ(loop_.sockets(), 2U);
  link.Receive("+b\r\n");
}

TEST_F(PinnedLinksTest, ALaneTakesItsLinkAndNoOtherDoes) {
  Start();
  const auto lease = Lease({}, 7);
  test::FakeSocket& link = GreetNewest({});
  SendIn({.is_pinned = true}, 1, 7);
  SendIn({.is_pinned = true}, 2, 8);
  SendIn({}, 3, 7);
  FlushAll();
  EXPECT_EQ(link.TakeWritten(), "1;");
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "2;3;");
  lease->LeaveLane();
  SendIn({.is_pinned = true}, 4, 7);
  FlushAll();
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "4;");
}

TEST_F(PinnedLinksTest, OneThatIsNotReturnedClosesBehindItsLastReply) {
  Start();
  auto lease = Lease();
  Send(*lease, 1);
  test::FakeSocket& link = GreetNewest({});
  lease.reset();
  EXPECT_FALSE(link.closed());
  EXPECT_EQ(Leased(), 0U);
  // Nobody else gets it.
  const auto other = Lease();
  EXPECT_EQ(loop_.sockets(), 3U);
  link.Receive("+a\r\n");
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+a\r\n"}}));
}

TEST_F(PinnedLinksTest, AnAbandonedOneClosesAtOnceAndAnAlteredOneServesNobody) {
  Start();
  auto lease = Lease();
  Send(*lease, 1);
  test::FakeSocket& link = GreetNewest({});
  PinnedLease::Abandon(std::move(lease));
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(TakeOutcomes().size(), 1U);
  lease = Lease();
  test::FakeSocket& next = GreetNewest({});
  lease->Alter();
  PinnedLease::Return(std::move(lease));
  EXPECT_TRUE(next.closed());
}

TEST_F(PinnedLinksTest, ItIsKeptAsLongAsItsConnectionIs) {
  Start();
  const auto lease = Lease();
  EXPECT_FALSE(lease->IsKept());
  test::FakeSocket& link = GreetNewest({});
  lease->Mark();
  EXPECT_TRUE(lease->IsKept());
  link.ReceiveEnd();
  EXPECT_FALSE(lease->IsKept());
  GreetNewest({});
  EXPECT_FALSE(lease->IsKept());
}

TEST_F(PinnedLinksTest, ThereAreNoMoreThanMayBe) {
  pool_conf_.pinned_per_node = 2;
  Start();
  auto first = Lease();
  auto second = Lease(kResp3Flavour);
  EXPECT_FALSE(Lease());
  test::FakeSocket& link = GreetNewest(kResp3Flavour);
  PinnedLease::Return(std::move(second));
  // One of another flavour makes room for it.
  second = Lease();
  EXPECT_TRUE(second);
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Leased(), 2U);
}

TEST_F(PinnedLinksTest, ANodeThatIsLeftTakesThemBackAndOneThatReturnsGivesThemAgain) {
  Start();
  const auto lease = Lease({}, 7);
  Send(*lease, 1);
  test::FakeSocket& link = GreetNewest({});
  lease->Mark();
  pool_->Disable(*health_.records[0]);
  EXPECT_FALSE(lease->has_link());
  EXPECT_FALSE(lease->IsKept());
  EXPECT_FALSE(Lease());
  EXPECT_FALSE(link.closed());
  link.Receive("+a\r\n");
  EXPECT_TRUE(link.closed());
  pool_->Enable(*health_.records[0]);
  EXPECT_TRUE(Lease());
  EXPECT_EQ(Leased(), 0U);
}

TEST_F(PinnedLinksTest, ANodeThatIsLeftDoesNotWaitForWhatBlocksBehindAQuestion) {
  Start();
  const auto lease = Lease();
  Send(*lease, 1);
  lease->Wait(io_.blocks.Copy("block;"), {0, 0, 2, Ticket::Kind::kSession}, 0);
  test::FakeSocket& link = GreetNewest({});
  ASSERT_EQ(link.TakeWritten(), "1;block;");
  pool_->Disable(*health_.records[0]);
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(TakeOutcomes().size(), 2U);
}

TEST_F(PinnedLinksTest, AnIdleOneClosesAfterAWhile) {
  Start();
  auto lease = Lease();
  test::FakeSocket& link = GreetNewest({});
  PinnedLease::Return(std::move(lease));
  for (auto second = PinnedLinks::kKept; second.count() > 0; --second) {
    EXPECT_FALSE(link.closed());
    pool_->Tick();
  }
  EXPECT_TRUE(link.closed());
}

TEST_F(PinnedLinksTest, AnIdleOneThatIsLostIsNotKept) {
  Start();
  auto lease = Lease();
  test::FakeSocket& link = GreetNewest({});
  PinnedLease::Return(std::move(lease));
  link.ReceiveEnd();
  test::FakeSocket& again = GreetNewest({});
  ASSERT_NE(&again, &link);
  pool_->Tick();
  EXPECT_TRUE(again.closed());
}

// Whoever reads the failure may end the lease of the very link that fails all its requests.
TEST_F(PinnedLinksTest, ALeaseMayEndWhileItsLinkFails) {
  Start();
  auto lease = Lease();
  for (uint32_t slot = 1; slot <= 3; ++slot) Send(*lease, slot);
  test::FakeSocket& link = GreetNewest({});
  recorder_.on_failure = [&](Ticket) { lease.reset(); };
  link.ReceiveEnd();
  EXPECT_EQ(TakeOutcomes().size(), 3U);
  EXPECT_EQ(Leased(), 0U);
}

TEST_F(PinnedLinksTest, OpeningOneNeedsNoLeaveWhereTheNodeIsThere) {
  pool_conf_.reconnect.rate = {1, 10s};
  Start();
  const auto first = Lease();
  const auto second = Lease();
  EXPECT_EQ(loop_.sockets(), 3U);
}

struct IdleUser final : SubscriptionUser {
  void OnLinkReady() override { ++ready; }
  bool OnLinkFrame(Reply&&) override { return true; }
  void OnLinkGone() override { ++gone; }

  int ready = 0;
  int gone = 0;
};

TEST_F(PinnedLinksTest, OneForSubscriptionsIsLeasedLikeTheOthersAndClosesWithItsLease) {
  pool_conf_.pinned_per_node = 2;
  Start();
  PinnedLinks& pinned = pool_->BesideRequests(0).pinned;
  IdleUser user;
  const auto other = Lease();
  GreetNewest({});
  auto lease = pinned.LeaseSubscription();
  ASSERT_TRUE(lease);
  EXPECT_FALSE(pinned.LeaseSubscription());
  EXPECT_FALSE(Lease());
  EXPECT_EQ(Leased(), 2U);
  lease->link().Open(user);
  test::FakeSocket& link = GreetNewest({});
  EXPECT_EQ(user.ready, 1);
  lease.reset();
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(user.gone, 0);
  EXPECT_EQ(Leased(), 1U);
  EXPECT_TRUE(Lease());
}

TEST_F(PinnedLinksTest, ALinkThatNobodyLeasesMakesRoomForSubscriptions) {
  pool_conf_.pinned_per_node = 1;
  Start();
  auto lease = Lease();
  test::FakeSocket& link = GreetNewest({});
  PinnedLease::Return(std::move(lease));
  EXPECT_FALSE(link.closed());
  EXPECT_TRUE(pool_->BesideRequests(0).pinned.LeaseSubscription());
  EXPECT_TRUE(link.closed());
}

TEST_F(PinnedLinksTest, SubscriptionsComeBackWithTheirNode) {
  Start();
  IdleUser user;
  const auto lease = pool_->BesideRequests(0).pinned.LeaseSubscription();
  lease->link().Open(user);
  test::FakeSocket& link = GreetNewest({});
  pool_->Disable(*health_.records[0]);
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(user.gone, 1);
  // Also one that is leased meanwhile.
  IdleUser late;
  const auto meanwhile = pool_->BesideRequests(0).pinned.LeaseSubscription();
  ASSERT_TRUE(meanwhile);
  meanwhile->link().Open(late);
  EXPECT_TRUE(meanwhile->link().is_closed());
  pool_->Enable(*health_.records[0]);
  EXPECT_FALSE(lease->link().is_closed() || meanwhile->link().is_closed());
  EXPECT_EQ(Leased(), 2U);
}

}  // namespace
}  // namespace ringproxy::backends
