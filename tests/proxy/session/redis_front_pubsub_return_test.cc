// What is published while a node comes back: nobody is told of listeners that it has not reached.
#include "tests/proxy/session/redis_front_pubsub_fixture.h"

namespace ringproxy::proxy {
namespace {

using std::chrono::milliseconds;

class RedisFrontPubSubReturnTest : public RedisFrontPubSubTest {
 protected:
  // One client listens to a channel of node 1, another one publishes.
  void StartListening(conf::SubscriptionLinks links = conf::SubscriptionLinks::kShared) {
    Start(conf::OnGap::kKeep, links);
    channel_ = KeyOf(1);
    listener_ = &NewClient();
    OpenLinks(*listener_, channel_);
    requests_[0] = &Node(0);
    requests_[1] = &Node(1);
    publisher_ = &NewClient();
  }
  std::string Text() const { return Encode({"PUBLISH", channel_, "x"}); }
  // Which node is told; none.
  std::optional<uint32_t> Publish() {
    publisher_->Receive(Text());
    Settle();
    std::optional<uint32_t> told;
    for (uint32_t node = 0; node < 2; ++node) {
      const std::string written = requests_[node]->TakeWritten();
      if (!written.empty()) told = node;
      EXPECT_EQ(written, written.empty() ? "" : Text());
    }
    return told;
  }
  // What the publisher reads when a node has counted so many.
  std::string Answer(uint32_t node, int count) {
    requests_[node]->Receive(":" + std::to_string(count) + "\r\n");
    return AllReplies();
  }
  // Likewise, and the node has answered.
  std::optional<uint32_t> PublishWhere() {
    const std::optional<uint32_t> told = Publish();
    if (told) {
      EXPECT_EQ(Answer(*told, 1), ":1\r\n");
    }
    return told;
  }
  std::string AllReplies() {
    std::string all;
    for (const std::string& reply : Replies(*publisher_)) all += reply;
    return all;
  }
  // All links of a node are lost, and that for requests is back.
  void ReturnWithoutSubscriptions(uint32_t node) {
    links_[node]->ReceiveEnd();
    links_[node] = &loop_.last_socket();
    requests_[node]->ReceiveEnd();
    requests_[node] = &loop_.last_socket();
    requests_[node]->observer->OnConnected(0);
    requests_[node]->TakeWritten();
    requests_[node]->Receive("+PONG\r\n");
    Settle();
  }
  void LoseForGood(uint32_t node) {
    for (test::FakeSocket* const link : {links_[node], requests_[node]}) {
      link->ReceiveEnd();
      loop_.last_socket().observer->OnConnected(ECONNREFUSED);
    }
    Settle();
  }

  std::string channel_;
  test::FakeSocket* listener_ = nullptr;
  test::FakeSocket* publisher_ = nullptr;
  test::FakeSocket* requests_[2] = {};
};

TEST_F(RedisFrontPubSubReturnTest, CountsNobodyWhoseLinkTheNodeHasNotCounted) {
  StartListening();
  EXPECT_EQ(Publish(), 1U);
  EXPECT_EQ(Answer(1, 0), ":0\r\n") << "the link is lost there, and the proxy does not know yet";
}

TEST_F(RedisFrontPubSubReturnTest, CountsNobodyWhoHasBeenSubscribedSinceItWasPublished) {
  StartListening();
  const std::string other = KeyOf(1) + "{" + KeyOf(1) + "}";
  channel_ = other;
  EXPECT_EQ(Publish(), 1U);
  for (int i = 0; i < 2; ++i) {
    test::FakeSocket& late = NewClient();
    late.Receive(Encode({"SUBSCRIBE", other}));
    if (i == 0) Confirm("subscribe", other);
    EXPECT_EQ(Replies(late), std::vector<std::string>{Ack("subscribe", other, 1)});
  }
  EXPECT_EQ(Answer(1, 0), ":0\r\n");
  // One that the node knows: theirs, or another's.
  EXPECT_EQ(Publish(), 1U);
  EXPECT_EQ(Answer(1, 1), ":2\r\n");
}

TEST_F(RedisFrontPubSubReturnTest, CountsNoMoreThanTheNodeWhileItLacksLinks) {
  StartListening();
  // Another worker's link, for three clients.
  const backends::NodeRecord& node = *snapshot_->pools[0].nodes[1];
  subscriptions_.AddLink(node, TopicKind::kChannel, channel_, 1);
  subscriptions_.AddClient(0, TopicKind::kChannel, channel_, 3);
  for (const auto& [told, read] : {std::pair(0, ":0\r\n"), {1, ":1\r\n"}, {2, ":4\r\n"}, {3, ":5\r\n"}}) {
    EXPECT_EQ(Publish(), 1U);
    EXPECT_EQ(Answer(1, told), read);
  }
  // One that has left before the message came is no lack.
  EXPECT_EQ(Publish(), 1U);
  subscriptions_.AddLink(node, TopicKind::kChannel, channel_, -1);
  subscriptions_.AddClient(0, TopicKind::kChannel, channel_, -3);
  EXPECT_EQ(Answer(1, 1), ":1\r\n");
}

TEST_F(RedisFrontPubSubReturnTest, PublishesElsewhereUntilTheNodeHasConfirmedAllSubscriptions) {
  StartListening();
  listener_->Receive(Encode({"PSUBSCRIBE", "p*"}));
  Confirm("psubscribe", "p*");
  Replies(*listener_);
  ReturnWithoutSubscriptions(1);
  EXPECT_EQ(PublishWhere(), 0U);
  Greet(1);
  EXPECT_EQ(PublishWhere(), 0U);
  links_[1]->Receive(Ack("subscribe", channel_, 1));
  EXPECT_EQ(PublishWhere(), 0U);
  links_[1]->Receive(Ack("psubscribe", "p*", 2));
  EXPECT_EQ(PublishWhere(), 1U);
}

TEST_F(RedisFrontPubSubReturnTest, PublishesElsewhereUntilTheClientsOwnLinksAreThereAgain) {
  StartListening(conf::SubscriptionLinks::kOwn);
  ReturnWithoutSubscriptions(1);
  EXPECT_EQ(PublishWhere(), 0U);
  Greet(1);
  EXPECT_EQ(links_[1]->TakeWritten(), Encode({"subscribe", channel_}));
  EXPECT_EQ(PublishWhere(), 0U);
  // Whoever leaves is not waited for.
  listener_->ReceiveEnd();
  Settle();
  loop_.Advance(milliseconds(1));
  EXPECT_EQ(PublishWhere(), 1U);
}

TEST_F(RedisFrontPubSubReturnTest, PublishesElsewhereAsLongAsALinkIsMissing) {
  StartListening();
  ReturnWithoutSubscriptions(1);
  loop_.Advance(PubSubQuestions::kLongestMissing + milliseconds(1));
  EXPECT_EQ(PublishWhere(), 0U) << "there it is heard";
}

TEST_F(RedisFrontPubSubReturnTest, RefusesASecondLongWhatNobodyWouldHear) {
  StartListening();
  LoseForGood(0);
  ReturnWithoutSubscriptions(1);
  Greet(1);
  EXPECT_EQ(links_[1]->TakeWritten(), Encode({"subscribe", channel_}));
  loop_.Advance(PubSubQuestions::kLongestMissing - milliseconds(1));
  EXPECT_EQ(Publish(), std::nullopt);
  EXPECT_THAT(AllReplies(), StartsWith("-NODEDOWN "));
  // It never confirms anything.
  loop_.Advance(milliseconds(1));
  EXPECT_EQ(Publish(), 1U);
  EXPECT_EQ(Answer(1, 0), ":0\r\n");
}

TEST_F(RedisFrontPubSubReturnTest, PublishesAtANewNodeWhenItIsSubscribedThere) {
  StartListening();
  conf::Config config = snapshot_->config;
  config.pools[0].nodes[1].address.host = "10.0.0.9";
  const size_t before = loop_.sockets();
  worker_->Adopt(NewSnapshot(std::move(config)));
  Settle();
  // One for requests and one for subscriptions.
  ASSERT_EQ(loop_.sockets(), before + 2);
  EXPECT_EQ(PublishWhere(), 0U);
  for (size_t i = before; i < before + 2; ++i) {
    loop_.socket(i).observer->OnConnected(0);
    loop_.socket(i).TakeWritten();
    loop_.socket(i).Receive("+PONG\r\n");
  }
  Settle();
  const bool is_first = !loop_.socket(before).written.empty();
  links_[1] = &loop_.socket(is_first ? before : before + 1);
  requests_[1] = &loop_.socket(is_first ? before + 1 : before);
  EXPECT_EQ(links_[1]->TakeWritten(), Encode({"subscribe", channel_}));
  EXPECT_EQ(PublishWhere(), 0U);
  links_[1]->Receive(Ack("subscribe", channel_, 1));
  EXPECT_EQ(PublishWhere(), 1U);
}

}  // namespace
}  // namespace ringproxy::proxy
