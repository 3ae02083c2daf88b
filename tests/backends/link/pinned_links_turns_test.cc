#include <vector>

#include "backends/health/connect_turns.h"
#include "backends/link/pinned_links.h"
#include "tests/backends/link/flavours_fixture.h"

namespace ringproxy::backends {
namespace {

constexpr size_t kMost = ConnectTurns::kMost;

// Many clients need a link each at once. Socket 0 is the plain link.
class PinnedLinksTurnsTest : public FlavoursTest {
 protected:
  void LeaseMany(size_t clients) {
    for (size_t i = 0; i < clients; ++i) {
      leases_.push_back(pool_->Pin(0, {}, std::nullopt));
      ASSERT_TRUE(leases_.back());
      const auto slot = static_cast<uint32_t>(i);
      leases_.back()->Wait(io_.blocks.Copy(std::to_string(i) + ";"), {0, 0, slot, Ticket::Kind::kSession}, 0);
    }
  }
  void Fail(size_t socket, int error) { loop_.socket(socket).observer->OnConnected(error); }

  std::vector<std::unique_ptr<PinnedLease>> leases_;
};

TEST_F(PinnedLinksTurnsTest, FewConnectAtOnceAndTheOthersInTheOrderOfTheirClients) {
  Start();
  LeaseMany(3 * kMost);
  for (size_t i = 0; i < 3 * kMost; ++i) {
    // The plain one, those that are open, and those that are being opened.
    ASSERT_EQ(loop_.sockets(), 1 + std::min(kMost + i, 3 * kMost));
    Greet(loop_.socket(1 + i), {});
    EXPECT_EQ(loop_.socket(1 + i).TakeWritten(), std::to_string(i) + ";");
  }
  EXPECT_EQ(TakeOutcomes(), Outcomes{});
  EXPECT_EQ(health_.stats(0).connect_failures.value(), 0U);
}

TEST_F(PinnedLinksTurnsTest, ANodeThatIsGoneFailsAllThatWaitAtOnce) {
  Start();
  LeaseMany(3 * kMost);
  Fail(1, ECONNREFUSED);
  EXPECT_EQ(TakeOutcomes().size(), 1U);
  loop_.Advance(0ms);
  EXPECT_EQ(TakeOutcomes().size(), 2 * kMost);
  // Those that are under way hear for themselves, and nothing was asked of the node but by them.
  for (size_t i = 1; i < kMost; ++i) Fail(1 + i, ECONNREFUSED);
  EXPECT_EQ(TakeOutcomes().size(), kMost - 1);
  EXPECT_EQ(health_.stats(0).connect_failures.value(), kMost);
}

TEST_F(PinnedLinksTurnsTest, OnesThatAreDroppedFailWithTheFirstThatTimeOut) {
  Start();
  LeaseMany(3 * kMost);
  loop_.Advance(pool_conf_.timeouts.connect);
  EXPECT_EQ(TakeOutcomes().size(), 3 * kMost);
}

TEST_F(PinnedLinksTurnsTest, TheWaitForATurnIsPartOfTheWaitForTheLink) {
  pool_conf_.timeouts.total = 300ms;
  Start();
  LeaseMany(kMost + 1);
  loop_.Advance(299ms);
  EXPECT_EQ(TakeOutcomes(), Outcomes{});
  loop_.Advance(2ms);
  EXPECT_EQ(TakeOutcomes().size(), kMost + 1);
}

TEST_F(PinnedLinksTurnsTest, AClientThatLeavesFreesItsTurnOrItsPlace) {
  Start();
  LeaseMany(kMost + 2);
  leases_[kMost].reset();
  EXPECT_EQ(loop_.sockets(), 1 + kMost);
  leases_[3].reset();
  EXPECT_TRUE(loop_.socket(4).closed());
  EXPECT_EQ(loop_.sockets(), 2 + kMost);
  GreetNewest({});
  EXPECT_EQ(loop_.last_socket().TakeWritten(), std::to_string(kMost + 1) + ";");
}

TEST_F(PinnedLinksTurnsTest, ALinkOfWhichNobodyHasSentAnythingIsNotOpenedForNobody) {
  Start();
  LeaseMany(kMost);
  auto lease = pool_->Pin(0, {}, std::nullopt);
  PinnedLease::Return(std::move(lease));
  Greet(loop_.socket(1), {});
  EXPECT_EQ(loop_.sockets(), 1 + kMost);
}

TEST_F(PinnedLinksTurnsTest, ANodeThatIsLeftOpensNoneForThoseThatClose) {
  Start();
  LeaseMany(3 * kMost);
  pool_->Disable(*health_.records[0]);
  loop_.Advance(0ms);
  EXPECT_EQ(loop_.sockets(), 1 + kMost);
  EXPECT_EQ(TakeOutcomes().size(), 3 * kMost);
}

TEST_F(PinnedLinksTurnsTest, ANodeWhoseConnectionIsOnItsWayGivesTheTurnsThen) {
  ring_ = conf::MakePoolRing(pool_conf_);
  pool_.emplace(flavour_parts_, pool_conf_, *ring_, health_.records);
  pool_->Connect();
  LeaseMany(2 * kMost);
  EXPECT_EQ(loop_.sockets(), 1U);
  Ready(loop_.socket(0));
  EXPECT_EQ(loop_.sockets(), 1 + kMost);
}

TEST_F(PinnedLinksTurnsTest, ANodeThatRefusesItsConnectionFailsThoseThatWaitForIt) {
  ring_ = conf::MakePoolRing(pool_conf_);
  pool_.emplace(flavour_parts_, pool_conf_, *ring_, health_.records);
  pool_->Connect();
  LeaseMany(3);
  Fail(0, ECONNREFUSED);
  loop_.Advance(0ms);
  EXPECT_EQ(TakeOutcomes().size(), 3U);
  EXPECT_EQ(loop_.sockets(), 1U);
}

}  // namespace
}  // namespace ringproxy::backends
