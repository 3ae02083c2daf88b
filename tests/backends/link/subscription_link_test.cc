#include "backends/link/subscription_link.h"

#include "tests/backends/link/node_pool_fixture.h"

namespace ringproxy::backends {
namespace {

struct RecordingUser final : SubscriptionUser {
  void OnLinkReady() override { ++ready; }
  bool OnLinkFrame(Reply&& frame) override {
    frames.emplace_back(frame.bytes());
    return frame.bytes() != "+strange\r\n";
  }
  void OnLinkGone() override { ++gone; }

  int ready = 0;
  int gone = 0;
  std::vector<std::string> frames;
};

class SubscriptionLinkTest : public NodePoolTest {
 protected:
  SubscriptionLinkTest() {
    pool_conf_.reconnect.rate = {1000, 1s};
    MakeReady();
  }
  SubscriptionLink& Link() { return pool_->BesideRequests(0).subscriptions; }
  test::FakeSocket& Open() {
    Link().Open(user_);
    Ready(loop_.last_socket());
    return loop_.last_socket();
  }

  RecordingUser user_;
};

TEST_F(SubscriptionLinkTest, OpensWhenItIsFirstNeededAndHandsItsFramesOver) {
  const size_t before = loop_.sockets();
  EXPECT_TRUE(Link().is_closed());
  Link().Open(user_);
  Link().Open(user_);
  EXPECT_EQ(loop_.sockets(), before + 1);
  EXPECT_TRUE(Link().is_coming());
  Ready(loop_.last_socket());
  EXPECT_TRUE(Link().is_ready());
  EXPECT_EQ(user_.ready, 1);
  Link().Write("subscribe;");
  FlushAll();
  EXPECT_EQ(loop_.last_socket().TakeWritten(), "subscribe;");
  loop_.last_socket().Receive("*1\r\n:1\r\n*1\r\n");
  loop_.last_socket().Receive("$2\r\nab\r\n");
  EXPECT_EQ(user_.frames, (std::vector<std::string>{"*1\r\n:1\r\n", "*1\r\n$2\r\nab\r\n"}));
  EXPECT_EQ(user_.gone, 0);
}

TEST_F(SubscriptionLinkTest, ComesBackAtOnceWhenItWasLostAndLaterWhenItCouldNotBeHad) {
  Open().ReceiveEnd();
  EXPECT_EQ(user_.gone, 1);
  EXPECT_TRUE(Link().is_coming());
  // What is known of a loss says nothing of the next attempt, until that fails.
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(user_.gone, 2);
  EXPECT_FALSE(Link().is_coming());
  loop_.Advance(pool_conf_.reconnect.max);
  Ready(loop_.last_socket());
  EXPECT_EQ(user_.ready, 2);
}

TEST_F(SubscriptionLinkTest, TakesTheLastTokenWhereTheNodeIsThereIfAllShareIt) {
  pool_conf_.reconnect.rate = {10, 1s};
  MakeReady();
  const size_t before = loop_.sockets();
  const auto lease = pool_->BesideRequests(0).pinned.LeaseSubscription();
  lease->link().Open(user_);
  EXPECT_EQ(loop_.sockets(), before) << "a client's own leaves it, since there may be very many";
  Link().Open(user_);
  ASSERT_EQ(loop_.sockets(), before + 1);
  // But it takes one.
  Ready(loop_.last_socket());
  Link().GiveUp("a test");
  EXPECT_EQ(loop_.sockets(), before + 1);
}

TEST_F(SubscriptionLinkTest, IsGivenUpWhenItsUserDoesNotKnowWhatItSays) {
  Open().Receive("+strange\r\n+next\r\n");
  EXPECT_EQ(user_.frames.size(), 1U);
  EXPECT_EQ(user_.gone, 1);
}

TEST_F(SubscriptionLinkTest, StaysClosedWhileItsNodeIsDisabled) {
  Open();
  pool_->Disable(*health_.records[0]);
  EXPECT_TRUE(Link().is_closed());
  EXPECT_EQ(user_.gone, 1);
  Link().Open(user_);
  EXPECT_TRUE(Link().is_closed());
  pool_->Enable(*health_.records[0]);
  EXPECT_FALSE(Link().is_closed());
}

TEST_F(SubscriptionLinkTest, TellsNothingMoreToAUserThatLeaves) {
  Open();
  Link().Leave();
  EXPECT_TRUE(Link().is_closed());
  EXPECT_EQ(user_.gone, 0);
  pool_->Disable(*health_.records[0]);
  pool_->Enable(*health_.records[0]);
  EXPECT_TRUE(Link().is_closed()) << "nobody uses it";
}

}  // namespace
}  // namespace ringproxy::backends
