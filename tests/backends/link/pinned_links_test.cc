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

}  // namespace
}  // namespace ringproxy::backends
