// What is published while a node comes back: nobody is told of listeners that it has not reached.
#include "tests/proxy/session/redis_front_pubsub_fixture.h"

namespace ringproxy::proxy {
namespace {

class RedisFrontPubSubReturnTest : public RedisFrontPubSubTest {
 protected:
  // One client listens to a channel of node 1, another one publishes.
  void StartListening() {
    Start();
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
  std::string AllReplies() {
    std::string all;
    for (const std::string& reply : Replies(*publisher_)) all += reply;
    return all;
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

}  // namespace
}  // namespace ringproxy::proxy
