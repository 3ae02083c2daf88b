// Clients that subscribe over links of their own, as `subscriptions: own` has it.
#include "tests/proxy/session/redis_front_pubsub_fixture.h"

namespace ringproxy::proxy {
namespace {

using std::chrono::seconds;

class RedisFrontOwnSubscriptionsTest : public RedisFrontPubSubTest {
 protected:
  void Start(conf::OnGap on_gap = conf::OnGap::kKeep) {
    RedisFrontPubSubTest::Start(on_gap, conf::SubscriptionLinks::kOwn);
  }
  uint64_t Leased() {
    return snapshot_->pools[0].nodes[0]->stats(0).pinned_links.value() +
           snapshot_->pools[0].nodes[1]->stats(0).pinned_links.value();
  }
  void ChangeTo(std::vector<conf::Node> nodes, uint32_t pinned_per_client = 8) {
    conf::Config config = snapshot_->config;
    config.pools[0].nodes = std::move(nodes);
    config.listeners[0].pinned_per_client = pinned_per_client;
    worker_->Adopt(NewSnapshot(std::move(config)));
    Settle();
  }
};

TEST_F(RedisFrontOwnSubscriptionsTest, EachClientHasALinkOfItsOwnToEachNode) {
  Start();
  test::FakeSocket& first = NewClient();
  OpenLinks(first, "c");
  test::FakeSocket* const of_first = links_[0];
  test::FakeSocket& second = NewClient();
  OpenLinks(second, "c");
  EXPECT_EQ(Leased(), 4U);
  of_first->Receive(Message("c", "x"));
  EXPECT_EQ(Replies(first), std::vector<std::string>{Message("c", "x")});
  EXPECT_EQ(Replies(second), std::vector<std::string>{});
  links_[1]->Receive(Message("c", "y"));
  EXPECT_EQ(Replies(first), std::vector<std::string>{});
  EXPECT_EQ(Replies(second), std::vector<std::string>{Message("c", "y")});
  // What a node counts are clients.
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"PUBLISH", KeyOf(0), "x"}));
  Settle();
  Node(0).TakeWritten();
  Node(0).Receive(":2\r\n");
  EXPECT_EQ(Replies(client), std::vector<std::string>{":2\r\n"});
}

TEST_F(RedisFrontOwnSubscriptionsTest, ItsLinksCloseWhenItLeavesOrASecondAfterItsLastSubscription) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  client.Receive(Encode({"UNSUBSCRIBE", "c"}));
  Confirm("unsubscribe", "c");
  EXPECT_EQ(Replies(client), std::vector<std::string>{Ack("unsubscribe", "c", 0)});
  client.Receive(Encode({"SUBSCRIBE", "d"}));
  Confirm("subscribe", "d");
  EXPECT_EQ(Replies(client), std::vector<std::string>{Ack("subscribe", "d", 1)});
  client.Receive(Encode({"UNSUBSCRIBE"}));
  Confirm("unsubscribe", "d");
  EXPECT_EQ(Leased(), 2U);
  loop_.Advance(seconds(1));
  Settle();
  loop_.Advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(links_[0]->closed() && links_[1]->closed());
  EXPECT_EQ(Leased(), 0U);
  test::FakeSocket& other = NewClient();
  OpenLinks(other, "c");
  // Its end is met while a message of its is on the way to it.
  other.ReceiveEnd();
  links_[0]->Receive(Message("c", "x"));
  Settle();
  loop_.Advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(links_[0]->closed() && links_[1]->closed());
  EXPECT_EQ(Leased(), 0U);
}

TEST_F(RedisFrontOwnSubscriptionsTest, ALossEndsTheClientWhoseLinkItWasIfThePoolSaysSo) {
  Start(conf::OnGap::kDisconnect);
  test::FakeSocket& first = NewClient();
  OpenLinks(first, "c");
  test::FakeSocket* const of_first = links_[0];
  test::FakeSocket& second = NewClient();
  OpenLinks(second, "c");
  of_first->ReceiveEnd();
  Settle();
  EXPECT_TRUE(first.closed());
  EXPECT_FALSE(second.closed());
  loop_.Advance(std::chrono::milliseconds(1));
  EXPECT_EQ(Leased(), 2U);
}

TEST_F(RedisFrontOwnSubscriptionsTest, FollowsTheNodesOfAnotherConfiguration) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  const size_t before = loop_.sockets();
  ChangeTo({{"r1", {"10.0.0.2", 1, ""}, 1}, {"r2", {"10.0.0.3", 1, ""}, 1}});
  EXPECT_TRUE(links_[0]->closed());
  EXPECT_FALSE(links_[1]->closed());
  ASSERT_EQ(loop_.sockets(), before + 2);
  for (size_t i = before; i < before + 2; ++i) {
    loop_.socket(i).observer->OnConnected(0);
    loop_.socket(i).TakeWritten();
    loop_.socket(i).Receive("+PONG\r\n");
  }
  Settle();
  EXPECT_EQ(loop_.socket(before).TakeWritten() + loop_.socket(before + 1).TakeWritten(), Encode({"subscribe", "c"}));
  links_[1]->Receive(Message("c", "x"));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Message("c", "x")});
}

TEST_F(RedisFrontOwnSubscriptionsTest, WhoeverCanHaveNoLinkToANewNodeIsDisconnected) {
  Start();
  test::FakeSocket& client = NewClient();
  OpenLinks(client, "c");
  std::vector<conf::Node> nodes = snapshot_->config.pools[0].nodes;
  nodes.push_back({"r9", {"10.0.0.9", 1, ""}, 1});
  ChangeTo(nodes, 2);
  // Configurations change when the clients of a turn have been seen to.
  Settle();
  EXPECT_TRUE(client.closed());
}

}  // namespace
}  // namespace ringproxy::proxy
